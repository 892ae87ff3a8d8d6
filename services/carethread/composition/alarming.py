"""The loop in which each service looks at itself, and raises alarms or resolves them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from threading import Event as Signal
from typing import TYPE_CHECKING

from carethread.composition import errands
from carethread.composition.parts import engine_of
from carethread.core.clock import system_clock, to_micros
from carethread.core.consuming.pulse import Pulse
from carethread.core.context import Context, Principal
from carethread.core.errors import FhirError
from carethread.core.service import Runtime
from carethread.core.settings import Settings

if TYPE_CHECKING:
    from carethread.interactions.alarms import Alarm

log = logging.getLogger(__name__)

EVERY_SECONDS = 30.0
DELIVERING = "subscriptions"

_LASTING_SECONDS = 600
"""A consumer may have several processes, each of which knows of itself only: an alarm is over when none of them, those
that are gone among them, has said it anew for so long."""


def alarm_loop(settings: Settings, here: Mapping[str, Runtime], pulses: Mapping[str, Pulse], stop: Signal) -> None:
    """Look every half a minute until `stop` is set; what cannot be looked at or told is left for the next time."""
    from carethread.interactions.troubles import of_consumer

    while not stop.wait(EVERY_SECONDS):
        for name, runtime in here.items():
            _settled(runtime, name, partial(own, settings, runtime))
            if pulse := pulses.get(name):
                look = partial(of_consumer, name, pulse, settings.late_seconds)
                _settled(runtime, f"{name}/consumer", look, lasting=_LASTING_SECONDS)


def _settled(runtime: Runtime, scope: str, look: Callable[[], Iterable[Alarm]], *, lasting: int = 0) -> None:
    from carethread.interactions.alarms import settle

    context = Context(principal=Principal(runtime.service.name))
    try:
        raised, over = settle(runtime, scope, list(look()), context, lasting=lasting)
    except FhirError as error:
        log.warning("alarms_wait", extra={"service": runtime.service.name, "reason": str(error)})
        return
    for name in raised:
        log.error("alarm_raised", extra={"alarm": name})
    for name in over:
        log.info("alarm_over", extra={"alarm": name})


def gauges(runtime: Runtime, now: int) -> dict[str, float]:
    """What `/metrics` shows of a service's events. Raises Busy."""
    from carethread.adapters.sql.events.vitals import vitals
    from carethread.interactions import troubles

    name = runtime.service.name
    seen = vitals(engine_of(runtime), name)
    return troubles.gauges(seen, now, delivers=name == DELIVERING) | errands.gauges(seen, now)


def own(settings: Settings, runtime: Runtime) -> list[Alarm]:
    """What the service's database tells. Raises Busy."""
    from carethread.adapters.sql.events.vitals import vitals
    from carethread.interactions.troubles import of_events
    from carethread.subscriptions.watching import too_quiet

    name, now = runtime.service.name, to_micros(system_clock())
    seen = vitals(engine_of(runtime), name)
    found = [*of_events(name, seen, settings.late_seconds, now), *errands.alarms(settings, runtime, seen, now)]
    return [*found, *too_quiet(runtime, settings.quiet_seconds, now)] if name == DELIVERING else found
