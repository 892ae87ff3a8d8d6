"""A selection structure as a function of a node: what it unrolls, its columns, what is nested in it, and unions.

Partial rows of siblings are joined as a Cartesian product, and what is nested is joined to what it stands in. Source:
https://sql-on-fhir.org/ig/StructureDefinition-ViewDefinition.html, "Processing Algorithm".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain, product
from typing import Any

from carethread.core.errors import Invalid
from carethread.core.fhir.fhirpath import Element
from carethread.core.fhir.fhirpath.element import plain
from carethread.metrics.views.paths import Items, Path
from carethread.metrics.views.view import Column, Row, Select
from carethread.metrics.views.walking import CONVERSIONS, MOST_NODES

Cell = Callable[[Element, int], Any]


def cell(column: Column, path: Path) -> Cell:
    """The value of a column at a node. Raises Invalid for several values, or for what is no primitive."""
    converted = CONVERSIONS.get(column.conversion)

    def apply(node: Element, row_index: int) -> Any:
        values = [value for item in path(node, row_index) if (value := _value(item, column)) is not None]
        if converted:
            values = [moment for value in values if (moment := converted(str(value))) is not None]
        if column.collection:
            return values
        if len(values) > 1:
            raise Invalid(f"The column {column.name} takes one value, and there are {len(values)}; say which one.")
        return values[0] if values else None

    return apply


def _value(item: Any, column: Column) -> Any:
    value = item.value if type(item) is Element else item
    if value is None or type(value) in (str, bool, int):
        return value
    value = plain(item)
    if type(value) is Element or type(value) is dict:
        raise Invalid(f"The column {column.name} takes a primitive, and there is {getattr(item, 'type', '')} of parts.")
    return value if type(value).__name__ == "Decimal" else str(value)


def unrolled(paths: Sequence[Path], *, repeated: bool) -> Path:
    """The nodes for each of which there are rows: those of the path, or of all paths, over and over."""
    if not repeated:
        return paths[0]

    def apply(node: Element, row_index: int) -> Items:
        found: Items = []
        waiting = [iter(_below(paths, node, row_index))]
        while waiting:
            below = next(waiting[-1], None)
            if below is None:
                waiting.pop()
                continue
            found.append(below)
            if len(found) > MOST_NODES:
                raise Invalid(f"repeat finds more than {MOST_NODES} elements in one resource.", code="too-costly")
            waiting.append(iter(_below(paths, below, row_index)))
        return found

    return apply


def _below(paths: Sequence[Path], node: Any, row_index: int) -> Items:
    if type(node) is not Element:
        return []
    return list(chain.from_iterable(path(node, row_index) for path in paths))


def selected(
    nodes: Path | None, cells: Sequence[Cell], nested: Sequence[Select], union: Sequence[Select], absent: Row | None
) -> Select:
    """The rows of a structure; `absent` is the row that stands where `nodes` finds none, None: no row."""

    def rows_of(node: Element, row_index: int) -> list[Row]:
        own: Row = tuple([make(node, row_index) for make in cells])
        if not nested and not union:
            return [own]
        parts: list[list[Row]] = [[own], *(select(node, row_index) for select in nested)]
        if union:
            parts.append([row for select in union for row in select(node, row_index)])
        return [tuple(chain.from_iterable(partial)) for partial in product(*parts)]

    if nodes is None:
        return rows_of

    def unrolling(node: Element, row_index: int) -> list[Row]:
        found = [item if type(item) is Element else Element(item, "") for item in nodes(node, row_index)]
        if not found:
            return [] if absent is None else [absent]
        return [row for index, each in enumerate(found) for row in rows_of(each, index)]

    return unrolling
