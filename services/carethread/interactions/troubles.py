"""What is wrong with a service, by what its database and its consumer tell. Pure: values in, alarms and gauges out."""

from __future__ import annotations

from collections.abc import Iterator

from carethread.core.clock import instant
from carethread.core.consuming.pulse import Pulse
from carethread.core.metric_names import (
    DEAD_LETTERS,
    DELIVERY_IN_ERROR,
    DELIVERY_WAITING,
    DELIVERY_WAITING_AGE,
    OUTBOX_AGE,
    POSTBOX_AGE,
    POSTBOX_WAITING,
)
from carethread.core.ports.vitals import Vitals
from carethread.interactions.alarms import Alarm


def gauges(seen: Vitals, now: int, *, delivers: bool) -> dict[str, float]:
    """What `/metrics` shows of a service's events; `delivers`: and of notifications. `now` is in microseconds."""
    found: dict[str, float] = {
        OUTBOX_AGE: _age(now, seen.unsent_since),
        DEAD_LETTERS: seen.dead_letters,
        POSTBOX_WAITING: seen.posted,
        POSTBOX_AGE: _age(now, seen.posted_since),
    }
    if delivers:
        found |= {
            DELIVERY_WAITING: seen.waiting,
            DELIVERY_WAITING_AGE: _age(now, seen.waiting_since),
            DELIVERY_IN_ERROR: seen.in_error,
        }
    return found


def _age(now: int, since: int) -> float:
    return (now - since) / 1_000_000 if since else 0.0


def of_events(name: str, seen: Vitals, late_seconds: int, now: int) -> Iterator[Alarm]:
    """What is wrong with the events of a service, which may be `late_seconds` old before somebody is told."""
    if _age(now, seen.unsent_since) > late_seconds:
        detail = f"The oldest event of {name} that the bus has not taken is of {instant(seen.unsent_since)}."
        yield Alarm("outbox-age", "Events are not published", detail)
    if _age(now, seen.posted_since) > late_seconds:
        detail = f"The bus has not taken {seen.posted} messages of {name}, the oldest of {instant(seen.posted_since)}."
        yield Alarm("postbox-age", "Dead letters and answers are not published", detail)
    if seen.dead_letters:
        detail = f"{name} has dead letters; `carethread dead-letters list {name}` names them."
        yield Alarm("dead-letters", "Events cannot be worked off", detail)


def of_consumer(name: str, pulse: Pulse, late_seconds: int) -> Iterator[Alarm]:
    """What is wrong with the consumer of a service in this process."""
    if pulse.seconds() > late_seconds:
        told = f"The consumer of {name} works on events that are older than {late_seconds} s, or waits for what is away"
        yield Alarm("consumer-lag", "A consumer of events is late", f"{told}.")
    if pulse.missed():
        told = f"The bus had forgotten events that the consumer of {name} had not read yet: `events_gone` in its log"
        detail = f"{told} names the topics and places. `carethread events prove` names what was not told of."
        yield Alarm("events-gone", "A consumer of events has missed some", detail)
