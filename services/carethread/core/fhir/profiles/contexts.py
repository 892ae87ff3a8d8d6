"""Where an extension may stand: http://hl7.org/fhir/R4/defining-extensions.html#context

A context names an element by its path from its resource's or data type (`Appointment.participant`, `HumanName.family`)
or by its type (`Coding`; `Element` is any element), or it is the url of the extension that must hold it. A FHIRPath
context is not checked; the invariants of a context are, on the element that holds the extension.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from carethread.core.fhir.fhirpath.model import ancestry
from carethread.core.fhir.profiles.values import Item, children
from carethread.core.fhir.validation.report import Place


class Holder(NamedTuple):
    """The element that holds an extension, what it is called (its paths and types), and its url if it is one itself."""

    item: Item
    names: frozenset[str]
    url: Any


def holder(place: Place, root: Item) -> Holder | None:
    """What holds the extension at `place`, somewhere in `root`; None in an element that has not its type's form."""
    item, paths = root, {root.type}
    for name, index in _steps(place, root.place)[:-1]:
        found = next((each for each in children(item, name) if each.place[2] == index), None)
        if found is None:  # an array where one value belongs, or the other way round: that is said of it already
            return None
        item = found
        paths = {f"{path}.{name}" for path in paths} | {item.type.replace("#", ".")}
    url = item.value.get("url") if item.type == "Extension" and type(item.value) is dict else None
    return Holder(item, frozenset({*paths, *ancestry(item.type), "Element"}), url)


def allowed(contexts: Sequence[tuple[str, str]], at: Holder) -> bool:
    """Whether an element may hold an extension that has these contexts, as (type, expression)."""
    return not contexts or any(
        kind == "fhirpath" or (expression == at.url if kind == "extension" else expression in at.names)
        for kind, expression in contexts
    )


def _steps(place: Place, root: Place) -> list[tuple[str, int | None]]:
    steps: list[tuple[str, int | None]] = []
    at: Place | None = place
    while at is not None and at is not root:
        steps.append((at[1], at[2]))
        at = at[0]
    return steps[::-1]
