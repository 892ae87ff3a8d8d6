"""A ViewDefinition ready to be applied.

Source: https://sql-on-fhir.org/ig/StructureDefinition-ViewDefinition.html.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from carethread.core.fhir.fhirpath import Element
from carethread.core.ports import Resource
from carethread.metrics.views.walking import SURPRISES

Row = tuple[Any, ...]
"""The values of one row in the order of the columns: None, bool, int, Decimal, str, or a list of these."""

Select = Callable[[Element, int], list[Row]]
"""The rows that a node of a resource gives; the number is %rowIndex around it."""

Where = Callable[[Element], bool]

Quick = Callable[[Resource], list[Row]]
"""The same over plain JSON; raises one of SURPRISES where FHIRPath has to decide."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name, its FHIR type (empty: not said), the SQL type that a tag wants instead, whether its values
    are lists, and what is made of each of them (a name of `walking.CONVERSIONS`; any other: nothing)."""

    name: str
    type: str = ""
    sql_type: str = ""
    collection: bool = False
    conversion: str = ""


@dataclass(frozen=True, slots=True)
class View:
    """A view: what it is called, of which type it is, its columns, and how its rows are made.

    Raises Invalid in `rows` where a resource gives several values for a column that takes one, or a condition is none.
    """

    url: str
    name: str
    version: str
    type: str
    columns: tuple[Column, ...]
    conditions: tuple[Where, ...]
    select: Select
    quick: Quick | None = None

    def rows(self, resource: Resource) -> Sequence[Row]:
        """The rows of a resource; none where it is of another type, or not one that the view is of."""
        if resource.get("resourceType") != self.type:
            return ()
        if self.quick is not None:
            try:
                return self.quick(resource)
            except SURPRISES:
                pass
        return self.rows_by_fhirpath(resource)

    def rows_by_fhirpath(self, resource: Resource) -> Sequence[Row]:
        """The rows of a resource of the type, as the definition says them."""
        root = Element(resource, self.type)
        if not all(holds(root) for holds in self.conditions):
            return ()
        return self.select(root, 0)
