"""Which subscribers are too quiet: one that matches nothing may be wrong about its topic, one that acknowledges nothing
may be gone.

How long is too long a Subscription says itself, by the extension `expected-interval` (a Duration), or else the
settings. Pure: values in, alarms out.
"""

from __future__ import annotations

from carethread.core.clock import instant
from carethread.core.ports import Resource
from carethread.core.ports.deliveries import Watched
from carethread.core.service import PROFILES
from carethread.interactions.alarms import Alarm

EXPECTED = f"{PROFILES}expected-interval"

_SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86400, "wk": 604800}
"""By their UCUM codes."""


def expected(subscription: Resource, otherwise: int) -> int:
    """The seconds within which a Subscription expects to be told of something."""
    for extension in subscription.get("extension", ()):
        if extension.get("url") == EXPECTED:
            said = extension.get("valueDuration", {})
            return int(float(said.get("value", 0)) * _SECONDS.get(said.get("code", ""), 0)) or otherwise
    return otherwise


def quiet(seen: Watched, enlisted: int, interval: int, waiting: int, now: int) -> list[Alarm]:
    """The alarms for one subscriber, `enlisted` at a time; `interval` and `waiting` are seconds, times microseconds."""
    id_ = seen.subscriber.subscription
    about = f"Subscription/{id_}"
    found = []
    last = max(seen.matched, enlisted)
    if interval and now - last > interval * 1_000_000:
        said = f"since {instant(seen.matched)}" if seen.matched else "since it began"
        found.append(
            Alarm(
                f"matched-nothing/{about}",
                "A subscription has matched nothing for longer than expected",
                f"{about} has matched no event {said}; it expects one every {interval} s. Its topic and filters may "
                "not say what is meant, or the events do not come.",
                about,
                "moderate",
            )
        )
    if seen.waits and now - seen.waits > min(waiting, interval or waiting) * 1_000_000:
        failure = f"; the last failure: {seen.subscriber.error}" if seen.subscriber.error else ""
        found.append(
            Alarm(
                f"acknowledged-nothing/{about}",
                "A subscription acknowledges nothing",
                f"{about} has notifications that wait since {instant(seen.waits)}. Its status is "
                f"{seen.subscriber.status}{failure}.",
                about,
            )
        )
    return found
