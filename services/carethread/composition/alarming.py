"""What raises alarms, and resolves them: each service looks at itself, again and again."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from threading import Event as Signal
from typing import TYPE_CHECKING

from carethread.composition.parts import engine_of
from carethread.core.clock import instant, system_clock, to_micros
from carethread.core.context import Context, Principal
from carethread.core.errors import FhirError, Invalid
from carethread.core.fhir import json
from carethread.core.metric_names import (
    DEAD_LETTERS,
    DELIVERY_IN_ERROR,
    DELIVERY_WAITING,
    DELIVERY_WAITING_AGE,
    OUTBOX_AGE,
    POSTBOX_AGE,
    POSTBOX_WAITING,
)
from carethread.core.ports import Place, Resource, Session, Stored
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

_NEWS_SECONDS = 4 * EVERY_SECONDS
"""What a consumer told of a place counts for so long: another process may have taken the place over. Longer than the
pause of a loop that fails."""

_LASTING_SECONDS = 600
"""A consumer may have several processes, each of which knows of itself only: an alarm is over when none of them, those
that are gone among them, has said it anew for so long."""

_PAGE = 500


class Pulse:
    """How late a consumer in this process is: of each place on the bus by itself, for one may be stuck among many that
    are not."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._late: dict[Place, tuple[float, float]] = {}
        """How late, and when that was."""
        self._stuck: dict[Place | None, tuple[float, float]] = {}
        """When it began to fail, and when it last did; None: the consumer as a whole."""

    def __call__(self, place: Place, late: float | None) -> None:
        """A place has moved on, so late; or was put off. See `core.consuming.consumer.Beat`."""
        if late is None:
            self._fails(place)
        else:
            self._late[place] = late, self._clock()
            self._stuck.pop(place, None)

    def of(self, consume: Callable[[], None]) -> Callable[[], None]:
        """The consumer's loop: one that fails again and again is stuck, whatever it does in between."""

        def beating() -> None:
            try:
                consume()
            except Exception:
                self._fails(None)
                raise

        return beating

    def _fails(self, what: Place | None) -> None:
        now = self._clock()
        since, last = self._stuck.get(what, (now, now))
        self._stuck[what] = since if now - last < _NEWS_SECONDS else now, now

    def seconds(self) -> float:
        """The age of the oldest event that is late, or waits; 0 when there is no news of any."""
        now = self._clock()
        late = [late for late, when in list(self._late.values()) if now - when < _NEWS_SECONDS]
        stuck = [now - since for since, last in list(self._stuck.values()) if now - last < _NEWS_SECONDS]
        return max((*late, *stuck), default=0.0)


def alarm_loop(settings: Settings, here: Mapping[str, Runtime], pulses: Mapping[str, Pulse], stop: Signal) -> None:
    """Look every half a minute until `stop` is set; what cannot be looked at or told is left for the next time."""
    while not stop.wait(EVERY_SECONDS):
        for name, runtime in here.items():
            _settled(runtime, name, partial(own, settings, runtime))
            if pulse := pulses.get(name):
                look = partial(_late, name, pulse, settings.late_seconds)
                _settled(runtime, f"{name}/consumer", look, lasting=_LASTING_SECONDS)


def _settled(runtime: Runtime, scope: str, look: Callable[[], list[Alarm]], *, lasting: int = 0) -> None:
    from carethread.interactions.alarms import settle

    context = Context(principal=Principal(runtime.service.name))
    try:
        raised, over = settle(runtime, scope, look(), context, lasting=lasting)
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
        OUTBOX_AGE: _age(now, seen.unsent_since),
        DEAD_LETTERS: seen.dead_letters,
        POSTBOX_WAITING: seen.posted,
        POSTBOX_AGE: _age(now, seen.posted_since),
    }
    if runtime.service.name == DELIVERING:
        found |= {
            DELIVERY_WAITING: seen.waiting,
            DELIVERY_WAITING_AGE: _age(now, seen.waiting_since),
            DELIVERY_IN_ERROR: seen.in_error,
        }
    return found


def _age(now: int, since: int) -> float:
    return (now - since) / 1_000_000 if since else 0.0


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
    if seen.posted_since and now - seen.posted_since > settings.late_seconds * 1_000_000:
        detail = f"The bus has not taken {seen.posted} messages of {name}, the oldest of {instant(seen.posted_since)}."
        found.append(Alarm("postbox-age", "Dead letters and answers are not published", detail))
    if seen.dead_letters:
        detail = f"{name} has dead letters; `carethread dead-letters list {name}` names them."
        found.append(Alarm("dead-letters", "Events cannot be worked off", detail))
    if name == DELIVERING:
        found += _quiet(settings, runtime, now)
    return found


def _quiet(settings: Settings, runtime: Runtime, now: int) -> Iterator[Alarm]:
    from carethread.subscriptions.watch import quiet

    after = ""

    def page(session: Session) -> list[tuple[Watched, Stored | None]]:
        seen = session.deliveries.watched(after, _PAGE)
        keys = [("Subscription", each.subscriber.subscription) for each in seen]
        stored = session.current(keys)
        return [(each, stored.get(key)) for each, key in zip(seen, keys, strict=True)]

    while found := runtime.store.snapshot(page):
        for seen, stored in found:
            if stored is not None and not stored.deleted:
                interval = _interval(json.parse_object(stored.body), settings.quiet_seconds)
                yield from quiet(seen, stored.updated, interval, WAITING_SECONDS, now)
        after = found[-1][0].subscriber.subscription


def _interval(subscription: Resource, otherwise: int) -> int:
    """What the Subscription expects; one that cannot be read must not hide what is wrong with the others."""
    from carethread.subscriptions.watch import expected

    try:
        return expected(subscription, otherwise)
    except Invalid as error:
        log.warning("interval_not_read", extra={"subscription": subscription["id"], "reason": str(error)})
        return otherwise
