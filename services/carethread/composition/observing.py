"""What Prometheus reads of a process: at HTTP's edge, or at a port of its own where there is none."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from carethread.adapters.analytics.confining import has_landlock
from carethread.composition.alarming import gauges
from carethread.composition.analysing import SERVICE as COUNTING
from carethread.composition.inbound import inbound
from carethread.composition.parts import migrated, outbox_of
from carethread.core.clock import system_clock, to_micros
from carethread.core.errors import Busy
from carethread.core.metric_names import OUTBOX_UNSENT, PARTS_IN_DOUBT, PARTS_OLDEST_DOUBT, QUERIES_CONFINED
from carethread.core.ports import Session
from carethread.core.service import Runtime, Sample
from carethread.core.settings import INBOUND, Settings


def states(
    settings: Settings, here: Mapping[str, Runtime], *, taking_in: bool = False
) -> dict[str, Callable[[], Mapping[str, float | Sequence[Sample]]]]:
    """What tells each service's gauges; `taking_in`: and those of what takes messages in."""
    here = {**here, INBOUND: inbound(settings, here)} if taking_in else here
    return {name: partial(_state, settings, runtime) for name, runtime in here.items()}


def serve_metrics(settings: Settings, here: Mapping[str, Runtime], *, taking_in: bool = False) -> None:
    """Answer on the metrics port, for as long as the process lives."""
    from carethread.adapters.prometheus import serve

    serve(settings.host, settings.metrics_port, states(settings, here, taking_in=taking_in))


def _state(settings: Settings, runtime: Runtime) -> dict[str, float | Sequence[Sample]]:
    """The gauges of a service: unsent events, parts in doubt, and what it tells of itself.

    Raises Busy while the database is away or has another version's schema.
    """
    if not migrated(runtime):
        raise Busy(f"The database of {runtime.service.name} is away or not migrated.")
    from carethread.interactions.transaction.part import DOUBT_SECONDS

    now = to_micros(system_clock())
    doubts = runtime.store.doubts(now - DOUBT_SECONDS * 1_000_000)
    return {
        OUTBOX_UNSENT: outbox_of(settings, runtime).backlog(),
        **gauges(runtime, now),
        PARTS_IN_DOUBT: len(doubts),
        PARTS_OLDEST_DOUBT: max((now - begun for begun in doubts.values()), default=0) / 1_000_000,
        **_of_its_own(runtime),
    }


def _of_its_own(runtime: Runtime) -> dict[str, float | Sequence[Sample]]:
    told: dict[str, Callable[[Session], float | Sequence[Sample]]] = {
        **runtime.service.gauges,
        **{name: partial(of, runtime) for name, of in runtime.service.samples.items()},
    }
    if runtime.service.name == COUNTING:
        told[QUERIES_CONFINED] = lambda session: float(has_landlock())
    return runtime.store.glance(lambda session: {name: of(session) for name, of in told.items()}) if told else {}
