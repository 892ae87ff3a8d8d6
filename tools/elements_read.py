"""Which elements of resources a shipped measure is counted from: what its SQL reads of the views, and by which paths
these do. A page is generated of it (`generate_measures_page`)."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.optimizer.pushdown_projections import pushdown_projections
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import traverse_scope

from carethread.core.facts.derived import DERIVED
from carethread.metrics.measures.shipped import texts
from carethread.metrics.views.library import definitions

_MADE = {
    "spans": ("department", "zone", "start_at", "end_at", "bucket"),
    "zones": ("department", "zone"),
    "survivors": ("patient_id", "survivor_id"),
}
"""The relations that are made for SQL, which are no views."""

_OUR_EXTENSION = re.compile(r"extension\('https://carethread\.dev/fhir/StructureDefinition/([a-z-]+)'\)")
_NO_ELEMENT = ("getResourceKey", "id", "meta", "%rowIndex")
_UNROLLING = ("forEach", "forEachOrNull")


def elements_read(measure: str) -> Mapping[str, Sequence[str]]:
    """By type the elements that a measure is counted from, extensions of ours by their names; those of its standard
    stratifiers are not among them."""
    found: dict[str, set[str]] = defaultdict(set)
    for table, columns in _columns_read(texts()[measure]).items():
        view = _views().get(DERIVED[table].of if table in DERIVED else table)
        if view is None:
            continue
        known = _elements(view)
        columns = set(known) if table in DERIVED else columns
        of_view = [each for condition in view.get("where", ()) for each in _first(condition["path"])]
        found[view["resource"]].update(of_view, *(known.get(each, ()) for each in columns))
    return {type_name: sorted(names) for type_name, names in sorted(found.items()) if names}


def _columns_read(sql: str) -> Mapping[str, set[str]]:
    """By table the columns that count for what is selected."""
    tables = {name: tuple(_elements(view)) for name, view in _views().items()} | _MADE
    schema: dict[str, object] = {name: dict.fromkeys(columns, "VARCHAR") for name, columns in tables.items()}
    tree = qualify(sqlglot.parse_one(sql, dialect="duckdb"), schema=schema, dialect="duckdb")
    found: dict[str, set[str]] = defaultdict(set)
    for scope in traverse_scope(pushdown_projections(tree)):
        of = {alias: source.name for alias, source in scope.sources.items() if isinstance(source, exp.Table)}
        for column in scope.columns:
            if column.table in of:
                found[of[column.table]].add(column.name)
    return found


@cache
def _views() -> Mapping[str, Mapping[str, Any]]:
    return {each["name"]: each for each in definitions()}


def _elements(view: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """By column the elements of the resource that it is made of."""
    return dict(_of_structures(view["select"], ()))


def _of_structures(
    structures: Sequence[Mapping[str, Any]], within: tuple[str, ...]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    for each in structures:
        paths = [each[name] for name in _UNROLLING if name in each] + each.get("repeat", [])[:1]
        inside = within or tuple(name for path in paths for name in _first(path))
        for column in each.get("column", ()):
            yield column["name"], inside or tuple(_first(column["path"]))
        yield from _of_structures([*each.get("select", ()), *each.get("unionAll", ())], inside)


def _first(path: str) -> Iterator[str]:
    """The elements of the resource that a path begins with, one for each of its alternatives."""
    text = _OUR_EXTENSION.sub(lambda found: f"extension {found[1]}", path)
    text = re.sub(r"'[^']*'", "", text)
    while text != (text := re.sub(r"\([^()]*\)", "", text)):
        pass
    for part in re.split(r" or | and |\|", text):
        found = re.match(r"extension [a-z-]+|%?\w+", part.strip())
        if found and found[0] not in _NO_ELEMENT:
            yield found[0]
