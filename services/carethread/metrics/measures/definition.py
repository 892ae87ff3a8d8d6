"""What a Measure counts, read once from its resource: populations that are columns of its units.

A Measure that is counted here names a Library whose content is SQL: one SELECT over the facts, a row for each unit
that is counted. A population's criteria (`application/sql`) names the boolean column that says whether a unit is in
it; a stratifier's names a column, or one of the standard stratifiers; that of a `measure-observation` the number.

Source: http://hl7.org/fhir/R4/measure.html, and for what R4 has no element the extensions of
https://hl7.org/fhir/us/cqfmeasures: cqfm-scoring, cqfm-populationBasis, cqfm-aggregateMethod, cqfm-scoringUnit.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from carethread.core.errors import Invalid
from carethread.core.fhir.elements import at
from carethread.core.ports import Resource
from carethread.core.service import PROFILES

LANGUAGE = "application/sql"
EXTENSION = "http://hl7.org/fhir/us/cqfmeasures/StructureDefinition/cqfm-"
OBSERVATION = "measure-observation"
NAMELESS = PROFILES + "nameless"
"""Extension of a Measure: who it is of has been promised that nobody learns it."""

LOOKS_BACK = PROFILES + "looks-back"
"""Extension of a Measure: what counts in a month is mostly of the time before, and so of the month before, too."""

METHODS = ("average", "median", "sum", "minimum", "maximum")
SCORINGS = ("proportion", "ratio", "continuous-variable", "cohort")

_SHARE = frozenset({"denominator", "numerator"})
_NEEDED = {"proportion": _SHARE, "ratio": _SHARE}
"""Without which a score would be made up."""

_COLUMN = re.compile(r"[a-z][a-z0-9_]{0,62}", re.ASCII)
_NESTED = frozenset(
    {
        "initial-population",
        "denominator",
        "denominator-exclusion",
        "denominator-exception",
        "numerator",
        "numerator-exclusion",
        "measure-population",
        "measure-population-exclusion",
    }
)


@dataclass(frozen=True, slots=True)
class Population:
    """`name` is the code that it is known by, `code` the CodeableConcept as the Measure has it; `column` the boolean
    column of the units. `own`: no population of FHIR's, but one that is counted beside them."""

    name: str
    code: Resource
    column: str
    own: bool


@dataclass(frozen=True, slots=True)
class Stratifier:
    """`column` is of the units, or the name of a standard stratifier."""

    name: str
    code: Resource
    column: str


@dataclass(frozen=True, slots=True)
class Group:
    """One score with its populations. `value` is the column of the observation and `method` how the values become one
    number, both empty without an observation; `basis` is `boolean` where units are people, else what a unit is.
    `looks_back`: neighbouring months have most of what they count in common."""

    code: Resource
    scoring: str
    basis: str
    populations: tuple[Population, ...]
    stratifiers: tuple[Stratifier, ...]
    value: str
    method: str
    unit: Resource
    looks_back: bool = False

    def population(self, name: str) -> Population | None:
        """The population of that code."""
        return next((each for each in self.populations if each.name == name), None)

    def called(self, place: int) -> str:
        """What it is called beside others of its Measure, where it is the one at `place`: in words, if it has some."""
        coding: Resource = next(iter(self.code.get("coding", ())), {})
        said: str = self.code.get("text") or coding.get("display") or str(coding.get("code", "")).replace("-", " ")
        return f"{said[:1].upper()}{said[1:]}" if said else f"{place + 1}"


@dataclass(frozen=True, slots=True)
class Definition:
    """A Measure that can be counted: `canonical` has its version, `sql` lists the units, `groups` what is counted.
    `nameless`: its numbers of few people are told to nobody. `parted_by` are the columns of all its stratifiers, also
    where fewer are asked for."""

    canonical: str
    sql: str
    groups: tuple[Group, ...]
    notation: Resource | None
    nameless: bool = False
    parted_by: frozenset[str] = frozenset()

    def is_parted_by(self, column: str) -> bool:
        """Whether each of its numbers is told by the strata of a column."""
        return all(any(each.column == column for each in group.stratifiers) for group in self.groups)


def definition(measure: Resource, sql: str, base_url: str) -> Definition:
    """The Measure with the SQL of its Library. Raises Invalid naming the element that it cannot be counted by."""
    url = measure.get("url") or f"{base_url}/Measure/{measure['id']}"
    groups = measure.get("group") or []
    if not groups:
        raise _wrong("a group with populations", "Measure.group")
    made = tuple(_group(measure, group, f"Measure.group[{i}]") for i, group in enumerate(groups))
    return Definition(
        canonical=url + (f"|{measure['version']}" if measure.get("version") else ""),
        sql=sql,
        groups=made,
        notation=measure.get("improvementNotation"),
        nameless=is_nameless(measure),
        parted_by=frozenset(each.column for group in made for each in group.stratifiers),
    )


