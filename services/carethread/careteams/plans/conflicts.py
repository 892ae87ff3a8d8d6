"""Where the plans of one person are at odds with each other: values in, conflicts out.

- The same activity (a code) is to be done by two plans, or is to be done by one and not to be done by another.
- Two goals want opposite things: targets of one measure that no value meets both, or aims that `OPPOSITES` names. Goals
  of one plan may follow each other, and are no conflict.
- Of two teams each says that the other leads, or two lead with different people.

Only what is in force counts: active plans with activities that are not over, goals that were accepted, active teams.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import combinations
from uuid import NAMESPACE_URL, uuid5

from carethread.careteams.plans.evidence import tokens
from carethread.careteams.teams.reading import lead_at, leads_of
from carethread.core.fhir.elements import keys_at
from carethread.core.ports import FOREVER, Resource

AIMS = "https://carethread.dev/fhir/CodeSystem/goal-aim"

SAME, STOP, GOALS = "same-activity", "opposing-activity", "opposing-goals"
EACH_OTHER, TWO = "leads-each-other", "two-leads"

SEVERITY: Mapping[str, str] = {SAME: "low", STOP: "high", GOALS: "moderate", EACH_OTHER: "high", TWO: "moderate"}

OPPOSITES = frozenset(
    frozenset(f"{AIMS}|{aim}" for aim in pair)
    for pair in (
        ("lose-weight", "gain-weight"),
        ("lose-weight", "keep-weight"),
        ("gain-weight", "keep-weight"),
        ("drink-more", "drink-less"),
        ("move-more", "rest-more"),
        ("eat-more-salt", "eat-less-salt"),
        ("start-medicine", "stop-medicine"),
        ("live-at-home", "move-to-care-home"),
    )
)
"""Aims, as a Goal's description has them, of which nobody can follow both."""

_OVER = frozenset({"completed", "cancelled", "stopped", "entered-in-error", "on-hold"})
"""Statuses of an activity that nobody does now."""

_WANTED = frozenset({"planned", "accepted", "active"})
"""Lifecycles of a Goal that somebody follows."""


@dataclass(frozen=True, slots=True, order=True)
class Conflict:
    """`about` are the references of all that is at odds, in order; `key` the code that it is about, empty where none
    is."""

    kind: str
    key: str
    about: tuple[str, ...]

    def id(self, patient: str) -> str:
        """The id of its DetectedIssue: of one code there is one of a kind, and two leads are one, whomever it is about
        by now; teams that lead each other are told apart."""
        about = self.about if self.kind == EACH_OTHER else ()
        name = "/".join(("plan-issue", patient, self.kind, self.key, *about))
        return str(uuid5(NAMESPACE_URL, f"https://carethread.dev/fhir/DetectedIssue/{name}"))


def conflicts(
    plans: Sequence[Resource], goals: Sequence[Resource], teams: Sequence[Resource], now: int, base_url: str = ""
) -> set[Conflict]:
    """All conflicts of one person's plans, goals and teams at a moment, whatever their statuses."""
    active = [plan for plan in plans if plan.get("status") == "active"]
    wanted = [goal for goal in goals if goal.get("lifecycleStatus") in _WANTED]
    leading = [team for team in teams if team.get("status") == "active"]
    return {*_activities(active), *_goals(wanted, active, base_url), *_leads(leading, now, base_url)}


@dataclass(frozen=True, slots=True)
class _Activity:
    """One that is not over: of which plan, with which codes, and whether it is to be done."""

    plan: str
    number: int
    codes: frozenset[str]
    wanted: bool


def _activities(plans: Sequence[Resource]) -> Iterator[Conflict]:
    by_code: dict[str, set[_Activity]] = defaultdict(set)
    for plan in plans:
        for number, activity in enumerate(plan.get("activity", ())):
            detail = activity.get("detail", {})
            codes = frozenset(tokens(detail, ("code",)))
            if detail.get("status") not in _OVER:
                one = _Activity(plan["id"], number, codes, not detail.get("doNotPerform"))
                for code in codes:
                    by_code[code].add(one)
    for code, alike in by_code.items():
        to_do = {one.plan for one in alike if one.wanted}
        not_to_do = {one.plan for one in alike if not one.wanted}
        both = to_do | not_to_do
        if len(both) > 1 and not _is_said(code, alike, by_code):
            if len(to_do) > 1:
                yield Conflict(SAME, code, _names("CarePlan", to_do))
            if to_do and not_to_do:
                yield Conflict(STOP, code, _names("CarePlan", both))


