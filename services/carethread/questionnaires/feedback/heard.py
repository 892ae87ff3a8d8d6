"""What a response says of the care that somebody had, as its form marks it (extension `feedback`). Pure.

It is judged once the response is completed: until then people may change their mind.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

from carethread.core.fhir.elements import extension, keys_at
from carethread.core.ports import Resource
from carethread.core.service import PROFILES
from carethread.questionnaires.answering.walking import walk
from carethread.questionnaires.feedback.marking import ABOUT, ANSWERED, COMMENT, COMPLAINT, kind_of, marks_of
from carethread.questionnaires.forms.form import Form, Item
from carethread.questionnaires.scoring.anonymous import is_anonymous
from carethread.questionnaires.scoring.scores import decimal_of, number_of, option_of

RATED = PROFILES + "rated"
"""Extension of a response: the clinicians whom it is about."""

_TAG = ("https://carethread.dev/fhir/CodeSystem/feedback-kind", "complaint")
"""A response with this tag is a complaint, whatever its form marks."""

_STAFF = ("Practitioner", "PractitionerRole")
_MOST_NAMED = 20


class Heard(NamedTuple):
    """What is answered to (kinds, in the order of `ANSWERED`), the comments, who of the staff is named
    (`Practitioner/1`), and whether the form is answered without a name."""

    kinds: tuple[str, ...] = ()
    comments: tuple[str, ...] = ()
    about: tuple[str, ...] = ()
    nameless: bool = False


class _Mark(NamedTuple):
    """What one extension says; a bound is None where it has none."""

    kind: str
    low: Decimal | None
    high: Decimal | None

    def holds(self, number: Decimal) -> bool:
        bounded = self.low is not None or self.high is not None
        return bounded and (self.low is None or self.low <= number) and (self.high is None or number <= self.high)


def heard(form: Form | None, response: Resource) -> Heard:
    """What a response says, to a form that is known here or not."""
    marked = _marked(form) if form else {}
    tags = ((each.get("system"), each.get("code")) for each in response.get("meta", {}).get("tag", ()))
    kinds = {COMPLAINT} if _TAG in tags else set()
    comments: list[str] = []
    about = _named(response)
    for item, given, _ in walk(form, response) if form and marked else ():
        own = marked.get(item.link_id)
        for answer in given.get("answer", ()) if own is not None else ():
            kinds |= _kinds(item, answer, own or ())
            said = {mark.kind for mark in own or ()}
            if COMMENT in said and (text := str(answer.get("valueString", "")).strip()):
                comments.append(text)
            if ABOUT in said:
                about |= _staff(answer)
    found = tuple(kind for kind in ANSWERED if kind in kinds)
    return Heard(found, tuple(comments), tuple(about)[:_MOST_NAMED], form is not None and is_anonymous(form))


def _named(response: Resource) -> dict[str, None]:
    """Who of the staff a response says that it is about."""
    marks = [each for each in response.get("extension", ()) if each.get("url") == RATED]
    return {name: None for each in marks for name in _staff(each)}


def _staff(value: Resource) -> dict[str, None]:
    return {"/".join(key): None for key in keys_at(value, "valueReference") if key[0] in _STAFF}


def _kinds(item: Item, answer: Resource, own: tuple[_Mark, ...]) -> set[str]:
    """What an answer is by itself, and by its number."""
    chosen = option_of(item, answer)
    found = {kind_of(each) for each in marks_of(chosen.raw)} if chosen else set()
    number = number_of(item, answer)
    return found | {mark.kind for mark in own if number is not None and mark.holds(number)}


@lru_cache(maxsize=256)
def _marked(form: Form) -> Mapping[str, tuple[_Mark, ...]]:
    """The questions of a form that are marked, or that have options which are, with their own marks; so that forms
    without feedback cost nothing."""
    return {
        link: _marks(item.raw)
        for link, item in form.items.items()
        if marks_of(item.raw) or any(marks_of(option.raw) for option in item.options)
    }


def _marks(element: Mapping[str, Any]) -> tuple[_Mark, ...]:
    return tuple(
        _Mark(kind_of(each), *(decimal_of(extension(each, name).get("valueDecimal")) for name in ("from", "to")))
        for each in marks_of(element)
    )
