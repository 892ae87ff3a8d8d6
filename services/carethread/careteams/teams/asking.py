"""`Patient/[id]/$accountable`: who answers for a person, now or then, and whom to call after."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from carethread.careteams.contact import known, why_no_contact
from carethread.careteams.teams.answering import accountable, teams_of
from carethread.careteams.teams.gaps import UNKNOWN
from carethread.careteams.teams.knowing import counts, unknown
from carethread.careteams.teams.people import behind, department_team, escalation, person
from carethread.careteams.teams.reading import COORDINATOR, NAVIGATOR, in_role, leads_of
from carethread.careteams.teams.recalling import recall_members, recalling
from carethread.core.clock import instant, to_micros
from carethread.core.context import Context, authorize
from carethread.core.errors import Malformed
from carethread.core.fhir import json
from carethread.core.fhir.targets import is_id, key_of
from carethread.core.moments import asked_span
from carethread.core.ports import FOREVER, Resource, Session, Stored
from carethread.core.service import Call, Runtime
from carethread.interactions.operations.parameters import refuse_unknown
from carethread.interactions.read import living

AT = "at"

_GAPS = {"deceased": "deceased", "inactive": "inactive-patient"}
"""What is told where somebody answers for a person who is cared for no more."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Who answers for a person at a moment: all are references (`PractitionerRole/1`), empty where there is nobody.

    `gap` is what is wrong with that (a code of `care-team-gap`), empty: nothing is.

    `until` is FOREVER where no end is known. `then` are those to call where nobody answers, in this order.
    """

    patient: str
    at: int
    member: str = ""
    practitioner: str = ""
    team: str = ""
    department: str = ""
    since: int = 0
    until: int = FOREVER
    cause: str = ""
    backup: str = ""
    then: tuple[str, ...] = ()
    coordinator: str = ""
    navigator: str = ""
    gap: str = ""


def who_answers(runtime: Runtime, call: Call, context: Context) -> Resource:
    """Who answers for a person at a moment, and whom to call after. Raises Malformed, NotFound, Gone, Busy."""
    authorize("read", "CareTeam", context)
    refuse_unknown(call, "$accountable", (AT,))
    now = to_micros(context.clock())
    return _parameters(answer(runtime, call.id, _moment(call, now), now))


def _moment(call: Call, now: int) -> int:
    given = call.params.get(AT, ())
    if not given:
        return now
    span = asked_span(given[0]) if len(given) == 1 else None
    if span is None:
        raise Malformed("at is one date or instant, such as 2026-11-22T08:00:00Z.", code="value", expression=AT)
    return span[0]


def answer(runtime: Runtime, id_: str, at: int, now: int) -> Answer:
    """Who answers for a Patient (their id), told from this service alone but whether a Patient is there that it does
    not know. Raises NotFound, Gone, Busy."""
    key = ("Patient", id_)

    def look(session: Session) -> Answer | None:
        session = recalling(session)
        stored = session.current([key]).get(key)
        return _answer(session, f"Patient/{id_}", at, now, runtime.base_url) if stored and not stored.deleted else None

    found = runtime.store.snapshot(look) if is_id(id_) else None
    if found is None:
        living(runtime.owners.read("records", key) if is_id(id_) else None, key)
    return found or Answer(f"Patient/{id_}", at)


def _answer(session: Session, patient: str, at: int, now: int, base: str) -> Answer:
    survivor = person(session, patient, base)
    found = accountable(session, patient, at, base)
    teams = {f"CareTeam/{stored.id}": (stored, team) for stored, team in teams_of(session, survivor, base)}
    roles = {name: _in_role([team for _, team in teams.values()], name, at, base) for name in (COORDINATOR, NAVIGATOR)}
    if at >= now and not roles[NAVIGATOR]:
        roles[NAVIGATOR] = session.claimed(NAVIGATOR, [survivor]).get(survivor, "")
    told = Answer(survivor, at, coordinator=roles[COORDINATOR], navigator=roles[NAVIGATOR])
    if found is None:
        return told
    stored, team = teams.get(found.team) or _ended(session, found.team)
    department = f"Organization/{stored.department}" if stored.department else ""
    recall_members(session, [team, department_team(session, department)[1] or {}] if department else [team], base)
    lead = next((each for each in leads_of(team, base) if each.ref == found.member and each.stands(at)), None)
    backup = lead.backup if lead else ""
    after = [*([backup] if backup else []), *escalation(session, found.member, department, at, base)]
    then = tuple(_others(session, found.member, after, at, base))
    if not counts(found, min(at, now), unknown(session, [found.member])):
        return replace(told, backup=backup, then=then, gap=UNKNOWN)
    return replace(
        told,
        member=found.member,
        practitioner=behind(session, found.member, at, base),
        team=found.team,
        department=department,
        since=found.since,
        until=min(found.until, lead.until if lead else FOREVER),
        cause=found.cause,
        backup=backup,
        then=then,
        gap=_GAPS.get(why_no_contact(known(session, survivor), base), "") if at >= now else "",
    )


def _others(session: Session, lead: str, after: Iterable[str], at: int, base: str) -> Iterator[str]:
    """Those to call after a lead, each person once, in whichever role, and not who leads."""
    seen = {behind(session, lead, at, base) or lead}
    for each in after:
        who = behind(session, each, at, base) or each
        if who not in seen:
            seen.add(who)
            yield each


def _ended(session: Session, team: str) -> tuple[Stored, Resource]:
    """A team that is not active any more."""
    stored = session.current([key_of(team)])[key_of(team)]
    return stored, {} if stored.deleted else json.parse_object(stored.body)


def _in_role(teams: list[Resource], code: str, at: int, base: str) -> str:
    return next((each.ref for team in teams for each in in_role(team, code, base) if each.stands(at)), "")


def _parameters(told: Answer) -> Resource:
    part: list[Resource] = []
    if told.member:
        named = (("practitioner", told.practitioner), ("team", told.team), ("department", told.department))
        parts: list[Resource] = [
            reference("member", told.member),
            *(reference(name, each) for name, each in named if each),
            {"name": "since", "valueInstant": instant(told.since)},
            *([{"name": "until", "valueInstant": instant(told.until)}] if told.until < FOREVER else []),
            *([{"name": "cause", "valueString": told.cause}] if told.cause else []),
        ]
        part = [{"name": "accountable", "part": parts}]
    people = (("backup", told.backup), (COORDINATOR, told.coordinator), (NAVIGATOR, told.navigator))
    return {
        "resourceType": "Parameters",
        "parameter": [
            reference("patient", told.patient),
            {"name": AT, "valueInstant": instant(told.at)},
            *part,
            *([{"name": "gap", "valueCode": told.gap}] if told.gap else []),
            *(reference(name, each) for name, each in people if each),
            *(reference("then", each) for each in told.then),
        ],
    }


def reference(name: str, reference: str) -> Resource:
    """A parameter that refers to something."""
    return {"name": name, "valueReference": {"reference": reference}}
