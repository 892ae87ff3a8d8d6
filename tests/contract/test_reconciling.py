"""The reconciliation report on both databases: what an EHR tells is taken as it comes, found, and set right."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from carethread.core.fhir import json
from carethread.core.ports import Request, Resource, Response
from carethread.interactions.rest.handling import handle
from carethread.scheduling.reconciling import operations, reading
from carethread.scheduling.rules import REASONS
from support import desk as desks
from support.desk import START, Desk, of, schedule, slot, wish

EHR = "urn:example:ehr"
RANGE = "from=2031-03-03&to=2031-03-03"


@pytest.fixture
def desk(database_url: str, tmp_path: Path) -> Iterator[Desk]:
    """A nurse's Schedule with six Slots of which the first is booked, and a Schedule that the EHR masters."""
    with desks.desk(tmp_path, database_url) as made:
        for id_ in ("ann", "bo"):
            made.put(desks.patient(id_), service="records")
        made.put(schedule("ours", "Practitioner/nurse"))
        master = {"url": desks.OURS + "schedule-master", "valueCode": "ehr"}
        made.put(schedule("theirs", "Practitioner/doctor", extension=[master]))
        for number in range(1, 7):
            made.put(slot(f"s{number}", "ours", number))
        yield made


def told(
    desk: Desk, id_: str, hour: float, status: str = "booked", *, slots: tuple[str, ...] = (), **more: Any
) -> None:
    """The EHR tells of an Appointment of a person with the nurse, as history unless it is `live`."""
    person, live = more.pop("person", "ann"), more.pop("live", False)
    begin = START + timedelta(hours=hour)
    desk.put(
        {
            "resourceType": "Appointment",
            "id": id_,
            "meta": {"source": EHR},
            "status": status,
            "start": begin.isoformat(),
            "end": (begin + timedelta(minutes=30)).isoformat(),
            **({"slot": [{"reference": f"Slot/{each}"} for each in slots]} if slots else {}),
            "participant": [
                {"actor": {"reference": actor}, "status": "accepted"}
                for actor in (f"Patient/{person}", "Practitioner/nurse")
            ],
            **more,
        },
        backfill=not live,
    )


def report(desk: Desk, query: str = RANGE, id_: str = "") -> list[dict[str, Any]]:
    """The findings, each by the names of its parts."""
    answer = ask(desk, query, id_)
    assert answer.status == 200, answer.body
    parts = json.parse_object(answer.body)["parameter"]
    return [{part["name"]: part for part in each["part"]} for each in parts if each["name"] == "finding"]


def ask(desk: Desk, query: str, id_: str = "") -> Response:
    path = f"Schedule/{id_}/$reconcile" if id_ else "Schedule/$reconcile"
    return handle(desk.runtime, Request("GET", path, parse_qsl(query)), desk.context())


def kinds(desk: Desk, query: str = RANGE, id_: str = "") -> list[str]:
    return [each["kind"]["valueCode"] for each in report(desk, query, id_)]


def do(desk: Desk, finding: dict[str, Any]) -> None:
    """Send the request that a finding says."""
    said: dict[str, Resource] = {part["name"]: part for part in finding["request"]["part"]}
    method, url = said["method"]["valueCode"], said["url"]["valueUri"]
    if method == "PATCH":
        patch = json.parse(said["body"]["valueString"].encode())
        headers = {"content-type": "application/json-patch+json", "if-match": said["ifMatch"]["valueString"]}
        answer = desk.ask(method, url, patch, headers=headers)
    else:
        match = {"if-match": said["ifMatch"]["valueString"]} if "ifMatch" in said else {}
        answer = desk.ask(method, url, said["body"]["resource"], headers=match)
    assert answer.status == 200, answer.body


def test_where_both_sides_agree_nothing_is_found(desk: Desk):
    mine = desk.done("book", *wish(["s1"], "ann"))
    told(desk, "e1", 1)
    assert kinds(desk) == []
    assert kinds(desk, id_="ours") == []
    assert mine["status"] == "booked"


@pytest.mark.parametrize(("code", "by", "slot_is"), [("prov", "provider", "busy-unavailable"), ("", "patient", "free")])
def test_a_cancellation_of_the_ehr_is_by_whom_its_reason_says(desk: Desk, code: str, by: str, slot_is: str):
    mine = desk.done("book", *wish(["s1"], "ann"))
    reason = {"coding": [{"system": REASONS, "code": code}]} if code else {"text": "Called"}
    told(desk, "e1", 1, "cancelled", cancelationReason=reason)
    [found] = report(desk)
    body = next(part for part in found["request"]["part"] if part["name"] == "body")["resource"]
    assert body["parameter"][0] == {"name": "by", "valueCode": by}
    assert ("does not say by whom" in found["fix"]["valueString"]) is (not code)
    do(desk, found)
    assert (desk.status(f"Appointment/{mine['id']}"), desk.status("Slot/s1")) == ("cancelled", slot_is)


