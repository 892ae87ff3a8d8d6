"""A hold of what was proposed or waits, on both databases: where nothing comes of it, it is that again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from carethread.core.fhir.search.dates import moment
from carethread.core.ports import Resource
from support.desk import OURS, Desk, desk, of, patient, schedule, slot, wish

PERIOD = [{"start": "2031-05-01", "end": "2031-06-01"}]
"""When it suits who waits: none of the slots is then, so that no offer of the wait-list comes between."""

SERVICE = [{"coding": [{"system": "urn:example:services", "code": "talk"}]}]


@pytest.fixture
def front(tmp_path: Path, database_url: str) -> Iterator[Desk]:
    with desk(tmp_path, database_url) as made:
        for name in ("ann", "ben"):
            made.put(patient(name), service="records")
        made.put(schedule("one", "Practitioner/one"))
        master = {"url": OURS + "schedule-master", "valueCode": "ehr"}
        made.put(schedule("theirs", "Practitioner/two", extension=[master]))
        for number in range(3):
            made.put({**slot(f"one-{number}", "one", 30 + number), "serviceType": SERVICE})
        made.put(slot("ehr", "theirs", 40))
        yield made


def waiting(front: Desk, **more: Any) -> Resource:
    person = {"actor": {"reference": "Patient/ann"}, "status": "needs-action"}
    made: Resource = {"resourceType": "Appointment", "id": "w", "meta": {"profile": [OURS + "appointment"]}}
    return front.put({**made, "status": "waitlist", "requestedPeriod": PERIOD, "participant": [person], **more})


def without_meta(resource: Resource) -> Resource:
    return {name: value for name, value in resource.items() if name != "meta"}


def listed(front: Desk) -> list[tuple[str, int]]:
    """Who waits, and since when."""
    then = moment("2031-05-15T08:00:00Z")
    found = front.runtime.store.glance(lambda session: session.offers.candidates((), (), then, then, 100))
    return [(one.entry, one.since) for one in found]


def test_an_entry_waits_again_when_its_hold_is_over(front: Desk) -> None:
    entry = waiting(front, extension=[{"url": OURS + "modality", "valueCode": "phone"}])
    place = listed(front)
    assert [entry for entry, _ in place] == ["w"]
    front.pass_time(hours=1)
    held = front.done("hold", of("w"), *wish(["one-0"]))
    assert (held["status"], held["requestedPeriod"], held["serviceType"]) == ("pending", PERIOD, SERVICE)
    assert {"url": OURS + "held-from", "valuePositiveInt": 1} in held["extension"]
    front.pass_time(minutes=1)
    front.done("renew", of("w"))
    front.put({**front.read("Appointment/w"), "priority": 2})
    front.pass_time(minutes=5)
    front.fire()
    again = front.read("Appointment/w")
    assert without_meta(again) == {**without_meta(entry), "priority": 2}
    assert again["meta"]["profile"] == entry["meta"]["profile"]
    assert (front.status("Slot/one-0"), listed(front)) == ("free", place)


def test_an_entry_that_is_met_by_another_and_one_that_is_released_wait_again(front: Desk) -> None:
    entry = waiting(front)
    front.done("hold", of("w"), *wish(["one-0"]))
    front.pass_time(minutes=5)
    front.done("book", *wish(["one-0"], "ben"))
    assert without_meta(front.read("Appointment/w")) == without_meta(entry)
    front.done("hold", of("w"), *wish(["one-1"]))
    front.done("hold", of("w"), *wish(["one-2"]))
    released = front.done("release", of("w"))
    assert without_meta(released) == without_meta(entry)
    assert front.done("release", of("w"))["meta"]["versionId"] == released["meta"]["versionId"]
    assert [front.status(f"Slot/one-{number}") for number in range(3)] == ["busy", "free", "free"]


def test_what_was_proposed_is_proposed_again(front: Desk) -> None:
    entry = waiting(front, status="proposed", slot=[{"reference": "Slot/one-0"}], comment="in the morning")
    front.done("hold", of("w"))
    front.pass_time(minutes=5)
    front.fire()
    assert without_meta(front.read("Appointment/w")) == without_meta(entry)
    booked = front.done("book", of("w"))
    assert (booked["status"], "extension" in booked) == ("booked", False)


def test_what_is_booked_or_cancelled_does_not_wait_again(front: Desk) -> None:
    waiting(front)
    front.done("hold", of("w"), *wish(["one-0"]))
    booked = front.done("book", of("w"))
    assert [each["url"] for each in booked["extension"]] == [OURS + "waited"], "what is over leaves its times"
    assert booked["requestedPeriod"] == PERIOD
    assert listed(front) == []
    front.done("cancel", of("w"))
    waiting(front, id="w2")
    front.done("hold", of("w2"), *wish(["one-1"]))
    assert front.done("cancel", of("w2"))["status"] == "cancelled"


def test_who_was_asked_of_an_ehr_in_vain_waits_again(front: Desk) -> None:
    entry = waiting(front)
    assert front.done("book", of("w"), *wish(["ehr"]))["status"] == "pending"
    front.pass_time(hours=24)
    front.fire()
    assert without_meta(front.read("Appointment/w")) == without_meta(entry)
    assert front.status("Slot/ehr") == "free"


@pytest.mark.parametrize("number", [1, 2, 999, 2**31 - 1])
def test_a_mark_that_leads_nowhere_leads_nowhere(front: Desk, number: int) -> None:
    """Only to a version that waited."""
    front.put(slot("more", "one", 50))
    booked = front.done("book", *wish(["more"], "ben"))
    marks = [
        {"url": OURS + "held-from", "valuePositiveInt": number},
        {"url": OURS + "hold-until", "valueInstant": "2031-03-03T08:05:00Z"},
    ]
    told = {**booked, "meta": {"source": "urn:made-up:ehr"}}
    front.put({**told, "status": "pending", "extension": marks})
    front.pass_time(minutes=5)
    front.fire()
    assert front.status(f"Appointment/{booked['id']}") == "cancelled"
