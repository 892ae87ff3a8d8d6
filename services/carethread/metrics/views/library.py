"""The views that the package carries: the ViewDefinitions of `fhir_profiles/views`, one table each.

Source: https://sql-on-fhir.org/ig/StructureDefinition-ViewDefinition.html.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files

import orjson

from carethread.core.errors import Invalid, Issue
from carethread.core.ports import Resource
from carethread.metrics.views.reading import read
from carethread.metrics.views.view import View

FOLDER = "views"


@cache
def library() -> Mapping[str, View]:
    """The shipped views by name. Raises Invalid with every fault of every view."""
    return views(definitions())


def definitions() -> list[Resource]:
    """The shipped ViewDefinitions in the order of their names."""
    folder = files("carethread.fhir_profiles").joinpath(FOLDER)
    found = [orjson.loads(file.read_bytes()) for file in folder.iterdir() if file.name.endswith(".json")]
    return sorted(found, key=lambda definition: str(definition.get("name")))


def views(given: Iterable[Resource]) -> Mapping[str, View]:
    """The views of ViewDefinitions by name. Raises Invalid with every fault, each of which names its view."""
    found: dict[str, View] = {}
    faults: list[Issue] = []
    for definition in given:
        name = str(definition.get("name", ""))
        if name in found:
            faults.append(Issue("duplicate", f"There are two views {name}.", "ViewDefinition.name"))
        try:
            found[name] = read(definition)
        except Invalid as error:
            faults += [Issue(each.code, f"View {name}: {each.diagnostics}", each.expression) for each in error.issues]
    if faults:
        raise Invalid(issues=faults)
    return found
