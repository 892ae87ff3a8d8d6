"""An EHR beside the desk, on both databases: what it tells is never refused, and what it is asked stays ours."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from carethread.adapters.sql.engine import reading
from carethread.core.fhir import json
from carethread.core.ports import Resource
from carethread.scheduling.noshow.watching import VISIT
from carethread.scheduling.rules import APPOINTMENT, CONFIRM_BY, REASONS
from support.desk import OURS, START, Desk, desk, of, patient, schedule, slot, wish

EHR = "urn:example:ehr"


@pytest.fixture
def front(tmp_path: Path, database_url: str) -> Iterator[Desk]:
    """A Schedule of ours, and one of which an EHR is the master."""
    with desk(tmp_path, database_url) as made:
        for name in ("ann", "ben", "cay"):
            made.put(patient(name), service="records")
        made.put(schedule("ours", "Practitioner/one"))
        made.put(slot("nine", "ours", 30))
        master = {"url": OURS + "schedule-master", "valueCode": "ehr"}
        made.put(schedule("theirs", "Practitioner/two", extension=[master]))
        made.put(slot("ten", "theirs", 31, meta={"source": EHR}))
        yield made


def told(id_: str, slot_id: str, hour: float, status: str = "booked", **more: Any) -> Resource:
    """An Appointment as the EHR tells of it: of Ben with Practitioner/one."""
    begin = START + timedelta(hours=hour)
    return {
        "resourceType": "Appointment",
        "id": id_,
        "meta": {"source": EHR},
        "status": status,
        "slot": [{"reference": f"Slot/{slot_id}"}],
        "start": begin.isoformat(),
        "end": (begin + timedelta(minutes=30)).isoformat(),
        "participant": [
            {"actor": {"reference": actor}, "status": "accepted"} for actor in ("Patient/ben", "Practitioner/one")
        ],
        **more,
    }


def plain(visit: Resource, status: str, **more: Any) -> Resource:
    """An Appointment of ours as the EHR sends it back: it knows neither our profile nor our extensions."""
    return {**{k: v for k, v in visit.items() if k not in ("meta", "extension")}, "status": status, **more}


def test_an_ehr_books_over_ours_and_ours_stays(front: Desk) -> None:
    mine = front.done("book", *wish(["nine"], "ann"))
    front.put(told("e", "nine", 30))
    assert front.status(f"Appointment/{mine['id']}") == front.status("Appointment/e") == "booked"
    assert front.status("Slot/nine") == "busy"
    assert front.refused("book", *wish(["nine"], "cay"))[0] == 409
    front.done("cancel", of(mine))
    assert front.status("Slot/nine") == "busy", "it is the EHR's now"
    assert front.refused("book", *wish(["nine"], "cay"))[0] == 409
    front.put(told("e", "nine", 30, "cancelled"))
    assert front.status("Slot/nine") == "free"
    assert front.done("book", *wish(["nine"], "cay"))["status"] == "booked"


def test_an_ehr_books_whom_we_have_booked_and_where_nothing_is_open(front: Desk) -> None:
    front.put(slot("more", "ours", 30))
    front.put({**slot("shut", "ours", 32), "status": "busy-unavailable"})
    front.done("book", *wish(["nine"], "ben"))
    front.put(told("e", "more", 30))
    front.put(told("f", "shut", 32))
    assert [front.status(f"Slot/{each}") for each in ("more", "shut")] == ["busy", "busy"]
    front.put(slot("late", "ours", 32.25))
    assert front.refused("book", *wish(["late"], "ann"))[0] == 409, "the EHR has the practitioner then"


def test_a_jump_of_an_ehr_is_taken(front: Desk) -> None:
    for status in ("cancelled", "fulfilled", "proposed"):
        assert front.put(told("e", "nine", 30, status))["status"] == status


def test_seats_that_are_told_beyond_those_there_are_pass_on(front: Desk) -> None:
    front.put(slot("group", "ours", 40, seats=2))
    first, second = (front.done("book", *wish(["group"], who)) for who in ("ann", "cay"))
    front.put(told("e", "group", 40))
    front.done("cancel", of(second))
    assert front.status("Slot/group") == "busy", "the EHR's has the seat"
    front.done("cancel", of(first))
    assert front.status("Slot/group") == "free"
    front.done("book", *wish(["group"], "ann"))
    assert front.refused("book", *wish(["group"], "cay"))[0] == 409


@pytest.mark.parametrize(
    "sent, kept", [("free", "busy"), ("busy-tentative", "busy"), ("busy-unavailable", "busy-unavailable")]
)
def test_a_slot_of_the_ehrs_is_taken_as_it_comes(front: Desk, sent: str, kept: str) -> None:
    visit = front.done("book", *wish(["ten"], "ann"))
    mine = {**slot("ten", "theirs", 31, meta={"source": EHR}), "status": sent, "comment": "moved to room 2"}
    front.put(mine)
    found = front.read("Slot/ten")
    assert (found["status"], found["comment"]) == (kept, "moved to room 2")
    assert front.status(f"Appointment/{visit['id']}") == "pending"
    assert front.refused("book", *wish(["ten"], "cay"))[0] == 409
    front.put(plain(visit, "booked"))
    assert front.status("Slot/ten") == kept, "what the EHR has closed stays so"
    assert front.ask("DELETE", "Slot/ten").status in (200, 204)
    assert front.status(f"Appointment/{visit['id']}") == "booked"


def test_a_slot_of_ours_is_not_an_ehrs_to_free(front: Desk) -> None:
    front.done("book", *wish(["nine"], "ann"))
    assert front.ask("PUT", "Slot/nine", slot("nine", "ours", 30, meta={"source": EHR})).status == 409
    assert front.ask("DELETE", "Slot/nine").status == 409


def is_watched(front: Desk, id_: str) -> bool:
    """Whether there is a timer of the visit."""
    with reading(front.stores["scheduling"].engine) as connection:
        found = connection.execute(text("SELECT key FROM timers WHERE kind = :kind"), {"kind": VISIT})
        return id_ in found.scalars()


def names(appointment: Resource) -> list[str]:
    return [each["url"].rpartition("/")[2] for each in appointment.get("extension", ())]


def test_what_the_ehr_confirms_stays_ours(front: Desk) -> None:
    said = {"url": OURS + "contact-channel", "valueCode": "sms"}
    resource = {"resourceType": "Appointment", "status": "proposed", "extension": [said], "participant": []}
    resource["participant"] = [{"actor": {"reference": "Patient/ann"}, "status": "needs-action"}]
    asked = front.done("book", *wish(["ten"]), {"name": "appointment-resource", "resource": resource})
    assert (asked["status"], names(asked)) == ("pending", ["contact-channel", "confirm-by"])
    again = front.put(plain(asked, "pending", comment="received"))
    assert (names(again), APPOINTMENT in again["meta"]["profile"]) == (["contact-channel", "confirm-by"], True)
    booked = front.put(plain(asked, "booked", meta={"source": EHR}))
    assert (booked["meta"]["profile"], booked["meta"]["source"]) == ([APPOINTMENT], EHR)
    assert names(booked) == ["contact-channel"]
    assert is_watched(front, booked["id"]), "there are reminders, and it is looked whether it took place"
    arrived = front.put(plain(asked, "arrived"))
    assert (APPOINTMENT in arrived["meta"]["profile"], names(arrived)) == (True, ["contact-channel", "visit-times"])
    jumped = front.put(plain(asked, "proposed"))
    assert "profile" not in jumped["meta"], "a jump is the EHR's own"


def test_what_our_profile_does_not_allow_is_stored_as_it_is_sent(front: Desk) -> None:
    asked = front.done("book", *wish(["ten"], "ann"))
    sent = {name: value for name, value in plain(asked, "booked").items() if name != "slot"}
    assert "profile" not in front.put(sent)["meta"]


@pytest.mark.parametrize("with_profile", [True, False])
def test_a_late_confirmation_is_taken(front: Desk, *, with_profile: bool) -> None:
    asked = front.done("book", *wish(["ten"], "ann"))
    front.pass_time(hours=25)
    front.fire()
    ended = front.read(f"Appointment/{asked['id']}")
    assert (ended["status"], ended["cancelationReason"]["text"]) == ("cancelled", "It was not confirmed in time.")
    booked = front.put({**asked, "status": "booked"} if with_profile else plain(asked, "booked"))
    assert (booked["status"], APPOINTMENT in booked["meta"]["profile"], names(booked)) == ("booked", True, [])
    assert front.status("Slot/ten") == "busy"


def test_a_late_confirmation_of_what_another_has_is_told_and_with_our_profile_refused(front: Desk) -> None:
    asked = front.done("book", *wish(["ten"], "ann"))
    front.pass_time(hours=25)
    front.fire()
    front.done("book", *wish(["ten"], "cay"))
    assert front.ask("PUT", f"Appointment/{asked['id']}", {**asked, "status": "booked"}).status == 409
    assert front.put(plain(asked, "booked"))["status"] == "booked"


def test_what_was_cancelled_here_is_not_confirmed(front: Desk) -> None:
    asked = front.done("book", *wish(["ten"], "ann"))
    front.done("cancel", of(asked))
    assert front.ask("PUT", f"Appointment/{asked['id']}", {**asked, "status": "booked"}).status == 422


def requested(front: Desk) -> list[str]:
    listed = front.runtime.store.glance(lambda session: session.requests.all())
    return [each.wanted.type for each in listed]


def test_a_provider_cancels_what_the_ehr_is_asked_and_a_hold_is_nobodys_visit(front: Desk) -> None:
    asked = front.done("book", *wish(["ten"], "ann"))
    cancelled = front.done("cancel", of(asked), {"name": "by", "valueCode": "provider"})
    assert (cancelled["status"], front.status("Slot/ten")) == ("cancelled", "busy-unavailable")
    assert (names(cancelled), requested(front)) == (["cancelled-by"], ["Task"])
    held = front.done("hold", *wish(["nine"], "ann"))
    given_up = front.done("cancel", of(held), {"name": "by", "valueCode": "provider"})
    assert (given_up["status"], front.status("Slot/nine"), names(given_up)) == ("cancelled", "free", [])
    assert requested(front) == ["Task"], "nobody is to be booked again"
    answer = json.parse_object(front.ask("GET", "Appointment/$to-rebook").body)
    assert [part["valueUnsignedInt"] for part in answer["parameter"] if part["name"] == "total"] == [1]


def test_a_refusal_of_the_ehrs_is_no_cancellation_by_the_patient(front: Desk) -> None:
    asked = front.done("book", *wish(["ten"], "ann"))
    refused = front.put(plain(asked, "cancelled", cancelationReason={"coding": [{"system": REASONS, "code": "other"}]}))
    assert (names(refused), front.status("Slot/ten")) == ([], "free")


def test_what_the_ehr_is_asked_is_not_held(front: Desk) -> None:
    asked = front.done("book", *wish(["ten"], "ann"))
    assert front.refused("hold", of(asked)) == (422, [("business-rule", "")])
    assert front.refused("renew", of(asked))[0] == front.refused("release", of(asked))[0] == 422
    front.pass_time(minutes=6)
    front.fire()
    found = front.read(f"Appointment/{asked['id']}")
    assert (found["status"], [each["url"] for each in found["extension"]]) == ("pending", [CONFIRM_BY])
