"""Which answers of a response are critical, as its form says it (extension `critical-answer`). Pure.

An option says that whoever chooses it is in need of somebody; a question, that an answer of such a number or weight is.
Answers count wherever the form has their question, in a draft and where the question is not enabled too: it was said.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

from carethread.core.fhir.elements import extension
from carethread.core.ports import Resource
from carethread.questionnaires.answering.walking import walk
from carethread.questionnaires.forms.form import Form, Item
from carethread.questionnaires.safety.marking import marks_of
from carethread.questionnaires.scoring.anonymous import is_anonymous
from carethread.questionnaires.scoring.scores import decimal_of, number_of, option_of


class Critical(NamedTuple):
    """A critical answer: of which question, what it tells of (a code), how soon somebody has to see to it (a code of
    http://hl7.org/fhir/request-priority), and the how manyth of these it is, from 0."""

    link_id: str
    kind: str
    urgency: str
    place: int


class _Mark(NamedTuple):
    """What one extension says; `least` is None for that of an option."""

    kind: str
    urgency: str
    least: Decimal | None


def criticals(form: Form, response: Resource) -> list[Critical]:
    """The critical answers of a response, in its order; none of a form that is answered without a name."""
    marked = _marked(form)
    if not marked:
        return []
    found: list[Critical] = []
    seen: Counter[tuple[str, str, str]] = Counter()
    for item, given, _ in walk(form, response):
        for kind, urgency in _told(item, given) if item.link_id in marked else ():
            of = item.link_id, kind, urgency
            found.append(Critical(*of, seen[of]))
            seen[of] += 1
    return found


def _told(item: Item, given: Resource) -> dict[tuple[str, str], None]:
    """What the answers to a question tell of, each once."""
    told: dict[tuple[str, str], None] = {}
    own = _marks(item.raw)
    for answer in given.get("answer", ()):
        chosen = option_of(item, answer)
        number = number_of(item, answer) if own else None
        reached = [each for each in own if each.least is not None and number is not None and number >= each.least]
        for mark in (*(_marks(chosen.raw) if chosen else ()), *reached):
            told[mark.kind, mark.urgency] = None
    return told


@lru_cache(maxsize=256)
def _marked(form: Form) -> frozenset[str]:
    """The questions of a form that have critical answers, so that others cost nothing."""
    if is_anonymous(form):
        return frozenset()
    return frozenset(
        link
        for link, item in form.items.items()
        if _marks(item.raw) or any(_marks(option.raw) for option in item.options)
    )


def _marks(element: Mapping[str, Any]) -> list[_Mark]:
    """What the extensions of a question or of an option say."""
    return [
        _Mark(kind, str(extension(each, "urgency").get("valueCode", "stat")), decimal_of(_least(each)))
        for each in marks_of(element)
        if (kind := str(extension(each, "kind").get("valueCode", "")))
    ]


def _least(said: Resource) -> object:
    return extension(said, "from").get("valueDecimal")
