"""The write rule of CareTeam: on a team of ours one is accountable at each moment, a person has one coordinator, and a
department one team. What an EHR tells, and history (`history`), is stored as it is sent.
"""

from __future__ import annotations

from carethread.careteams.history import is_history
from carethread.careteams.teams.checking import problems
from carethread.careteams.teams.passing import LEAD_CHANGED
from carethread.careteams.teams.people import DEEPEST, DEPARTMENT_TEAM, has_left, person
from carethread.careteams.teams.reading import (
    CAUSE,
    COORDINATOR,
    DEPARTMENT,
    ESCALATES,
    LEADING,
    PERSON,
    in_role,
    is_ours,
    lead_at,
    of_department,
    ref,
)
from carethread.careteams.teams.standing_for import nobody_behind
from carethread.core.clock import to_micros
from carethread.core.errors import Conflict, Invalid, Issue
from carethread.core.fhir import json
from carethread.core.fhir.elements import extension, profiles_of, with_extensions, without_extensions
from carethread.core.fhir.targets import key_of
from carethread.core.fhir.validation import validate
from carethread.core.ports import Resource
from carethread.core.service import Ruling, Unit
from carethread.interactions.writing.command import ANY_VERSION

COORDINATES = "coordinator"
"""The kind of the places by which a person (`Patient/1`) has one team with a coordinator (`CareTeam/1`)."""


def team_leaves(unit: Unit, before: Resource | None, after: Resource | None, id_: str) -> None:
    """Give up what a team is no longer: the coordinator of a person, the team of a department."""
    for kind in (COORDINATES, DEPARTMENT_TEAM) if is_ours(before) else ():
        wanted = _place(unit, kind, after)
        unit.session.release(kind, f"CareTeam/{id_}", [wanted] if wanted else [])


def team_written(unit: Unit, before: Resource | None, after: Resource | None, id_: str) -> Ruling:
    """Hold a team of ours to what it promises. Raises Invalid, Conflict."""
    now = to_micros(unit.context.clock())
    base = unit.base_url
    after = after and _still_ours(before, after)
    if after is None or not is_ours(after):
        return Ruling()
    if is_history(unit.context, before, after, is_ours):
        _claim(unit, after, id_, must=False)
        return Ruling(resource=after)
    _refuse_undoing(unit, before, after, id_, now)
    after = _ours_alone(before, after)
    if _is_active(after):
        issues = problems(after, now, base) or _gone(unit, after, now)
        if issues:
            raise Invalid(issues=issues)
    _claim(unit, after, id_, must=True)
    was, is_ = lead_at(before, now, base), lead_at(after, now, base)
    changed = before is not None and (was.ref if was else "") != (is_.ref if is_ else "")
    return Ruling(LEAD_CHANGED if changed else None, after)


def _still_ours(before: Resource | None, sent: Resource) -> Resource:
    """A team of ours stays one, also where somebody leaves our profile out. Raises Invalid for what that does not
    allow."""
    if before is None or not is_ours(before) or is_ours(sent):
        return sent
    ours = profiles_of(before) & {PERSON, DEPARTMENT}
    meta = {name: value for name, value in sent.get("meta", {}).items() if name != "source"}
    made = {**sent, "meta": {**meta, "profile": sorted({*meta.get("profile", ()), *ours})}}
    if issues := [issue for issue in validate(made) if issue.severity in ("error", "fatal")]:
        raise Invalid(issues=issues)
    return made


def _refuse_undoing(unit: Unit, before: Resource | None, after: Resource, id_: str, now: int) -> None:
    """Raise Conflict where a client has another lead than a hand-off has made, and may not have seen that."""
    was, is_ = lead_at(before, now, unit.base_url), lead_at(after, now, unit.base_url)
    if unit.own or not was or not is_ or was.ref == is_.ref or not was.cause.startswith("Task/"):
        return
    seen = lead_at(_seen(unit, after, id_), now, unit.base_url)
    if (unit.if_match is None or unit.if_match == ANY_VERSION) and not (seen and seen.ref == was.ref):
        said = (
            f"{was.ref} leads this team since {was.cause} was accepted, which is not in what was sent. Read the team "
            "again, and send it with If-Match and its version; or hand the person over by Task/$hand-off."
        )
        raise Conflict(said, code="conflict", expression=f"CareTeam.participant[{is_.place}].member")


def _seen(unit: Unit, sent: Resource, id_: str) -> Resource | None:
    """The version that a client has changed, by what it says itself (`meta.versionId`)."""
    number = str(sent.get("meta", {}).get("versionId", ""))
    known = number.isascii() and number.isdecimal() and len(number) < 10
    stored = unit.session.version(("CareTeam", id_), int(number)) if known else None
    return json.parse_object(stored.body) if stored and not stored.deleted else None


