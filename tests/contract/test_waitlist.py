"""The wait-list on both databases: a freed slot goes to one person after the other, and never to two."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from carethread.core.clock import to_micros
from carethread.core.context import Context
from carethread.core.errors import Conflict, Malformed
from carethread.core.fhir import json
from carethread.core.fhir.elements import extension
from carethread.core.ports import Request, Resource
from carethread.core.service import Call
from carethread.scheduling.rules import APPOINTMENT, OFFER
from carethread.scheduling.waitlist.report import offer_report
from carethread.scheduling.waitlist.waited import WAITED
from support.stores import open_store, put
from support.waiting import NOW, Desk


@pytest.fixture
def desk(database_url: str) -> Iterator[Desk]:
    opened = open_store(database_url, "scheduling")
    yield Desk(opened)
    opened.close()


def freed(desk: Desk, *, hours: float = 48) -> None:
    """A slot that was booked, and is not any more."""
    desk.slot("x", hours)
    desk.book("booked", "x")
    desk.book("booked", "x", "cancelled")


def test_the_most_urgent_gets_it_held_and_is_told(desk: Desk) -> None:
    desk.wait("later", priority=7)
    desk.wait("urgent", priority=1)
    freed(desk)
    desk.work()
    assert desk.statuses("later", "urgent") == ["waitlist", "pending"]
    offer = desk.get("Appointment/urgent")
    assert offer["slot"] == [{"reference": "Slot/x"}]
    assert desk.get("Slot/x")["status"] == "busy"
    (kept,) = desk.offers()
    assert [place["entry"] for place in json.parse_object(kept.ranking)["ranking"]] == ["urgent", "later"]
    (listed,) = desk.store.glance(lambda session: session.requests.all())
    (asked,) = desk.store.glance(lambda session: session.requests.all(number=listed.number))
    told = json.parse_object(asked.wanted.body)
    assert (told["resourceType"], told["recipient"]) == ("Communication", [{"reference": "Patient/urgent"}])


def test_taken(desk: Desk) -> None:
    desk.wait("one")
    freed(desk)
    desk.work()
    desk.answer("one", "accepted")
    booked = desk.get("Appointment/one")
    assert (booked["status"], [each["url"] for each in booked["extension"]]) == ("booked", [_extension("waited")])
    assert {person["status"] for person in booked["participant"]} == {"accepted"}
    desk.work(hours=10)
    assert desk.outcomes() == [("one", "accepted")]
    assert desk.statuses("one") == ["booked"]


def waited(desk: Desk, id_: str) -> dict[str, str]:
    """What an Appointment says of how its person waited."""
    parts = extension(desk.get(f"Appointment/{id_}"), WAITED).get("extension", [])
    return {each["url"]: each["valueInstant"] for each in parts}


def test_an_appointment_says_since_when_its_person_waited_and_how_that_ended(desk: Desk) -> None:
    desk.wait("taken", created="2026-03-01T08:00:00Z")
    freed(desk)
    desk.work()
    assert waited(desk, "taken").keys() == {"since", "offered"}, "not over yet"
    desk.answer("taken", "accepted")
    assert waited(desk, "taken").keys() == {"since", "offered", "booked"}
    assert waited(desk, "taken")["since"] == "2026-03-01T08:00:00.000Z"
    for id_ in ("gone", "otherwise"):
        desk.wait(id_)
        entered = desk.get(f"Appointment/{id_}")["meta"]["lastUpdated"]
        desk.put({**desk.get(f"Appointment/{id_}"), "comment": "Called."})
        assert waited(desk, id_) == {}, "what a client wrote stays as it is while it waits"
        if id_ == "gone":
            desk.put({**desk.get("Appointment/gone"), "status": "cancelled"})
            assert waited(desk, id_).keys() == {"since", "left"}, "without any offer"
        else:
            desk.slot("z", 96)
            desk.book("otherwise", "z")
            assert waited(desk, id_).keys() == {"since", "booked"}
        assert waited(desk, id_)["since"] == entered, "since it was first stored as one that waits"


@pytest.mark.parametrize("refused", [True, False], ids=["refused", "silent"])
def test_it_goes_to_the_next_and_who_did_not_take_it_keeps_their_place(desk: Desk, *, refused: bool) -> None:
    desk.wait("first", priority=1)
    desk.wait("second", priority=5)
    freed(desk)
    desk.work()
    if refused:
        desk.answer("first", "declined")
    desk.work(hours=0 if refused else 10)
    first, second = desk.get("Appointment/first"), desk.get("Appointment/second")
    assert (first["status"], second["status"]) == ("waitlist", "pending")
    assert "slot" not in first and "start" not in first and len(first["participant"]) == 1
    assert desk.outcomes() == [("first", "refused" if refused else "silent"), ("second", "open")]
    desk.slot("y", 60)
    desk.book("other", "y")
    desk.book("other", "y", "cancelled")
    desk.work()
    assert desk.get("Appointment/first")["slot"] == [{"reference": "Slot/y"}], "silence costs no rank"


def test_two_freed_slots_and_one_person(desk: Desk) -> None:
    desk.wait("one")
    for slot in ("x", "y"):
        desk.slot(slot, 48 if slot == "x" else 72)
        desk.book(f"had-{slot}", slot)
        desk.book(f"had-{slot}", slot, "cancelled")
    desk.work()
    assert len(desk.offers()) == 1
    assert sorted(desk.get(f"Slot/{slot}")["status"] for slot in ("x", "y")) == ["busy", "free"]


def test_one_person_who_waits_for_two_things_is_asked_about_one_at_a_time(desk: Desk) -> None:
    person = [{"actor": {"reference": "Patient/one"}, "status": "needs-action"}]
    for entry in ("first", "second"):
        desk.wait(entry, participant=person)
    for slot in ("x", "y"):
        desk.slot(slot, 48 if slot == "x" else 72)
        desk.book(f"had-{slot}", slot)
        desk.book(f"had-{slot}", slot, "cancelled")
    desk.work()
    assert [offer.entry for offer in desk.offers()] == ["first"]
    desk.answer("first", "accepted", patient="one")
    desk.work(hours=0.25)
    assert [(offer.entry, offer.slot) for offer in desk.offers()] == [("first", "x"), ("second", "y")]


def test_a_slot_that_nobody_waited_for_is_offered_to_who_comes_to_wait(desk: Desk) -> None:
    freed(desk)
    desk.work()
    assert desk.offers() == []
    desk.wait("later", serviceType=[{"coding": [{"code": "other"}]}])
    desk.work()
    assert desk.offers() == []
    desk.wait("fits")
    desk.work()
    assert desk.outcomes() == [("fits", "open")], "at once, not when it is looked at again"


@pytest.mark.parametrize(
    "why",
    [{"deceasedBoolean": True}, {"deceasedDateTime": "2026-01-01"}, {"active": False}],
    ids=["deceased", "since", "inactive"],
)
def test_who_is_contacted_no_more_is_not_asked(desk: Desk, why: Resource) -> None:
    put(desk.store, [{"resourceType": "Patient", "id": "gone", **why}])
    desk.wait("gone", priority=1)
    desk.wait("next", priority=9)
    freed(desk)
    desk.work()
    assert desk.statuses("gone", "next") == ["waitlist", "pending"]


@pytest.mark.parametrize(("hours", "asked"), [(26, True), (24, False)])
def test_who_needs_an_interpreter_needs_notice(desk: Desk, hours: float, asked: bool) -> None:
    needs = {"url": "http://hl7.org/fhir/StructureDefinition/patient-interpreterRequired", "valueBoolean": True}
    put(desk.store, [{"resourceType": "Patient", "id": "one", "extension": [needs]}])
    desk.wait("one")
    freed(desk, hours=hours)
    desk.work()
    assert desk.statuses("one") == ["pending" if asked else "waitlist"]


def test_the_channel_says_by_when_and_how_one_is_told(desk: Desk) -> None:
    desk.wait("one", extension=[{"url": _extension("contact-channel"), "valueCode": "sms"}])
    freed(desk)
    desk.work()
    (offer,) = desk.offers()
    assert offer.deadline - offer.offered == 120 * 60_000_000
    (listed,) = desk.store.glance(lambda session: session.requests.all())
    (asked,) = desk.store.glance(lambda session: session.requests.all(number=listed.number))
    (medium,) = json.parse_object(asked.wanted.body)["medium"]
    assert "sms" in [coding["code"] for coding in medium["coding"]]


def test_silence_does_not_begin_the_wait_anew(desk: Desk) -> None:
    desk.wait("one")
    freed(desk)
    desk.work(hours=24)
    desk.work(hours=10)
    assert desk.outcomes()[0] == ("one", "silent")
    (kept,) = desk.store.glance(lambda session: session.offers.candidates((), (), 0, 0, 10))
    assert kept.since == to_micros(NOW)


def test_nobody_is_asked_who_is_somewhere_else_or_cannot_come(desk: Desk) -> None:
    desk.wait("busy", priority=1)
    desk.wait("elsewhere", priority=1, requestedPeriod=[{"start": "2026-04-01", "end": "2026-04-02"}])
    desk.wait("far", priority=1, extension=[{"url": _extension("travel-time"), "valueDuration": _hours(48)}])
    desk.wait("free", priority=9)
    freed(desk)
    start = desk.get("Slot/x")["start"]
    end = desk.get("Slot/x")["end"]
    people = [{"actor": {"reference": "Patient/busy"}, "status": "accepted"}]
    other = {"resourceType": "Appointment", "id": "z", "status": "booked", "start": start, "end": end}
    desk.put({**other, "participant": people})
    desk.work()
    assert desk.statuses("busy", "elsewhere", "far", "free") == ["waitlist", "waitlist", "waitlist", "pending"]


def test_a_flag_comes_before_and_a_wait_that_is_too_long_before_all(desk: Desk) -> None:
    put(desk.store, [_flag("flagged")])
    desk.wait("plain", priority=5)
    desk.wait("flagged", priority=5)
    desk.wait("ages", priority=9, created="2025-01-01")
    freed(desk)
    desk.work()
    (offer,) = desk.offers()
    ranking = json.parse_object(offer.ranking)["ranking"]
    assert [place["entry"] for place in ranking] == ["ages", "flagged", "plain"]
    assert "longest-wait" in [reason["code"] for reason in ranking[0]["reasons"]]
    assert "high-risk" in [reason["code"] for reason in ranking[1]["reasons"]]


def test_who_answers_too_late_is_told_so(desk: Desk) -> None:
    desk.wait("late")
    freed(desk)
    desk.work()
    desk.work(hours=10)
    with pytest.raises(Conflict, match="over"):
        desk.answer("late", "accepted")


def test_an_answer_to_what_is_not_here_is_kept_as_it_is_sent(desk: Desk) -> None:
    desk.answer("nobody", "accepted")
    assert desk.get("AppointmentResponse/nobody-accepted")["participantStatus"] == "accepted"


def test_a_booked_visit_is_confirmed(desk: Desk) -> None:
    desk.slot("x", 24)
    desk.book("one", "x")
    desk.answer("one", "tentative")
    statuses = {p["actor"]["reference"]: p["status"] for p in desk.get("Appointment/one")["participant"]}
    assert statuses == {"Patient/one": "tentative", "Practitioner/gp": "accepted"}


def test_what_is_told_as_history_offers_nothing(desk: Desk) -> None:
    desk.wait("one")
    desk.slot("x", 48)
    desk.book("booked", "x")
    cancelled = {**desk.get("Appointment/booked"), "status": "cancelled"}
    desk.put(cancelled, backfill=True)
    desk.work()
    assert desk.offers() == []


def test_the_marks_of_an_offer_are_where_clients_see_them(desk: Desk) -> None:
    desk.wait("one")
    freed(desk)
    desk.work()
    offer = desk.get("Appointment/one")
    assert [e["url"] for e in offer["extension"]] == [
        _extension("waited"),
        OFFER,
        _extension("hold-until"),
        _extension("held-from"),
    ]


def test_where_an_ehr_decides_an_offer_that_is_taken_is_asked_of_it(desk: Desk) -> None:
    master = {"url": _extension("schedule-master"), "valueCode": "ehr"}
    desk.put({**desk.get("Schedule/s"), "extension": [master]})
    for name in ("one", "two"):
        desk.wait(name, priority=1 if name == "one" else 9)
    freed(desk, hours=72)
    desk.work()
    desk.answer("one", "accepted")
    desk.work()
    asked = desk.get("Appointment/one")
    assert (asked["status"], desk.get("Slot/x")["status"]) == ("pending", "busy")
    assert _extension("confirm-by") in [each["url"] for each in asked["extension"]]
    assert desk.outcomes() == [("one", "accepted")]
    confirmed = {name: value for name, value in asked.items() if name not in ("extension", "meta")}
    desk.put({**confirmed, "status": "booked"})
    desk.work(hours=30)
    booked = desk.get("Appointment/one")
    assert (booked["status"], booked["meta"]["profile"]) == ("booked", [APPOINTMENT])


def test_who_was_asked_of_an_ehr_in_vain_waits_as_before(desk: Desk) -> None:
    master = {"url": _extension("schedule-master"), "valueCode": "ehr"}
    desk.put({**desk.get("Schedule/s"), "extension": [master]})
    desk.wait("one", requestedPeriod=[{"start": "2026-03-01", "end": "2026-04-01"}])
    freed(desk, hours=72)
    desk.work()
    desk.answer("one", "accepted")
    slot = desk.get("Slot/x")
    desk.put({**slot, "status": "busy-unavailable"})
    desk.work(hours=25)
    entry = desk.get("Appointment/one")
    assert (entry["status"], len(entry["participant"]), "slot" in entry) == ("waitlist", 1, False)
    assert entry["requestedPeriod"] == [{"start": "2026-03-01", "end": "2026-04-01"}]
    assert desk.get("Slot/x")["status"] == "busy-unavailable"


def _extension(name: str) -> str:
    return f"https://carethread.dev/fhir/StructureDefinition/{name}"


def _hours(count: float) -> Resource:
    return {"value": count, "unit": "h", "system": "http://unitsofmeasure.org", "code": "h"}


def _flag(patient: str) -> Resource:
    return {
        "resourceType": "Flag",
        "id": f"flag-{patient}",
        "status": "active",
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": "723509005"}]},
        "subject": {"reference": f"Patient/{patient}"},
    }


def report(desk: Desk, **params: str) -> dict[tuple[str, str], Resource]:
    """The groups, by attribute and value."""
    given = {name.rstrip("_"): [value] for name, value in params.items()}
    call = Call("Appointment", "", given, None, Request("GET", "Appointment/$offer-report"))
    groups = {}
    for parameter in offer_report(desk.runtime, call, Context(clock=desk.clock))["parameter"]:
        parts = {part["name"]: value for part in parameter["part"] for key, value in part.items() if key != "name"}
        groups[parts["attribute"], parts["value"]] = parts
    return groups


def test_the_report_counts_those_who_wait_and_those_who_were_asked(desk: Desk) -> None:
    spoken = [{"language": {"coding": [{"code": "es"}]}}]
    put(desk.store, [{"resourceType": "Patient", "id": "one", "communication": spoken}])
    desk.wait("one", priority=1)
    desk.wait("two", priority=9)
    freed(desk)
    desk.work()
    desk.answer("one", "accepted")
    found = report(desk, from_="2026-03-02", to="2026-03-02")
    spanish, unknown = found["language", "es"], found["language", "unknown"]
    assert [spanish[name] for name in ("waited", "offered", "accepted")] == [1, 1, 1]
    assert [unknown[name] for name in ("waited", "offered", "accepted")] == [1, 0, 0]
    assert {value for attribute, value in found if attribute == "need"} == {"priority 1", "priority 9"}
    assert report(desk, from_="2026-03-03", to="2026-03-04")["language", "unknown"]["offered"] == 0


@pytest.mark.parametrize(
    "period",
    [{}, {"from_": "2026-03-02"}, {"from_": "x", "to": "y"}, {"from_": "2026-03-02", "to": "2026-03-01"}],
    ids=["none", "half", "no-dates", "backwards"],
)
def test_a_report_needs_a_period(desk: Desk, period: dict[str, str]) -> None:
    with pytest.raises(Malformed):
        report(desk, **period)
