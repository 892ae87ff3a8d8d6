"""A ward for tests of hand-offs: whom it answers for, and short ways to offer, to answer and to look."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from carethread.careteams.handing.replaying import replay
from carethread.careteams.handing.states import position
from carethread.careteams.teams.answering import accountable
from carethread.core.fhir import json
from carethread.core.ports import Entry, Resource
from support.care import (
    OURS,
    Care,
    care,
    department_team,
    organization,
    part,
    patient,
    person_team,
    practitioner,
    role,
)
from support.desk import refer


@contextmanager
def ward(folder: Path, url: str) -> Iterator[Care]:
    """A person whose care one practitioner answers for; a ward with a lead, someone on call and two nurses."""
    with care(folder, url, ("records", "careteams")) as made:
        made.tell(patient("ann"), patient("ben"), organization("ward"), organization("clinic"))
        for name in ("doctor", "nurse", "second", "lead", "duty", "stranger"):
            made.tell(practitioner(name))
        made.tell(role("nurse-role", "nurse", "ward"))
        made.put(
            department_team(
                "ward-team",
                "ward",
                part("Practitioner/lead"),
                part("Practitioner/duty", "on-call"),
                part("Practitioner/nurse", "member"),
                part("Practitioner/second", "member"),
            )
        )
        made.put(person_team("anns", "ann", part("Practitioner/doctor"), department="ward"))
        made.now = made.now.replace(minute=1)
        yield made


def asked(to: str = "Practitioner/nurse", kind: str = "shift", person: str = "ann", **texts: Any) -> list[Resource]:
    """The parameters of an offer."""
    said = [*refer("patient", f"Patient/{person}"), *refer("to", to), {"name": "kind", "valueCode": kind}]
    for name, value in texts.items():
        member = "valueBoolean" if isinstance(value, bool) else "valueDateTime" if "T" in value else "valueString"
        if "/" in value if isinstance(value, str) else False:
            said += refer(name.rstrip("_"), value)
        else:
            said.append({"name": name.replace("_", "-"), member: value})
    return said


def offered(practice: Care, *args: str, **texts: Any) -> Resource:
    """The Task of an offer."""
    answer = practice.operate("POST", "Task/$hand-off", *asked(*args, **texts))
    return next(each["resource"] for each in answer["parameter"] if each["name"] == "task")


def answer(practice: Care, task: Resource, said: str, by: str = "", reason: str = "") -> tuple[int, Resource]:
    parts = [{"name": "answer", "valueCode": said}, *(refer("by", by) if by else [])]
    parts += [{"name": "reason", "valueString": reason}] if reason else []
    found = practice.ask("POST", f"Task/{task['id']}/$answer", {"resourceType": "Parameters", "parameter": parts})
    return found.status, json.parse_object(found.body)


def who(practice: Care, person: str = "ann") -> str:
    found = practice.store.glance(lambda session: accountable(session, f"Patient/{person}", practice.micros + 1))
    return found.member if found else ""


def entries(practice: Care, task: Resource) -> list[Entry]:
    found = practice.store.glance(lambda session: session.ledger.of([f"Task/{task['id']}"]))
    stands = practice.read(f"Task/{task['id']}")
    assert replay(found) == position(stands), "the ledger says what the Task does"
    return found


def steps(practice: Care, task: Resource) -> list[str]:
    return [entry.step for entry in entries(practice, task)]


def plain_offer(practice: Care) -> Resource:
    return {
        "resourceType": "Task",
        "meta": {"profile": [OURS + "task-hand-off"]},
        "status": "requested",
        "intent": "order",
        "code": {"coding": [{"system": "https://carethread.dev/fhir/CodeSystem/hand-off-kind", "code": "care"}]},
        "for": {"reference": "Patient/ann"},
        "authoredOn": practice.at(),
        "requester": {"reference": "Practitioner/doctor"},
        "owner": {"reference": "Practitioner/nurse"},
        "restriction": {"period": {"end": practice.at(hours=2)}},
    }


def report(id_: str, person: str) -> Resource:
    """A result about a person (their id)."""
    return {
        "resourceType": "DiagnosticReport", "id": id_, "status": "final", "code": {"text": "Laboratory"},
        "subject": {"reference": f"Patient/{person}"},
    }  # fmt: skip


def parameters(parts: list[Resource]) -> Resource:
    return {"resourceType": "Parameters", "parameter": parts}
