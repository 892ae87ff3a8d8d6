"""Departments beside each other: by name, each with the limits that chance alone gives it, and whether its goal is met.

It is no ranking: between the limits departments are not told apart, and none is placed before another by its number.
Pure. Source: D. J. Spiegelhalter, Funnel plots for comparing institutional performance, 2005.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from carethread.core.ports import Resource
from carethread.core.service import PROFILES
from carethread.metrics.answering.reporting import decimal
from carethread.metrics.evaluating.counting import DEPARTMENT, Cell, Counted, score, size
from carethread.metrics.measures.definition import Group
from carethread.metrics.signals.funnels import Funnel, Kind, funnel
from carethread.metrics.signals.goals import Target
from carethread.metrics.suppressing.cells import WHOLE, Hidden, Place, tells_score

COMPARISON = PROFILES + "department-comparison"

_FUNNELS: Mapping[str, Kind] = {"proportion": "p", "ratio": "u"}
"""What has limits of which distribution; another number has none that follow from how many it is of."""


def by_name(counted: Sequence[Counted], names: Mapping[str, str]) -> list[Counted]:
    """What was counted, with its departments in order of their names; what is of none stands last."""

    def order(department: str) -> tuple[bool, str, str]:
        return not department, names.get(department, "").casefold(), department

    return [
        Counted(each.whole, {DEPARTMENT: {key: each.strata[DEPARTMENT][key] for key in sorted(_of(each), key=order)}})
        for each in counted
    ]


def _of(counted: Counted) -> Mapping[str, Cell]:
    return counted.strata[DEPARTMENT]


def compared(
    report: Resource,
    groups: Sequence[Group],
    counted: Sequence[Counted],
    hidden: Mapping[Place, Hidden],
    goals: Mapping[str, Target],
    names: Mapping[str, str],
) -> Resource:
    """The report with what is said of each department: nothing where its numbers, or those of all, are not told."""
    told = [
        _group(each, group, all_, hidden, goals, names)
        for each, group, all_ in zip(report["group"], groups, counted, strict=True)
    ]
    return {**report, "group": told}


def _group(
    report: Resource,
    group: Group,
    counted: Counted,
    hidden: Mapping[Place, Hidden],
    goals: Mapping[str, Target],
    names: Mapping[str, str],
) -> Resource:
    centre = score(group, counted.whole) if tells_score(group, hidden.get(WHOLE, Hidden.NOTHING)) else None
    strata = [
        {**stratum, "extension": [_comparison(group, department, cell, shown, goals.get(department), names)]}
        for (department, cell), stratum in zip(_of(counted).items(), _strata(report), strict=True)
        for shown in (centre if tells_score(group, hidden.get((DEPARTMENT, department), Hidden.NOTHING)) else None,)
    ]
    if not strata:
        return report
    return {**report, "stratifier": [{**report["stratifier"][0], "stratum": strata}]}


def _strata(report: Resource) -> list[Resource]:
    return [stratum for each in report.get("stratifier", ()) for stratum in each["stratum"]]


def _comparison(
    group: Group, department: str, cell: Cell, centre: float | None, goal: Target | None, names: Mapping[str, str]
) -> Resource:
    """What is said of one department; `centre` is None where nothing is to be told of its number."""
    said: list[Resource] = []
    if department:
        display = {"display": names[department]} if names.get(department) else {}
        where = {"reference": f"Organization/{department}", **display}
        said.append({"url": "department", "valueReference": where})
    value, of = score(group, cell), size(cell.counts) or 0
    if centre is not None and value is not None and group.scoring in _FUNNELS and of > 0:
        said += _limits(funnel(_FUNNELS[group.scoring], value, of, centre))
    if goal:
        said.append({"url": "goal", "valueReference": {"reference": goal.goal}})
        met = goal.met(value) if centre is not None else None
        said += [{"url": "met", "valueBoolean": met}] if met is not None else []
    return {"url": COMPARISON, "extension": said or [{"url": "position", "valueCode": "unknown"}]}


def _limits(found: Funnel) -> list[Resource]:
    said: list[Resource] = [{"url": "position", "valueCode": found.position}]
    if found.beyond:
        said.append({"url": "beyond", "valueCode": found.beyond})
    for told, (lower, upper) in found.limits.items():
        said.append({"url": f"lower-{told}", "valueDecimal": decimal(lower)})
        said.append({"url": f"upper-{told}", "valueDecimal": decimal(upper)})
    return said
