"""The profiles at hand: the JSON files of `fhir_profiles/`, indexed by canonical, each read and compiled at first use.

`StructureDefinition/`, `ValueSet/` and `CodeSystem/` are indexed when the first resource claims a profile or carries an
extension; nothing is read when a process starts.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, cached_property, partial
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import orjson

from carethread.core.fhir.definitions import ValueSet, extension_definition, value_set
from carethread.core.fhir.fhirpath.model import ancestry
from carethread.core.fhir.profiles.compiler import compile_profile
from carethread.core.fhir.profiles.rules import Case, Profile
from carethread.core.fhir.profiles.tree import Node, base_type, tree
from carethread.core.fhir.profiles.values import Item
from carethread.core.fhir.profiles.valuesets import expand
from carethread.core.fhir.validation.report import Run

log = logging.getLogger(__name__)

FOLDERS = ("StructureDefinition", "ValueSet", "CodeSystem")

Definition = Mapping[str, Any]
Read = Callable[[], Definition]


class Library:
    """Definitions by canonical. `source` yields, for each, how to read it; it is asked once, at the first need."""

    def __init__(self, source: Callable[[], Iterable[Read]]) -> None:
        self._source = source
        self._profiles: dict[str, Profile] = {}
        self._value_sets: dict[str, ValueSet | None] = {}

    @cached_property
    def _index(self) -> dict[tuple[str, str], Read]:
        """(resource type, canonical with and without version) -> how to read it; the last of several versions wins."""
        found: dict[tuple[str, str], Read] = {}
        for read in self._source():
            definition = read()
            kind, url = definition.get("resourceType"), definition.get("url")
            if kind in FOLDERS and isinstance(url, str):
                found[kind, url] = read
                if "version" in definition:
                    found[kind, f"{url}|{definition['version']}"] = read
        return found

    def find(self, kind: str, canonical: str) -> Definition | None:
        """The definition of that resource type and canonical, `url` or `url|version`; None where it is not at hand."""
        read = self._index.get((kind, canonical))
        return read() if read else None

    def known(self) -> list[tuple[str, str]]:
        """(resource type, canonical) of all that is at hand."""
        return list(self._index)

    def structure(self, canonical: str) -> Definition | None:
        """The StructureDefinition of a canonical, HL7's own extensions included."""
        return self.find("StructureDefinition", canonical) or extension_definition(canonical)

    def profile(self, canonical: str) -> Profile | None:
        """The compiled profile of a canonical; None where it is not at hand."""
        if canonical not in self._profiles and (definition := self.structure(canonical)) is not None:
            self._profiles[canonical] = compile_profile(definition, self)
        return self._profiles.get(canonical)

    def node(self, canonical: str) -> Node | None:
        """The tree of a profile; None where it is not at hand."""
        definition = self.structure(canonical)
        return tree(definition, self.structure) if definition else None

    def meets(self, canonical: str, item: Item, container: Mapping[str, Any]) -> bool:
        """Whether a value meets a profile; false for one that is not at hand."""
        base, profile = base_type(canonical), self.profile(canonical)
        if profile is None or profile.problem:
            return base is not None and base in ancestry(item.type)
        run = Run(informational=False)
        profile.check(item, Case(run, dict(container), dict(container)))
        return profile.type in ancestry(item.type) and not any(issue.severity == "error" for issue in run.issues)

    def type_of(self, canonical: str) -> str | None:
        """The R4 type that a profile constrains; None for one that is not at hand."""
        base = base_type(canonical)
        if base is not None:
            return base
        definition = self.structure(canonical)
        return str(definition.get("type", "")) if definition else None

    def members(self, canonical: str) -> ValueSet | None:
        """A value set, ours or R4's, with its codes; None for one that is not at hand."""
        if canonical not in self._value_sets:
            self._value_sets[canonical] = self._members(canonical)
        return self._value_sets[canonical]

    def _members(self, canonical: str) -> ValueSet | None:
        own = self.find("ValueSet", canonical)
        if own is not None:
            return expand(own, self)
        try:
            return value_set(canonical)
        except KeyError:
            return None


@cache
def packaged() -> Library:
    """The library of the files that the package carries."""
    return Library(_files)


def _files() -> Iterator[Read]:
    root = files("carethread.fhir_profiles")
    for folder in map(root.joinpath, FOLDERS):
        if folder.is_dir():
            for file in sorted(folder.iterdir(), key=lambda f: f.name):
                if file.name.endswith(".json"):
                    yield partial(_read, file)


def _read(file: Traversable) -> Definition:
    try:
        definition = orjson.loads(file.read_bytes())
    except orjson.JSONDecodeError as error:
        log.warning("%s is left out of the profiles: it is not JSON (line %s)", file.name, error.lineno)
        return {}
    return definition if type(definition) is dict else {}
