"""What each service does by itself in a worker: its timers, and what it wants of other services."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from threading import Event as Signal
from typing import TYPE_CHECKING

from carethread.composition.parts import owners_of_types
from carethread.core.clock import instant
from carethread.core.metric_names import (
    REQUESTS_AGE,
    REQUESTS_KEPT,
    REQUESTS_WAITING,
    TIMERS_FAILING,
    TIMERS_LATE,
)
from carethread.core.service import Runtime
from carethread.core.settings import GATEWAY, Settings

if TYPE_CHECKING:
    from carethread.core.ports.vitals import Vitals
    from carethread.interactions.alarms import Alarm

_NAMED = 50
"""Timers that fail, each with an alarm of its own; there may be as many as there are appointments."""


def loops(runtime: Runtime, stop: Signal) -> list[tuple[str, Callable[[], None]]]:
    """A loop for the service's requests, and one for its timers if it has any, each with its name."""
    name = runtime.service.name
    found: list[tuple[str, Callable[[], None]]] = [(f"requests-{name}", partial(request_loop, runtime, stop))]
    if runtime.service.timers:
        found.append((f"timers-{name}", partial(timer_loop, runtime, stop)))
    return found


def timer_loop(runtime: Runtime, stop: Signal) -> None:
    """Call the handlers of timers that are due until `stop` is set."""
    from carethread.adapters.prometheus import observer
    from carethread.core.errands.timing import Timing

    Timing(runtime, observe=observer(runtime.service.name)).run(stop)


def request_loop(runtime: Runtime, stop: Signal) -> None:
    """Send requests to the owners of other types until `stop` is set."""
    from carethread.adapters.local import LocalPeer
    from carethread.adapters.prometheus import observer
    from carethread.core.errands.sending import Sending, apart

    observe = observer(runtime.service.name)
    at_once = runtime.peer.call_at_once if isinstance(runtime.peer, LocalPeer) else apart
    Sending(runtime, owners_of_types(), GATEWAY, at_once=at_once, observe=observe).run(stop)


def gauges(seen: Vitals, now: int) -> dict[str, float]:
    """What `/metrics` shows of it."""
    return {
        TIMERS_FAILING: seen.timers_failing,
        TIMERS_LATE: max(0.0, (now - seen.next_timer) / 1_000_000) if seen.next_timer else 0.0,
        REQUESTS_WAITING: seen.requested,
        REQUESTS_AGE: (now - seen.requested_since) / 1_000_000 if seen.requested_since else 0.0,
        REQUESTS_KEPT: seen.refused,
    }


def alarms(settings: Settings, runtime: Runtime, seen: Vitals, now: int) -> Iterator[Alarm]:
    """What is wrong with it. Raises Busy."""
    from carethread.interactions.alarms import Alarm

    name, late = runtime.service.name, now - settings.late_seconds * 1_000_000
    if 0 < seen.next_timer < late:
        detail = f"The oldest timer of {name} that should have fired is of {instant(seen.next_timer)}."
        yield Alarm("timers-late", "What is due does not happen", detail)
    if seen.timers_failing:
        for timer in runtime.store.glance(lambda session: session.timers.failing(_NAMED)):
            told = f"The timer {timer.kind} of {timer.key}, due at {instant(timer.due)}, failed {timer.attempts} times"
            code = "What is due cannot be done"
            yield Alarm(f"timer/{timer.kind}/{timer.key}", code, f"{told}, the last time: {timer.failure}")
    if 0 < seen.requested_since < late:
        told = f"{seen.requested} requests of {name} to other services wait, the oldest since"
        yield Alarm("requests-age", "Other services do not answer", f"{told} {instant(seen.requested_since)}.")
    if seen.refused:
        detail = f"{seen.refused} requests of {name} were refused; `carethread requests list {name}` names them."
        yield Alarm("requests-refused", "Other services refuse what is wanted of them", detail)
