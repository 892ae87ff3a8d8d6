"""`PractitionerRole/[id]/$caseload` and `CareTeam/$caseloads`: who is navigated by whom, and who has room.

For each person since when, how high the risk is, what is due next, and when they were reached last.
"""

from __future__ import annotations

from collections.abc import Iterator

from carethread.careteams.knowing import refuse_unknown_people
from carethread.careteams.navigation.asking import reference
from carethread.careteams.navigation.choosing import Navigator
from carethread.careteams.navigation.finding import found, risk, tasks
from carethread.careteams.navigation.navigators import limit_of, navigators, role_of
from carethread.careteams.navigation.terms import ASSIGN, ASSIGNED, CONTACT, FLAGGED, NAVIGATORS, OUTREACH
from carethread.careteams.tasks import OPEN, TASKS
from carethread.core.clock import to_micros
from carethread.core.context import Context, authorize
from carethread.core.fhir.targets import key_of
from carethread.core.ports import Resource, Session
from carethread.core.service import Call, Runtime
from carethread.interactions.operations.counting import COUNT, count_of, number_of
from carethread.interactions.operations.parameters import refuse_unknown
from carethread.interactions.standing import here

OFFSET, DEPARTMENT = "_offset", "department"
CASELOAD, CASELOADS = (COUNT, OFFSET), (DEPARTMENT, COUNT, OFFSET)
_MOST, _FARTHEST, _WAITING = 200, 100_000, 10_000


def caseload(runtime: Runtime, call: Call, context: Context) -> Resource:
    """Parameters: navigator, limit, people, free, over, and a page of the people. Raises Malformed, NotFound, Busy."""
    authorize("search-type", "Task", context)
    refuse_unknown(call, "the caseload", CASELOAD)
    count, offset, now = count_of(call, _MOST), offset_of(call), to_micros(context.clock())

    name, limit = f"PractitionerRole/{call.id}", limit_of(role_of(runtime, call.id))

    def work(session: Session) -> Resource:
        people = session.places(NAVIGATORS, name)
        page = people[offset : offset + count]
        parts = [_named("navigator", name), *_room(limit, len(people))]
        if offset + count < len(people):
            parts.append({"name": "next-offset", "valueUnsignedInt": offset + count})
        parts += [_person(session, each, now, runtime.base_url) for each in page]
        return {"resourceType": "Parameters", "parameter": parts}

    return runtime.store.snapshot(work)


def caseloads(runtime: Runtime, call: Call, context: Context) -> Resource:
    """Parameters: total (navigators), waiting (people without one), and a page of the navigators, whoever has most
    places free first. Raises Malformed, Invalid for a department that is not known, Busy."""
    authorize("search-type", "Task", context)
    refuse_unknown(call, "the overview", CASELOADS)
    department = reference(call, DEPARTMENT, ("Organization",), runtime.base_url)
    count, offset, now = count_of(call, _MOST), offset_of(call), to_micros(context.clock())
    refuse_unknown_people(runtime, [(department, DEPARTMENT)], context)

    def work(session: Session) -> Resource:
        all_ = navigators(session, now, runtime.base_url)
        some = [each for each in all_ if department in ("", each.department)]
        some.sort(key=lambda each: (-each.free, each.role))
        owner = [("owner", department)] if department else []
        waiting = len(tasks(session, ASSIGN, owner, runtime.base_url, _WAITING))
        parts: list[Resource] = [
            {"name": "total", "valueUnsignedInt": len(some)},
            {"name": "waiting", "valueUnsignedInt": waiting},
        ]
        if offset + count < len(some):
            parts.append({"name": "next-offset", "valueUnsignedInt": offset + count})
        parts += [{"name": "caseload", "part": list(_load(each))} for each in some[offset : offset + count]]
        return {"resourceType": "Parameters", "parameter": parts}

    return runtime.store.snapshot(work)


def offset_of(call: Call) -> int:
    """From which place on the list goes."""
    given = call.params.get(OFFSET, ["0"])
    return number_of(given[0] if len(given) == 1 else "", OFFSET, _FARTHEST, least=0)


def _load(one: Navigator) -> Iterator[Resource]:
    yield _named("navigator", one.role)
    if one.practitioner:
        yield _named("practitioner", one.practitioner)
    if one.department:
        yield _named("department", one.department)
    yield from _room(one.limit, one.load)


def _room(limit: int, people: int) -> list[Resource]:
    counts = {"limit": limit, "people": people, "free": max(0, limit - people), "over": max(0, people - limit)}
    return [{"name": name, "valueUnsignedInt": count} for name, count in counts.items()]


def _person(session: Session, patient: str, now: int, base_url: str) -> Resource:
    """What is known of one person of a caseload: no more than references, codes and times."""
    names = {kind: session.claimed(kind, [patient]).get(patient, "") for kind in (ASSIGNED, CONTACT, FLAGGED)}
    assigned, contact = (here(session, key_of(names[kind])) or {} for kind in (ASSIGNED, CONTACT))
    parts: list[Resource] = [_named("patient", patient)]
    if since := assigned.get("executionPeriod", {}).get("start"):
        parts.append({"name": "since", "valueDateTime": since})
    if level := risk(session, patient, now, base_url):
        parts.append({"name": "risk", "valueCode": level})
    if names[FLAGGED]:
        parts.append(_named("flag", names[FLAGGED]))
    if contact.get("status") in OPEN:
        parts.append(_named("next", names[CONTACT]))
        due = contact.get("restriction", {}).get("period", {}).get("end")
        parts += [{"name": "due", "valueDateTime": due}] if due else []
    asked = [("subject", patient), ("category", f"{TASKS}|{OUTREACH}"), ("status", "completed"), ("_sort", "-sent")]
    talks = found(session, "Communication", asked, base_url, 1)
    parts += [{"name": "last-contact", "valueDateTime": each["sent"]} for each in talks if "sent" in each]
    return {"name": "person", "part": parts}


def _named(name: str, value: str) -> Resource:
    return {"name": name, "valueReference": {"reference": value}}
