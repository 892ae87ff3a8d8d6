"""Which subscribers are too quiet: one that matches nothing may be wrong about its topic, one that acknowledges nothing
may be gone.

How long is too long a Subscription says itself, by the extension `expected-interval` (a Duration), or else the
settings. Pure: values in, alarms out.
"""

from __future__ import annotations

from math import isfinite

from carethread.core.clock import instant
from carethread.core.errors import Invalid
from carethread.core.ports import Resource
from carethread.core.ports.deliveries import Watched
from carethread.core.service import PROFILES
from carethread.interactions.alarms import Alarm

EXPECTED = f"{PROFILES}expected-interval"

UCUM = "http://unitsofmeasure.org"

_SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86400, "wk": 604800, "mo": 2629800, "a": 31557600}
"""By their UCUM codes; a month and a year are those of the Julian calendar, as there."""

LONGEST = 10 * _SECONDS["a"]


def expected(subscription: Resource, otherwise: int) -> int:
    """The seconds within which a Subscription expects to be told of something. Raises Invalid for what is no such
    time."""
    extensions = subscription.get("extension", ())
    places = [number for number, each in enumerate(extensions) if each.get("url") == EXPECTED]
    if not places:
        return otherwise
    said = extensions[places[0]].get("valueDuration", {})
    value, unit = said.get("value", 0), _SECONDS.get(said.get("code", ""), 0)
    seconds = float(value) * unit if isinstance(value, int | float) else 0.0
    if len(places) > 1 or said.get("system", UCUM) != UCUM or not isfinite(seconds) or not 1 <= seconds <= LONGEST:
        raise Invalid(
            f"The extension expected-interval is given once, with a valueDuration of 1 s to 10 a; its code is of UCUM: "
            f"{', '.join(_SECONDS)}.",
            code="value",
            expression=f"Subscription.extension[{places[-1]}]",
        )
    return int(seconds)


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
