"""An offer on the entry itself."""

from __future__ import annotations

from datetime import UTC

from carethread.core.ports import Resource
from carethread.scheduling.waitlist.leaving import Freed
from carethread.scheduling.waitlist.offers import accepted, offered, withdrawn
from carethread.scheduling.waitlist.waited import WAITED

FREED = Freed(("x",), (), (0, 0), "2031-03-04T09:00:00Z", "2031-03-04T09:30:00Z", UTC, frozenset(), "", 1)
ENTRY = {
    "resourceType": "Appointment",
    "id": "entry",
    "meta": {"versionId": "1"},
    "status": "waitlist",
    "participant": [],
}
HOUR = 3_600_000_000


def waited(appointment: Resource) -> dict[str, str]:
    (mark,) = [each for each in appointment["extension"] if each["url"] == WAITED]
    return {part["url"]: part["valueInstant"] for part in mark["extension"]}


def test_since_when_somebody_waits_and_the_first_offer_stay():
    first = offered(ENTRY, FREED, 2 * HOUR, 3 * HOUR, HOUR)
    told = {"since": "1970-01-01T01:00:00.000Z", "offered": "1970-01-01T02:00:00.000Z"}
    assert waited(first) == told
    again = withdrawn(first, refused=True)
    assert waited(again) == told
    second = offered(again, FREED, 9 * HOUR, 10 * HOUR, HOUR)
    assert waited(second) == told
    assert waited(accepted(second)) == told
