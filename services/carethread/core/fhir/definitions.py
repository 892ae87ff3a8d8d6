"""HL7's R4 definitions in the compact form that the package carries, each loaded when it is first asked for.

Source: http://hl7.org/fhir/R4/downloads.html, compacted by `tools/compact_definitions.py`, whose docstring documents
the files under `r4/`. What is returned is shared and must not be changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import orjson

_FOLDER = Path(__file__).with_name("r4")


@dataclass(frozen=True, slots=True)
class Invariant:
    """A FHIRPath rule on a type or an element; `severity` is error or warning."""

    key: str
    severity: str
    expression: str
    human: str


@dataclass(frozen=True, slots=True)
class Binding:
    """`strength` is required, extensible, preferred or example; `maximum` names the set that no code may leave."""

    strength: str
    value_set: str
    maximum: str | None = None


@dataclass(frozen=True, slots=True)
class ElementDefinition:
    """One element of a part; `name` ends in `[x]` for a choice.

    `types` maps each type code to the resource types that a Reference or canonical may point to (empty: any).
    An element with a `content` repeats the part of that path and has no types. `max` is None for `*`.
    `profile` names the constraining profile of the type, in R4 only SimpleQuantity.
    """

    name: str
    types: Mapping[str, tuple[str, ...]]
    min: int
    max: int | None
    content: str | None
    is_summary: bool
    is_modifier: bool
    binding: Binding | None
    profile: str | None
    invariants: tuple[Invariant, ...]

    @property
    def is_choice(self) -> bool:
        return self.name.endswith("[x]")

    @property
    def is_list(self) -> bool:
        """An array in JSON, whatever number a profile allows."""
        return self.max is None or self.max > 1

    def json_names(self) -> dict[str, str]:
        """The member names in JSON, each with its type code: `value[x]` is valueString, valueQuantity..."""
        if not self.is_choice:
            return {self.name: next(iter(self.types), "")}
        stem = self.name.removesuffix("[x]")
        return {stem + code[0].upper() + code[1:]: code for code in self.types}


@dataclass(frozen=True, slots=True)
class TypeDefinition:
    """A resource, complex or primitive type.

    `parts` maps the path of each part inside the type ("" is the type itself, `participant` a backbone element) to its
    elements by name, in the order of the definition. `invariants` are those that the type adds to its base's.
    """

    name: str
    kind: str
    base: str | None
    abstract: bool
    regex: str | None
    invariants: tuple[Invariant, ...]
    parts: Mapping[str, Mapping[str, ElementDefinition]]

    @property
    def elements(self) -> Mapping[str, ElementDefinition]:
        return self.parts[""]


@dataclass(frozen=True, slots=True)
class ValueSet:
    """The members of a value set that a binding other than an example names.

    `codes` maps each code system to its codes in the order of definition; it is empty where a `grammar` (bcp-13,
    bcp-47, iso-4217, ucum) describes the members. `open` names the systems (or sets) of which the set has members that
    cannot be known here.
    """

    id: str
    url: str
    codes: Mapping[str, tuple[str, ...]]
    grammar: str | None
    open: tuple[str, ...] = ()

    @property
    def is_enumerated(self) -> bool:
        """Whether all its members are known one by one."""
        return bool(self.codes) and not self.open


@dataclass(frozen=True, slots=True)
class SearchComponent:
    """One part of a composite parameter; `expression` starts from what the composite's expression yields."""

    code: str
    type: str
    expression: str
    definition: str


@dataclass(frozen=True, slots=True)
class SearchParameterDefinition:
    """One parameter of one resource type; `expression` is None for `_text`, `_content` and `_query`.

    `usage` is HL7's xpathUsage where it is not plain: phonetic, nearby, distance, other.
    """

    code: str
    type: str
    url: str
    expression: str | None
    target: tuple[str, ...]
    component: tuple[SearchComponent, ...]
    usage: str | None


def resource_types() -> frozenset[str]:
    """The names of all concrete resource types."""
    return _index().resources


def data_types() -> frozenset[str]:
    """The names of all complex data types, abstract ones included."""
    return _index().types


def primitive_types() -> frozenset[str]:
    """The names of all primitive types."""
    return _index().primitives


@cache
def type_definition(name: str) -> TypeDefinition:
    """The definition of a resource, complex or primitive type. Raises KeyError for a name that R4 does not define."""
    index = _index()
    known = name in index.resources or name in index.types or name in index.primitives
    if not known and name not in ("Resource", "DomainResource"):
        raise KeyError(name)
    compact = _load("types", name)
    return TypeDefinition(
        name=name,
        kind=compact["kind"],
        base=compact.get("base"),
        abstract=compact.get("abstract", False),
        regex=compact.get("regex"),
        invariants=_invariants(compact),
        parts={
            path: {member: _element(member, element) for member, element in part.items()}
            for path, part in compact["parts"].items()
        },
    )


