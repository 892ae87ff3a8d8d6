"""Reminders, the score and the outcome of past visits, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from carethread.adapters.local import LocalOwners, LocalPeer
from carethread.core.clock import instant, to_micros
from carethread.core.context import Context
from carethread.core.errands.timing import Timing
from carethread.core.errors import Malformed, TooCostly
from carethread.core.fhir import json
from carethread.core.ports import Request, Resource
from carethread.core.service import Call, Runtime
from carethread.interactions.update import update
from carethread.records import SERVICE as RECORDS
from carethread.scheduling import SERVICE
from carethread.scheduling.noshow import operations
from carethread.scheduling.noshow.operations import no_show_score, unresolved
from carethread.scheduling.rules import APPOINTMENT
from support.stores import BASE, open_store, put

NOW = datetime.fromisoformat("2026-03-02T09:00:00+00:00")
POLICY = "https://carethread.dev/fhir/StructureDefinition/no-show-policy"
DAY = timedelta(days=1)


class Desk:
    """The front desk beside the records, with a clock that is moved by hand."""

    def __init__(self, store, records) -> None:
        people: dict[str, Runtime] = {}
        people["records"] = Runtime(RECORDS, records, LocalOwners(people), LocalPeer(people), BASE)
        people["scheduling"] = Runtime(SERVICE, store, LocalOwners(people), LocalPeer(people), BASE)
        self.people, self.store, self.now = people, store, NOW
        self.timing = Timing(people["scheduling"], self.clock)
        self.schedule("person")

    def clock(self) -> datetime:
        return self.now

    def put(self, resource: dict[str, Any], service: str = "scheduling", *, backfill: bool = False) -> None:
        context = Context(clock=self.clock, backfill=backfill)
        update(self.people[service], (resource["resourceType"], resource["id"]), resource, context)

    def schedule(self, policy: str) -> None:
        actor = [{"reference": "Practitioner/gp"}]
        extension = [{"url": POLICY, "valueCode": policy}]
        self.put({"resourceType": "Schedule", "id": "s", "extension": extension, "actor": actor})

    def patient(self, **more: Any) -> None:
        put(self.store, [{"resourceType": "Patient", "id": "one", **more}])

    def visit(
        self, id_: str, days: float, status: str = "booked", *, created: str = "", backfill: bool = False
    ) -> None:
        start = self.now + days * DAY
        span = {"start": instant(to_micros(start)), "end": instant(to_micros(start + timedelta(minutes=30)))}
        slot = {"resourceType": "Slot", "id": f"slot-{id_}", "schedule": {"reference": "Schedule/s"}, "status": "free"}
        if status == "booked" or backfill:
            self.put({**slot, **span})
        people = [{"actor": {"reference": "Patient/one"}, "status": "accepted"}]
        visit = {"resourceType": "Appointment", "id": id_, "meta": {"profile": [APPOINTMENT]}, "status": status}
        slots = [{"reference": f"Slot/slot-{id_}"}]
        made = {**visit, **span, "slot": slots, "participant": people, **({"created": created} if created else {})}
        self.put(made, backfill=backfill)

    def get(self, id_: str) -> Resource:
        stored = self.store.glance(lambda session: session.current([("Appointment", id_)]))["Appointment", id_]
        return json.parse_object(stored.body)

    def status(self, id_: str) -> str:
        found: str = self.get(id_)["status"]
        return found

    def work(self, days: float = 0) -> None:
        self.now += days * DAY
        while self.timing.step():
            pass

    def requested(self, type_name: str) -> list[Resource]:
        listed = self.store.glance(lambda session: session.requests.all())
        numbers = [each.number for each in listed]
        whole = self.store.glance(lambda session: [session.requests.all(number=number)[0] for number in numbers])
        bodies: list[Resource] = [json.parse(each.wanted.body) for each in whole]
        return [body for body in bodies if body["resourceType"] == type_name]

    def score(self, id_: str) -> Resource:
        found = no_show_score(self.people["scheduling"], _call(id_), Context(clock=self.clock))["parameter"]
        values = {each["name"]: each.get("valueUnsignedInt", each.get("valueCode")) for each in found}
        reasons = [part["valueCode"] for each in found for part in each.get("part", ()) if part["name"] == "code"]
        return {**values, "reasons": reasons}

    def unresolved(self, **params: str) -> dict[str, list[str]]:
        """The work list: each visit with what speaks against a no-show."""
        call = Call("Appointment", "", {k: [v] for k, v in params.items()}, None, Request("GET", "x"))
        found = {}
        total, *items = unresolved(self.people["scheduling"], call, Context(clock=self.clock))["parameter"]
        self.total = total["valueUnsignedInt"]
        for item in (each for each in items if each["name"] == "visit"):
            reference = item["part"][0]["valueReference"]["reference"]
            found[reference] = [part["part"][0]["valueCode"] for part in item["part"][1:]]
        return found

    def encounter(self, kind: str = "AMB", days: float = 0, **more: Any) -> None:
        begin, end = self.now + days * DAY, self.now + days * DAY + timedelta(hours=2)
        period = {"start": instant(to_micros(begin)), "end": instant(to_micros(end))}
        system = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
        encounter = {
            "resourceType": "Encounter",
            "id": "e",
            "status": "finished",
            "class": {"system": system, "code": kind},
        }
        self.put({**encounter, "subject": {"reference": "Patient/one"}, "period": period, **more}, "records")


def _call(id_: str) -> Call:
    return Call("Appointment", id_, {}, None, Request("GET", "x"))


@pytest.fixture
def desk(database_url: str, tmp_path) -> Iterator[Desk]:
    opened = open_store(database_url, "scheduling")
    records = open_store(f"sqlite:///{tmp_path}/records.db", "records")
    yield Desk(opened, records)
    opened.close()
    records.close()


def test_three_reminders_in_the_persons_language(desk: Desk) -> None:
    spoken = {"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": "es-MX"}]}, "preferred": True}
    desk.patient(communication=[spoken])
    desk.visit("v", 10)
    for days in (2.9, 0.2, 4.9, 0.1, 1.35, 0.02, 0.5):
        desk.work(days)
    made = desk.requested("CommunicationRequest")
    assert len(made) == 3
    assert {each["language"] for each in made} == {"es"}
    assert "2026-03-12 a las 09:00" in made[0]["payload"][0]["contentString"]
    assert made[2]["occurrenceDateTime"] == "2026-03-11T20:00:00.000Z", "not at six in the morning"


@pytest.mark.parametrize(("hour", "sent"), [(8, []), (9, [8]), (10, [8]), (14, [11])])
def test_no_reminder_at_night(desk: Desk, hour: int, sent: list[int]) -> None:
    """Booked in the evening, for the next day."""
    desk.patient()
    desk.now = NOW.replace(hour=20, minute=30)
    desk.visit("v", (hour + 3.5) / 24)
    hours: list[int] = []
    for _ in range(48):
        desk.work(0.5 / 24)
        hours += [desk.now.hour] * (len(desk.requested("CommunicationRequest")) - len(hours))
    assert hours == sent


def test_no_reminder_of_a_visit_that_is_off_or_for_someone_who_died(desk: Desk) -> None:
    desk.patient()
    desk.visit("cancelled", 10)
    desk.visit("cancelled", 10, "cancelled")
    desk.work(8)
    assert desk.requested("CommunicationRequest") == []
    desk.visit("late", 1)
    desk.patient(deceasedBoolean=True)
    desk.work(0.9)
    assert desk.requested("CommunicationRequest") == []


def test_no_reminder_of_history(desk: Desk) -> None:
    desk.visit("told", 10, backfill=True)
    desk.work(8)
    assert desk.requested("CommunicationRequest") == []


def test_the_score_says_why_and_adds_up(desk: Desk) -> None:
    desk.visit("a", -30, "noshow", backfill=True)
    desk.visit("b", -20, "fulfilled", backfill=True)
    desk.visit("v", 40, created="2026-03-02")
    category = [{"coding": [{"code": "transportation-insecurity"}]}]
    clinical = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]}
    condition = {"resourceType": "Condition", "id": "c", "clinicalStatus": clinical, "category": category}
    desk.put({**condition, "subject": {"reference": "Patient/one"}}, "records")
    assert desk.score("v") == {
        "points": 20 + 20 + 20 + 10,
        "level": "high",
        "visits": 2,
        "missed": 1,
        "unresolved": 0,
        "reason": None,
        "reasons": ["history", "lead-time", "transport", "unconfirmed"],
    }
    answer = {"resourceType": "AppointmentResponse", "id": "r", "participantStatus": "accepted"}
    reference, actor = {"reference": "Appointment/v"}, {"reference": "Patient/one"}
    desk.put({**answer, "appointment": reference, "actor": actor})
    assert "unconfirmed" not in desk.score("v")["reasons"]


def test_visits_without_an_outcome_count_for_nothing_and_are_told_apart(desk: Desk) -> None:
    desk.visit("a", -30, "noshow", backfill=True)
    desk.visit("b", -20, "booked", backfill=True)
    desk.visit("c", -10, "pending", backfill=True)
    desk.visit("v", 1)
    found = desk.score("v")
    assert [found[name] for name in ("visits", "missed", "unresolved")] == [1, 1, 2]
    assert "history" not in found["reasons"], "one visit says nothing"
    assert desk.score("b")["unresolved"] == 0, "it has none before it"


@pytest.mark.parametrize(("corrected", "visits"), [("arrived", 2), ("fulfilled", 2), ("cancelled", 1)])
def test_a_correction_restates_the_history(desk: Desk, corrected: str, visits: int) -> None:
    desk.visit("a", -30, "fulfilled", backfill=True)
    desk.visit("b", 1)
    desk.visit("v", 9)
    desk.work(2)
    missed = desk.get("b")
    desk.put({**missed, "status": "noshow"})
    assert [desk.score("v")[name] for name in ("visits", "missed")] == [2, 1]
    assert "history" in desk.score("v")["reasons"]
    desk.put({**desk.get("b"), "status": corrected})
    found = desk.score("v")
    assert [found[name] for name in ("visits", "missed")] == [visits, 0]
    assert "history" not in found["reasons"]
    (provenance,) = desk.requested("Provenance")
    assert provenance["reason"] == [{"text": "The visit was not missed."}]
    assert provenance["entity"][0]["what"]["reference"] == "Appointment/b/_history/2"
    desk.work(4)
    assert desk.status("b") == corrected, "no policy says otherwise again"


def test_a_no_show_by_policy_can_be_corrected_and_stays_so(desk: Desk) -> None:
    desk.schedule("ruled-out")
    desk.visit("b", 1)
    desk.work(3)
    desk.put({**desk.get("b"), "status": "arrived"})
    desk.work(5)
    assert desk.status("b") == "arrived"
    assert len(desk.requested("Provenance")) == 2, "of the policy, and of the correction"
    assert desk.unresolved() == {"Appointment/b": ["arrived"]}, "what became of it is still to be said"


def test_time_alone_makes_no_no_show(desk: Desk) -> None:
    desk.visit("v", 1)
    desk.work(4)
    assert desk.status("v") == "booked"
    assert desk.unresolved() == {"Appointment/v": []}


def test_by_policy_once_all_else_is_ruled_out(desk: Desk) -> None:
    desk.schedule("ruled-out")
    desk.visit("v", 1)
    desk.work(1.5)
    assert desk.status("v") == "booked", "somebody may still say what became of it"
    desk.work(1)
    assert desk.status("v") == "noshow"
    (provenance,) = desk.requested("Provenance")
    assert provenance["policy"] == [POLICY]


@pytest.mark.parametrize(
    ("what", "code"),
    [
        (lambda desk: desk.encounter(days=1), "encounter"),
        (lambda desk: desk.encounter(days=9, appointment=[{"reference": "Appointment/v"}]), "encounter"),
        (lambda desk: desk.encounter("IMP", days=1), "inpatient"),
        (lambda desk: desk.visit("v", 1, "arrived"), "arrived"),
    ],
    ids=["seen", "linked", "inpatient", "arrived"],
)
def test_what_speaks_against_it_is_named_and_the_visit_stays_open(desk: Desk, what, code: str) -> None:
    desk.schedule("ruled-out")
    desk.visit("v", 1)
    what(desk)
    desk.work(4)
    assert desk.status("v") in ("booked", "arrived")
    assert desk.unresolved() == {"Appointment/v": [code]}


def test_what_has_an_outcome_is_not_on_the_list(desk: Desk) -> None:
    desk.visit("seen", -2, "fulfilled", backfill=True)
    desk.visit("to-come", 2)
    assert desk.unresolved() == {}
    for count in ("1000", "0", "x", "²", "9" * 5000):
        with pytest.raises(Malformed, match="_count"):
            desk.unresolved(_count=count)


def test_the_work_list_is_narrowed_and_goes_on_where_it_ended(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        desk.visit(f"v{number}", -10 + number, "booked", backfill=True)
    desk.visit("running", 0, "booked", backfill=True)
    desk.now += timedelta(minutes=5)
    assert (len(desk.unresolved(_count="2")), desk.total) == (2, 5), "what has not ended is none of them"
    assert list(desk.unresolved(_count="2", _offset="4")) == ["Appointment/v4"]
    day = f"{NOW - 9 * DAY:%Y-%m-%d}"
    assert list(desk.unresolved(**{"from": day, "to": day})) == ["Appointment/v1"]
    assert len(desk.unresolved(to=day)) == 2
    assert (len(desk.unresolved(practitioner="gp")), desk.unresolved(practitioner="Practitioner/x")) == (0, {})
    wrong = {"_offset": "-1", "from": "soon", "practitioner": "Patient/one", "location": ",", "organization": "x"}
    for name, value in wrong.items():
        with pytest.raises(Malformed) as refused:
            desk.unresolved(**{name: value})
        assert name in str(refused.value.issues[0])
    monkeypatch.setattr(operations, "_MOST_READ", 4)
    with pytest.raises(TooCostly, match="practitioner"):
        desk.unresolved()
    assert len(desk.unresolved(to=day)) == 2
