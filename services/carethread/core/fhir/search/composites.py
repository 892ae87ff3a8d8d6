"""The rows of composite parameters: the values of each component, told apart by the element that they stand in.

`component-code-value-quantity` pairs the code and the value of one component, never the code of one with the value of
another. Source: http://hl7.org/fhir/R4/search.html#composite.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from carethread.core.fhir.definitions import SearchComponent, SearchParameterDefinition
from carethread.core.fhir.fhirpath.parser import parse
from carethread.core.fhir.search.leaves import Use
from carethread.core.fhir.search.paths import Equals, implied_system, plain_paths
from carethread.core.fhir.search.rows import CompositeRow, IndexRows
from carethread.core.fhir.search.tree import Branch, Growth, walk

Steps = tuple[str | Equals, ...]

_RESOURCE = "%resource."

_MENDED: Mapping[tuple[str, str], str] = {
    # DocumentReference-relationship of R4 names the expressions of its two components the wrong way round.
    ("relatesto", "code"): "target",
    ("relation", "target"): "code",
}


@dataclass(frozen=True, slots=True)
class Component:
    """One component: its search type, and where its values stand below the element or the resource."""

    kind: str
    from_resource: bool
    branch: Branch


@dataclass(frozen=True, slots=True)
class Composite:
    """A composite parameter: by the steps to its elements, what to read in each of them.

    `Observation | Observation.component` has two ways, for the two are of different types.
    """

    param: str
    ways: tuple[tuple[Steps, tuple[Component, ...]], ...]


def composite_of(parameter: SearchParameterDefinition, type_name: str) -> Composite:
    """How to index a composite parameter of a resource type."""
    paths = plain_paths(parse(parameter.expression or ""), type_name) or ()
    return Composite(
        parameter.code,
        tuple((path.steps, tuple(_component(c, path.type, type_name) for c in parameter.component)) for path in paths),
    )


def _component(component: SearchComponent, element_type: str, type_name: str) -> Component:
    expression = component.expression.replace("as(DateTime)", "as(dateTime)")  # as R4 publishes code-value-date
    expression = _MENDED.get((component.code, expression), expression)
    from_resource = expression.startswith(_RESOURCE)
    start = type_name if from_resource else element_type
    root = Growth()
    for path in plain_paths(parse(expression.removeprefix(_RESOURCE)), start) or ():
        use = Use(component.code, path.target, implied_system(path))
        root.at(path.steps).uses.setdefault((component.type, path.type), []).append(use)
    return Component(component.type, from_resource, root.branch())


def compose(composite: Composite, resource: dict[str, Any], rows: IndexRows) -> None:
    """Add the rows of the elements in which every component has a value."""
    number = 0
    for steps, components in composite.ways:
        for element in _elements(resource, steps):
            number += 1
            found: list[CompositeRow] = []
            for place in reversed(range(len(components))):  # the last is the value, which is missing most often
                made = list(_rows(composite.param, number, place, components[place], element, resource, rows))
                if not made:
                    break
                found += made
            else:
                rows.composite |= dict.fromkeys(found)


def _rows(
    param: str, number: int, place: int, component: Component, element: Any, resource: dict[str, Any], rows: IndexRows
) -> Iterator[CompositeRow]:
    found = IndexRows(rows.base, rows.zone)
    walk(component.branch, resource if component.from_resource else element, found)
    parts = _PARTS[component.kind]
    return ((param, number, place, *parts(row)) for row in getattr(found, component.kind))


def _elements(value: Any, steps: Steps) -> Iterator[Any]:
    if not steps:
        yield value
        return
    step, rest = steps[0], steps[1:]
    if type(value) is not dict:
        return
    if isinstance(step, Equals):
        if value.get(step.member) == step.text:
            yield from _elements(value, rest)
        return
    below = value.get(step)
    for item in below if type(below) is list else () if below is None else (below,):
        yield from _elements(item, rest)


_PARTS: Mapping[str, Callable[[Any], tuple[str, str, float, float, str]]] = {
    "token": lambda row: (row[1], row[2], 0.0, 0.0, ""),
    "reference": lambda row: (row[1], row[2], 0.0, 0.0, row[3]),
    "date": lambda row: ("", "", float(row[1]), float(row[2]), ""),
    "string": lambda row: ("", "", 0.0, 0.0, row[1]),
    "number": lambda row: ("", "", row[1], row[2], ""),
    "quantity": lambda row: (row[3], row[4], row[1], row[2], row[5]),
}
"""A row of a search type as system, code, low, high and text of a `CompositeRow`."""
