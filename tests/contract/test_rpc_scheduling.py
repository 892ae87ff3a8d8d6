"""SchedulingService: what it does and refuses is what the operations over REST do and refuse; slots are watched."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import pytest

from carethread.core.fhir import json
from carethread.v1 import fhir_pb2, scheduling_pb2
from support import desk as desks
from support.desk import OURS, Desk, of, refer, schedule, slot
from support.rpc import SECONDS, Rpc, outcome_of, serving
from support.servers import until

Resource = dict[str, Any]

STATUS = {
    400: {"INVALID_ARGUMENT"},
    404: {"NOT_FOUND"},
    409: {"ABORTED", "ALREADY_EXISTS"},
    410: {"NOT_FOUND"},
    412: {"FAILED_PRECONDITION"},
    422: {"INVALID_ARGUMENT"},
}

_ID = re.compile(r"(Appointment/)[\w-]{36}")
_TEXTS = ("comment", "override_role", "override_reason")


@dataclass
class Step:
    """A call of one of the operations. `about` is the number of the step whose Appointment it is about, or an id."""

    call: str
    about: int | str | None = None
    slots: tuple[str, ...] = ()
    patients: tuple[str, ...] = ()
    minutes: int = 0
    key: str = ""
    texts: dict[str, str] = field(default_factory=dict)
    appointment: Resource | None = None


class Side:
    """A practice that is asked in one way; `ids` are those of the Appointments that its steps answered."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.ids: list[str] = []
        desk.now = datetime.now(UTC)  # as the server's clock
        for id_ in ("ann", "bo", "cy"):
            desk.put(desks.patient(id_), service="records")
        desk.put(desks.patient("gone", deceasedBoolean=True), service="records")
        desk.put(schedule("nurse", "Practitioner/nurse"))
        desk.put(schedule("doctor", "Practitioner/doctor"))
        for number in range(1, 6):
            desk.put(slot(f"n{number}", "nurse", number))
            desk.put(slot(f"d{number}", "doctor", number, seats=2))

    def about(self, step: Step) -> str:
        return self.ids[step.about] if isinstance(step.about, int) else step.about or ""

    def said(self, resource: Resource) -> Resource:
        """An Appointment without what is its own."""
        self.ids.append(resource["id"])
        kept = {name: value for name, value in resource.items() if name not in ("id", "meta", "created")}
        kept["meta"] = resource["meta"]["versionId"]
        kept["extension"] = [each["url"] for each in resource.get("extension", ())]
        return kept


class Rest(Side):
    def do(self, step: Step) -> Any:
        about = self.about(step)
        parts = [of(about)] if about else []
        parts += refer("slot", *(f"Slot/{each}" for each in step.slots))
        parts += refer("patient", *(f"Patient/{each}" for each in step.patients))
        if step.appointment:
            parts.append({"name": "appointment-resource", "resource": step.appointment})
        if step.minutes:
            parts.append(desks.lasting(step.minutes))
        for name, text in step.texts.items():
            member = "valueCode" if name in ("reason", "by") else "valueString"
            parts.append({"name": name.replace("_", "-"), member: text})
        headers = {"idempotency-key": step.key} if step.key else {}
        body = {"resourceType": "Parameters", **({"parameter": parts} if parts else {})}
        answer = self.desk.ask("POST", f"Appointment/${step.call.lower()}", body, headers=headers)
        resource = json.parse_object(answer.body)
        if answer.status != 200 or step.call == "Check":
            self.ids.append("never")
            return answer.status, issues(resource)
        return answer.status, self.said(resource["entry"][0]["resource"])


