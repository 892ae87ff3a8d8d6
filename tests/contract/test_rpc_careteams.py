"""CareTeamService: what it answers and refuses is what the operations over REST answer and refuse."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import pytest

from carethread.core.fhir import json
from carethread.v1 import careteams_pb2 as pb
from support.care import Care, care, department_team, organization, part, patient, person_team, practitioner, role
from support.rpc import SECONDS, Rpc, outcome_of, serving

Resource = dict[str, Any]


@pytest.fixture
def practice(tmp_path: Path, database_url: str) -> Iterator[Care]:
    """One person with a team, and a department with another member."""
    with care(tmp_path, database_url) as made:
        made.now = datetime.now(UTC)  # as the server's clock
        made.tell(
            patient("ann", birthDate="1970-01-01"), organization("home"), practitioner("lee"), practitioner("kim")
        )
        made.tell(role("lee", "lee", "home"), role("kim", "kim", "home"))
        made.put(department_team("home", "home", part("PractitionerRole/kim")))
        made.put(
            person_team("anns", "ann", part("PractitionerRole/lee", backup="PractitionerRole/kim"), department="home")
        )
        yield made


@pytest.fixture
def rpc(practice: Care) -> Iterator[Rpc]:
    with serving(practice.runtimes) as made:
        yield made


def values(practice: Care, path: str, name: str) -> list[Resource]:
    return [each for each in practice.operate("GET", path)["parameter"] if each["name"] == name]


def offered(rpc: Rpc, **more: Any) -> pb.HandOffResponse:
    said = {"patient": "ann", "kind": "care", "receiver": "PractitionerRole/kim", **more}
    answer: pb.HandOffResponse = rpc.care_teams.HandOff(pb.HandOffRequest(**said), timeout=SECONDS)
    return answer


def refused(call: Callable[..., Any], request: Any) -> tuple[str, list[str]]:
    """The status of a refusal, and where the mistakes are."""
    with pytest.raises(grpc.RpcError) as caught:
        answer = call(request, timeout=SECONDS)
        list(answer) if hasattr(answer, "__next__") else answer
    issues = outcome_of(caught.value)["issue"]
    return caught.value.code().name, [where for each in issues for where in each.get("expression", ())]


def test_who_answers(practice: Care, rpc: Rpc) -> None:
    found = rpc.care_teams.WhoIsAccountable(pb.WhoIsAccountableRequest(patient="ann"), timeout=SECONDS)
    assert (found.patient, found.member, found.practitioner) == (
        "Patient/ann",
        "PractitionerRole/lee",
        "Practitioner/lee",
    )
    assert (found.team, found.department) == ("CareTeam/anns", "Organization/home")
    assert (list(found.backups), list(found.then)) == (["PractitionerRole/kim"], ["PractitionerRole/kim"])
    assert 0 < found.since_micros <= found.at_micros
    assert not found.HasField("until_micros")
    then = pb.WhoIsAccountableRequest(patient="ann", at_micros=0)
    assert rpc.care_teams.WhoIsAccountable(then, timeout=SECONDS).member == ""


def test_a_person_is_handed_over_and_the_ledger_tells_it(practice: Care, rpc: Rpc) -> None:
    made = offered(rpc, note="Sees badly", urgency="urgent", idempotency_key="one")
    task = json.parse_object(made.task.json)
    assert (task["status"], task["priority"], task["for"]["reference"]) == ("requested", "urgent", "Patient/ann")
    assert json.parse_object(made.summary)["type"] == "document"
    again = offered(rpc, note="Sees badly", urgency="urgent", idempotency_key="one")
    assert (again.task.id, again.summary_reference) == (made.task.id, made.summary_reference)
    answer = pb.AnswerRequest(
        task=made.task.id, answer=pb.HAND_OFF_ANSWER_ACCEPT, by="PractitionerRole/kim", if_version=1
    )
    taken = rpc.care_teams.Answer(answer, timeout=SECONDS).task
    assert json.parse_object(taken.json)["status"] == "accepted"
    found = rpc.care_teams.WhoIsAccountable(pb.WhoIsAccountableRequest(patient="ann"), timeout=SECONDS)
    assert found.member == "PractitionerRole/kim"
    for asked, path in (
        (pb.LedgerRequest(patient="ann"), "Patient/ann"),
        (pb.LedgerRequest(task=taken.id), f"Task/{taken.id}"),
    ):
        told = [entry for page in rpc.care_teams.Ledger(asked, timeout=SECONDS) for entry in page.entries]
        said = values(practice, f"{path}/$ledger", "entry")
        steps = [next(each["valueCode"] for each in entry["part"] if each["name"] == "step") for entry in said]
        assert [entry.step for entry in told] == steps
        assert {entry.patient for entry in told} == {"Patient/ann"}
        assert told[0].receiver == "PractitionerRole/kim"
        behind = type(asked)(patient=asked.patient, task=asked.task, after=told[0].number)
        assert [e.number for p in rpc.care_teams.Ledger(behind, timeout=SECONDS) for e in p.entries] == [
            entry.number for entry in told[1:]
        ]


def test_declined(rpc: Rpc) -> None:
    made = offered(rpc)
    answer = pb.AnswerRequest(task=made.task.id, answer=pb.HAND_OFF_ANSWER_DECLINE, reason="No room")
    taken = json.parse_object(rpc.care_teams.Answer(answer, timeout=SECONDS).task.json)
    assert (taken["status"], taken["statusReason"]["text"]) == ("rejected", "No room")


def test_an_agenda(practice: Care, rpc: Rpc) -> None:
    offered(rpc, urgency="stat")
    found = rpc.care_teams.Huddle(pb.HuddleRequest(team="anns", attending=["PractitionerRole/lee"]), timeout=SECONDS)
    said = values(practice, "CareTeam/anns/$huddle?attending=PractitionerRole/lee", "person")
    assert (found.team, found.total) == ("CareTeam/anns", len(said))
    assert [(person.patient, person.score) for person in found.people] == [
        (each["part"][0]["valueReference"]["reference"], each["part"][1]["valueUnsignedInt"]) for each in said
    ]
    assert all(reason.code and reason.about for person in found.people for reason in person.reasons)
    of_home = rpc.care_teams.Huddle(pb.HuddleRequest(department="home", count=1), timeout=SECONDS)
    assert of_home.department == "Organization/home"


def test_the_page_about_a_person(rpc: Rpc) -> None:
    found = rpc.care_teams.AboutMe(pb.AboutMeRequest(patient="ann", recipient="PractitionerRole/kim"), timeout=SECONDS)
    assert json.parse_object(found.json)["type"] == "document"


ACCEPT = pb.HAND_OFF_ANSWER_ACCEPT
REFUSED = [
    ("WhoIsAccountable", pb.WhoIsAccountableRequest(patient="no id"), "INVALID_ARGUMENT", ["patient"]),
    ("WhoIsAccountable", pb.WhoIsAccountableRequest(patient="nobody"), "NOT_FOUND", []),
    ("WhoIsAccountable", pb.WhoIsAccountableRequest(patient="ann", at_micros=2**62), "INVALID_ARGUMENT", ["at_micros"]),
    ("HandOff", pb.HandOffRequest(kind="care", receiver="PractitionerRole/kim"), "INVALID_ARGUMENT", ["patient"]),
    (
        "HandOff",
        pb.HandOffRequest(patient="ann", kind="none", receiver="PractitionerRole/kim"),
        "INVALID_ARGUMENT",
        ["kind"],
    ),
    ("HandOff", pb.HandOffRequest(patient="ann", kind="care"), "INVALID_ARGUMENT", ["receiver"]),
    (
        "HandOff",
        pb.HandOffRequest(patient="ann", kind="care", receiver="PractitionerRole/none"),
        "INVALID_ARGUMENT",
        ["receiver"],
    ),
    (
        "HandOff",
        pb.HandOffRequest(patient="ann", kind="care", sender="PractitionerRole/kim", receiver="PractitionerRole/lee"),
        "INVALID_ARGUMENT",
        ["sender"],
    ),
    (
        "HandOff",
        pb.HandOffRequest(patient="ann", kind="care", receiver="PractitionerRole/kim", deadline_micros=1),
        "INVALID_ARGUMENT",
        ["deadline_micros"],
    ),
    ("Answer", pb.AnswerRequest(task="none", answer=ACCEPT), "NOT_FOUND", []),
    ("Answer", pb.AnswerRequest(task="none"), "INVALID_ARGUMENT", ["answer"]),
    ("Ledger", pb.LedgerRequest(), "INVALID_ARGUMENT", ["patient"]),
    ("Ledger", pb.LedgerRequest(patient="ann", task="t"), "INVALID_ARGUMENT", ["patient"]),
    ("Ledger", pb.LedgerRequest(task="none"), "NOT_FOUND", []),
    ("Huddle", pb.HuddleRequest(), "INVALID_ARGUMENT", ["department"]),
    ("Huddle", pb.HuddleRequest(team="none"), "NOT_FOUND", []),
    ("Huddle", pb.HuddleRequest(team="anns", count=10_000), "INVALID_ARGUMENT", ["count"]),
    ("AboutMe", pb.AboutMeRequest(patient="ann", recipient="Patient/ann"), "INVALID_ARGUMENT", ["recipient"]),
    (
        "AboutMe",
        pb.AboutMeRequest(patient="ann", as_related_person="RelatedPerson/none"),
        "PERMISSION_DENIED",
        ["as_related_person"],
    ),
]


def test_what_is_refused_is_said_by_the_names_of_the_message(rpc: Rpc) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        rpc.care_teams.HandOff(pb.HandOffRequest(patient="ann", kind="care"), timeout=SECONDS)
    assert outcome_of(caught.value)["issue"][0]["diagnostics"].startswith("receiver is needed")


def test_what_is_refused(rpc: Rpc) -> None:
    found = [(call, *refused(getattr(rpc.care_teams, call), request)) for call, request, _, _ in REFUSED]
    assert found == [(call, status, where) for call, _, status, where in REFUSED]


def test_who_answers_second_is_refused(rpc: Rpc) -> None:
    task = offered(rpc).task.id
    rpc.care_teams.Answer(pb.AnswerRequest(task=task, answer=pb.HAND_OFF_ANSWER_DECLINE, reason="Ill"), timeout=SECONDS)
    late = pb.AnswerRequest(task=task, answer=ACCEPT, by="PractitionerRole/kim")
    assert refused(rpc.care_teams.Answer, late)[0] in ("ABORTED", "INVALID_ARGUMENT")
    stale = pb.AnswerRequest(task=task, answer=ACCEPT, by="PractitionerRole/kim", if_version=99)
    assert refused(rpc.care_teams.Answer, stale)[0] == "FAILED_PRECONDITION"
