"""What raises alarms, and resolves them: each service looks at itself, again and again."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from threading import Event as Signal
from typing import TYPE_CHECKING

from carethread.composition.parts import engine_of
from carethread.core.clock import instant, system_clock, to_micros
from carethread.core.context import Context, Principal
from carethread.core.errors import FhirError
from carethread.core.fhir import json
from carethread.core.metric_names import (
    CONSUMER_LAG,
    CONSUMER_RETRIES,
    DEAD_LETTERS,
    DELIVERY_IN_ERROR,
    DELIVERY_WAITING,
    DELIVERY_WAITING_AGE,
    OUTBOX_AGE,
    Observe,
)
from carethread.core.ports import Session, Stored
from carethread.core.ports.deliveries import Watched
from carethread.core.service import Runtime
from carethread.core.settings import Settings

if TYPE_CHECKING:
    from carethread.interactions.alarms import Alarm

log = logging.getLogger(__name__)

EVERY_SECONDS = 30.0
DELIVERING = "subscriptions"
WAITING_SECONDS = 3600
"""So long may a notification wait for its acknowledgement, where the Subscription expects none sooner."""

_PAGE = 500


class Pulse:
    """How late a consumer in this process is, from what it observes; `seconds` since an event that waits, or 0."""

    def __init__(self, observe: Observe, clock: Callable[[], float] = time.monotonic) -> None:
        self._observe = observe
        self._clock = clock
        self._last = (0.0, 0.0)
        self._stuck = 0.0

    def __call__(self, name: str, value: float) -> None:
        """Stands in for the observer that it hands everything on to."""
        self._observe(name, value)
        if name == CONSUMER_LAG:
            self._last, self._stuck = (value, self._clock()), 0.0
        elif name == CONSUMER_RETRIES:
            self._stuck = self._stuck or self._clock()

    def seconds(self) -> float:
        lag, when = self._last
        recent = lag if self._clock() - when < 2 * EVERY_SECONDS else 0.0
        return max(recent, self._clock() - self._stuck if self._stuck else 0.0)


def alarm_loop(settings: Settings, here: Mapping[str, Runtime], pulses: Mapping[str, Pulse], stop: Signal) -> None:
    """Look every half a minute until `stop` is set; what cannot be looked at or told is left for the next time."""
    member = settings.kafka_member or socket.gethostname()
    while not stop.wait(EVERY_SECONDS):
        for name, runtime in here.items():
            pulse = pulses.get(name)
            looks: list[tuple[str, Callable[[], list[Alarm]]]] = [(name, partial(own, settings, runtime))]
            if pulse:
                looks.append((f"{name}/{member}", partial(_late, name, pulse, settings.late_seconds)))
            for scope, look in looks:
                _settled(runtime, scope, look)


def _settled(runtime: Runtime, scope: str, look: Callable[[], list[Alarm]]) -> None:
    from carethread.interactions.alarms import settle

    context = Context(principal=Principal(runtime.service.name))
    try:
        raised, over = settle(runtime, scope, look(), context)
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

    seen = vitals(engine_of(runtime), runtime.service.name)
    found: dict[str, float] = {
        OUTBOX_AGE: (now - seen.unsent_since) / 1_000_000 if seen.unsent_since else 0.0,
        DEAD_LETTERS: seen.dead_letters,
    }
    if runtime.service.name == DELIVERING:
        found |= {
            DELIVERY_WAITING: seen.waiting,
            DELIVERY_WAITING_AGE: (now - seen.waiting_since) / 1_000_000 if seen.waiting_since else 0.0,
            DELIVERY_IN_ERROR: seen.in_error,
        }
    return found


def _late(name: str, pulse: Pulse, late_seconds: int) -> list[Alarm]:
    from carethread.interactions.alarms import Alarm

    seconds = pulse.seconds()
    if seconds <= late_seconds:
        return []
    detail = f"The consumer of {name} works on events that are older than {late_seconds} s, or waits for what is away."
    return [Alarm("consumer-lag", "A consumer of events is late", detail)]


def own(settings: Settings, runtime: Runtime) -> list[Alarm]:
    """What the service's database tells."""
    from carethread.adapters.sql.events.vitals import vitals
    from carethread.interactions.alarms import Alarm

    name, now = runtime.service.name, to_micros(system_clock())
    seen = vitals(engine_of(runtime), name)
    found = []
    if seen.unsent_since and now - seen.unsent_since > settings.late_seconds * 1_000_000:
        detail = f"The oldest event of {name} that the bus has not taken is of {instant(seen.unsent_since)}."
        found.append(Alarm("outbox-age", "Events are not published", detail))
    if seen.dead_letters:
        detail = f"{name} has dead letters; `carethread dead-letters list {name}` names them."
        found.append(Alarm("dead-letters", "Events cannot be worked off", detail))
    if name == DELIVERING:
        found += _quiet(settings, runtime, now)
    return found


def _quiet(settings: Settings, runtime: Runtime, now: int) -> Iterator[Alarm]:
    from carethread.subscriptions.watch import expected, quiet

    after = ""

    def page(session: Session) -> list[tuple[Watched, Stored | None]]:
        seen = session.deliveries.watched(after, _PAGE)
        keys = [("Subscription", each.subscriber.subscription) for each in seen]
        stored = session.current(keys)
        return [(each, stored.get(key)) for each, key in zip(seen, keys, strict=True)]

    while found := runtime.store.snapshot(page):
        for seen, stored in found:
            if stored is not None and not stored.deleted:
                interval = expected(json.parse_object(stored.body), settings.quiet_seconds)
                yield from quiet(seen, stored.updated, interval, WAITING_SECONDS, now)
        after = found[-1][0].subscriber.subscription
