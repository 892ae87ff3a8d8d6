"""Whether a resource is sensitive: by its security labels, its codes, and its words. Pure.

Codes are those of the ValueSets `sensitive-*` of `fhir_profiles/`, wherever they stand in the resource, so that what
was found, why something is done and what is in it count alike; of questionnaires the link ids, which are LOINC's in
published forms. ICD and ATC are matched by block. What it says in words is `words`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from carethread.careteams.sharing.categories import ACT_CODE, CATEGORIES, covering
from carethread.careteams.sharing.words import telling
from carethread.core.fhir.elements import at, objects
from carethread.core.fhir.profiles.library import packaged
from carethread.core.ports import Resource

VALUE_SETS = "https://carethread.dev/fhir/ValueSet/sensitive-"
LOINC = "http://loinc.org"

_OTHER_NAMES = {
    "urn:oid:2.16.840.1.113883.6.1": LOINC,
    "urn:oid:2.16.840.1.113883.6.96": "http://snomed.info/sct",
    "urn:oid:2.16.840.1.113883.6.3": "http://hl7.org/fhir/sid/icd-10",
    "urn:oid:2.16.840.1.113883.6.90": "http://hl7.org/fhir/sid/icd-10-cm",
    "urn:oid:2.16.840.1.113883.6.103": "http://hl7.org/fhir/sid/icd-9-cm",
    "urn:oid:2.16.840.1.113883.6.73": "http://www.whocc.no/atc",
}
_ICD_10 = "http://hl7.org/fhir/sid/icd-10"

_SILENT = frozenset({
    "id", "versionId", "lastUpdated", "profile", "reference", "url", "system", "code", "status", "intent",
    "fullUrl", "language", "instantiatesUri", "resourceType", "valueCode", "use", "start", "end", "date",
    "effectiveDateTime", "authoredOn", "issued", "data", "contentType", "hash",
})  # fmt: skip
"""Members that hold no words of a person."""


def sensitive(resource: Resource) -> frozenset[str]:
    """The categories that a resource falls into, of `categories.CATEGORIES`; empty where it is not sensitive."""
    found: set[str] = set()
    for label in at(resource, "meta.security"):
        if isinstance(label, dict) and label.get("system", ACT_CODE) == ACT_CODE:
            found |= covering(str(label.get("code", "")))
    texts: list[str] = []
    for each in objects(resource):
        if isinstance(code := each.get("code"), str):
            found |= of_code(str(each.get("system", "")), code)
        if isinstance(link := each.get("linkId"), str):
            found |= of_code(LOINC, link.rpartition("/")[2])
        texts += (text for name, value in each.items() if name not in _SILENT for text in _strings(value))
    return frozenset(found) | telling(texts)


def of_code(system: str, code: str) -> frozenset[str]:
    """The categories of a code."""
    listed, blocks = _tables()
    system = _OTHER_NAMES.get(system, system)
    if system.startswith(_ICD_10):  # national editions have one structure
        system = _ICD_10
    found = listed.get((system, code), frozenset())
    for category, pattern in blocks.get(system, ()):
        if pattern.fullmatch(code.replace(".", "")):
            found |= {category}
    return found


@cache
def _tables() -> tuple[Mapping[tuple[str, str], frozenset[str]], Mapping[str, list[tuple[str, re.Pattern[str]]]]]:
    """The categories by code, and for systems with blocks the patterns of each category, without dots."""
    listed: dict[tuple[str, str], frozenset[str]] = {}
    blocks: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
    for category in CATEGORIES:
        definition = packaged().find("ValueSet", VALUE_SETS + category) or {}
        for include in at(dict(definition), "compose.include"):
            for concept in include.get("concept", ()):
                key = include["system"], concept["code"]
                listed[key] = listed.get(key, frozenset()) | {category}
            for rule in include.get("filter", ()):
                pattern = re.compile(rule["value"].replace("\\.", ""))
                blocks.setdefault(include["system"], []).append((category, pattern))
    return listed, blocks


def _strings(value: Any) -> Iterator[str]:
    """A member's own text, and that of an array of texts."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        yield from (each for each in value if isinstance(each, str))
