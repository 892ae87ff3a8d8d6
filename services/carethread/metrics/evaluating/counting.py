"""What is counted of a Measure's units, in SQL and in numbers. Pure.

Populations nest as FHIR has it: who is not in the denominator is not in the numerator; an exclusion
takes out of the denominator first, an exception only who is not in the numerator
(https://hl7.org/fhir/us/cqfmeasures/measure-conformance.html#proportion-measures).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from carethread.core.facts.statement import inner
from carethread.metrics.measures.definition import Definition, Group, Stratifier

UNKNOWN = ""
"""The stratum of units of which the value is not known."""

DEPARTMENT = "department"
"""The stratifier that each unit has a column for."""

_SIZES = ("denominator", "measure-population", "initial-population")
_OUT = ("denominator-exclusion", "denominator-exception")
_OBSERVED = frozenset({"measure-population", "measure-population-exclusion"})


@dataclass(frozen=True, slots=True)
class Likeness:
    """How alike what is observed of people is: the value that most of them have and no other, how many these are, and
    how many others there are of whom something is observed. None is usual where each has several."""

    usual: float | None
    people: int
    others: int


@dataclass(frozen=True, slots=True)
class Cell:
    """What was counted of one group over all units or one stratum of them: each population's units by its name; `value`
    of the observation (None: of nobody); `people` are how many stand behind each (see `behind`), empty where that was
    not asked. `standings` are of all groups together (see `is_crossed`): how many people have units that stand so, each
    unit by a bit for each population that it is in, in the order of the groups and theirs. `likeness` is there where it
    was asked and something is observed."""

    counts: Mapping[str, int]
    value: float | None
    people: Mapping[str, int]
    standings: Mapping[tuple[int, ...], int] = field(default_factory=dict)
    likeness: Likeness | None = None


@dataclass(frozen=True, slots=True)
class Counted:
    """One group: the whole, and by stratifier its strata by their value."""

    whole: Cell
    strata: Mapping[str, Mapping[str, Cell]]


def nested(group: Group) -> dict[str, str]:
    """For each population of a group the SQL that says of a unit whether it is counted there."""
    column = {each.name: f"coalesce(unit.{each.column}, FALSE)" for each in group.populations}
    found = dict(column)
    begin = column.get("initial-population", "TRUE")

    def put(name: str, *terms: str) -> str:
        if name in column:
            found[name] = f"({' AND '.join((*terms, column[name]))})"
            return found[name]
        return ""

    denominator = put("denominator", begin) or begin
    excluded = put("denominator-exclusion", denominator)
    kept = f"{denominator} AND NOT {excluded}" if excluded else denominator
    left = put("numerator-exclusion", kept)
    within = f"{kept} AND NOT {left}" if left else kept
    numerator = put("numerator", begin if group.scoring == "ratio" else within)
    put("denominator-exception", kept, *([f"NOT {numerator}"] if numerator else []))
    observed = put("measure-population", begin)
    out = put("measure-population-exclusion", observed) if observed else ""
    if observed and out:
        found["measure-population"] = f"({observed} AND NOT {out})"
    measured = "measure-population" if observed else "initial-population"
    if group.value and measured in found:  # a number that nobody stands behind would seem to have more behind it
        found[measured] = f"({found[measured]} AND unit.{group.value} IS NOT NULL)"
    return found


def relations(definition: Definition, standard: Mapping[str, str], wanted: Sequence[str]) -> str:
    """What stands before a SELECT from `unit`: the units that are counted, each with its strata (`stratum_0`, ...).

    `standard` has the SQL of the standard stratifiers by their column; `wanted` are conditions on `unit`.
    """
    strata = stratifiers(definition)
    joined = [each.column for each in strata if each.column in standard]
    found = [relation("counted", definition.sql), *(relation(f"by_{name}", standard[name]) for name in joined)]
    joins = "".join(f"\nLEFT JOIN by_{name} ON by_{name}.subject = unit.subject" for name in joined)
    columns = ["unit.*", *(f"{_of(each, standard)} AS stratum_{i}" for i, each in enumerate(strata))]
    found.append(relation("unit", f"SELECT {', '.join(columns)}\nFROM counted AS unit{joins}{_where(wanted)}"))
    return f"WITH {', '.join(found)}"


def bare(definition: Definition, wanted: Sequence[str]) -> str:
    """As `relations`, but without the strata."""
    unit = relation("unit", f"SELECT unit.*\nFROM counted AS unit{_where(wanted)}")
    return f"WITH {relation('counted', definition.sql)}, {unit}"


def _where(wanted: Sequence[str]) -> str:
    return f"\nWHERE {' AND '.join(wanted)}" if wanted else ""


def relation(name: str, sql: str) -> str:
    """One of a WITH."""
    return f"{name} AS (\n{inner(sql)}\n)"


def stratifiers(definition: Definition) -> list[Stratifier]:
    """All stratifiers of a Measure, each once."""
    return list({each.column: each for group in definition.groups for each in group.stratifiers}.values())


def _of(stratifier: Stratifier, standard: Mapping[str, str]) -> str:
    return text(f"by_{stratifier.column}.value" if stratifier.column in standard else f"unit.{stratifier.column}")


def text(value: str) -> str:
    """SQL of a stratum's name."""
    return f"coalesce(CAST({value} AS VARCHAR), '{UNKNOWN}')"