class Grpc(Side):
    def __init__(self, desk: Desk, rpc: Rpc) -> None:
        super().__init__(desk)
        self.rpc = rpc

    def do(self, step: Step) -> Any:
        request: dict[str, Any] = {"appointment": self.about(step)}
        if step.slots or step.patients or step.appointment or step.call in ("Hold", "Book", "Check"):
            own = json.render(step.appointment) if step.appointment else b""
            texts: Any = {name: text for name, text in step.texts.items() if name in _TEXTS}
            request["wish"] = scheduling_pb2.Wish(slots=step.slots, patients=step.patients, appointment=own, **texts)
        if step.minutes:
            request["minutes"] = step.minutes
        if step.key:
            request["idempotency_key"] = step.key
        if step.call == "Cancel":
            request |= {name: text for name, text in step.texts.items() if name != "by"}
            request["by"] = f"CANCELLED_BY_{step.texts.get('by', 'unspecified').upper()}"
        try:
            made = getattr(scheduling_pb2, f"{step.call}Request")(**request)
            answer = getattr(self.rpc.scheduling, step.call)(made, timeout=SECONDS)
        except grpc.RpcError as error:
            self.ids.append("never")
            return error.code().name, issues(outcome_of(error))
        if step.call == "Check":
            self.ids.append("never")
            return "OK", issues(json.parse_object(answer.operation_outcome.json))
        stored = answer.appointment
        resource = json.parse_object(stored.json)
        assert (stored.type, stored.id) == ("Appointment", resource["id"])
        assert str(stored.version) == resource["meta"]["versionId"]
        return "OK", self.said(resource)


def issues(outcome: Resource) -> list[tuple[str, str, str]]:
    return [
        (each["code"], str(each.get("expression")), _ID.sub(r"\1*", each["diagnostics"])) for each in outcome["issue"]
    ]


def same(rest: Rest, rpc: Grpc, step: Step) -> None:
    (status, here), (code, there) = rest.do(step), rpc.do(step)
    assert here == there, step
    assert code in STATUS.get(status, {"OK"}), (step, status, code)


@pytest.fixture
def sides(database_url: str, tmp_path: Path) -> Iterator[tuple[Rest, Grpc]]:
    """The same practice twice, one asked over REST, the other over gRPC."""
    (tmp_path / "rest").mkdir()
    with ExitStack() as stack:
        rest = stack.enter_context(desks.desk(tmp_path / "rest", "sqlite"))
        desk = stack.enter_context(desks.desk(tmp_path, database_url))
        rpc = stack.enter_context(serving(desk.runtimes))
        yield Rest(rest), Grpc(desk, rpc)


IDENTIFIED = {
    "resourceType": "Appointment",
    "status": "proposed",
    "identifier": [{"system": "urn:example:visits", "value": "1"}],
    "participant": [{"actor": {"reference": "Patient/cy"}, "status": "accepted"}],
}

SCRIPT = (
    Step("Check", slots=("n1",), patients=("ann",)),
    Step("Hold", slots=("n1", "d1"), patients=("ann",), minutes=10),
    Step("Hold", slots=("n1",), patients=("bo",)),
    Step("Check", slots=("n1",), patients=("ann",)),
    Step("Renew", about=1, minutes=20),
    Step("Book", about=1, texts={"comment": "by the window"}),
    Step("Renew", about=1),
    Step("Reschedule", about=1, slots=("n2",)),
    Step("Book", slots=("n1",), patients=("bo",), key="once"),
    Step("Book", slots=("n1",), patients=("bo",), key="once"),
    Step("Book", slots=("n3",), patients=("bo",), key="once"),
    Step("Cancel", about=8, texts={"by": "provider", "reason": "prov-pers", "comment": "ill"}),
    Step("Cancel", about=1, texts={"reason": "pat-mt"}),
    Step("Cancel", about=1),
    Step("Hold", slots=("n3",), patients=("cy",)),
    Step("Release", about=14),
    Step("Release", about=14),
    Step("Book", slots=("n4",), appointment=IDENTIFIED),
    Step("Book", slots=("n5",), patients=("gone",)),
    Step("Book", slots=("nowhere",), patients=("ann",)),
    Step("Book"),
    Step("Renew"),
    Step("Cancel", about="unknown"),
    Step("Cancel", about=17, texts={"reason": "because"}),
    Step("Hold", slots=("n5",), patients=("ann",), minutes=100_000),
    Step("Book", slots=("n5",), patients=("ann",), texts={"override_role": "owner"}),
    Step("Check", slots=("n4",), patients=("cy",), texts={"override_role": "desk-lead", "override_reason": "agreed"}),
    Step("Check", slots=("n4",), patients=("cy",), texts={"override_role": "owner"}),
)


def test_the_same_happens_over_rest_and_over_grpc(sides: tuple[Rest, Grpc]):
    for step in SCRIPT:
        same(*sides, step)
    assert {step.call for step in SCRIPT} == {"Check", "Hold", "Renew", "Book", "Reschedule", "Cancel", "Release"}
    assert slots_of(sides[0].desk) == slots_of(sides[1].desk)


