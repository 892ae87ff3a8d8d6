"""The codes of a ValueSet resource, as far as they can be listed. http://hl7.org/fhir/R4/valueset.html#compose

Concepts named in the set, whole code systems that are at hand or HL7's own, sets included in it, and `is-a` filters.
What needs a terminology server leaves the set open, so that nothing is refused for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, Protocol

from carethread.core.fhir.definitions import ValueSet, code_system
from carethread.core.fhir.validation.bindings import Bound, bound

Definition = Mapping[str, Any]
Pairs = dict[tuple[str, str], None]
"""(system, code), in order."""


class Codes(Protocol):
    """Where other sets and code systems are found."""

    def find(self, kind: str, canonical: str) -> Definition | None: ...

    def members(self, canonical: str) -> ValueSet | None: ...


def expand(definition: Definition, source: Codes) -> ValueSet:
    """The set with the codes that are known; its `open` names the systems and sets of which they are not."""
    pairs: Pairs = {}
    unknown: list[str] = []
    if "expansion" in definition:
        pairs = dict.fromkeys(_contained(definition["expansion"].get("contains", ())))
    else:
        compose = definition.get("compose", {})
        for include in compose.get("include", ()):
            more = _included(include, source)
            unknown += [_name(include)] if more is None else []
            pairs |= more or {}
        for exclude in compose.get(
            "exclude", ()
        ):  # what cannot be listed takes nothing away: no code is refused for it
            less = _included(exclude, source) or {}
            pairs = {pair: None for pair in pairs if pair not in less}
    codes: dict[str, tuple[str, ...]] = {}
    for system, code in pairs:
        codes[system] = (*codes.get(system, ()), code)
    return ValueSet(str(definition.get("id", "")), str(definition.get("url", "")), codes, None, tuple(unknown))


def _name(include: Definition) -> str:
    return str(include.get("system") or ", ".join(include.get("valueSet", ())))


def _contained(contains: list[Definition]) -> Iterator[tuple[str, str]]:
    for entry in contains:
        if "code" in entry and not entry.get("abstract"):
            yield entry.get("system", ""), entry["code"]
        yield from _contained(entry.get("contains", ()))


def _included(include: Definition, source: Codes) -> Pairs | None:
    """The codes of one include: those that the system part and every named set have; None where one is not known."""
    parts: list[Pairs | None] = [_of_set(canonical, source) for canonical in include.get("valueSet", ())]
    if "system" in include:
        parts.append(_of_system(include, source))
    known = [part for part in parts if part is not None]
    if not known or len(known) < len(parts):
        return None
    return {pair: None for pair in known[0] if all(pair in other for other in known)}


def _of_set(canonical: str, source: Codes) -> Pairs | None:
    members = source.members(canonical)
    if members is None or not members.is_enumerated:
        return None
    return {(system, code): None for system, codes in members.codes.items() for code in codes}


def _of_system(include: Definition, source: Codes) -> Pairs | None:
    system = include["system"]
    if "concept" in include:
        return {(system, concept["code"]): None for concept in include["concept"]}
    definition = source.find("CodeSystem", system)
    if definition is None:
        published = None if "filter" in include else code_system(system)
        return {(system, code): None for code in sorted(published)} if published else None
    if definition.get("content") != "complete":
        return None
    codes = list(_concepts(definition, ()))
    for rule in include.get("filter", ()):
        if rule.get("op") != "is-a" or rule.get("property") != "concept":
            return None
        codes = [(code, above) for code, above in codes if rule.get("value") in (code, *above)]
    return {(system, code): None for code, _ in codes}


def _concepts(parent: Definition, above: tuple[str, ...]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for concept in parent.get("concept", ()):
        yield concept["code"], above
        yield from _concepts(concept, (*above, concept["code"]))


def limits(source: Codes, canonical: str, *, text_suffices: bool = False) -> Callable[[str], Bound | None]:
    """How values of a type comply with a set, by type code; None where the set has no codes that are known here."""

    @cache
    def of(type_code: str) -> Bound | None:
        members = source.members(canonical)
        return bound(members, type_code, text_suffices=text_suffices) if members else None

    return of
