"""`Measure/$review-decide`: what a review has decided becomes a Task of somebody, to be done by a day.

It is requested of its owner with one commit; its id follows from what was decided, so that it is made once however
often it is said. The next pack tells whether it was done. Source: http://hl7.org/fhir/R4/task.html.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, timedelta

from carethread.core.clock import instant, to_micros
from carethread.core.context import Context, authorize
from carethread.core.errors import Invalid, Issue, Malformed
from carethread.core.fhir import json
from carethread.core.fhir.targets import is_id, key_of
from carethread.core.ports import Resource, Session
from carethread.core.service import PROFILES, Call, Runtime
from carethread.interactions.operations.given import Given
from carethread.interactions.operations.once import derived
from carethread.interactions.operations.parameters import once
from carethread.interactions.requesting import request
from carethread.interactions.standing import here
from carethread.metrics.reviewing.asking import DEPARTMENT, MONTH, Review, review

TASKS, CODE = "https://carethread.dev/fhir/CodeSystem/careteam-task", "review-decision"
REVIEWS = "https://carethread.dev/fhir/department-review"
"""The system of Task.groupIdentifier: the review that has decided it."""

TAKES = (DEPARTMENT, MONTH, "words", "owner", "due", "by", "measure")

_OWNERS = {"Practitioner": "records", "PractitionerRole": "records", "Organization": "records", "CareTeam": "careteams"}
"""Who does what is decided, and who is asked whether they are here."""

_STAFF = ("Practitioner", "PractitionerRole")
_MOST_LETTERS = 500
_MOST_DAYS = 366
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def decide(runtime: Runtime, call: Call, context: Context) -> Resource:
    """Parameters with the Task. Raises Malformed and Invalid for the parameters, Busy while who owns people is away."""
    authorize("create", "Task", context)
    given = Given(call, runtime.base_url, TAKES)
    of = review(call)
    now = context.clock()
    if of.days.first > now.date() + timedelta(days=1):
        raise Malformed("month is one that has begun.", code="value", expression=MONTH)
    words = _words(given)
    owner = given.needed("owner", *_OWNERS)
    by = given.reference("by", *_STAFF)
    due = _due(call, now.date())
    measure = _measure(runtime, once(call, "measure"))
    people = [(f"Organization/{of.department}", DEPARTMENT), (owner, "owner"), (by, "by")]
    known = _known(runtime, people)
    id_ = derived("Task", f"{CODE}/{of.name}/{owner}/{due}/{measure}/{words}")
    task = _task(id_, of, words, _called(owner, known.get(owner)), due, by, measure, instant(to_micros(now)))

    def work(session: Session) -> str:
        return request(session, task, context, f"{CODE}/{of.department}", new=True)

    made = runtime.store.transact(work)
    said = [{"name": "task", "valueReference": {"reference": f"Task/{made}"}}]
    return {"resourceType": "Parameters", "parameter": said}


def _words(given: Given) -> str:
    said = given.text("words").strip()
    if not said:
        raise Malformed("words are needed: what is to be done.", code="required", expression="words")
    if len(said) > _MOST_LETTERS:
        raise Malformed(f"words are {_MOST_LETTERS} characters at most.", code="too-long", expression="words")
    return said


def _due(call: Call, today: date) -> date:
    said = once(call, "due")
    wrong = Malformed(
        f"due is the day by which it is to be done, such as {today + timedelta(days=30)}: not in the past, and within "
        f"{_MOST_DAYS} days.",
        code="value" if said else "required",
        expression="due",
    )
    if not _DAY.fullmatch(said):
        raise wrong
    try:
        found = date.fromisoformat(said)
    except ValueError:
        raise wrong from None
    if not today <= found < today + timedelta(days=_MOST_DAYS):
        raise wrong
    return found


def _measure(runtime: Runtime, said: str) -> str:
    """The id of the Measure that it is about; empty: of none."""
    id_ = said.removeprefix("Measure/")
    if not said:
        return ""
    if not is_id(id_):
        raise Malformed("measure is one Measure, such as Measure/no-show-rate.", code="value", expression="measure")
    if runtime.store.snapshot(lambda session: here(session, ("Measure", id_))) is None:
        raise Invalid(f"Measure/{id_} is not known here.", code="not-found", expression="measure")
    return id_


def _known(runtime: Runtime, named: Sequence[tuple[str, str]]) -> dict[str, Resource]:
    """Those who are named, asked of their owner. Raises Invalid for who is not here, Busy."""
    found: dict[str, Resource] = {}
    issues = []
    for reference, where in named:
        key = key_of(reference) if reference else ("", "")
        if not reference or not runtime.peer.knows(_OWNERS[key[0]]):
            continue
        stored = runtime.owners.read(_OWNERS[key[0]], key)
        if stored is None or stored.deleted:
            issues.append(Issue("not-found", f"{reference} is not known here.", where))
            continue
        found[reference] = json.parse_object(stored.body)
        if found[reference].get("active") is False:
            issues.append(Issue("business-rule", f"{reference} is not active any more; name somebody else.", where))
    if issues:
        raise Invalid(issues=issues)
    return found


def _called(reference: str, known: Resource | None) -> Resource:
    """A Reference, with what an Organization or a team is called. Of a person only the reference is kept."""
    name = (known or {}).get("name")
    return {"reference": reference, **({"display": name} if isinstance(name, str) else {})}


def _task(id_: str, of: Review, words: str, owner: Resource, due: date, by: str, measure: str, now: str) -> Resource:
    department = {"reference": f"Organization/{of.department}"}
    return {
        "resourceType": "Task",
        "id": id_,
        "extension": [{"url": PROFILES + "department", "valueReference": department}],
        "groupIdentifier": {"system": REVIEWS, "value": of.name},
        "status": "requested",
        "intent": "order",
        "priority": "routine",
        "code": {"coding": [{"system": TASKS, "code": CODE}]},
        "description": words,
        **({"focus": {"reference": f"Measure/{measure}"}} if measure else {}),
        "authoredOn": now,
        **({"requester": {"reference": by}} if by else {}),
        "owner": owner,
        "restriction": {"period": {"end": f"{due}"}},
    }
