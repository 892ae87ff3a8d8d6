"""A practice in which people say how their care was: who answers it, and short ways to say, to answer and to look."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from carethread.core.fhir import json
from carethread.core.ports import Resource
from carethread.core.service import PROFILES
from support.calling import called_practice
from support.care import Care, department_team, part, patient, practitioner, role
from support.instruments import answering, shipped

DEPARTMENT = {"url": PROFILES + "department", "valueReference": {"reference": "Organization/clinic"}}
COMMENT = "Nobody told me why I had to wait so long."


@contextmanager
def feedback_practice(folder: Path, url: str) -> Iterator[Care]:
    """The clinic's feedback is Fay's to answer, then its lead's, then Fred's, of the house above; then that of Ann's
    doctor. Ann speaks Spanish, and Ben a language in which we have no words."""
    with called_practice(folder, url) as made:
        made.tell(practitioner("fay"), practitioner("fred"), role("fay-role", "fay", "clinic"))
        parts = [part("Practitioner/lead"), part("PractitionerRole/fay-role", "feedback")]
        made.put(department_team("clinics", "clinic", *parts, up="CareTeam/houses"))
        made.put(department_team("houses", "house", part("Practitioner/lead"), part("Practitioner/fred", "feedback")))
        made.tell(spoken("ann", "es-MX"), spoken("ben", "vi"))
        yield made


def spoken(id_: str, language: str, **more: Any) -> Resource:
    said = [{"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": language}]}, "preferred": True}]
    return {**patient(id_), "communication": said, **more}


def visit(
    overall: int | None = 3, *, comment: str = "", contact: bool | None = None, complaint: bool = False,
    id_: str = "f1", subject: str = "Patient/ann", **more: Any,
) -> Resource:  # fmt: skip
    """A response to the form after a visit: from 0 to 10, and words; without a subject it is an EHR's."""
    picks = {} if overall is None else {"overall": overall}
    made = answering(shipped("visit-experience"), picks, id=id_, extension=[DEPARTMENT], **more)
    values = {
        "comment": ("valueString", comment),
        "complaint": ("valueBoolean", complaint),
        "contact": ("valueBoolean", contact),
    }
    for link, (name, value) in values.items():
        if value or (link == "contact" and value is False):
            made["item"].append({"linkId": link, "answer": [{name: value}]})
    if subject:
        return {**made, "subject": {"reference": subject}}
    nameless = {name: value for name, value in made.items() if name != "subject"}
    return {**nameless, "meta": {"source": "urn:example:kiosk"}}


def say(practice: Care, response: Resource, *, backfill: bool = False) -> None:
    """Store what somebody says, and have care teams asked."""
    practice.put(response, backfill=backfill)
    practice.send("questionnaires")


def tasks(practice: Care, code: str = "feedback", **params: str) -> list[Resource]:
    more = "".join(f"&{name.replace('_', '-')}={value}" for name, value in params.items())
    return practice.found(f"Task?code={code}&_sort=authored-on,_id{more}")


def the_task(practice: Care, code: str = "feedback") -> Resource:
    (only,) = tasks(practice, code)
    return only


def state(practice: Care) -> str:
    code: str = the_task(practice)["businessStatus"]["coding"][0]["code"]
    return code


def owner(practice: Care, code: str = "feedback") -> str:
    who: str = the_task(practice, code).get("owner", {}).get("reference", "")
    return who


def kinds(practice: Care) -> list[str]:
    return [each["code"] for each in the_task(practice)["reasonCode"]["coding"]]


def step(practice: Care, status: str, **members: Any) -> tuple[int, Any]:
    """Have it be at another status; who is named by `by` has it."""
    task = the_task(practice)
    if by := members.pop("by", ""):
        members["owner"] = {"reference": by}
    if why := members.pop("why", ""):
        members["statusReason"] = {"coding": [{"system": f"{_OURS}feedback-untold", "code": why}]}
    answer = practice.ask("PUT", f"Task/{task['id']}", {**task, "status": status, **members})
    issues = json.parse_object(answer.body).get("issue", [{}])
    return answer.status, issues[0].get("expression", [""])[0]


_OURS = "https://carethread.dev/fhir/CodeSystem/"


def parts(**given: Any) -> list[Resource]:
    """Parameters by their names."""
    return [each for name, value in given.items() for each in _parts(name, value)]


def _parts(name: str, value: Any) -> list[Resource]:
    if isinstance(value, list):
        return [part_ for each in value for part_ in _parts(name, each)]
    if isinstance(value, bool):
        return [{"name": name, "valueBoolean": value}]
    if name in ("by", "notice"):
        return [{"name": name, "valueReference": {"reference": value}}]
    return [{"name": name, "valueString" if name in ("words", "message") else "valueCode": value}]


def resolve(practice: Care, *, id_: str = "", **given: Any) -> tuple[int, Resource]:
    """What `$resolve-feedback` answers; by Fay, explained, where nothing else is given."""
    said = {"by": "Practitioner/fay", "outcome": "explained", "words": "Talked with the front desk.", **given}
    return operate(practice, f"Task/{id_ or the_task(practice)['id']}/$resolve-feedback", **said)


def operate(practice: Care, path: str, **given: Any) -> tuple[int, Resource]:
    body = {"resourceType": "Parameters", "parameter": parts(**given)}
    answer = practice.ask("POST", path, body)
    return answer.status, json.parse_object(answer.body)


def values(parameters: Resource) -> dict[str, Any]:
    """The simple values of a Parameters, by name."""
    return {
        each["name"]: next(value for name, value in each.items() if name.startswith("value"))
        for each in parameters["parameter"]
        if "part" not in each
    }


def message(practice: Care) -> Resource:
    (only,) = [each for each in practice.found("Communication?_sort=_id") if each.get("basedOn")]
    return only


def deliver(practice: Care, status: str = "completed") -> None:
    """Have the message reach the person, or not."""
    told = next(each for each in practice.found("Communication?status=preparation") if each.get("basedOn"))
    practice.put({**told, "status": status, **({"sent": practice.at()} if status == "completed" else {})})


def silence(practice: Care, hours: float = 24) -> str:
    """Let so much time pass; who has it then."""
    practice.pass_time(hours=hours)
    practice.fire()
    return owner(practice)


def notice(practice: Care) -> str:
    """A notice that tells the clinic what was changed (`Communication/1`)."""
    given: list[Resource] = [
        {"name": "recipient", "valueReference": {"reference": "Organization/clinic"}},
        {"name": "sender", "valueReference": {"reference": "Practitioner/lead"}},
        {"name": "text", "valueString": "You said, we did: we say why, when people wait."},
        {"name": "acknowledge-by", "valueInstant": practice.at(days=7)},
    ]
    answer = practice.operate("POST", "Communication/$notice", *given)
    name: str = answer["parameter"][0]["valueReference"]["reference"]
    return name