def _is_said(code: str, alike: set[_Activity], by_code: Mapping[str, set[_Activity]]) -> bool:
    """Whether another code of the activities says all that a code does: one with translations is one conflict."""
    others = next(iter(alike)).codes - {code}
    return any(alike < by_code[other] or (alike == by_code[other] and other < code) for other in others)


def _names(kind: str, ids: Iterable[str]) -> tuple[str, ...]:
    return tuple(f"{kind}/{id_}" for id_ in sorted(ids))


@dataclass(frozen=True, slots=True)
class _Target:
    """The values of a measure in a unit that meet a goal, from low to high."""

    measure: str
    unit: str
    low: Decimal
    high: Decimal

    def excludes(self, other: _Target) -> bool:
        same = (self.measure, self.unit) == (other.measure, other.unit)
        return same and (self.high < other.low or other.high < self.low)


_LEAST, _MOST = Decimal("-Infinity"), Decimal("Infinity")


def _goals(goals: Sequence[Resource], plans: Sequence[Resource], base_url: str) -> Iterator[Conflict]:
    plans_of: dict[str, set[str]] = defaultdict(set)
    for plan in plans:
        for kind, id_ in keys_at(plan, "goal", base_url):
            if kind == "Goal":
                plans_of[id_].add(plan["id"])
    targets = {goal["id"]: list(_targets(goal)) for goal in goals}
    aims = {goal["id"]: tokens(goal, ("description",)) for goal in goals}
    found: dict[str, set[str]] = defaultdict(set)
    for one, other in combinations(sorted(id_ for id_ in targets if targets[id_] or aims[id_]), 2):
        measures = [a.measure for a in targets[one] for b in targets[other] if a.excludes(b)]
        opposed = ["-".join(sorted((a, b))) for a in aims[one] for b in aims[other] if frozenset((a, b)) in OPPOSITES]
        if (measures or opposed) and not plans_of[one] & plans_of[other]:
            found[min(measures or opposed)] |= {one, other}
    for key, ids in found.items():
        yield Conflict(GOALS, key, _names("Goal", ids))


def _targets(goal: Resource) -> Iterator[_Target]:
    for target in goal.get("target", ()):
        for measure in tokens(target, ("measure",)):
            if "detailQuantity" in target and "value" in target["detailQuantity"]:
                quantity = target["detailQuantity"]
                value = Decimal(str(quantity["value"]))
                comparator = quantity.get("comparator", "=")
                low, high = (_LEAST if "<" in comparator else value), (_MOST if ">" in comparator else value)
                yield _Target(measure, _unit(quantity), low, high)
            elif "detailRange" in target:
                ends = [target["detailRange"].get(name, {}) for name in ("low", "high")]
                unit = next((_unit(end) for end in ends if end), "")
                low, high = (
                    Decimal(str(end["value"])) if "value" in end else without
                    for end, without in zip(ends, (_LEAST, _MOST), strict=True)
                )
                yield _Target(measure, unit, low, high)


def _unit(quantity: Mapping[str, str]) -> str:
    return quantity.get("code") or quantity.get("unit") or ""


def next_change(teams: Sequence[Resource], now: int, base_url: str = "") -> int:
    """The next moment at which somebody begins or ceases to lead a team; FOREVER: none is known."""
    leads = (lead for team in teams for lead in leads_of(team, base_url))
    return min((moment for lead in leads for moment in (lead.begin, lead.end) if moment > now), default=FOREVER)


def _leads(teams: Sequence[Resource], now: int, base_url: str) -> Iterator[Conflict]:
    found = {f"CareTeam/{team['id']}": lead_at(team, now, base_url) for team in teams}
    leads = {team: lead.ref if lead else "" for team, lead in found.items()}
    roots: dict[str, set[str]] = defaultdict(set)
    for team in sorted(leads):
        path = [team]
        while leads[path[-1]] in leads and leads[path[-1]] not in path:
            path.append(leads[path[-1]])
        last = leads[path[-1]]
        if last in path:
            yield Conflict(EACH_OTHER, "", tuple(sorted(path[path.index(last) :])))
        elif last:
            roots[last].add(path[-1])
    if len(roots) > 1:
        yield Conflict(TWO, "", tuple(sorted(team for found in roots.values() for team in found)))