def slots_of(desk: Desk) -> dict[str, str]:
    return {name: desk.status(f"Slot/{name}") for name in (f"{kind}{n}" for kind in "nd" for n in range(1, 6))}


CALLS = ("Hold", "Hold", "Book", "Book", "Renew", "Release", "Reschedule", "Cancel", "Check")


@pytest.mark.parametrize("seed", range(2))
def test_the_same_happens_whatever_the_order(tmp_path: Path, seed: int):
    chance = random.Random(seed)
    (tmp_path / "rest").mkdir()
    with ExitStack() as stack:
        rest = Rest(stack.enter_context(desks.desk(tmp_path / "rest", "sqlite")))
        desk = stack.enter_context(desks.desk(tmp_path, "sqlite"))
        sides = rest, Grpc(desk, stack.enter_context(serving(desk.runtimes)))
        for number in range(60):
            about = chance.choice([None, *range(number)]) if number else None
            step = Step(chance.choice(CALLS), about=None if about is None or rest.ids[about] == "never" else about)
            if step.call in ("Hold", "Book", "Reschedule", "Check"):
                step.slots = tuple(chance.sample(["n1", "n2", "n3", "d1", "d2"], chance.randint(0, 2)))
                step.patients = tuple(chance.sample(["ann", "bo", "cy"], chance.randint(0, 1)))
            same(*sides, step)
        assert slots_of(rest.desk) == slots_of(desk)


def test_proposals_are_those_of_find_page_by_page(sides: tuple[Rest, Grpc]):
    _, rpc = sides
    asked = {"start": "2031-03-03", "end": "2031-03-04", "patient-reference": "Patient/ann", "_count": "3"}
    parameters = [fhir_pb2.SearchParameter(name=name, value=value) for name, value in asked.items()]
    parts = [{"name": name, "valueString": value} for name, value in asked.items()]
    answer = rpc.desk.ask("POST", "Appointment/$find", {"resourceType": "Parameters", "parameter": parts})
    bundle = json.parse_object(answer.body)
    page = rpc.rpc.scheduling.FindSlots(scheduling_pb2.FindSlotsRequest(parameters=parameters), timeout=SECONDS)
    assert [json.parse(each.json) for each in page.proposals] == [each["resource"] for each in bundle["entry"]]
    assert (page.total, len(page.proposals)) == (bundle["total"], 3)
    first = page.proposals[0]
    assert (first.id, first.end_micros - first.begin_micros) == (bundle["entry"][0]["resource"]["id"], 30 * 60 * 10**6)
    assert [each.code for each in first.reasons] != []
    assert first.score > 0
    found = [each.id for each in page.proposals]
    while page.next_page_token:
        request = scheduling_pb2.FindSlotsRequest(parameters=parameters, page_token=page.next_page_token)
        page = rpc.rpc.scheduling.FindSlots(request, timeout=SECONDS)
        found += [each.id for each in page.proposals]
    assert (len(found), len(set(found))) == (page.total, page.total)
    held = rpc.rpc.scheduling.Hold(scheduling_pb2.HoldRequest(appointment=found[0], minutes=7), timeout=SECONDS)
    assert 300 < held.until_micros / 1e6 - datetime.now(UTC).timestamp() <= 420
    extension = json.parse_object(held.appointment.json)["extension"]
    said = next(each["valueInstant"] for each in extension if each["url"] == OURS + "hold-until")
    assert datetime.fromisoformat(said).timestamp() * 1_000_000 == held.until_micros
    assert json.parse_object(held.appointment.json)["status"] == "pending"


def test_what_a_call_may_not_have_is_said(sides: tuple[Rest, Grpc]):
    stub = sides[1].rpc.scheduling
    wrong = (
        (stub.FindSlots, scheduling_pb2.FindSlotsRequest(page_token="none")),
        (stub.FindSlots, scheduling_pb2.FindSlotsRequest(patient=b"{")),
        (stub.Book, scheduling_pb2.BookRequest(appointment="a/b")),
        (stub.Book, scheduling_pb2.BookRequest(wish=scheduling_pb2.Wish(appointment=b"[]"))),
        (stub.Book, scheduling_pb2.BookRequest(wish=scheduling_pb2.Wish(slots=[""]))),
        (stub.Hold, scheduling_pb2.HoldRequest(wish=scheduling_pb2.Wish(slots=["n1"]), minutes=-1)),
        (stub.Cancel, scheduling_pb2.CancelRequest(appointment="a", by=7)),  # type: ignore[arg-type]
    )
    for call, request in wrong:
        with pytest.raises(grpc.RpcError) as caught:
            call(request, timeout=SECONDS)
        assert caught.value.code().name == "INVALID_ARGUMENT", request
        assert outcome_of(caught.value)["issue"][0]["severity"] == "error"


