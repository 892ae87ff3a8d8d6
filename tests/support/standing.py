"""Who answered for whom, and who needed somebody and had nobody, as a plain reading of all that was written tells it.

Slow and obvious, to compare with: at each moment at which anything may have changed, everything is looked at anew.
Moments are microseconds, people and resources references such as `Patient/ann`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from carethread.core.fhir import json
from carethread.core.fhir.search.dates import date_range
from carethread.core.ports import FOREVER, Resource, Session, Span
from support.care import ROLE, Care

TYPES = ("CareTeam", "CarePlan", "Task", "Flag", "RiskAssessment")
OPEN = ("requested", "received", "accepted", "ready", "in-progress", "on-hold")
_OURS = "https://carethread.dev/fhir/CodeSystem/"

Span_ = tuple[int, int, str, str]
"""From when to when which member answers, by which team."""


@dataclass
class Past:
    """All versions of each resource with the moments from which they stood, in order of their making; and who was in
    whose place, from which moments on."""

    versions: dict[str, list[tuple[int, Resource | None]]] = field(default_factory=dict)
    merges: Sequence[tuple[int, dict[str, str]]] = ()

    def known(self, type_name: str, at: int) -> dict[str, Resource]:
        """What stood at a moment."""
        found: dict[str, Resource] = {}
        for name, versions in self.versions.items():
            if name.startswith(f"{type_name}/"):
                team = next((body for since, body in reversed(versions) if since <= at), None)
                found |= {name: team} if team else {}
        return found

    def last(self, person: str, at: int) -> str:
        """Who was used in the place of a person."""
        into = next((each for since, each in reversed(self.merges) if since <= at), {})
        while person in into:
            person = into[person]
        return person

    def moments(self, *types: str) -> set[int]:
        """When any of the types were written, or people merged."""
        written = {at for name, each in self.versions.items() if name.partition("/")[0] in types for at, _ in each}
        return written | {at for at, _ in self.merges}


def read(care: Care, merges: Sequence[tuple[int, dict[str, str]]] = ()) -> Past:
    """All that was written."""

    def look(session: Session) -> Past:
        past = Past(merges=merges)
        for each in sorted(session.history(Span(TYPES), 100_000), key=lambda each: (each.row, each.version)):
            body = None if each.deleted else json.parse_object(each.body)
            past.versions.setdefault(f"{each.type}/{each.id}", []).append((each.updated, body))
        return past

    return care.store.glance(look)


def moment(period: Resource, name: str, otherwise: int) -> int:
    span = date_range(period[name]) if name in period else None
    return span[0] if span else otherwise


def _participants(team: Resource) -> Iterator[tuple[int, int, bool, str]]:
    """From when to when who is to lead, and whether they go on until somebody follows."""
    first, last = moment(team.get("period", {}), "start", 0), moment(team.get("period", {}), "end", FOREVER)
    for participant in team["participant"]:
        if not any(c["system"] == ROLE and c["code"] == "accountable" for c in participant["role"][0]["coding"]):
            continue
        goes_on = any(each["url"].endswith("accountable-until") for each in participant.get("extension", ()))
        begin = max(first, moment(participant.get("period", {}), "start", 0))
        end = last if goes_on else min(last, moment(participant.get("period", {}), "end", FOREVER))
        if begin < end:
            yield begin, end, goes_on, participant["member"]["reference"]


def lead(team: Resource | None, at: int) -> str:
    """Who leads a team at a moment: who was the last to begin, while it is their time."""
    if team is None or team["status"] != "active":
        return ""
    begun = [each for each in _participants(team) if each[0] <= at]
    latest = max((begin for begin, *_ in begun), default=0)
    said = [(end, member) for begin, end, _, member in begun if begin == latest]
    return said[-1][1] if said and at < said[-1][0] else ""


def answered(past: Past, people: Sequence[str], begin: int) -> dict[str, list[Span_]]:
    """Who answers for each person from a moment on, as it was known then."""
    bounds = past.moments("CareTeam") | {begin}
    for name, versions in past.versions.items():
        if name.startswith("CareTeam/"):
            bounds |= {at for _, team in versions if team for one in _participants(team) for at in one[:2]}
    moments = [*sorted(at for at in bounds if begin <= at < FOREVER), FOREVER]
    found: dict[str, list[Span_]] = {each: [] for each in people}
    leading = dict.fromkeys(people, "")
    for since, until in pairwise(moments):
        teams = past.known("CareTeam", since)
        for person in people:
            leads = {
                name: who
                for name, team in teams.items()
                if "subject" in team
                and person == past.last(person, since) == past.last(team["subject"]["reference"], since)
                and (who := lead(team, since))
            }
            leading[person] = _first(leads, teams, leading[person])
            if leading[person]:
                found[person].append((since, until, leads[leading[person]], leading[person]))
    return {person: joined(spans) for person, spans in found.items()}


def _first(leads: dict[str, str], teams: dict[str, Resource], before: str) -> str:
    """Which team answers: the one a person was handed to last, else the one that did so far, else the oldest."""
    handed = {
        extension["valueInstant"]: name
        for name in leads
        for extension in teams[name].get("extension", ())
        if extension["url"].endswith("leading-since")
    }
    if handed:
        return handed[max(handed)]
    return before if before in leads else next(iter(leads), "")


def joined(spans: Sequence[Span_]) -> list[Span_]:
    """Spans of which none goes on as the one before it."""
    found: list[Span_] = []
    for each in spans:
        if found and (found[-1][1], *found[-1][2:]) == (each[0], *each[2:]):
            found[-1] = found[-1][0], *each[1:]
        elif each[0] < each[1]:
            found.append(each)
    return found


def needs(past: Past, at: int) -> dict[str, set[str]]:
    """What each person needed somebody for at a moment."""
    found: dict[str, set[str]] = {}
    for type_name, of in (("CarePlan", "subject"), ("Task", "for"), ("Flag", "subject"), ("RiskAssessment", "subject")):
        for name, resource in past.known(type_name, at).items():
            if of in resource and _is_need(resource, at):
                found.setdefault(past.last(resource[of]["reference"], at), set()).add(name)
    return found


def _is_need(resource: Resource, at: int) -> bool:
    codes = {(c.get("system"), c["code"]) for c in resource.get("code", {}).get("coding", ())}
    match resource["resourceType"]:
        case "CarePlan":
            return bool(resource["status"] == "active")
        case "Task":
            return resource["status"] in OPEN and (_OURS + "careteam-task", "take-over") not in codes
        case "Flag":
            return resource["status"] == "active" and (_OURS + "flag-kind", "high-risk") in codes
        case _:
            levels = {c["code"] for each in resource["prediction"] for c in each["qualitativeRisk"]["coding"]}
            over = moment(resource.get("occurrencePeriod", {}), "end", FOREVER)
            return at < over and resource["status"] in ("final", "amended") and bool(levels & {"high", "certain"})


Gap = tuple[int, int, tuple[str, ...]]


def orphans(past: Past, answers: dict[str, list[Span_]], begin: int, end: int, now: int) -> dict[str, list[Gap]]:
    """When who needed somebody and nobody answered, and what for; who is one person now is one throughout."""
    bounds = past.moments(*TYPES) | {begin, end} | {at for spans in answers.values() for one in spans for at in one[:2]}
    for name, versions in past.versions.items():
        if name.startswith("RiskAssessment/"):
            bounds |= {moment(body.get("occurrencePeriod", {}), "end", begin) for _, body in versions if body}
    found: dict[str, list[Gap]] = {}
    for since, until in pairwise(sorted(at for at in bounds if begin <= at <= end)):
        wanted = needs(past, since)
        for person in {past.last(each, now) for each in wanted}:
            theirs = [each for each in {*answers, *wanted} if past.last(each, now) == person]
            some = tuple(sorted({need for each in theirs for need in wanted.get(each, ())}))
            if any(one[0] <= since < one[1] for each in theirs for one in answers.get(each, ())):
                continue
            gaps = found.setdefault(person, [])
            if gaps and gaps[-1][1:] == (since, some):
                gaps[-1] = gaps[-1][0], until, some
            else:
                gaps.append((since, until, some))
    return found
