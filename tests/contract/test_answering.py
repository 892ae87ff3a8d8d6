"""AppointmentResponses about visits on both databases: who takes part answers, once, and a patient's no is a
cancellation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from carethread.core.errors import Conflict, Invalid
from carethread.core.fhir.elements import extension
from carethread.scheduling.rules import APPOINTMENT, CANCELLED_BY, LATE
from support.stores import open_store
from support.waiting import Desk


@pytest.fixture
def desk(database_url: str) -> Iterator[Desk]:
    opened = open_store(database_url, "scheduling")
    made = Desk(opened)
    made.slot("x", 48)
    made.book("one", "x")
    yield made
    opened.close()


def answer(desk: Desk, who: str, said: str, *, number: int = 1, **how: Any) -> None:
    """An answer about the visit `one`."""
    desk.put(
        {
            "resourceType": "AppointmentResponse",
            "id": f"r{number}",
            "appointment": {"reference": "Appointment/one"},
            "actor": {"reference": who},
            "participantStatus": said,
        },
        **how,
    )


def statuses(desk: Desk) -> dict[str, str]:
    return {each["actor"]["reference"]: each["status"] for each in desk.get("Appointment/one")["participant"]}


def change(desk: Desk, **members: Any) -> None:
    desk.put({**desk.get("Appointment/one"), **members})


def with_two(desk: Desk) -> None:
    people = desk.get("Appointment/one")["participant"]
    change(desk, participant=[*people, {"actor": {"reference": "Patient/two"}, "status": "accepted"}])


def test_the_no_of_the_only_patient_cancels_and_offers_the_slot(desk: Desk) -> None:
    desk.wait("next")
    answer(desk, "Patient/one", "declined")
    visit = desk.get("Appointment/one")
    assert visit["status"] == "cancelled"
    assert extension(visit, CANCELLED_BY)["valueCode"] == "patient"
    assert extension(visit, LATE)["valueBoolean"] is False
    assert visit["cancelationReason"]["coding"][0]["code"] == "pat"
    assert statuses(desk) == {"Patient/one": "declined", "Practitioner/gp": "accepted"}
    assert desk.get("Slot/x")["status"] == "free"
    desk.work()
    assert desk.statuses("next") == ["pending"]
    assert desk.get("Appointment/next")["slot"] == [{"reference": "Slot/x"}]


def test_a_late_no_is_a_late_cancellation(desk: Desk) -> None:
    desk.work(hours=40)
    answer(desk, "Patient/one", "declined")
    assert extension(desk.get("Appointment/one"), LATE)["valueBoolean"] is True


def test_the_others_still_come_where_one_of_several_does_not(desk: Desk) -> None:
    with_two(desk)
    answer(desk, "Patient/one", "declined")
    assert (desk.statuses("one"), statuses(desk)["Patient/one"]) == (["booked"], "declined")
    answer(desk, "Patient/two", "declined", number=2)
    assert desk.statuses("one") == ["cancelled"]


def test_a_practitioner_who_does_not_come_cancels_nothing(desk: Desk) -> None:
    answer(desk, "Practitioner/gp", "declined")
    assert (desk.statuses("one"), statuses(desk)["Practitioner/gp"]) == (["booked"], "declined")


@pytest.mark.parametrize("who", ["Patient/two", "Practitioner/two", "RelatedPerson/one"])
def test_who_takes_no_part_is_told_so(desk: Desk, who: str) -> None:
    with pytest.raises(Invalid, match="takes no part"):
        answer(desk, who, "accepted")
    answer(desk, who, "accepted", backfill=True)
    assert statuses(desk) == {"Patient/one": "accepted", "Practitioner/gp": "accepted"}


def test_what_an_ehr_has_booked_is_answered_by_whom_it_likes(desk: Desk) -> None:
    desk.put({name: each for name, each in desk.get("Appointment/one").items() if name != "meta"}, backfill=True)
    answer(desk, "Patient/two", "accepted")
    answer(desk, "Patient/one", "declined", number=2)
    assert (desk.statuses("one"), statuses(desk)["Patient/one"]) == (["booked"], "declined")
    assert APPOINTMENT not in desk.get("Appointment/one")["meta"].get("profile", ())


@pytest.mark.parametrize("status", ["cancelled", "arrived", "fulfilled", "noshow"])
def test_an_answer_after_the_answer_is_refused_with_a_text(desk: Desk, status: str) -> None:
    desk.work(hours=49)
    change(desk, status=status)
    with pytest.raises(Conflict, match=f"is {status}: there is nothing to answer"):
        answer(desk, "Patient/one", "tentative")


def test_who_has_said_no_cannot_come_after_all(desk: Desk) -> None:
    answer(desk, "Patient/one", "declined")
    with pytest.raises(Conflict, match="cancelled"):
        answer(desk, "Patient/one", "accepted")
    with pytest.raises(Conflict, match="cancelled"):
        answer(desk, "Patient/one", "accepted", number=2)


def test_what_has_begun_is_answered_no_more(desk: Desk) -> None:
    desk.work(hours=48.2)
    with pytest.raises(Conflict, match="has begun"):
        answer(desk, "Patient/one", "declined")
    assert desk.statuses("one") == ["booked"]


def test_who_said_no_and_is_elsewhere_by_now_does_not_come_after_all(desk: Desk) -> None:
    with_two(desk)
    for number, who in enumerate(("Practitioner/gp", "Patient/two"), 2):
        answer(desk, who, "declined", number=number)
    desk.slot("y", 48)
    desk.book("two", "y")
    for number, who in enumerate(("Practitioner/gp", "Patient/two"), 4):
        with pytest.raises(Conflict, match="taken at this time by Appointment/two"):
            answer(desk, who, "accepted", number=number)
        assert statuses(desk)[who] == "declined"
    change(desk, **{**desk.get("Appointment/two"), "status": "cancelled"})
    answer(desk, "Patient/two", "accepted", number=6)
    assert statuses(desk)["Patient/two"] == "accepted"
