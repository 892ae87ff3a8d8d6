"""The statement that counts a Measure's units, and the rows that it finds (`reading` says what they mean). Pure.

A unit's columns of populations are bits of a number, its code. Units of one code stand alike: there are few codes, and
what is true of a unit is worked out once for each. The codes are numbered, and the codes of a person's units are bits
of a number again, so that people are counted by it. Neither is done for each population or part. The standard strata
of a person are one number too, so that people are looked up once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from carethread.metrics.evaluating.counting import (
    UNKNOWN,
    bare,
    behind,
    nested,
    relation,
    stratifiers,
    text,
)
from carethread.metrics.evaluating.everybody import Everybody
from carethread.metrics.evaluating.likening import ALIKE, OTHERS, USUAL, by_person, by_value
from carethread.metrics.evaluating.planning import Plan
from carethread.metrics.measures.definition import Definition, Group

AGGREGATES = {"average": "avg", "median": "median", "sum": "sum", "minimum": "min", "maximum": "max"}

UNITS, PEOPLE, VALUES, CODES, STRATA, LIKENESS = range(6)
"""What a row tells: how many units have a code, how many people have units of so numbered codes, the observations, of a
code its number, in which populations it is and in which parts, how many strata a stratifier has, or how alike what is
observed of people is; of a second observation that is the number after it, and so on."""

MOST_STRATA = 1000
"""Of a stratifier that is a column of the units, but for departments; of one that has more, none are told."""

BITS = 60
"""In a whole number."""

Rows = Sequence[Sequence[Any]]

_PERSON = "coalesce(unit.subject, unit.resource)"
"""Units of nobody, such as answers without a name, are each somebody's."""


