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
    """The EHR tells of an Appointment of a person with the nurse."""
    person = more.pop("person", "ann")
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
        backfill=True,
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
        answer = desk.ask(method, url, said["body"]["resource"])
    assert answer.status == 200, answer.body


def test_where_both_sides_agree_nothing_is_found(desk: Desk):
    mine = desk.done("book", *wish(["s1"], "ann"))
    told(desk, "e1", 1)
    assert kinds(desk) == []
    assert kinds(desk, id_="ours") == []
    assert mine["status"] == "booked"


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
