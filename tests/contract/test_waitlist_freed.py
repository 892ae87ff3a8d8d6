"""What a visit leaves is offered as one, on both databases: all of its slots, to as many as there are seats."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from carethread.adapters.sql.tables import timers
from carethread.core.clock import to_micros
from carethread.core.context import Context
from carethread.core.errors import FhirError, Malformed
from carethread.core.fhir import json
from carethread.core.ports import Request, Resource
from carethread.core.service import Call
from carethread.scheduling.rules import APPOINTMENT, CAPACITY
from carethread.scheduling.waitlist.history import offer_history
from carethread.scheduling.waitlist.report import offer_report
from carethread.scheduling.waitlist.turns import waiting
from support.stores import open_store, put
from support.waiting import TYPE, Desk

SNOMED = "http://snomed.info/sct"
OURS = "https://carethread.dev/fhir/CodeSystem/flag-kind"


@pytest.fixture
def desk(database_url: str) -> Iterator[Desk]:
    opened = open_store(database_url, "scheduling")
    yield Desk(opened)
    opened.close()


def place(desk: Desk, id_: str, actor: str, hours: float = 48, **more: Any) -> None:
    """A slot on a Schedule of its own."""
    desk.put({"resourceType": "Schedule", "id": f"of-{id_}", "actor": [{"reference": actor}]})
    desk.slot(id_, hours)
    desk.put({**desk.get(f"Slot/{id_}"), "schedule": {"reference": f"Schedule/of-{id_}"}, **more})


def visit(desk: Desk, id_: str, slots: list[str], status: str = "booked", **more: Any) -> None:
    first = desk.get(f"Slot/{slots[0]}")
    desk.put(
        {
            "resourceType": "Appointment",
            "id": id_,
            "meta": {"profile": [APPOINTMENT]},
            "status": status,
            "slot": [{"reference": f"Slot/{slot}"} for slot in slots],
            "start": first["start"],
            "end": first["end"],
            "participant": [{"actor": {"reference": f"Patient/{id_}"}, "status": "accepted"}],
            **more,
        }
    )


def test_two_seats_that_were_given_up_are_offered_to_two(desk: Desk) -> None:
    place(desk, "group", "HealthcareService/class", extension=[{"url": CAPACITY, "valueInteger": 3}])
    for number in range(3):
        visit(desk, f"comes-{number}", ["group"])
    for name in ("a", "b", "c"):
        desk.wait(name)
    for number in range(2):
        visit(desk, f"comes-{number}", ["group"], "cancelled")
    desk.work()
    assert desk.statuses("a", "b", "c") == ["pending", "pending", "waitlist"]
    desk.answer("a", "accepted")
    desk.work()
    assert desk.statuses("a", "b", "c") == ["booked", "pending", "waitlist"]
    desk.answer("b", "declined")
    desk.work()
    assert desk.statuses("a", "b", "c") == ["booked", "waitlist", "pending"]


def test_doctor_room_and_interpreter_are_offered_together(desk: Desk) -> None:
    desk.wait("one")
    desk.wait("two", priority=9)
    place(desk, "a-room", "Location/room")
    place(desk, "doctor", "Practitioner/gp")
    place(desk, "helper", "PractitionerRole/talks")
    put(desk.store, [_interpreter("talks")])
    visit(desk, "had", ["doctor", "a-room", "helper"])
    visit(desk, "had", ["doctor", "a-room", "helper"], "cancelled")
    desk.work()
    offer = desk.get("Appointment/one")
    assert [each["reference"] for each in offer["slot"]] == ["Slot/doctor", "Slot/a-room", "Slot/helper"]
    assert {desk.get(f"Slot/{slot}")["status"] for slot in ("doctor", "a-room", "helper")} == {"busy"}
    assert desk.statuses("two") == ["waitlist"], "of what one visit left nobody else has a part"
    desk.answer("one", "declined")
    desk.work()
    assert len(desk.get("Appointment/two")["slot"]) == 3
    assert desk.outcomes() == [("one", "refused"), ("two", "open")]


@pytest.mark.parametrize(
    ("actor", "said"),
    [
        ("Location/room", {}),
        ("Device/scanner", {}),
        ("PractitionerRole/talks", {}),
        ("Practitioner/talks", {"coding": [{"system": SNOMED, "code": "40570005"}]}),
    ],
    ids=["room", "device", "interpreter-by-role", "interpreter-by-part"],
)
def test_what_is_no_visit_by_itself_is_offered_to_nobody(desk: Desk, actor: str, said: Resource) -> None:
    desk.wait("one")
    place(desk, "only", actor)
    put(desk.store, [_interpreter("talks")])
    part = {"actor": {"reference": actor}, "status": "accepted", **({"type": [said]} if said else {})}
    people = [{"actor": {"reference": "Patient/had"}, "status": "accepted"}, part]
    visit(desk, "had", ["only"], participant=people)
    visit(desk, "had", ["only"], "cancelled", participant=people)
    desk.work(hours=1)
    assert desk.offers() == []


def test_of_what_the_provider_gave_up_the_room_is_offered_to_nobody(desk: Desk) -> None:
    desk.wait("one")
    place(desk, "room", "Location/room")
    place(desk, "doctor", "Practitioner/gp")
    reason = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/appointment-cancellation-reason"}]}
    reason["coding"][0]["code"] = "prov-pers"
    visit(desk, "had", ["doctor", "room"])
    visit(desk, "had", ["doctor", "room"], "cancelled", cancelationReason=reason)
    desk.work(hours=1)
    assert desk.get("Slot/room")["status"] == "free"
    assert desk.offers() == []


def test_what_is_not_free_as_a_whole_is_looked_at_again(desk: Desk) -> None:
    desk.wait("one")
    place(desk, "room", "Location/room")
    place(desk, "doctor", "Practitioner/gp")
    visit(desk, "had", ["doctor", "room"])
    visit(desk, "had", ["doctor", "room"], "cancelled")
    visit(desk, "other", ["room"])
    desk.work()
    assert desk.offers() == []
    visit(desk, "other", ["room"], "cancelled")
    desk.work()
    assert desk.offers() == []
    desk.work(hours=0.25)
    assert desk.outcomes() == [("one", "open")]


def test_many_that_are_freed_at_once_go_to_as_many(desk: Desk) -> None:
    for number in range(30):
        desk.slot(f"s{number}", 48 + number / 2)
        desk.book(f"had{number}", f"s{number}")
        desk.wait(f"w{number:02}", priority=1 + number % 9)
    for number in range(30):
        desk.book(f"had{number}", f"s{number}", "cancelled")
    steps = 0
    while desk.timing.step():
        steps += 1
    offers = desk.offers()
    assert (len(offers), len({o.patient for o in offers}), len({o.slot for o in offers})) == (30, 30, 30)
    assert steps < 10, "in few transactions"
    by_turn = [1 + int(offer.entry[1:]) % 9 for offer in offers]
    assert by_turn == sorted(by_turn)


def test_a_timer_that_names_what_is_no_more_harms_no_other(desk: Desk) -> None:
    desk.wait("one")
    desk.slot("x", 48)
    due = to_micros(desk.now)

    def announced(session: Any) -> None:
        for key, slots in (("gone", b'["gone"]'), ("none", b"[]"), ("Appointment/no", b'["x"]')):
            session.timers.set("offer", key, due, slots)

    desk.store.transact(announced)
    desk.work()
    assert desk.outcomes() == [("one", "open")]


def test_only_a_flag_that_says_high_risk_counts(desk: Desk) -> None:
    codings = {
        "tea": {"text": "Prefers tea"},
        "snomed": {"coding": [{"system": SNOMED, "code": "723509005"}]},
        "ours": {"coding": [{"system": OURS, "code": "high-risk"}]},
        "elsewhere": {"coding": [{"system": "http://elsewhere", "code": "high-risk"}]},
    }
    for name, code in codings.items():
        flag = {"resourceType": "Flag", "id": name, "status": "active", "code": code}
        put(desk.store, [{**flag, "subject": {"reference": f"Patient/{name}"}}])
        desk.wait(name)
    found = listed(desk)
    flagged = {entry for entry, whys in found.items() if "high-risk" in whys}
    assert flagged == {"snomed", "ours"}
    assert set(list(found)[:2]) == flagged, "they come first"


def test_who_declines_is_asked_about_what_else_is_free(desk: Desk) -> None:
    for slot, hours in (("x", 48), ("y", 72)):
        desk.slot(slot, hours)
        desk.book(f"had-{slot}", slot)
        desk.book(f"had-{slot}", slot, "cancelled")
    desk.wait("one")
    desk.work()
    first = desk.get("Appointment/one")["slot"][0]["reference"]
    desk.answer("one", "declined")
    desk.work()
    assert desk.get("Appointment/one")["slot"][0]["reference"] != first


def test_nobody_is_looked_for_where_nothing_was_freed(desk: Desk) -> None:
    desk.slot("never-booked", 48)
    desk.wait("one")
    with desk.store.engine.connect() as connection:
        assert not connection.execute(timers.select()).all()


@pytest.mark.parametrize("operation", ["renewed", "more"], ids=["touched", "said-more"])
def test_an_offer_that_is_changed_stays_open(desk: Desk, operation: str) -> None:
    desk.wait("one")
    desk.slot("x", 48)
    desk.book("had", "x")
    desk.book("had", "x", "cancelled")
    desk.work()
    desk.put({**desk.get("Appointment/one"), "comment": operation})
    desk.work()
    assert desk.outcomes() == [("one", "open")]
    desk.answer("one", "accepted")
    assert desk.outcomes() == [("one", "accepted")]


def call(desk: Desk, name: str, handler: Any, id_: str = "", type_: str = "Appointment", **params: str) -> Resource:
    given = {key.replace("__", "-"): [value] for key, value in params.items()}
    asked = Call(type_, id_, given, None, Request("GET", f"{type_}/${name}"))
    found: Resource = handler(desk.runtime, asked, Context(clock=desk.clock))
    return found


def parts(parameters: Resource, name: str) -> list[Resource]:
    return [each for each in parameters["parameter"] if each["name"] == name]


def value(part: list[Resource], name: str) -> Any:
    found = next((each for each in part if each["name"] == name), {})
    return next((each for key, each in found.items() if key.startswith("value")), None)


def listed(desk: Desk, **params: str) -> dict[str, list[str]]:
    """The reasons of each who waits, in order."""
    found = call(desk, "waiting", waiting, **params)
    return {
        value(each["part"], "appointment")["reference"].removeprefix("Appointment/"): [
            value(why["part"], "code") for why in each["part"] if why["name"] == "why"
        ]
        for each in parts(found, "entry")
    }


def test_who_is_next_and_why(desk: Desk) -> None:
    desk.wait("late", priority=9)
    desk.wait("urgent", priority=1)
    desk.wait("other", serviceType=[{"coding": [{"system": "s", "code": "1"}]}])
    person = {"actor": {"reference": "Patient/with"}, "status": "needs-action"}
    wanted = {"actor": {"reference": "Practitioner/gp"}, "status": "needs-action"}
    desk.wait("with", priority=8, participant=[person, wanted])
    coding = TYPE["coding"][0]
    service = f"{coding['system']}|{coding['code']}"
    assert list(listed(desk)) == ["urgent", "other", "with", "late"]
    assert list(listed(desk, service__type=service)) == ["urgent", "with", "late"]
    assert listed(desk, service__type=service, actor="Practitioner/gp")["with"] == ["priority", "wanted-person"]
    assert "with" not in listed(desk, actor="Practitioner/else")
    page = call(desk, "waiting", waiting, _count="2", _offset="1")
    assert [value(each["part"], "number") for each in parts(page, "entry")] == [2, 3]
    assert (value(page["parameter"], "total"), value(page["parameter"], "next-offset")) == (4, 3)
    desk.slot("x", 48)
    desk.book("had", "x")
    desk.book("had", "x", "cancelled")
    desk.work()
    assert "urgent" not in listed(desk), "who has an offer is asked about nothing else"


def test_who_waits_for_a_department(desk: Desk) -> None:
    desk.put({"resourceType": "HealthcareService", "id": "h", "providedBy": {"reference": "Organization/eyes"}})
    person = {"actor": {"reference": "Patient/one"}, "status": "needs-action"}
    there = {"actor": {"reference": "HealthcareService/h"}, "status": "needs-action"}
    desk.wait("one", participant=[person, there])
    desk.wait("two")
    assert list(listed(desk, organization="Organization/eyes")) == ["one"]
    assert list(listed(desk, organization="teeth")) == []


@pytest.mark.parametrize(
    "params",
    [
        {"actor": "gp"},
        {"actor": "Patient/1"},
        {"service__type": "124"},
        {"modality": "smoke"},
        {"organization": "a b"},
        {"_offset": "-1"},
        {"_count": "201"},
        {"place": "x"},
    ],
)
def test_what_the_list_does_not_take(desk: Desk, params: dict[str, str]) -> None:
    with pytest.raises(Malformed):
        listed(desk, **params)


def test_the_history_of_offers_says_who_was_asked_and_why(desk: Desk) -> None:
    desk.wait("first", priority=1)
    desk.wait("second", priority=5)
    desk.slot("x", 48)
    desk.book("had", "x")
    desk.book("had", "x", "cancelled")
    desk.work()
    desk.answer("first", "declined")
    desk.work()
    of_slot = parts(call(desk, "offer-history", offer_history, "x", "Slot"), "offer")
    assert [value(each["part"], "entry")["reference"] for each in of_slot] == [
        "Appointment/second",
        "Appointment/first",
    ]
    (offer,) = parts(call(desk, "offer-history", offer_history, "first"), "offer")
    assert value(offer["part"], "outcome") == "refused"
    assert value(offer["part"], "settled")
    places = [each["part"] for each in offer["part"] if each["name"] == "place"]
    assert [value(each, "entry")["reference"] for each in places] == ["Appointment/first", "Appointment/second"]
    assert value(next(each for each in places[0] if each["name"] == "why")["part"], "code") == "priority"
    with pytest.raises(FhirError):
        call(desk, "offer-history", offer_history, "nobody")


def groups(desk: Desk, since: str, until: str) -> dict[str, int]:
    found = call(desk, "offer-report", offer_report, **{"from": since, "to": until})
    return {
        f"{value(each['part'], 'attribute')} {value(each['part'], 'value')}": value(each["part"], "waited")
        for each in parts(found, "group")
    }


def test_the_report_is_of_its_period_and_forgets_nobody_who_left(desk: Desk) -> None:
    desk.wait("left", priority=1)
    desk.work(hours=24)
    desk.put({**desk.get("Appointment/left"), "status": "cancelled"})
    desk.work(hours=48)
    desk.wait("came", priority=9)
    assert groups(desk, "2026-03-02", "2026-03-03")["language unknown"] == 1
    assert "need priority 1" in groups(desk, "2026-03-02", "2026-03-03")
    assert "need priority 9" in groups(desk, "2026-03-05", "2026-03-06")
    assert groups(desk, "2026-03-05", "2026-03-06")["language unknown"] == 1
    assert groups(desk, "2026-03-02", "2026-03-06")["language unknown"] == 2


def test_the_report_says_when_it_is_not_of_all(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("carethread.scheduling.waitlist.report._MOST", 2)
    for name in ("one", "two", "three"):
        desk.wait(name)
    found = call(desk, "offer-report", offer_report, **{"from": "2026-03-02", "to": "2026-03-03"})
    (note,) = parts(found, "note")
    assert "More than 2 waited" in note["valueString"]
    assert groups(desk, "2026-03-02", "2026-03-03")["language unknown"] == 2


def messages(desk: Desk) -> list[Resource]:
    def wanted(session: Any) -> list[Resource]:
        numbers = [each.number for each in session.requests.all()]
        return [json.parse_object(session.requests.all(number=number)[0].wanted.body) for number in numbers]

    found: list[Resource] = desk.store.glance(wanted)
    return [each for each in found if each["resourceType"] == "Communication"]


def test_an_offer_is_told_in_the_persons_language_and_the_slots_time(desk: Desk) -> None:
    spoken = [{"language": {"coding": [{"code": "es-MX"}]}, "preferred": True}]
    put(desk.store, [{"resourceType": "Patient", "id": "one", "communication": spoken}])
    desk.wait("one")
    desk.slot("x", 48)
    slot = {**desk.get("Slot/x"), "start": "2026-03-04T11:00:00+02:00", "end": "2026-03-04T11:30:00+02:00"}
    desk.put(slot)
    desk.book("had", "x")
    desk.book("had", "x", "cancelled")
    desk.work()
    (told,) = messages(desk)
    text = told["payload"][0]["contentString"]
    assert told["language"] == "es"
    assert "el 2026-03-04 a las 11:00" in text
    assert "2026-03-02 12:00" in text, "11:00 there, and an hour to answer"


def test_nobody_is_told_at_night(desk: Desk) -> None:
    desk.wait("one")
    desk.work(hours=14)
    desk.slot("x", 72)
    desk.book("had", "x")
    desk.book("had", "x", "cancelled")
    desk.work()
    assert desk.statuses("one") == ["pending"], "it is kept for the first"
    assert messages(desk) == []
    desk.work(hours=8.5)
    assert messages(desk) == []
    desk.work(hours=0.5)
    assert len(messages(desk)) == 1
    assert desk.statuses("one") == ["pending"]
    desk.work(hours=1)
    assert desk.outcomes()[0] == ("one", "silent")


def test_what_was_answered_at_night_is_told_no_more(desk: Desk) -> None:
    desk.wait("one")
    desk.work(hours=14)
    desk.slot("x", 72)
    desk.book("had", "x")
    desk.book("had", "x", "cancelled")
    desk.work()
    desk.answer("one", "accepted")
    desk.work(hours=10)
    assert messages(desk) == []


def _interpreter(id_: str) -> Resource:
    code = [{"coding": [{"system": SNOMED, "code": "40570005"}]}]
    return {"resourceType": "PractitionerRole", "id": id_, "code": code}
