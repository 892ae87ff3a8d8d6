"""The search index values of a resource, for every search parameter of its type, in one walk.

The plain paths of all parameters of a type are merged into one tree of JSON members, so that extraction costs what the
resource contains, not what could be searched. What is no plain path is evaluated as FHIRPath.
`_id` and `_lastUpdated` are columns of the resource; `_text`, `_content` and `_query` are not indexed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, tzinfo
from functools import lru_cache
from typing import Any

from carethread.core.fhir.definitions import SearchParameterDefinition, search_parameters
from carethread.core.fhir.fhirpath import Expression, FhirPathError, compile
from carethread.core.fhir.fhirpath.parser import parse
from carethread.core.fhir.search.composites import Composite, compose, composite_of
from carethread.core.fhir.search.leaves import LEAVES, Leaf, Use
from carethread.core.fhir.search.merges import PATIENT, index_merge
from carethread.core.fhir.search.paths import holds_one_row, implied_system, plain_paths
from carethread.core.fhir.search.rows import MISSING, USUAL, IndexRows
from carethread.core.fhir.search.tree import Branch, Growth, walk

COLUMNS = frozenset({"_id", "_lastUpdated"})
"""Parameters that the resource's own row answers."""

NOT_INDEXED_TYPES = frozenset({"special"})
"""Search types that have no index table."""

NOT_INDEXED_USAGES = frozenset({"phonetic"})
"""How a parameter may be meant that has no index table."""


@dataclass(frozen=True, slots=True)
class Computed:
    """A parameter whose expression is no path: its values' leaves by their type."""

    expression: Expression
    leaves: Mapping[str, Leaf]


@dataclass(frozen=True, slots=True)
class Plan:
    """How to index one resource type."""

    root: Branch
    computed: tuple[Computed, ...]
    composites: tuple[Composite, ...]
    usual: frozenset[str]


def extract(
    resource: dict[str, Any],
    *,
    base: str | None = None,
    zone: tzinfo = UTC,
    extra: tuple[SearchParameterDefinition, ...] = (),
) -> IndexRows:
    """The index rows of a resource whose `resourceType` R4 defines; a value that cannot be read is left out.

    Absolute references under the URL `base` count as local; a time without zone is in `zone`; `extra` are a service's
    own search parameters. Raises KeyError for an unknown resource type.
    """
    plan = index_plan(resource["resourceType"], extra)
    rows = IndexRows(base, zone)
    walk(plan.root, resource, rows)
    for computed in plan.computed:
        _compute(computed, resource, rows)
    for composite in plan.composites:
        compose(composite, resource, rows)
    if resource["resourceType"] == PATIENT:
        index_merge(resource, rows)
    if plan.usual:
        for code in sorted(plan.usual.difference([row[0] for row in (*rows.token, *rows.date)])):
            rows.token[(code + MISSING, "", "", "")] = None
    return rows


@lru_cache(maxsize=512)
def index_plan(type_name: str, extra: tuple[SearchParameterDefinition, ...] = ()) -> Plan:
    """The plan of a resource type, made when it is first asked for. Raises KeyError for an unknown type."""
    root = Growth()
    computed: list[Computed] = []
    composites: list[Composite] = []
    usual: set[str] = set()
    for parameter in search_parameters(type_name) + extra:
        if not is_indexed(parameter) or parameter.expression is None:
            continue
        if parameter.type == "composite":
            composites.append(composite_of(parameter, type_name))
            continue
        paths = plain_paths(parse(parameter.expression), type_name)
        if paths is None:
            computed.append(_computed(parameter))
            continue
        if parameter.code in USUAL and holds_one_row(parameter.type, paths):
            usual.add(parameter.code)
        for path in paths:
            use = Use(parameter.code, path.target, implied_system(path))
            root.at(path.steps).uses.setdefault((parameter.type, path.type), []).append(use)
    return Plan(root.branch(), tuple(computed), tuple(composites), frozenset(usual))


def is_indexed(parameter: SearchParameterDefinition) -> bool:
    """Whether the parameter has rows in an index table."""
    return (
        parameter.expression is not None
        and parameter.code not in COLUMNS
        and parameter.type not in NOT_INDEXED_TYPES
        and parameter.usage not in NOT_INDEXED_USAGES
    )


def _computed(parameter: SearchParameterDefinition) -> Computed:
    use = (Use(parameter.code),)
    leaves = {element: make(use) for (kind, element), make in LEAVES.items() if kind == parameter.type}
    return Computed(compile(parameter.expression or ""), leaves)


def _compute(computed: Computed, resource: dict[str, Any], rows: IndexRows) -> None:
    try:
        found = computed.expression.typed(resource)
    except FhirPathError:
        return
    for type_name, value in found:
        leaf = computed.leaves.get(type_name)
        if leaf:
            leaf(value, rows)
