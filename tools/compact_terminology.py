"""What HL7's published value sets hold, and the codes of its code systems; see `compact_definitions.py` for the form.

A part of a set that cannot be known here (SNOMED CT, LOINC, a filter on properties) leaves its system open.
Source: http://hl7.org/fhir/R4/valueset.html#expansion.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

GRAMMARS = {
    "urn:ietf:bcp:13": "bcp-13",
    "http://www.rfc-editor.org/bcp/bcp13.txt": "bcp-13",
    "urn:ietf:bcp:47": "bcp-47",
    "urn:iso:std:iso:4217": "iso-4217",
    "http://unitsofmeasure.org": "ucum",
}

GROUPS = (
    ("v2", "http://terminology.hl7.org/CodeSystem/v2-"),
    ("v3", "http://terminology.hl7.org/CodeSystem/v3-"),
    ("terminology", "http://terminology.hl7.org/"),
    ("fhir", "http://hl7.org/fhir/"),
    ("other", ""),
)
"""The files that code systems are spread over, by the beginning of their URL; the first that fits."""

Codes = dict[str, dict[str, None]]
"""System -> its codes in order."""


def code_systems(by_url: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, list[str]]]:
    """Group -> code system URL -> its codes, for the systems whose codes HL7 publishes."""
    groups: dict[str, dict[str, list[str]]] = {name: {} for name, _ in GROUPS}
    for url in sorted(by_url):
        if is_published(by_url[url]):
            group = next(name for name, prefix in GROUPS if url.startswith(prefix))
            groups[group][url] = list(dict.fromkeys(concepts(by_url[url])))
    return groups


def is_published(resource: dict[str, Any]) -> bool:
    return resource["resourceType"] == "CodeSystem" and resource["content"] not in ("not-present", "supplement")


def expand(compose: dict[str, Any], by_url: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """The members of a set in the compact form."""
    includes = compose.get("include", [])
    for include in includes:
        grammar = GRAMMARS.get(include.get("system", ""))
        if grammar and "concept" not in include and "filter" not in include and len(includes) == 1:
            return {"grammar": grammar}
    codes, unknown = members(compose, by_url)
    whole = [s for s in codes if s in by_url and is_published(by_url[s]) and list(codes[s]) == all_codes(by_url[s])]
    compact: dict[str, Any] = {}
    if whole:
        compact["all"] = whole
    if listed := {system: list(found) for system, found in codes.items() if system not in whole}:
        compact["codes"] = listed
    if unknown:
        compact["open"] = sorted(unknown)
    return compact


def all_codes(system: dict[str, Any]) -> list[str]:
    return list(dict.fromkeys(concepts(system)))


def members(compose: dict[str, Any], by_url: Mapping[str, dict[str, Any]]) -> tuple[Codes, set[str]]:
    """The codes that a set surely has, and the systems of which it may have more."""
    codes: Codes = {}
    unknown: set[str] = set()
    for include in compose.get("include", []):
        found, left = included(include, by_url)
        unknown |= left
        for system, members_ in found.items():
            codes.setdefault(system, {}).update(members_)
    for exclude in compose.get("exclude", []):
        found, _ = included(exclude, by_url)
        for system, members_ in found.items():
            kept = {code: None for code in codes.get(system, {}) if code not in members_}
            codes[system] = kept
    return {system: found for system, found in codes.items() if found}, unknown


def included(include: dict[str, Any], by_url: Mapping[str, dict[str, Any]]) -> tuple[Codes, set[str]]:
    """One include: the codes of its system, and of all its value sets together."""
    parts = [listed(include, by_url)] if "system" in include else []
    for url in include.get("valueSet", []):
        named = by_url.get(url.partition("|")[0])
        parts.append(members(named.get("compose", {}), by_url) if named else ({}, {url}))
    codes, unknown = parts[0]
    for others, left in parts[1:]:
        codes = {s: {c: None for c in found if c in others.get(s, {})} for s, found in codes.items()}
        unknown = unknown | left
    return codes, unknown


def listed(include: dict[str, Any], by_url: Mapping[str, dict[str, Any]]) -> tuple[Codes, set[str]]:
    system = include["system"]
    if "concept" in include:
        return {system: dict.fromkeys(c["code"] for c in include["concept"])}, set()
    if system not in by_url or not is_published(by_url[system]):
        return {}, {system}
    codes = all_codes(by_url[system])
    for condition in include.get("filter", []):
        if condition["property"] != "concept" or condition["op"] not in ("is-a", "descendent-of", "is-not-a"):
            return {}, {system}
        below = set(descendants(by_url[system], condition["value"]))
        if condition["op"] != "descendent-of":
            below.add(condition["value"])
        codes = [code for code in codes if (code in below) != (condition["op"] == "is-not-a")]
    return {system: dict.fromkeys(codes)}, set()


def descendants(system: dict[str, Any], ancestor: str) -> Iterator[str]:
    """The codes below one, by nesting and by the property that names a second parent."""
    found = {ancestor}
    pending = True
    while pending:
        pending = False
        for concept, parents in family(system.get("concept", []), ()):
            if concept not in found and not found.isdisjoint(parents):
                found.add(concept)
                pending = True
    yield from found - {ancestor}


def family(level: Iterable[dict[str, Any]], above: tuple[str, ...]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each concept with its parents."""
    for concept in level:
        declared = tuple(p["valueCode"] for p in concept.get("property", []) if p["code"] == "subsumedBy")
        yield concept["code"], above + declared
        yield from family(concept.get("concept", []), (concept["code"],))


def concepts(parent: dict[str, Any]) -> Iterator[str]:
    for concept in parent.get("concept", []):
        yield concept["code"]
        yield from concepts(concept)
