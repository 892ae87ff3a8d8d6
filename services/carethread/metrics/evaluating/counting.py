"""The query that counts a Measure's units, and what its rows mean. Pure.

Populations nest as FHIR has it: who is not in the denominator is not in the numerator; an exclusion
takes out of the denominator first, an exception only who is not in the numerator
(https://hl7.org/fhir/us/cqfmeasures/measure-conformance.html#proportion-measures).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from carethread.metrics.measures.definition import Definition, Group, Stratifier

AGGREGATES = {"average": "avg", "median": "median", "sum": "sum", "minimum": "min", "maximum": "max"}
UNKNOWN = ""
"""The stratum of units of which the value is not known."""

_PERSON = "coalesce(unit.subject, unit.resource) AS person"
"""Units of nobody, such as answers without a name, are each somebody's."""

_OBSERVED = frozenset({"measure-population", "measure-population-exclusion"})


@dataclass(frozen=True, slots=True)
class Cell:
    """What was counted of one group over all units or one stratum of them: each population's units by its name; `value`
    of the observation (None: of nobody); `people` are how many stand behind each (see `behind`), empty where that was
    not asked."""

    counts: Mapping[str, int]
    value: float | None
    people: Mapping[str, int]


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
    return found


def relations(definition: Definition, standard: Mapping[str, str], wanted: Sequence[str]) -> str:
    """What stands before a SELECT from `unit`: the units that are counted, each with its strata (`stratum_0`, ...).

    `standard` has the SQL of the standard stratifiers by their column; `wanted` are conditions on `unit`.
    """
    strata = stratifiers(definition)
    joined = [each.column for each in strata if each.column in standard]
    found = [_relation("counted", definition.sql), *(_relation(f"by_{name}", standard[name]) for name in joined)]
    joins = "".join(f"\nLEFT JOIN by_{name} ON by_{name}.subject = unit.subject" for name in joined)
    columns = ["unit.*", *(f"{_of(each, standard)} AS stratum_{i}" for i, each in enumerate(strata))]
    found.append(_relation("unit", f"SELECT {', '.join(columns)}\nFROM counted AS unit{joins}{_where(wanted)}"))
    return f"WITH {', '.join(found)}"


def bare(definition: Definition, wanted: Sequence[str]) -> str:
    """As `relations`, but without the strata."""
    unit = _relation("unit", f"SELECT unit.*\nFROM counted AS unit{_where(wanted)}")
    return f"WITH {_relation('counted', definition.sql)}, {unit}"


def counting(definition: Definition, standard: Mapping[str, str], wanted: Sequence[str], people: bool) -> str:
    """The statement that counts. Its first column tells the stratifier (its place, -1: the whole) and the second the
    stratum; then by group its populations, and with `people` how many stand behind each part.

    Units are first counted for each person: there are fewer people than units, so that finding their strata takes less,
    and a person is there once.
    """
    counts = [f"count(*) FILTER (WHERE {where})" for group in definition.groups for where in _counts(group)]
    parts = [f"count(*) FILTER (WHERE {where})" for group in definition.groups for where in _parts(group, people)]
    each = ", ".join(f"{sql} AS n{i}" for i, sql in enumerate([*counts, *parts]))
    sums = [f"coalesce(sum(n{i}), 0)" for i in range(len(counts))]
    sums += [f"count(*) FILTER (WHERE n{i} > 0)" for i in range(len(counts), len(counts) + len(parts))]
    told = ", ".join(sums)

    def tallied(name: str, *columns: str) -> str:
        by = ", ".join(str(i + 1) for i in range(len(columns) + 1))
        return _relation(name, f"SELECT {', '.join((_PERSON, *columns))}, {each}\nFROM unit\nGROUP BY {by}")

    found = [bare(definition, wanted), tallied("tallied")]
    selects = [f"SELECT -1 AS stratifier, '{UNKNOWN}' AS stratum, {told}\nFROM tallied"]
    for i, stratifier in enumerate(stratifiers(definition)):
        name = f"by_{stratifier.column}"
        if stratifier.column in standard:
            found.append(_relation(name, standard[stratifier.column]))
            source = f"tallied LEFT JOIN {name} ON {name}.subject = tallied.person"
            selects.append(f"SELECT {i}, {_of(stratifier, standard)}, {told}\nFROM {source}\nGROUP BY 1, 2")
        elif people:
            found.append(tallied(name, f"{_of(stratifier, standard)} AS stratum"))
            selects.append(f"SELECT {i}, stratum, {told}\nFROM {name}\nGROUP BY 1, 2")
        else:
            numbers = ", ".join(counts)
            selects.append(f"SELECT {i}, {_of(stratifier, standard)}, {numbers}\nFROM unit\nGROUP BY 1, 2")
    return f"{', '.join(found)}\n" + "\nUNION ALL\n".join(selects)