@cache
def value_set(id_or_url: str) -> ValueSet:
    """A value set that a binding of R4 names, by id or by URL with or without `|version`. Raises KeyError for another.

    Those of example bindings are not carried.
    """
    index = _index()
    url = id_or_url.partition("|")[0]
    identifier = index.value_sets.get(url, url)
    if identifier not in index.value_sets.values():
        raise KeyError(id_or_url)
    compact = _load("valuesets", identifier)
    codes = {system: tuple(_code_systems(_group(system))[system]) for system in compact.get("all", ())}
    codes |= {system: tuple(members) for system, members in compact.get("codes", {}).items()}
    return ValueSet(identifier, compact["url"], codes, compact.get("grammar"), tuple(compact.get("open", ())))


def extension_definition(url: str) -> Mapping[str, Any] | None:
    """The StructureDefinition of an extension that HL7 publishes with FHIR, without its prose; None for another URL."""
    identifier = _extensions().get(url)
    found: Mapping[str, Any] | None = _load("extensions", identifier) if identifier else None
    return found


@cache
def _extensions() -> Mapping[str, str]:
    urls: Mapping[str, str] = _load("", "extensions")
    return urls


def code_system(url: str) -> frozenset[str] | None:
    """The codes of a code system that HL7 publishes with FHIR; None for another, such as SNOMED CT."""
    group = _group(url)
    return _code_set(group, url) if url in _code_systems(group) else None


@cache
def _code_set(group: str, url: str) -> frozenset[str]:
    return frozenset(_code_systems(group)[url])


_GROUPS = (
    ("v2", "http://terminology.hl7.org/CodeSystem/v2-"),
    ("v3", "http://terminology.hl7.org/CodeSystem/v3-"),
    ("terminology", "http://terminology.hl7.org/"),
    ("fhir", "http://hl7.org/fhir/"),
)
"""The files of code systems, by the beginning of their URL, as `tools/compact_terminology.py` spreads them."""


def _group(url: str) -> str:
    return next((name for name, prefix in _GROUPS if url.startswith(prefix)), "other")


@cache
def _code_systems(group: str) -> Mapping[str, list[str]]:
    systems: Mapping[str, list[str]] = _load("codesystems", group)
    return systems


@cache
def search_parameters(resource_type: str) -> tuple[SearchParameterDefinition, ...]:
    """The parameters of a concrete resource type, by code, with those of its bases. Raises KeyError for another."""
    if resource_type not in resource_types():
        raise KeyError(resource_type)
    return tuple(
        SearchParameterDefinition(
            code=compact["code"],
            type=compact["type"],
            url=compact["url"],
            expression=compact.get("expression"),
            target=tuple(compact.get("target", ())),
            component=tuple(
                SearchComponent(c["code"], c["type"], c["expression"], c["definition"])
                for c in compact.get("component", ())
            ),
            usage=compact.get("usage"),
        )
        for compact in _load("search", resource_type)
    )


@cache
def compartment() -> Mapping[str, tuple[str, ...]]:
    """Resource type -> the search parameters that place a resource in a patient's compartment."""
    return {name: tuple(codes) for name, codes in _load("", "compartment-patient").items()}


@dataclass(frozen=True, slots=True)
class _Index:
    resources: frozenset[str]
    types: frozenset[str]
    primitives: frozenset[str]
    value_sets: Mapping[str, str]


@cache
def _index() -> _Index:
    compact = _load("", "index")
    return _Index(
        frozenset(compact["resources"]),
        frozenset(compact["types"]),
        frozenset(compact["primitives"]),
        compact["valuesets"],
    )


def _load(folder: str, name: str) -> Any:
    return orjson.loads((_FOLDER / folder / f"{name}.json").read_bytes())


def _element(name: str, compact: dict[str, Any]) -> ElementDefinition:
    maximum = compact.get("x", "1")
    return ElementDefinition(
        name=name,
        types={code: tuple(targets) for code, targets in compact.get("t", {}).items()},
        min=compact.get("n", 0),
        max=None if maximum == "*" else int(maximum),
        content=compact.get("r"),
        is_summary="s" in compact,
        is_modifier="m" in compact,
        binding=Binding(*compact["b"]) if "b" in compact else None,
        profile=compact.get("p"),
        invariants=_invariants(compact),
    )


def _invariants(compact: dict[str, Any]) -> tuple[Invariant, ...]:
    return tuple(Invariant(*entry) for entry in compact.get("i", ()))