def watch(rpc: Rpc, **request: Any) -> Any:
    return rpc.scheduling.WatchSlots(scheduling_pb2.WatchSlotsRequest(**request), timeout=SECONDS)


def told(stream: Any, count: int) -> list[tuple[str, str, int]]:
    """The next changes of a stream: Slot, status, number."""
    found: list[tuple[str, str, int]] = []
    for message in stream:
        for event in message.events:
            status = "deleted" if event.deleted else json.parse_object(event.json)["status"]
            found.append((event.resource_id, status, event.sequence))
        if len(found) >= count:
            break
    return found


def test_slots_are_watched_by_schedule_and_resumed(sides: tuple[Rest, Grpc]):
    side = sides[1]
    side.rpc.number()
    stream = watch(side.rpc, schedules=["nurse"], after=0)
    changes = told(stream, 5)
    assert [(name, status) for name, status, _ in changes] == [(f"n{number}", "free") for number in range(1, 6)]
    same(*sides, Step("Book", slots=("n2", "d2"), patients=("ann",)))
    same(*sides, Step("Book", slots=("d2",), patients=("bo",)))
    side.rpc.number()
    [(name, status, number)] = told(stream, 1)
    assert (name, status) == ("n2", "busy")
    stream.cancel()
    same(*sides, Step("Cancel", about=0))
    side.desk.ask("DELETE", "Slot/n5")
    side.rpc.number()
    later = told(watch(side.rpc, schedules=["nurse"], after=number), 2)
    assert [(name, status) for name, status, _ in later] == [("n2", "free"), ("n5", "deleted")]
    both = told(watch(side.rpc, after=number), 2)
    assert both[0][0] == "d2"


REFUSED: tuple[tuple[dict[str, Any], str], ...] = (
    ({"schedules": ["Schedule/nurse"]}, "INVALID_ARGUMENT"),
    ({"after": -1}, "INVALID_ARGUMENT"),
    ({"heartbeat_seconds": 1000}, "INVALID_ARGUMENT"),
    ({"after": 10_000}, "OUT_OF_RANGE"),
)


def test_slots_are_watched_by_service_type_and_what_cannot_be_watched_is_refused(sides: tuple[Rest, Grpc]):
    side = sides[1]
    coding = {"system": "urn:example:services", "code": "60"}
    side.desk.put(slot("x1", "nurse", 8, serviceType=[{"coding": [coding]}]))
    side.rpc.number()
    for wanted in ("60", "urn:example:services|60"):
        assert [name for name, _, _ in told(watch(side.rpc, service_types=[wanted], after=0), 1)] == ["x1"]
    stream = watch(side.rpc, service_types=["61"], after=0, heartbeat_seconds=1)
    beats = [message.heartbeat for message, _ in zip(stream, range(3), strict=False)]
    assert all(not message.cursor or dict(message.cursor) for message in beats)
    assert dict(beats[-1].cursor) == dict(beats[-1].high_water)
    for request, code in REFUSED:
        with pytest.raises(grpc.RpcError) as caught:
            next(iter(watch(side.rpc, **request)))
        assert caught.value.code().name == code, request


def test_a_call_that_is_over_has_booked_nothing(sides: tuple[Rest, Grpc]):
    side = sides[1]
    wish = scheduling_pb2.Wish(slots=["n1"], patients=["ann"])
    with pytest.raises(grpc.RpcError) as caught:
        side.rpc.scheduling.Book(scheduling_pb2.BookRequest(wish=wish), timeout=0.0001, wait_for_ready=True)
    assert caught.value.code().name == "DEADLINE_EXCEEDED"
    until(lambda: side.desk.status("Slot/n1") == "free", seconds=1, what="the slot is free")
