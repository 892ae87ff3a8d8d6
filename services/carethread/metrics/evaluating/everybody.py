"""The relation of all people with the strata that they are in, made once for one state of the facts. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from carethread.metrics.evaluating.counting import relation, stratifiers, text
from carethread.metrics.measures.definition import Definition


@dataclass(frozen=True, slots=True)
class Everybody:
    """People with their standard strata: the stratifiers' columns, and the SQL of the relation: `subject`, the `number`
    that stands for it, those columns, and `kind`, a number that all have who are in the same strata."""

    columns: Sequence[str]
    sql: str


def everybody(definition: Definition, standard: Mapping[str, str]) -> Everybody | None:
    """People with the standard strata that a Measure asks for; None where it asks for none. `standard` has the SQL of
    the standard stratifiers by their column."""
    columns = [each.column for each in stratifiers(definition) if each.column in standard]
    if not columns:
        return None
    names, first, others = ", ".join(columns), columns[0], columns[1:]
    joined = f"by_{first}" + "".join(f"\nFULL JOIN by_{name} USING (subject)" for name in others)
    strata = ", ".join(f"{text(f'by_{name}.value')} AS {name}" for name in columns)
    kinds = f"SELECT {names}, row_number() OVER (ORDER BY {names}) AS kind\nFROM (SELECT DISTINCT {names} FROM known)"
    found = [relation(f"by_{name}", standard[name]) for name in columns]
    found += [relation("known", f"SELECT subject, {strata}\nFROM {joined}"), relation("kinds", kinds)]
    return Everybody(
        columns,
        f"WITH {', '.join(found)}\nSELECT known.*, kinds.kind, row_number() OVER (ORDER BY subject) AS number"
        f"\nFROM known\nJOIN kinds USING ({names})",
    )