def is_nameless(measure: Resource) -> bool:
    """Whether it has been promised of a Measure that nobody learns who it is of."""
    return _is_said(measure, NAMELESS)


def looks_back(measure: Resource) -> bool:
    """Whether what counts in a month of a Measure is mostly of the time before."""
    return _is_said(measure, LOOKS_BACK)


def _is_said(measure: Resource, url: str) -> bool:
    return any(each.get("url") == url and each.get("valueBoolean") for each in measure.get("extension", ()))


def title_of(measure: Resource) -> str:
    """What a Measure is called where people read it."""
    return str(measure.get("title") or measure.get("name") or measure["id"])


def _group(measure: Resource, group: Resource, where: str) -> Group:
    scoring = _code(_extension(group, "scoring", "valueCodeableConcept") or measure.get("scoring") or {})
    if scoring not in SCORINGS:
        raise _wrong(f"a scoring ({', '.join(SCORINGS)})", "Measure.scoring")
    populations, value, method = _populations(group, f"{where}.population")
    if missing := sorted(_NEEDED.get(scoring, frozenset()) - {each.name for each in populations}):
        raise _wrong(f"a population {missing[0]} where the scoring is {scoring}", f"{where}.population")
    if scoring == "continuous-variable" and not value:
        raise _wrong("a population measure-observation that names the number", f"{where}.population")
    return Group(
        code=group.get("code") or {},
        scoring=scoring,
        basis=_extension(group, "populationBasis", "valueCode") or "boolean",
        populations=populations,
        stratifiers=tuple(_stratifier(each, f"{where}.stratifier[{i}]") for i, each in enumerate(_strata(group))),
        value=value,
        method=method,
        unit=_unit(measure, group),
        looks_back=looks_back(measure),
    )


def _populations(group: Resource, where: str) -> tuple[tuple[Population, ...], str, str]:
    """Its populations, and the column of its observation with how the values become one; empty without one."""
    found: list[Population] = []
    value, method = "", ""
    for i, each in enumerate(group.get("population") or []):
        there = f"{where}[{i}]"
        code, column = each.get("code") or {}, _column(each, there)
        name = _code(code)
        if name == OBSERVATION:
            value, method = column, _method(each, there)
        elif any(known.name == name for known in found):
            raise _wrong(f"one population {name} in a group", f"{there}.code")
        else:
            found.append(Population(name or column, code, column, own=name not in _NESTED))
    return tuple(found), value, method


def _unit(measure: Resource, group: Resource) -> Resource:
    said = (_extension(each, "scoringUnit", "valueCodeableConcept") for each in (group, measure))
    return next(iter(at(next(filter(None, said), {}), "coding")), {})


def _strata(group: Resource) -> list[Resource]:
    found: list[Resource] = group.get("stratifier") or []
    return found


def _stratifier(stratifier: Resource, where: str) -> Stratifier:
    if "component" in stratifier:
        raise _wrong("stratifiers of one criteria each, without components", f"{where}.component")
    column = _column(stratifier, where)
    return Stratifier(_code(stratifier.get("code") or {}) or column, stratifier.get("code") or {}, column)


def _column(holder: Resource, where: str) -> str:
    criteria: dict[str, Any] = holder.get("criteria") or {}
    named = criteria.get("expression", "")
    if criteria.get("language") != LANGUAGE or not _COLUMN.fullmatch(named):
        needed = f"criteria in {LANGUAGE} that name a column in small letters, such as numerator"
        raise _wrong(needed, f"{where}.criteria")
    return str(named)


def _method(population: Resource, where: str) -> str:
    method = _extension(population, "aggregateMethod", "valueCode")
    if method not in METHODS:
        raise _wrong(f"an extension cqfm-aggregateMethod ({', '.join(METHODS)})", where)
    return str(method)


def _extension(holder: Resource, name: str, value: str) -> Any:
    return next((e.get(value) for e in holder.get("extension", ()) if e.get("url") == EXTENSION + name), None)


def _code(concept: Resource) -> str:
    return next((coding["code"] for coding in concept.get("coding", ()) if "code" in coding), "")


def _wrong(needed: str, expression: str) -> Invalid:
    return Invalid(f"A Measure that is counted here has {needed}.", code="not-supported", expression=expression)