@dataclass(frozen=True, slots=True)
class Part:
    """Units of which it matters how many people stand behind them. `told`: the score tells of them; else only what is
    counted beside it does."""

    where: str
    told: bool


def behind(group: Group) -> dict[str, Part]:
    """What the numbers of a group tell apart, as parts that do not overlap: of the denominator who is excluded, who is
    in the numerator, who is excepted and the rest; then who is in the initial population only; and each of these by
    whether it is in a population of the measure's own. From numbers that are told, no smaller part can be worked out.
    """
    within = nested(group)
    scored = _scored(group, within)
    found = {name: Part(where, told=True) for name, where in scored.items()}
    begin = within.get("initial-population", "")
    if begin and "initial-population" not in scored:
        beside = " AND ".join(f"NOT {where}" for where in scored.values())
        found["beside"] = Part(f"({begin} AND {beside})", told=False)
    parts = {name: part.where for name, part in found.items()}
    for own in (each.name for each in group.populations if each.own):
        for name, where in parts.items():
            found[f"{name} and {own}"] = Part(f"({where} AND {within[own]})", told=False)
            found[f"{name} without {own}"] = Part(f"({where} AND NOT {within[own]})", told=False)
        outside = " AND ".join(f"NOT {where}" for where in parts.values())
        found[own] = Part(f"({within[own]} AND {outside})" if outside else within[own], told=False)
    return found


def is_crossed(groups: Sequence[Group]) -> bool:
    """Whether populations of a Measure may overlap in ways that no part of one group (`behind`) tells."""
    return len(groups) > 1 or sum(each.own for group in groups for each in group.populations) > 1


def _scored(group: Group, within: Mapping[str, str]) -> dict[str, str]:
    """The parts of what the score is made of."""
    if group.scoring == "proportion" and "denominator" in within:
        found, left = {}, within["denominator"]
        for name in ("denominator-exclusion", "numerator-exclusion", "numerator", "denominator-exception"):
            if name in within:
                found[name] = within[name]
                left += f" AND NOT {within[name]}"
        return {**found, "rest": f"({left})"}
    if group.scoring == "ratio" and {"denominator", "numerator"} <= within.keys():
        above, below = within["numerator"], within["denominator"]
        both = {"both": f"({above} AND {below})", "numerator": f"({above} AND NOT {below})"}
        return {**both, "denominator": f"({below} AND NOT {above})"}
    return {name: within[name] for name in scored_populations(group)} or {"units": "TRUE"}


def scored_populations(group: Group) -> set[str]:
    """The names of the populations that the score is made of; the others are counted beside it."""
    own = {each.name for each in group.populations if each.own}
    names = {each.name for each in group.populations} - own
    rest = names - {"initial-population"}
    return (rest & _OBSERVED or rest) if rest else names


def score(group: Group, cell: Cell) -> float | None:
    """The number of a group: a share or ratio, the aggregated observation, or nothing where nobody is counted."""
    if group.scoring == "continuous-variable":
        return cell.value
    if group.scoring == "cohort":
        return None
    of = size(cell.counts) or 0
    return cell.counts.get("numerator", 0) / of if of > 0 else None


def size(counts: Mapping[str, int | None]) -> int | None:
    """How many units a number is of, by what is counted of its populations: a share of those in the denominator who are
    neither excluded nor excepted. None of nobody, and where a count is not told (None)."""
    name = next((each for each in _SIZES if each in counts), "")
    whole, out = counts.get(name), [counts.get(each, 0) for each in _OUT if name == "denominator"]
    return None if whole is None or None in out else whole - sum(each or 0 for each in out)
