"""Which number of a report a call is about, and which units it was counted from. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from carethread.core.errors import Invalid, Malformed
from carethread.core.fhir.elements import at
from carethread.core.ports import Resource
from carethread.core.service import Call
from carethread.interactions.operations.parameters import once
from carethread.metrics.answering.reporting import AS_OF
from carethread.metrics.evaluating.counting import UNKNOWN, nested, stratifiers
from carethread.metrics.evaluating.periods import quoted
from carethread.metrics.measures.definition import Definition, Group
from carethread.metrics.suppressing.cells import WHOLE


@dataclass(frozen=True, slots=True)
class Picked:
    """One number of a report: of which group, population and stratum (its stratifier's place, -1: none)."""

    place: int
    group: Group
    population: str
    stratifier: int
    column: str
    stratum: str
    reported: int | None

    @property
    def where(self) -> str:
        """The condition on `unit` by which a unit is counted."""
        within = nested(self.group)[self.population]
        if self.stratifier < 0:
            return within
        return f"{within} AND unit.stratum_{self.stratifier} = {quoted(self.stratum)}"


def picked(definition: Definition, report: Resource, call: Call) -> Picked:
    """The number that is asked about. Raises Malformed naming the parameter."""
    place = place_of(definition.groups, once(call, "group"))
    group, told = definition.groups[place], report["group"][place]
    population = once(call, "population")
    names = [each.name for each in group.populations]
    if population not in names:
        raise Malformed(f"population is one of {', '.join(names)}.", code="value", expression="population")
    stratifier, stratum = once(call, "stratifier"), once(call, "stratum")
    if not stratifier and not stratum:
        return Picked(place, group, population, -1, *WHOLE, _count(told, names.index(population)))
    if "stratum" not in call.params:
        raise Malformed("stratum is needed with stratifier.", code="required", expression="stratum")
    known = {each.name: each for each in group.stratifiers}
    if stratifier not in known:
        said = f"stratifier is one of {', '.join(known)}." if known else "This measure has no stratifiers."
        raise Malformed(said, code="value", expression="stratifier")
    column = known[stratifier].column
    parted = _stratum(told, known[stratifier].code, stratum)
    value = UNKNOWN if stratum == "unknown" and "coding" in parted["value"] else stratum
    reported = _count(parted, names.index(population))
    which = [each.column for each in stratifiers(definition)].index(column)
    return Picked(place, group, population, which, column, value, reported)


def place_of(groups: Sequence[Group], said: str) -> int:
    """The place of the group that is named: by its code, or by its number from 1 on. Raises Malformed."""
    if not said and len(groups) == 1:
        return 0
    known = {code: i for i, group in enumerate(groups) for code in at(group.code, "coding.code")}
    numbered = {str(i + 1): i for i in range(len(groups))}
    if said in known or said in numbered:
        return known.get(said, numbered.get(said, 0))
    raise Malformed(f"group is one of {', '.join(known or numbered)}.", code="value", expression="group")


def name_of(group: Group, place: int) -> str:
    """What `place_of` knows a group by."""
    return str(next(iter(at(group.code, "coding.code")), place + 1))


def _stratum(group: Resource, code: Resource, value: str) -> Resource:
    """Of our names (`unknown`) that which is one of the Measure's own too is that. Raises Malformed for one that the
    report does not tell."""
    parted: Resource = next((each for each in group.get("stratifier", ()) if each.get("code") == [code]), {})
    ours_first = sorted(parted.get("stratum", ()), key=lambda each: "coding" not in each["value"])
    told: dict[str, Resource] = {str(name): each for each in ours_first for name in at(each, "value.text")}
    if value not in told:
        said = f"stratum is one of {', '.join(told)}." if told else "This report has no strata of this stratifier."
        raise Malformed(said, code="value", expression="stratum")
    return told[value]


def _count(told: Resource, place: int) -> int | None:
    """None: masked."""
    found = told["population"][place].get("count")
    return None if found is None else int(str(found))


def fits(definition: Definition, report: Resource) -> None:
    """Whether the report has what its Measure counts, each in its place, as those have that are counted here. Raises
    Invalid saying where it does not."""

    def judge(fits: bool, what: str, where: str) -> None:
        if not fits:
            raise Invalid(
                f"This report does not have {what} of its measure: it was not counted here.", expression=where
            )

    judge(bool(extensions(report, AS_OF, "valueInstant")), "the moment of the facts", "MeasureReport.extension")
    told = report.get("group", ())
    judge(len(told) == len(definition.groups), "the groups", "MeasureReport.group")
    for i, (group, each) in enumerate(zip(definition.groups, told, strict=True)):
        where = f"MeasureReport.group[{i}]"
        for holder, place in [(each, where), *_strata(each, where)]:
            codes = [population.get("code") for population in holder.get("population", ())]
            wanted = [population.code or {"text": population.name} for population in group.populations]
            judge(codes == wanted, "the populations", f"{place}.population")


def _strata(group: Resource, where: str) -> Iterator[tuple[Resource, str]]:
    for i, stratifier in enumerate(group.get("stratifier", ())):
        for k, stratum in enumerate(stratifier.get("stratum", ())):
            yield stratum, f"{where}.stratifier[{i}].stratum[{k}]"


def extensions(report: Resource, url: str, path: str) -> list[Any]:
    return [found for each in report["extension"] if each.get("url") == url for found in at(each, path)]