def observing(definition: Definition, standard: Mapping[str, str], wanted: Sequence[str]) -> str:
    """The statement of the values, by stratifier and stratum as `counting` has them; empty without any."""
    values = [_observed(group) for group in definition.groups if group.value]
    if not values:
        return ""
    found, selects = [bare(definition, wanted)], [f"SELECT -1 AS stratifier, '{UNKNOWN}' AS stratum, {{}}\nFROM unit"]
    for i, stratifier in enumerate(stratifiers(definition)):
        name, source = f"by_{stratifier.column}", "unit"
        if stratifier.column in standard:
            found.append(_relation(name, standard[stratifier.column]))
            source = f"unit LEFT JOIN {name} ON {name}.subject = unit.subject"
        selects.append(f"SELECT {i}, {_of(stratifier, standard)}, {{}}\nFROM {source}\nGROUP BY 1, 2")
    return f"{', '.join(found)}\n" + "\nUNION ALL\n".join(each.format(", ".join(values)) for each in selects)


def _where(wanted: Sequence[str]) -> str:
    return f"\nWHERE {' AND '.join(wanted)}" if wanted else ""


def _relation(name: str, sql: str) -> str:
    return f"{name} AS (\n{sql.strip().rstrip(';')}\n)"


def stratifiers(definition: Definition) -> list[Stratifier]:
    """All stratifiers of a Measure, each once."""
    return list({each.column: each for group in definition.groups for each in group.stratifiers}.values())


def _of(stratifier: Stratifier, standard: Mapping[str, str]) -> str:
    column = f"by_{stratifier.column}.value" if stratifier.column in standard else f"unit.{stratifier.column}"
    return f"coalesce(CAST({column} AS VARCHAR), '{UNKNOWN}')"


def _counts(group: Group) -> list[str]:
    within = nested(group)
    return [within[each.name] for each in group.populations]


def _parts(group: Group, people: bool) -> list[str]:
    return [part.where for part in behind(group).values()] if people else []


def _observed(group: Group) -> str:
    within = nested(group)
    observed = within.get("measure-population", within.get("initial-population", "TRUE"))
    return f"{AGGREGATES[group.method]}(unit.{group.value}) FILTER (WHERE {observed})"


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


def read(
    definition: Definition, rows: Sequence[Sequence[Any]], values: Sequence[Sequence[Any]], people: bool
) -> list[Counted]:
    """What the rows of `counting` and of `observing` say, by group."""
    columns = stratifiers(definition)
    place = sum(len(group.populations) for group in definition.groups) + 2
    counted, observed, found = 2, 2, []
    for group in definition.groups:
        counts, parts = len(group.populations), list(behind(group)) if people else []
        value = {(int(row[0]), str(row[1])): row[observed] for row in values} if group.value else {}
        cells = {}
        for row in rows:
            key = int(row[0]), str(row[1])
            names = [each.name for each in group.populations]
            cells[key] = Cell(
                dict(zip(names, map(int, row[counted : counted + counts]), strict=True)),
                None if value.get(key) is None else float(value[key]),
                dict(zip(parts, map(int, row[place : place + len(parts)]), strict=True)),
            )
        wanted = {each.column for each in group.stratifiers}
        strata = {
            each.column: {stratum: cell for (which, stratum), cell in sorted(cells.items()) if which == i}
            for i, each in enumerate(columns)
            if each.column in wanted
        }
        found.append(Counted(cells[-1, UNKNOWN], strata))
        counted, place, observed = counted + counts, place + len(parts), observed + bool(group.value)
    return found


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
    denominator = cell.counts.get("denominator", 0) - sum(
        cell.counts.get(name, 0) for name in ("denominator-exclusion", "denominator-exception")
    )
    return cell.counts.get("numerator", 0) / denominator if denominator > 0 else None