def tallied(
    ask: Callable[[str], Rows],
    definition: Definition,
    people: Everybody | None,
    wanted: Sequence[str],
    *,
    parts: bool,
    likeness: bool = False,
    bucket: str = "",
) -> Rows:
    """The rows that `ask` finds for the statement; the SQL of `people` is here what stands in its FROM. With `parts`
    they tell of people, and with `likeness` how alike what is observed of these is. `wanted` are conditions on `unit`;
    `bucket` is SQL of what else units are told apart by."""
    sets = 1
    while True:
        rows = ask(tallying(definition, people, wanted, parts=parts, likeness=likeness, bucket=bucket, sets=sets))
        needed = -(-sum(row[0] == CODES for row in rows) // BITS)
        if needed <= sets or not parts:
            return rows
        sets = needed


def tallying(
    definition: Definition,
    people: Everybody | None,
    wanted: Sequence[str],
    *,
    parts: bool,
    likeness: bool = False,
    bucket: str = "",
    sets: int = 1,
) -> str:
    """The statement; `sets` numbers have a bit for each code.

    Its columns: what a row tells, the bucket, the stratifier's place (-1: the whole), the stratum, how many (of a code:
    its number), the observations, then numbers: those of the code or of a person's codes, or of a code also those of
    its populations and of its parts. Of how alike an observation is: how many people have several or another one than
    the usual, that one, and how many have it and no other.
    """
    columns = [each.column for each in stratifiers(definition)]
    observed = {f"v{i}": group for i, group in enumerate(each for each in definition.groups if each.value)}
    plan = Plan(
        definition,
        people,
        bucket,
        own={name: f"own_{i}" for i, name in enumerate(columns) if not people or name not in people.columns},
        observed=observed,
        codes=_numbers("_c", list(_columns(definition).values())) or {"_c0": "0"},
        populations=_numbers("u", _populations(definition)),
        parts=_numbers("p", _parts(definition)) if parts else {},
        sets=[f"s{i}" for i in range(sets)] if parts else [],
        likened=list(observed) if likeness else [],
    )
    relations = [bare(definition, wanted), *_marked(plan), *_by_units(plan), *(_by_people(plan) if parts else ())]
    relations += _by_values(plan)
    relations += [
        relation(f"many_{name}", f"SELECT count(DISTINCT {name}) AS n\nFROM units_by_{name}")
        for name in plan.bounded.values()
    ]
    return f"{', '.join(relations)}\n" + "\nUNION ALL\n".join(_selects(plan))


def widths(definition: Definition) -> tuple[int, int]:
    """How many numbers a code is, and how many tell its populations."""
    return len(_numbers("c", list(_columns(definition)))) or 1, len(_numbers("u", _populations(definition)))


def _columns(definition: Definition) -> dict[str, str]:
    """The columns that say in which populations a unit is, each once, with SQL of what is so or not: of an observation
    whether there is one."""
    values = {group.value: f"unit.{group.value} IS NOT NULL" for group in definition.groups if group.value}
    columns = [each.column for group in definition.groups for each in group.populations]
    return values | {name: f"coalesce(unit.{name}, FALSE)" for name in columns}


def _marked(plan: Plan) -> list[str]:
    """Units with all that they are counted by."""
    numbered = {"number": "people.number", "person": f"CASE WHEN people.number IS NULL THEN {_PERSON} END"}
    marked = {**numbered, "kind": "people.kind"} if plan.people else {"person": _PERSON, "kind": "CAST(NULL AS BIGINT)"}
    marked |= dict.fromkeys(plan.always, plan.bucket)
    marked |= {name: text(f"unit.{column}") for column, name in plan.own.items()}
    marked |= plan.codes
    marked |= {name: _observed(group) for name, group in plan.observed.items()}
    found, joined = [], ""
    if plan.people:
        kinds = ", ".join(f"min({name}) AS {name}" for name in plan.people.columns)
        found.append(relation("kinds", f"SELECT kind, {kinds}\nFROM {plan.people.sql} AS kept\nGROUP BY kind"))
        joined = f"\nLEFT JOIN {plan.people.sql} AS people ON people.subject = unit.subject"
    selected = ", ".join(f"{sql} AS {name}" for name, sql in marked.items())
    return [*found, relation("marked", f"SELECT {selected}\nFROM unit{joined}")]


def _by_units(plan: Plan) -> list[str]:
    """How many units of each code there are, and the codes with their numbers."""
    codes = ", ".join(plan.codes)
    found = [relation(f"units_by_{by}", _alike("marked", [*plan.always, by, *plan.codes])) for by in plan.each]
    numbered = f"SELECT {codes}, row_number() OVER (ORDER BY {codes}) - 1 AS _number"
    return [*found, relation("codes", f"{numbered}\nFROM (SELECT DISTINCT {codes} FROM units_by_kind)")]


def _by_people(plan: Plan) -> list[str]:
    """How many people there are who have units of the same codes."""
    bits = ", ".join(
        f"CASE WHEN _number >= {BITS * i} AND _number < {BITS * (i + 1)}"
        f" THEN CAST(power(2, _number - {BITS * i}) AS BIGINT) ELSE 0 END AS {name}"
        for i, name in enumerate(plan.sets)
    )
    found = [relation("bits", f"SELECT {', '.join(plan.codes)}, {bits}\nFROM codes")]
    same = " AND ".join(f"bits.{name} = marked.{name}" for name in plan.codes)
    for by in plan.each:
        names = ", ".join(f"marked.{name}" for name in [*plan.who, *plan.always, by])
        each = ", ".join(f"bit_or(bits.{name}) AS {name}" for name in plan.sets)
        sql = f"SELECT {names}, {each}\nFROM marked\nJOIN bits ON {same}\nGROUP BY {names}"
        found.append(relation(f"each_by_{by}", sql))
        found.append(relation(f"people_by_{by}", _alike(f"each_by_{by}", [*plan.always, by, *plan.sets])))
    return found


def _by_values(plan: Plan) -> Iterator[str]:
    """How many people there are of whom one value is observed and no other (NULL: several)."""
    for name in plan.likened:
        for by in plan.each:
            people = by_person(name, [*plan.who, *plan.always, by])
            yield relation(f"{name}_by_{by}", _alike(f"({people})", [*plan.always, by, "one"]))


def _alike(source: str, names: Iterable[str]) -> str:
    listed = ", ".join(names)
    return f"SELECT {listed}, count(*) AS n\nFROM {source}\nGROUP BY {listed}"


def _selects(plan: Plan) -> list[str]:
    count = ["CAST(sum(n) AS BIGINT)", *_nothing(plan)]
    values = ["0", *(f"{AGGREGATES[group.method]}({name})" for name, group in plan.observed.items())]
    return [
        *_by_stratum(plan, UNITS, "units_by_", count, list(plan.codes)),
        *(_by_stratum(plan, PEOPLE, "people_by_", count, plan.sets) if plan.sets else ()),
        *(_by_stratum(plan, VALUES, "", values, []) if plan.observed else ()),
        _of_codes(plan),
        *_of_strata(plan),
        *_of_likeness(plan),
    ]


def _row(plan: Plan, what: int, place: int, told: Sequence[str], numbers: Sequence[str], bucket: str = "") -> str:
    zeros = ["0"] * (plan.width - len(numbers))
    return f"SELECT {', '.join([str(what), bucket or 'CAST(NULL AS DATE)', str(place), *told, *numbers, *zeros])}"


def _nothing(plan: Plan) -> list[str]:
    """In place of observations."""
    return ["NULL"] * len(plan.observed)


def _by_stratum(plan: Plan, what: int, source: str, told: Sequence[str], numbers: Sequence[str]) -> Iterator[str]:
    """The whole, and each stratifier's strata; `source` begins the relation's name, empty: units by themselves."""
    for place, column in enumerate(["", *(each.column for each in stratifiers(plan.definition))], start=-1):
        stratum, origin = _stratum(plan, column, source)
        alike = [*plan.always, *([stratum] if column else []), *numbers]
        grouped = f"\nGROUP BY {', '.join(alike)}" if alike else ""
        said = _row(plan, what, place, [stratum, *told], numbers, "".join(plan.always))
        yield f"{said}\nFROM {origin}{grouped}"


def _stratum(plan: Plan, column: str, source: str) -> tuple[str, str]:
    """SQL of a stratifier's strata (none: the whole), and where they are of."""
    own = plan.own.get(column)
    origin = f"{source}{own or 'kind'}" if source else "marked"
    if column and not own:
        joined = f"{origin} AS alike\nLEFT JOIN kinds ON kinds.kind = alike.kind"
        return f"coalesce(kinds.{column}, '{UNKNOWN}')", joined
    few = f"\nWHERE (SELECT n FROM many_{own}) <= {MOST_STRATA}" if column in plan.bounded else ""
    return own or f"'{UNKNOWN}'", f"{origin}{few}"


def _of_likeness(plan: Plan) -> Iterator[str]:
    """How alike each observation is, by stratum."""
    for i, name in enumerate(plan.likened):
        told = ["stratum", OTHERS, *(USUAL if each == name else "NULL" for each in plan.observed)]
        for place, column in enumerate(["", *(each.column for each in stratifiers(plan.definition))], start=-1):
            stratum, origin = _stratum(plan, column, f"{name}_by_")
            said = _row(plan, LIKENESS + i, place, told, [ALIKE], "".join(plan.always))
            of = by_value(origin, stratum, plan.always)
            yield f"{said}\nFROM ({of})\nGROUP BY {', '.join([*plan.always, 'stratum'])}"


def _of_codes(plan: Plan) -> str:
    """Each code with its number, and with what is true of its units."""
    observed = {group.value for group in plan.observed.values()}
    codes, raw = list(plan.codes), []
    for i, name in enumerate(_columns(plan.definition)):
        bit = f"(({codes[i // BITS]} & {1 << i % BITS}) <> 0)"
        raw.append(f"{f'nullif({bit}, FALSE)' if name in observed else bit} AS {name}")
    numbers = [*(f"unit.{name}" for name in codes), *plan.populations.values(), *plan.parts.values()]
    said = _row(plan, CODES, -1, [f"'{UNKNOWN}'", "unit._number", *_nothing(plan)], numbers)
    return f"{said}\nFROM (SELECT {', '.join(['codes.*', *raw])} FROM codes) AS unit"


def _of_strata(plan: Plan) -> Iterator[str]:
    """How many strata each stratifier has that may be anything."""
    columns = [each.column for each in stratifiers(plan.definition)]
    for column, name in plan.bounded.items():
        said = _row(plan, STRATA, columns.index(column), [f"'{UNKNOWN}'", "n", *_nothing(plan)], [])
        yield f"{said}\nFROM many_{name}"


def _numbers(letter: str, conditions: Sequence[str]) -> dict[str, str]:
    """SQL of numbers by their names, with a bit for each condition."""
    found: dict[str, str] = {}
    for place in range(0, len(conditions), BITS):
        bits = [f"CAST({sql} AS BIGINT) * {1 << i}" for i, sql in enumerate(conditions[place : place + BITS])]
        found[f"{letter}{len(found)}"] = " + ".join(bits)
    return found


def _populations(definition: Definition) -> list[str]:
    within = [(group, nested(group)) for group in definition.groups]
    return [names[each.name] for group, names in within for each in group.populations]


def _parts(definition: Definition) -> list[str]:
    return [part.where for group in definition.groups for part in behind(group).values()]


def _observed(group: Group) -> str:
    within = nested(group)
    observed = within.get("measure-population", within.get("initial-population", "TRUE"))
    return f"CASE WHEN {observed} THEN unit.{group.value} END"
