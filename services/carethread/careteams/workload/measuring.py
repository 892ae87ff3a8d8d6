"""How much lies on a member, counted from what is stored here: no content, and nobody whom they care for, is told.

| fact | is |
|---|---|
| open-tasks | Tasks that they own and somebody has to do |
| overdue-tasks | those of them whose restriction.period has ended |
| caseload | people whose navigator they are |
| accountable | people for whom they answer |
| after-hours-writes | minutes outside of their hours in which they have sent a Communication (`sender`, `sent`) or have finished a Task of theirs (`owner`, `executionPeriod.end`) |
| after-hours-minutes | minutes of visits outside of their hours that were not cancelled or missed |

A member is a person: what their PractitionerRoles own adds up. Who typed what and when is not known, so work that leaves
no such trace (reading, writing notes, another's Task) is not counted.
"""  # noqa: E501 - a table

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo

from carethread.careteams.daytime import zone_of_role
from carethread.careteams.navigation.finding import found
from carethread.careteams.navigation.navigators import is_navigator, limit_of, reference
from carethread.careteams.navigation.terms import NAVIGATORS
from carethread.careteams.tasks import OPEN
from carethread.careteams.teams.working import works
from carethread.careteams.workload.hours import MINUTE, known, merged, outside
from carethread.careteams.workload.limits import (
    AFTER_HOURS,
    AFTER_MINUTES,
    CASELOAD,
    OPEN_TASKS,
    OVERDUE_TASKS,
    limits,
    over,
)
from carethread.core.clock import instant
from carethread.core.fhir.search.dates import date_range
from carethread.core.ports import Resource, Session
from carethread.interactions.standing import present

MOST = 2000
"""Tasks, messages and visits of one member that are counted; of more it is known that they are more."""

_OF_TASKS = (OPEN_TASKS, OVERDUE_TASKS)
_MOST_ROLES = 50
_KEPT = ("booked", "arrived", "checked-in", "fulfilled")


@dataclass(frozen=True, slots=True)
class Member:
    """A person with the PractitionerRoles that they hold now, each with its zone, and the departments of these."""

    name: str
    practitioner: str
    roles: Sequence[tuple[Resource, tzinfo]]
    departments: Sequence[Resource]

    @property
    def refs(self) -> list[str]:
        """All references by which they are named."""
        names = [f"PractitionerRole/{role['id']}" for role, _ in self.roles]
        return sorted({*names, *filter(None, [self.practitioner, self.name])})


@dataclass(frozen=True, slots=True)
class Load:
    """What lies on a member: the facts that are known, and which of them are over their limits."""

    facts: dict[str, int]
    limits: dict[str, int]
    over: list[str]


def member(session: Session, role: Resource, now: int, base_url: str) -> Member:
    """The person behind a PractitionerRole."""
    who = reference(role, "practitioner", "Practitioner", base_url)
    asked = [("practitioner", who), ("_sort", "_id")]
    all_ = found(session, "PractitionerRole", asked, base_url, _MOST_ROLES) if who else []
    roles = [each for each in all_ if works(each, now)] or [role]
    places = {reference(each, "organization", "Organization", base_url).removeprefix("Organization/") for each in roles}
    departments = present(session, [("Organization", id_) for id_ in sorted(places - {""})])
    zones = [(each, zone_of_role(session, each, base_url)) for each in roles]
    return Member(f"PractitionerRole/{role['id']}", who, zones, list(departments.values()))


def load_of(session: Session, one: Member, begin: int, end: int, now: int, base_url: str) -> Load:
    """The facts of a member: what is open now, and what was after hours within a span."""
    names = ",".join(one.refs)
    open_ = _all(session, "Task", [("owner", names), ("status", ",".join(OPEN))], base_url)
    facts = {OPEN_TASKS: len(open_), OVERDUE_TASKS: sum(_is_over(each, now) for each in open_)}
    most = limits([*(role for role, _ in one.roles), *one.departments])
    navigating = [role for role, _ in one.roles if is_navigator(role)]
    facts[CASELOAD] = sum(len(session.places(NAVIGATORS, each)) for each in one.refs)
    if navigating:
        most[CASELOAD] = sum(limit_of(role) for role in navigating)
    answering = session.register.borne(one.refs, now, "", MOST)
    facts["accountable"] = len({each.patient for each in answering if each.since <= now < each.until})
    if known(role for role, _ in one.roles):
        facts[AFTER_HOURS] = _writes(session, one, names, begin, end, base_url)
        facts[AFTER_MINUTES] = _visits(session, one, names, begin, end, base_url)
    countable = {code: min(limit, MOST) if code in _OF_TASKS else limit for code, limit in most.items()}
    return Load(facts, most, over(facts, countable))


def _writes(session: Session, one: Member, names: str, begin: int, end: int, base_url: str) -> int:
    """Minutes outside of the hours in which something was sent or finished."""
    sent = _all(session, "Communication", [("sender", names), *_within("sent", begin, end)], base_url)
    done = [("owner", names), ("status", "completed"), *_within("period", begin, end)]
    ended = (each.get("executionPeriod", {}).get("end") for each in _all(session, "Task", done, base_url))
    moments = {_moment(text) for text in (*(each.get("sent") for each in sent), *ended)}
    minutes = {moment // MINUTE for moment in moments if begin <= moment < end}
    return sum(outside((minute * MINUTE, (minute + 1) * MINUTE), one.roles) > 0 for minute in minutes)


def _visits(session: Session, one: Member, names: str, begin: int, end: int, base_url: str) -> int:
    """Minutes of visits outside of the hours; of what overlaps each minute counts once."""
    asked = [("actor", names), *_within("date", begin, end)]
    spans = [
        (max(begin, _moment(visit.get("start"))), min(end, _moment(visit.get("end"))))
        for visit in _all(session, "Appointment", asked, base_url)
        if visit.get("status") in _KEPT
    ]
    return sum(outside(span, one.roles) for span in merged(spans)) // MINUTE


def _within(name: str, begin: int, end: int) -> list[tuple[str, str]]:
    return [(name, f"ge{instant(begin)}"), (name, f"lt{instant(end)}")]


def _all(session: Session, kind: str, params: Sequence[tuple[str, str]], base_url: str) -> list[Resource]:
    return found(session, kind, params, base_url, MOST + 1)


def _is_over(task: Resource, now: int) -> bool:
    end = task.get("restriction", {}).get("period", {}).get("end")
    span = date_range(end) if isinstance(end, str) else None
    return span is not None and span[1] <= now


def _moment(text: object) -> int:
    span = date_range(text) if isinstance(text, str) else None
    return span[0] if span else 0
