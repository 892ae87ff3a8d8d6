"""Bindings: a coded value must, or should, come from its value set. http://hl7.org/fhir/R4/terminologies.html#strength

A set that has members is compared; one that has a grammar (MIME types, language tags, currencies, units) is matched
against it; one that cannot be expanded gives an information issue to those who ask, never an error. What leaves a
required set or the maximum of a weaker one is an error, what leaves an extensible or preferred set a warning. An
extensible set may be gone beyond for what it has no code for: a code of a system of our own is meant so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from carethread.core.fhir.definitions import ElementDefinition, ValueSet, value_set
from carethread.core.fhir.validation.report import Place, Run

_MAX_LISTED = 20
_OURS = "https://carethread.dev/fhir/CodeSystem/"
_WORD = re.compile(r"(?=.{1,40}\Z)[a-z0-9]+(?:[-_][a-z0-9]+)*", re.ASCII | re.IGNORECASE)

_TOKEN = r"[A-Za-z0-9!#$&^_.+\-]{1,127}"
_GRAMMARS: Mapping[str, tuple[str, str, str]] = {
    # Short names such as `json` and `xml` stand for FHIR's own types in CapabilityStatement.format.
    "bcp-13": ("urn:ietf:bcp:13", rf"{_TOKEN}(?:/{_TOKEN}(?:\s*;[^\x00-\x1f]*)?)?", "a MIME type such as text/plain"),
    "bcp-47": ("urn:ietf:bcp:47", r"[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*", "a BCP 47 language tag such as en-GB"),
    "iso-4217": ("urn:iso:std:iso:4217", r"[A-Z]{3}", "an ISO 4217 currency code such as EUR"),
    "ucum": ("http://unitsofmeasure.org", r"[!-~]+", "a UCUM unit such as mg/dL"),
}


@dataclass(frozen=True, slots=True)
class Bound:
    """What a binding asks: `accepts` tells of a value of the element's type whether it complies."""

    accepts: Callable[[Any], bool]
    allowed: str


class Limit(NamedTuple):
    """One value set of an element and what becomes of a code outside it; without `bound` that cannot be told."""

    bound: Bound | None
    severity: str
    url: str

    def check(self, value: Any, place: Place, run: Run) -> None:
        """Report a value of the right form that does not comply."""
        if self.bound is None:
            if run.informational:
                run.add("informational", place, f"The codes of {self.url} are not known here.", "information")
        elif not self.bound.accepts(value):
            what = f"The code{_quoted(value)} here" if type(value) is str else "A coding here"
            text = f"{what} {_VERB[self.severity]} {self.bound.allowed}."
            run.add("code-invalid", place, text, self.severity)


def _quoted(value: str) -> str:
    """A word as the message repeats it; what may be a sentence or a name is not repeated."""
    return f" '{value}'" if _WORD.fullmatch(value) else ""


_VERB: Mapping[str, str] = {"error": "must be", "warning": "should be"}


def limits_of(element: ElementDefinition, type_code: str) -> tuple[Limit, ...]:
    """What an element's binding asks of values of a type, the strictest first; example bindings ask nothing."""
    binding = element.binding
    if binding is None or type_code not in _CODED:
        return ()
    sets = [(binding.value_set, _SEVERITY[binding.strength])] if binding.strength in _SEVERITY else []
    if binding.maximum:
        sets.insert(0, (binding.maximum, "error"))
    lenient = binding.strength != "required"
    found = [Limit(bound(value_set(url), type_code, text_suffices=lenient), severity, url) for url, severity in sets]
    if binding.strength == "extensible" and type_code == "CodeableConcept":
        found[-1] = found[-1]._replace(bound=_extended(found[-1].bound))
    return tuple(found)


def _extended(asked: Bound | None) -> Bound | None:
    """The same, or a code of ours."""
    if asked is None:
        return None

    def accepts(value: Any) -> bool:
        return asked.accepts(value) or any(system.startswith(_OURS) for system, _ in _pairs(value.get("coding")))

    return Bound(accepts, asked.allowed)


_SEVERITY: Mapping[str, str] = {"required": "error", "extensible": "warning", "preferred": "warning"}


def bound(members: ValueSet, type_code: str, *, text_suffices: bool = False) -> Bound | None:
    """How values of a type comply with a set; None where the set cannot be expanded or the type carries no code.

    With `text_suffices` a concept without a coding complies: so it is unless the binding is required. A code of a
    system that the set holds in part, unknown here which, complies too.
    """
    coded = _optional_concept if text_suffices and type_code == "CodeableConcept" else _CODED.get(type_code)
    if coded is None:
        return None
    pairs = frozenset((system, code) for system, codes in members.codes.items() for code in codes)
    if members.is_enumerated:
        plain = frozenset(code for _, code in pairs)
        return Bound(coded(plain.__contains__, pairs.__contains__), _listed(members))
    if pairs and not any("/ValueSet/" in system for system in members.open):

        def may_be(pair: tuple[str, str]) -> bool:
            return pair in pairs or pair[0] in members.open

        return Bound(coded(_any, may_be), f"a code from {members.url}")
    if members.grammar:
        system, pattern, allowed = _GRAMMARS[members.grammar]
        matches = re.compile(pattern).fullmatch

        def is_code(code: str) -> bool:
            return matches(code) is not None

        def is_pair(pair: tuple[str, str]) -> bool:
            return pair[0] == system and matches(pair[1]) is not None

        return Bound(coded(is_code, is_pair), allowed)
    return None


def _listed(members: ValueSet) -> str:
    codes = [code for codes in members.codes.values() for code in codes]
    return "one of " + ", ".join(codes) if len(codes) <= _MAX_LISTED else f"a code from {members.url}"


def _any(_: str) -> bool:
    return True


IsCode = Callable[[str], bool]
IsPair = Callable[[tuple[str, str]], bool]


def _plain(is_code: IsCode, _: IsPair) -> Callable[[Any], bool]:
    return is_code


def _coding(_: IsCode, is_pair: IsPair) -> Callable[[Any], bool]:
    def accepts(value: dict[str, Any]) -> bool:
        return any(map(is_pair, _pairs([value])))

    return accepts


def _concept(_: IsCode, is_pair: IsPair) -> Callable[[Any], bool]:
    def accepts(value: dict[str, Any]) -> bool:
        return any(map(is_pair, _pairs(value.get("coding"))))

    return accepts


def _optional_concept(_: IsCode, is_pair: IsPair) -> Callable[[Any], bool]:
    def accepts(value: dict[str, Any]) -> bool:
        return "coding" not in value or any(map(is_pair, _pairs(value["coding"])))

    return accepts


def _pairs(codings: Any) -> Iterator[tuple[str, str]]:
    for coding in codings if type(codings) is list else ():
        if type(coding) is dict:
            system, code = coding.get("system"), coding.get("code")
            if type(system) is str and type(code) is str:
                yield system, code


_CODED: Mapping[str, Callable[[IsCode, IsPair], Callable[[Any], bool]]] = {
    **dict.fromkeys(("code", "string", "uri", "url", "canonical"), _plain),
    **dict.fromkeys(("Coding", "Quantity", "SimpleQuantity", "Age", "Count", "Distance", "Duration"), _coding),
    "CodeableConcept": _concept,
}
