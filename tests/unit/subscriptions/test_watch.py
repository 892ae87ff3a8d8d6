"""Which subscribers are too quiet."""

from __future__ import annotations

import pytest

from carethread.core.errors import Invalid
from carethread.core.fhir.json import Number
from carethread.core.ports.deliveries import Subscriber, Watched
from carethread.subscriptions.watch import EXPECTED, expected, quiet

SECOND = 1_000_000
NOW = 1_800_000_000 * SECOND


def names(matched: int = 0, waits: int = 0, *, interval: int = 100, waiting: int = 50, enlisted: int = 0) -> list[str]:
    """Ages in seconds; 0 for matched and waits: never, nothing."""
    seen = Watched(
        Subscriber("s1", "t", "rest-hook", "active", error="timeout"),
        NOW - matched * SECOND if matched else 0,
        NOW - waits * SECOND if waits else 0,
    )
    found = quiet(seen, NOW - enlisted * SECOND, interval, waiting, NOW)
    assert all(alarm.about == "Subscription/s1" for alarm in found)
    return [alarm.name.partition("/")[0] for alarm in found]


def test_matched_nothing() -> None:
    assert names(matched=100, enlisted=500) == []
    assert names(matched=101, enlisted=500) == ["matched-nothing"]
    assert names(enlisted=100) == [] and names(enlisted=101) == ["matched-nothing"], "from its beginning, where never"
    assert names(matched=500, enlisted=99) == [], "it has just been changed"


def test_acknowledged_nothing() -> None:
    assert names(matched=60, waits=50) == []
    assert names(matched=60, waits=51) == ["acknowledged-nothing"]
    assert names(matched=60, waits=51, waiting=60) == []
    assert names(matched=8, waits=12, interval=10, waiting=60) == ["acknowledged-nothing"], "it expects one sooner"


@pytest.mark.parametrize(
    ("duration", "seconds"),
    [
        ({"value": 2, "code": "h"}, 7200),
        ({"value": 1.5, "code": "d"}, 129600),
        ({"value": 30, "code": "min"}, 1800),
        ({"value": 1, "code": "wk"}, 604800),
        ({"value": 1, "code": "mo"}, 2_629_800),
        ({"value": 10, "code": "a", "system": "http://unitsofmeasure.org"}, 315_576_000),
    ],
)
def test_what_a_subscription_expects(duration, seconds) -> None:
    extension = {"url": EXPECTED, "valueDuration": duration}
    assert expected({"extension": [{"url": "other"}, extension]}, 99) == seconds
    assert expected({}, 99) == 99


@pytest.mark.parametrize(
    "duration",
    [
        {},
        {"value": 0, "code": "s"},
        {"value": -5, "code": "h"},
        {"value": Number("1e400"), "code": "s"},
        {"value": 11, "code": "a"},
        {"value": 1},
        {"value": 1, "code": "furlong"},
        {"value": 1, "code": "h", "system": "http://units.example"},
    ],
    ids=str,
)
def test_what_no_subscription_can_expect(duration) -> None:
    extension = {"url": EXPECTED, "valueDuration": duration}
    with pytest.raises(Invalid, match="1 s to 10 a") as refused:
        expected({"extension": [{"url": "other"}, extension]}, 99)
    assert refused.value.issues[0].expression == "Subscription.extension[1]"
    with pytest.raises(Invalid, match="once"):
        expected({"extension": [{"url": EXPECTED, "valueDuration": {"value": 1, "code": "h"}}] * 2}, 99)
