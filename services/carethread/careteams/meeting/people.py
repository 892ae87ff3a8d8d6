"""Whom a huddle is about: the person whose team it is, or all whom a department's people care for.

A department's huddle is that of its team, the CareTeam without a subject; `teams` keeps that there is one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from carethread.careteams.tasks import OPEN
from carethread.careteams.teams.reading import members_of
from carethread.core.context import Context, restrict
from carethread.core.errors import TooCostly
from carethread.core.fhir import json
from carethread.core.fhir.elements import keys_at
from carethread.core.fhir.search import parse_query
from carethread.core.fhir.search.merges import survivor
from carethread.core.fhir.targets import key_of
from carethread.core.ports import Resource, Session, Stored

MOST = 5_000
"""People of a department, and of each kind what there may be about them on an agenda."""

STAFF = ("Practitioner", "PractitionerRole")


@dataclass(frozen=True, slots=True)
class Reader:
    """One view of the store, of which much is asked at once."""

    session: Session
    base_url: str
    context: Context

    def search(self, type_name: str, *params: tuple[str, str], most: int = MOST) -> Sequence[Stored]:
        """What lives of a type. Raises TooCostly where that is more than `most`."""
        query = restrict(parse_query(type_name, params, base=self.base_url), self.context)
        found = self.session.search(query, most + 1).matches
        if len(found) > most:
            raise TooCostly(f"That is more than {most} of {type_name}; ask for a person's team.")
        return found

    def keys(self, resource: Resource, path: str) -> list[str]:
        """What a resource refers to at a path, as `Type/id`."""
        return [f"{kind}/{id_}" for kind, id_ in keys_at(resource, path, self.base_url)]


def aliases(reader: Reader, staff: Iterable[str]) -> set[str]:
    """The references, with the Practitioners behind roles and the roles of Practitioners."""
    named = {each for each in staff if each.startswith(STAFF)}
    if not named:
        return set()
    roles = [key_of(each) for each in named if each.startswith("PractitionerRole/")]
    behind = {
        each
        for one in reader.session.current(roles).values()
        if not one.deleted
        for each in reader.keys(json.restore(one.body), "practitioner")
    }
    persons = {each for each in named | behind if each.startswith("Practitioner/")}
    held = reader.search("PractitionerRole", ("practitioner", ",".join(sorted(persons)))) if persons else ()
    return named | persons | {f"PractitionerRole/{one.id}" for one in held}


def people_of_team(reader: Reader, id_: str, team: Resource, now: int) -> list[str]:
    """The Patients whom a team's huddle is about at a moment (microseconds)."""
    if persons := [each for each in reader.keys(team, "subject") if each.startswith("Patient/")]:
        return persons
    departments = [each for each in reader.keys(team, "managingOrganization") if each.startswith("Organization/")]
    members = [each.ref for each in members_of(team, reader.base_url) if each.stands(now)]
    return people_of(reader, {f"CareTeam/{id_}", *departments, *members}, departments)


def people_of(reader: Reader, named: Iterable[str], departments: Sequence[str]) -> list[str]:
    """Those for whom somebody of the departments, or who is named, is on a team or has something to do."""
    held = [
        (f"PractitionerRole/{one.id}", *reader.keys(json.restore(one.body), "practitioner"))
        for one in (
            reader.search("PractitionerRole", ("organization", ",".join(departments)), ("active", "true"))
            if departments
            else ()
        )
    ]
    everyone = aliases(reader, [*named, *(each for one in held for each in one)]) | {*named, *departments}
    asked = ",".join(sorted(everyone))
    teams = reader.search("CareTeam", ("participant", asked), ("status", "active"))
    tasks = reader.search("Task", ("owner", asked), ("status", ",".join(OPEN)))
    found = {each for one in teams for each in reader.keys(json.restore(one.body), "subject")}
    found |= {each for one in tasks for each in reader.keys(json.restore(one.body), "for")}
    people = sorted(each for each in found if each.startswith("Patient/"))
    if len(people) > MOST:
        raise TooCostly(f"That is more than {MOST} people; ask for a person's team.")
    return people


def standing_for(reader: Reader, people: Sequence[str]) -> dict[str, str]:
    """For all Patients who are one of these people, who stands for them: after a merge the one in whose place it is."""
    named = {each.partition("/")[2] for each in people}
    ids = sorted(named.union(reader.session.kin(named)))
    known = reader.session.current(("Patient", id_) for id_ in ids)
    into = {
        id_: survivor(json.restore(one.body), reader.base_url)
        for (_, id_), one in known.items()
        if not one.deleted and b'"replaced-by"' in one.body
    }
    return {f"Patient/{id_}": f"Patient/{_last(id_, into)}" for id_ in ids}


def _last(id_: str, into: dict[str, str]) -> str:
    seen = {id_}
    while (next_ := into.get(id_, "")) and next_ not in seen:
        seen.add(next_)
        id_ = next_
    return id_