def test_a_cancellation_does_nothing_to_what_was_changed_meanwhile(desk: Desk):
    mine = desk.done("book", *wish(["s1"], "ann"))
    told(desk, "e1", 1, "cancelled")
    [found] = report(desk)
    desk.put({**desk.read(f"Appointment/{mine['id']}"), "comment": "Comes after all."})
    said = {part["name"]: part for part in found["request"]["part"]}
    headers = {"if-match": said["ifMatch"]["valueString"]}
    answer = desk.ask("POST", said["url"]["valueUri"], said["body"]["resource"], headers=headers)
    assert (answer.status, desk.status(f"Appointment/{mine['id']}")) == (412, "booked")


def test_a_cancellation_of_the_ehr_is_made_here_and_frees_the_slot(desk: Desk):
    mine = desk.done("book", *wish(["s1"], "ann"))
    reason = {"coding": [{"system": REASONS, "code": "pat-mt"}]}
    told(desk, "e1", 1, "cancelled", cancelationReason=reason)
    [found] = report(desk)
    assert (found["kind"]["valueCode"], found["source"]["valueUri"]) == ("cancelled-there", EHR)
    do(desk, found)
    assert (desk.status(f"Appointment/{mine['id']}"), desk.status("Slot/s1")) == ("cancelled", "free")
    assert desk.read(f"Appointment/{mine['id']}")["cancelationReason"] == reason
    assert kinds(desk) == []


def test_a_cancellation_of_ours_is_to_be_sent(desk: Desk):
    mine = desk.done("book", *wish(["s1"], "ann"))
    told(desk, "e1", 1)
    desk.done("cancel", of(mine))
    [found] = report(desk)
    assert found["kind"]["valueCode"] == "cancelled-here"
    assert found["send"]["valueReference"]["reference"] == f"Appointment/{mine['id']}/_history/2"


def test_a_status_is_taken_over_and_a_jump_is_told(desk: Desk):
    mine = desk.done("book", *wish(["s1"], "ann"))
    told(desk, "e1", 1, "cancelled")
    told(desk, "e1", 1, "arrived")
    found = {each["kind"]["valueCode"]: each for each in report(desk)}
    assert set(found) == {"status-difference", "status-jump"}
    assert found["status-jump"]["said"]["valueString"] == "cancelled became arrived."
    do(desk, found["status-difference"])
    assert desk.status(f"Appointment/{mine['id']}") == "arrived"
    assert kinds(desk) == ["status-jump"]


@pytest.mark.parametrize(
    ("before", "after", "fix"),
    [
        ("cancelled", "booked", "stands again"),
        ("fulfilled", "noshow", "which is true"),
        ("proposed", "fulfilled", "missing between"),
        ("checked-in", "pending", "what happened"),
    ],
)
def test_jumps_are_stored_counted_and_listed_with_a_fix(desk: Desk, before: str, after: str, fix: str):
    told(desk, "e1", 1, before)
    told(desk, "e1", 1, after)
    told(desk, "e2", 2, before)
    assert desk.status("Appointment/e1") == after, "it is stored as it is told"
    [found] = report(desk, f"{RANGE}&kind=status-jump")
    assert (found["about"]["valueReference"]["reference"], found["source"]["valueUri"]) == ("Appointment/e1", EHR)
    assert found["said"]["valueString"] == f"{before} became {after}."
    assert fix in found["fix"]["valueString"]
    assert counted(desk)["status-jump"] == 1


def test_what_an_ehr_writes_on_one_of_ours_is_told_too(desk: Desk):
    mine = desk.done("book", *wish(["s1"], "ann"))
    meta = {**mine["meta"], "source": EHR}
    for status in ("fulfilled", "booked"):
        desk.put({**mine, "meta": meta, "status": status}, backfill=True)
    told(desk, "e2", 1.1, slots=("s1",), person="bo", meta=meta)
    found = counted(desk)
    assert {kind: count for kind, count in found.items() if count} == {
        "status-jump": 1, "overbooked": 1
    }  # fmt: skip


