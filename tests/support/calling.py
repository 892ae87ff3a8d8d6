"""A practice in which somebody is called to critical answers: who is there, and short ways to save and to look."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from carethread.core.context import context_of
from carethread.core.fhir import json
from carethread.core.ports import Request, Resource, Response
from carethread.interactions.rest.handling import handle
from support.care import Care, care, department_team, organization, part, patient, person_team, practitioner
from support.desk import OURS
from support.instruments import answering, shipped

HARM, STEM = "/44260-8", "/44250-9"
PEOPLE = ("duty", "second", "lead", "above", "doctor", "stranger")


@dataclass(frozen=True)
class OnOurClock:
    """The way between the services, who have the time that is on the practice's wall."""

    practice: Care

    def call(self, service: str, request: Request) -> Response:
        context = context_of(request.headers, lambda: self.practice.now)
        return handle(self.practice.runtimes[service], request, context)

    def knows(self, service: str) -> bool:
        return service in self.practice.runtimes


@contextmanager
def called_practice(folder: Path, url: str, *, on_call: Sequence[str] = ("duty",)) -> Iterator[Care]:
    """A clinic with a lead and those on call, a house above it with somebody on call; Ann's doctor is at the clinic."""
    with care(folder, url) as made:
        for name, each in made.runtimes.items():
            made.runtimes[name] = replace(each, peer=OnOurClock(made))
        made.tell(patient("ann"), patient("ben"), *(organization(each) for each in ("clinic", "house", "ward")))
        made.tell(*(practitioner(each) for each in PEOPLE))
        made.put(department_team("houses", "house", part("Practitioner/above", "on-call"), part("Practitioner/lead")))
        duty = [part(f"Practitioner/{each}", "on-call") for each in on_call]
        made.put(department_team("clinics", "clinic", part("Practitioner/lead"), *duty, up="CareTeam/houses"))
        made.put(person_team("anns", "ann", part("Practitioner/doctor"), department="clinic"))
        yield made


def phq(*, harm: int | None = 1, id_: str = "r1", status: str = "in-progress", **more: Any) -> Resource:
    """A PHQ-9 of Ann's, whose question on self-harm is answered so."""
    given = answering(shipped("phq-9"), {STEM: 0, **({} if harm is None else {HARM: harm})}, id=id_, status=status)
    return {**given, "author": {"reference": "Patient/ann"}, **more}


def all_zero(harm: int, **more: Any) -> Resource:
    """A whole one, with nothing in it but that."""
    form = shipped("phq-9")
    asked = [each.link_id for each in form.items.values() if each.options]
    return {**answering(form, {**dict.fromkeys(asked, 0), HARM: harm}, id="r1"), **more}


def save(practice: Care, response: Resource, *, backfill: bool = False) -> None:
    """Save it, and have care teams asked."""
    practice.put(response, backfill=backfill)
    practice.send("questionnaires")


def calls(practice: Care, code: str = "critical-answer") -> list[Resource]:
    return practice.found(f"Task?code={code}&_sort=authored-on,_id")


def the_call(practice: Care) -> Resource:
    (only,) = calls(practice)
    return only


def owner(practice: Care) -> str:
    who: str = the_call(practice).get("owner", {}).get("reference", "")
    return who.removeprefix("Practitioner/")


def step(practice: Care, status: str, **members: Any) -> tuple[int, Any]:
    """Have the call be at another status; who is named by `by` has it."""
    task = the_call(practice)
    if by := members.pop("by", ""):
        members["owner"] = {"reference": by}
    if why := members.pop("why", ""):
        members["statusReason"] = {"text": why}
    answer = practice.ask("PUT", f"Task/{task['id']}", {**task, "status": status, **members})
    issues = json.parse_object(answer.body).get("issue", [{}])
    return answer.status, issues[0].get("expression", [""])[0]


def issue(practice: Care) -> Resource:
    (only,) = practice.found("DetectedIssue?implicated=QuestionnaireResponse/r1")
    return only


def flags(practice: Care) -> list[str]:
    return [each["status"] for each in practice.found("Flag?_sort=date") if "nobody-there" in str(each["code"])]


DEPARTMENT = OURS + "department"