def team_settled(unit: Unit, before: Resource | None, after: Resource | None, id_: str) -> None:
    """See, when all that belongs together is written, that somebody stands behind who leads, and that departments do
    not escalate to each other in a circle."""
    if after is None or not is_ours(after) or is_history(unit.context, before, after, is_ours):
        return
    if issues := list(nobody_behind(unit, after, f"CareTeam/{id_}", to_micros(unit.context.clock()))):
        raise Invalid(issues=issues)
    expression = f"CareTeam.extension('{ESCALATES}').value"
    seen = {f"CareTeam/{id_}"}
    up = _up(after, unit.base_url)
    while up:
        if up in seen:
            said = "The departments would escalate to each other in a circle; the last one escalates to none."
            raise Invalid(said, code="business-rule", expression=expression)
        seen.add(up)
        if len(seen) > DEEPEST:
            said = f"A department has at most {DEEPEST} above it."
            raise Invalid(said, code="business-rule", expression=expression)
        found = unit.find(key_of(up))
        if len(seen) == 2 and not (found and is_ours(found) and of_department(found)):
            said = f"{up} is not here, or is not of the profile department-team; write it first, or in one transaction."
            raise Invalid(said, code="not-found", expression=expression)
        up = _up(found, unit.base_url)


def _up(team: Resource | None, base: str) -> str:
    return ref(dict(extension(team or {}, ESCALATES)), "valueReference", base, "CareTeam")


def _is_active(team: Resource | None) -> bool:
    return bool(team) and (team or {}).get("status") == "active"


def _ours_alone(before: Resource | None, after: Resource) -> Resource:
    """The team with what only the service itself says of it as that stands."""
    leading = extension(before or {}, LEADING) if _is_active(after) and is_ours(before) else {}
    if dict(leading) != dict(extension(after, LEADING)):
        value = {"valueInstant": leading["valueInstant"]} if leading else None
        after = with_extensions(after, {LEADING: value}) if value else without_extensions(after, [LEADING])
    known = {_mark(each) for each in (before or {}).get("participant", ())}
    participants = [
        without_extensions(each, [CAUSE]) if extension(each, CAUSE) and _mark(each) not in known else each
        for each in after.get("participant", ())
    ]
    return {**after, "participant": participants} if participants != after.get("participant", []) else after


def _mark(participant: Resource) -> tuple[str, str, str]:
    """Who came to answer for the person, when, and why."""
    said = extension(participant, CAUSE).get("valueString", "")
    start = participant.get("period", {}).get("start", "")
    return ref(participant, "member"), str(start), str(said)


def _gone(unit: Unit, team: Resource, now: int) -> list[Issue]:
    """The lead of now, if they are known not to work here any more."""
    lead = lead_at(team, now, unit.base_url)
    if lead is None or not has_left(unit.session, lead.ref, now, unit.base_url):
        return []
    said = f"{lead.ref} does not work here any more (inactive, or their period is over); name somebody who does."
    return [Issue("business-rule", said, f"CareTeam.participant[{lead.place}].member")]


def _place(unit: Unit, kind: str, team: Resource | None) -> str:
    """The place of a kind that a team wants; empty: none."""
    if team is None or not is_ours(team) or not _is_active(team) or of_department(team) != (kind == DEPARTMENT_TEAM):
        return ""
    if kind == DEPARTMENT_TEAM:
        return ref(team, "managingOrganization", unit.base_url, "Organization")
    now = to_micros(unit.context.clock())
    if not any(each.end > now for each in in_role(team, COORDINATOR, unit.base_url)):
        return ""
    subject = ref(team, "subject", unit.base_url, "Patient")
    return person(unit.session, subject, unit.base_url) if subject else ""


def _claim(unit: Unit, team: Resource, id_: str, *, must: bool) -> None:
    """Take the places that a team wants, those of other teams whose coordinator's time is over too."""
    holder = f"CareTeam/{id_}"
    for kind in (COORDINATES, DEPARTMENT_TEAM):
        place = _place(unit, kind, team)
        taken = unit.session.claim(kind, place, holder) if place else holder
        if taken == holder:
            continue
        if _place(unit, kind, unit.find(key_of(taken), again=True)) != place:
            unit.session.release(kind, taken)
            taken = unit.session.claim(kind, place, holder)
        if taken != holder and must:
            what, element = _TAKEN[kind]
            raise Conflict(f"{taken} {what}.", code="conflict", expression=element)


_TAKEN = {
    COORDINATES: ("has a coordinator for this person already, and a person has one", "CareTeam.participant"),
    DEPARTMENT_TEAM: ("is the team of this department already", "CareTeam.managingOrganization"),
}