def test_when_not_every_history_was_read_the_report_says_so(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    for _ in range(3):
        told(desk, "e1", 1)
        told(desk, "e1", 1, "arrived")
    assert parts_of(desk, "complete")[0]["valueBoolean"] is True
    monkeypatch.setattr(reading, "VERSIONS", 5)
    assert parts_of(desk, "complete")[0]["valueBoolean"] is False
    monkeypatch.setattr(reading, "VERSIONS", 50)
    monkeypatch.setattr(reading, "MOST_JUMPS", 0)
    assert parts_of(desk, "complete")[0]["valueBoolean"] is False


def parts_of(desk: Desk, name: str) -> list[dict[str, Any]]:
    parts = json.parse_object(ask(desk, RANGE).body)["parameter"]
    return [each for each in parts if each["name"] == name]


def counted(desk: Desk) -> dict[str, int]:
    """How often each kind is found."""
    return {kind["valueCode"]: count["valueInteger"] for kind, count, _ in (e["part"] for e in parts_of(desk, "count"))}


def test_what_the_ehr_books_twice_is_stored_and_told(desk: Desk):
    mine = desk.done("book", *wish(["s1"], "ann"))
    told(desk, "e1", 1, slots=("s1",), person="bo")
    told(desk, "e2", 2.25, person="ann")
    told(desk, "e3", 2.5, person="bo")
    overbooked, double = report(desk)
    said = [overbooked["kind"]["valueCode"], double["kind"]["valueCode"]]
    assert said == ["overbooked", "double-booked"]
    assert overbooked["said"]["valueString"] == "2 Appointments have it, and it takes 1."
    assert double["said"]["valueString"] == "Practitioner/nurse is at both."
    assert desk.status(f"Appointment/{mine['id']}") == "booked"


def test_what_the_ehr_books_over_ours_now_is_stored_and_told(desk: Desk):
    mine = desk.done("book", *wish(["s1"], "ann"))
    told(desk, "e1", 1, slots=("s1",), person="bo", live=True)
    told(desk, "e2", 1.25, person="bo", live=True)
    found = report(desk)
    assert [each["kind"]["valueCode"] for each in found] == ["overbooked", "double-booked", "double-booked"]
    assert (desk.status(f"Appointment/{mine['id']}"), desk.status("Slot/s1")) == ("booked", "busy")


def test_a_slot_that_the_ehr_withdraws_is_told_to_who_has_it(desk: Desk):
    for number, person in ((1, "ann"), (2, "bo")):
        desk.put(slot(f"t{number}", "theirs", number, meta={"source": EHR}))
        desk.done("book", *wish([f"t{number}"], person))
    desk.put({**slot("t1", "theirs", 1, meta={"source": EHR}), "status": "busy-unavailable"})
    assert desk.ask("DELETE", "Slot/t2").status in (200, 204)
    closed, gone = sorted(report(desk), key=lambda each: str(each["said"]["valueString"]))
    assert [each["kind"]["valueCode"] for each in (closed, gone)] == ["slot-withdrawn"] * 2
    assert [each["said"]["valueString"] for each in (closed, gone)] == [
        "Its Slot is busy-unavailable.",
        "Its Slot is deleted.",
    ]


def test_a_busy_slot_without_an_appointment_is_freed(desk: Desk):
    desk.put(slot("s2", "ours", 2, status="busy"))
    master = slot("t1", "theirs", 1, status="busy", meta={"source": EHR})
    desk.put(master, backfill=True)
    ours, theirs = report(desk)
    assert [each["kind"]["valueCode"] for each in (ours, theirs)] == ["stuck-busy"] * 2
    assert "request" not in theirs
    do(desk, ours)
    assert desk.status("Slot/s2") == "free"
    assert (kinds(desk), kinds(desk, id_="ours")) == (["stuck-busy"], [])


def test_the_report_of_one_schedule_leaves_out_the_others(desk: Desk):
    mine = desk.done("book", *wish(["s1"], "ann"))
    told(desk, "e1", 1)
    desk.done("cancel", of(mine))
    assert (kinds(desk, id_="ours"), kinds(desk, id_="theirs")) == (["cancelled-here"], [])
    assert kinds(desk, "from=2031-03-04&to=2031-03-31", "ours") == []
    assert kinds(desk, f"{RANGE}&kind=overbooked,stuck-busy") == []


WRONG = (
    ("", 400, "from"),
    ("from=2031-03-03", 400, "to"),
    ("from=soon&to=2031-03-03", 400, "from"),
    ("from=2031-03-03&to=2031-03-02", 400, "to"),
    ("from=2031-03-03&to=2031-07-03", 400, "to"),
    ("from=2031-03-03&from=2031-03-03&to=2031-03-03", 400, "from"),
    (f"{RANGE}&kind=lost", 400, "kind"),
    (f"{RANGE}&patient=ann", 400, "patient"),
)


def test_a_kind_that_is_none_is_named(desk: Desk):
    answer = ask(desk, f"{RANGE}&kind=overbooked,lost,{'x' * 500}")
    said = json.parse_object(answer.body)["issue"][0]["diagnostics"]
    assert said.startswith(f"'lost', '{'x' * 32}' is none of the kinds ") and "'overbooked'" not in said


def test_what_is_wrong_with_a_request_is_said(desk: Desk):
    for query, status, where in WRONG:
        answer = ask(desk, query)
        assert (answer.status, json.parse_object(answer.body)["issue"][0]["expression"]) == (status, [where]), query
    assert ask(desk, RANGE, "nowhere").status == 404


def test_too_much_is_refused_and_too_many_findings_are_counted(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    for number in (1, 2, 3):
        desk.put(slot(f"s{number}", "ours", number, status="busy"))
    monkeypatch.setattr(operations, "MOST_FINDINGS", 2)
    parts = json.parse_object(ask(desk, RANGE).body)["parameter"]
    assert [part.get("valueBoolean") for part in parts if part["name"] == "complete"] == [False]
    counted = [part["part"] for part in parts if part["name"] == "count"]
    assert {kind["valueCode"]: count["valueInteger"] for kind, count, _ in counted}["stuck-busy"] == 3
    assert len([part for part in parts if part["name"] == "finding"]) == 2
    monkeypatch.setattr(reading, "MOST", 5)
    answer = ask(desk, RANGE)
    assert (answer.status, json.parse_object(answer.body)["issue"][0]["code"]) == (403, "too-costly")
