"""Which functions the evaluator has, read from the tables that it calls them by."""

from __future__ import annotations

from typing import NamedTuple

from carethread.core.fhir.fhirpath.functions import GROUPS, TYPE_FUNCTIONS


class Declared(NamedTuple):
    """One function: what it is about, and the least and most arguments that it takes."""

    name: str
    group: str
    least: int
    most: int


def functions() -> tuple[Declared, ...]:
    """Every function that an expression may call, by group and name."""
    found = [
        Declared(name, group, function.least, function.most)
        for group, table in GROUPS.items()
        for name, function in sorted(table.items())
    ]
    return (*found, *(Declared(name, "Types", 1, 1) for name in TYPE_FUNCTIONS))
