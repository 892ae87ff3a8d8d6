"""`CareTeam/$gaps`: the active teams that lack something, some at a time."""

from __future__ import annotations

from dataclasses import dataclass, replace

from carethread.careteams.teams.asking import reference
from carethread.careteams.teams.gaps import Gap, asked_for, gaps
from carethread.core.clock import to_micros
from carethread.core.context import Context, authorize
from carethread.core.errors import Malformed
from carethread.core.fhir import json
from carethread.core.fhir.search import parse_query
from carethread.core.fhir.search.query import CURSOR
from carethread.core.fhir.targets import is_id
from carethread.core.ports import Resource, Session
from carethread.core.service import Call, Runtime
from carethread.interactions.operations.counting import COUNT, count_of
from carethread.interactions.operations.parameters import refuse_unknown
from carethread.interactions.standing import present

DEPARTMENT = "department"
_MOST = 500
_LOOKED_AT, _PAGE = 2_000, 200
"""Teams that one call looks at, and reads at once."""


@dataclass(frozen=True, slots=True)
class _Found:
    """Teams with gaps, how many teams were looked at, and where to go on, empty at the end."""

    teams: list[tuple[str, str, list[Gap]]]
    looked: int
    next: str


def list_gaps(runtime: Runtime, call: Call, context: Context) -> Resource:
    """The active teams that lack something. Raises Malformed."""
    authorize("search-type", "CareTeam", context)
    refuse_unknown(call, "$gaps", (DEPARTMENT, COUNT, CURSOR))
    count, department = count_of(call, _MOST), _department(call)
    after = next(iter(call.params.get(CURSOR, ())), "")
    now = to_micros(context.clock())
    found = runtime.store.snapshot(lambda session: _look(session, department, after, count, now, runtime.base_url))
    teams = [
        {
            "name": "team",
            "part": [
                reference("reference", team),
                *([reference("department", of)] if of else []),
                *({"name": "gap", "part": _gap(each)} for each in lacking),
            ],
        }
        for team, of, lacking in found.teams
    ]
    looked: Resource = {"name": "examined", "valueUnsignedInt": found.looked}
    following = [{"name": "next", "valueString": found.next}] if found.next else []
    return {"resourceType": "Parameters", "parameter": [looked, *following, *teams]}


def _gap(gap: Gap) -> list[Resource]:
    return [{"name": "code", "valueCode": gap.code}, {"name": "expression", "valueString": gap.expression}]


def _department(call: Call) -> str:
    given = call.params.get(DEPARTMENT, ())
    if not given:
        return ""
    id_ = given[0].removeprefix("Organization/")
    if len(given) > 1 or not is_id(id_):
        raise Malformed("department is one Organization, such as Organization/1.", code="value", expression=DEPARTMENT)
    return id_


def _look(session: Session, department: str, after: str, count: int, now: int, base: str) -> _Found:
    """Teams with gaps behind a place, at most so many."""
    query = parse_query("CareTeam", [("status", "active"), ("_sort", "_id")], base=base)
    found: list[tuple[str, str, list[Gap]]] = []
    looked = 0
    while len(found) < count and looked < _LOOKED_AT:
        page = session.search(replace(query, cursor=after), min(_PAGE, count - len(found)))
        teams = {
            stored.id: (json.parse_object(stored.body), stored.department)
            for stored in page.matches
            if not department or stored.department == department
        }
        known = present(session, {key for team, _ in teams.values() for key in asked_for(team, base)})
        for id_, (team, of) in teams.items():
            if lacking := list(gaps(team, known, of, now, base)):
                found.append((f"CareTeam/{id_}", f"Organization/{of}" if of else "", lacking))
        looked, after = looked + len(page.matches), page.next
        if not after:
            break
    return _Found(found, looked, after)
