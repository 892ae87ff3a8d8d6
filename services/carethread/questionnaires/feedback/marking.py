"""How a form marks what is feedback that somebody answers (extension `feedback`), and marks that would find nothing:
those are faults of the form. Pure.

An option is marked by itself. A question that is a number, or whose options weigh something, is marked with the number
or weight from which on, or to which, its answers count; a calculated total is such a question too. A question whose
text is a comment, or whose answer names whom it is about, is marked without a number.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from carethread.core.errors import Issue
from carethread.core.fhir.elements import extension
from carethread.core.fhir.fhirpath.functions.weights import weight_of
from carethread.core.ports import Resource
from carethread.core.service import PROFILES

FEEDBACK = PROFILES + "feedback"

LOW, COMPLAINT, CONTACT = "low-score", "complaint", "contact-wanted"
ANSWERED = (LOW, COMPLAINT, CONTACT)
"""Kinds of feedback that somebody answers, as https://carethread.dev/fhir/CodeSystem/feedback-mark has them."""

COMMENT, ABOUT = "comment", "about"
"""Kinds of questions: a comment in free text, and whom it is about."""

_NUMBERS = frozenset({"integer", "decimal", "quantity", "boolean"})
_TYPES: Mapping[str, frozenset[str]] = {
    COMMENT: frozenset({"string", "text", "open-choice"}),
    ABOUT: frozenset({"reference", "choice", "open-choice"}),
}


def marks_of(element: Mapping[str, Any]) -> list[Resource]:
    """The extensions by which a question or an option says what of its answers is feedback."""
    extensions = element.get("extension")
    return [each for each in extensions if each.get("url") == FEEDBACK] if isinstance(extensions, list) else []


def kind_of(mark: Resource) -> str:
    """What a mark says that its answers are; empty where it says nothing."""
    return str(extension(mark, "kind").get("valueCode", ""))


def idle_feedback(raw: Resource, path: str) -> Iterator[Issue]:
    """The marks of a question of a form, or of its options, that find nothing, whatever is answered."""
    for mark in marks_of(raw):
        if told := _idle(mark, raw):
            yield Issue("business-rule", told, f"{path}.extension")
    for number, option in enumerate(raw.get("answerOption", ())):
        for mark in marks_of(option):
            if _bounds(mark) or kind_of(mark) not in ANSWERED:
                told = f"An option is {' or '.join(ANSWERED)} by itself; the rest is said of a question."
                yield Issue("business-rule", told, f"{path}.answerOption[{number}].extension")


def _idle(mark: Resource, raw: Resource) -> str:
    kind = kind_of(mark)
    if kind in _TYPES:
        if _bounds(mark):
            return f"A question that is marked as {kind} has neither from nor to."
        return "" if raw["type"] in _TYPES[kind] else f"A {kind} is a question of {' or '.join(sorted(_TYPES[kind]))}."
    if not _bounds(mark):
        return f"Answers to a question are {kind} from a number on, or to one (from, to); or mark its options."
    if raw["type"] in _NUMBERS or any(map(_weighs, raw.get("answerOption", ()))):
        return ""
    return "Nothing that can be answered here is a number, or weighs something; mark the options instead."


def _bounds(mark: Resource) -> bool:
    return any("valueDecimal" in extension(mark, name) for name in ("from", "to"))


def _weighs(option: Resource) -> bool:
    return any(weight_of(each) is not None for each in (option, option.get("valueCoding", {})))
