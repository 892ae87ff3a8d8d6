"""Which answers of a response are critical, as its form says it (extension `critical-answer`). Pure.

An option says that whoever chooses it is in need of somebody; a question, that an answer of such a number or weight is.
Answers count in a draft, where the question is not enabled, and wherever they stand: it was said. What an EHR writes
less exactly than the form, a code without its system or the words of an option, is that option.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from decimal import Context as DecimalContext
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

from carethread.core.fhir.elements import extension
from carethread.core.fhir.fhirpath.functions.weights import weight_of
from carethread.core.ports import Resource
from carethread.questionnaires.forms.form import Form, Item, Option
from carethread.questionnaires.forms.values import typed_value
from carethread.questionnaires.safety.marking import marks_of
from carethread.questionnaires.scoring.anonymous import is_anonymous
from carethread.questionnaires.scoring.scores import decimal_of, number_of, option_of

MOST = 20
"""Critical answers of one response that somebody is called to: who is reads all of it."""


class Critical(NamedTuple):
    """A critical answer: of which question, what it tells of (a code), how soon somebody has to see to it (a code of
    http://hl7.org/fhir/request-priority), the how manyth of these it is, from 0, and how bad: its number or weight, 0
    where it has none."""

    link_id: str
    kind: str
    urgency: str
    place: int
    level: Decimal = Decimal(0)


_LEVELS = DecimalContext(prec=9)
"""As exactly as it is told how bad an answer is."""


class _Mark(NamedTuple):
    """What one extension says; `least` is None for that of an option."""

    kind: str
    urgency: str
    least: Decimal | None


def criticals(form: Form, response: Resource) -> list[Critical]:
    """The first critical answers of a response, in its order; none of a form that is answered without a name."""
    marked = _marked(form)
    if not marked:
        return []
    found: list[Critical] = []
    seen: Counter[tuple[str, str, str]] = Counter()
    for item, given in _said(form, response, marked):
        for (kind, urgency), level in _told(item, given).items():
            of = item.link_id, kind, urgency
            found.append(Critical(*of, seen[of], _LEVELS.plus(level)))
            seen[of] += 1
            if len(found) == MOST:
                return found
    return found


def _said(form: Form, response: Resource, marked: frozenset[str]) -> Iterator[tuple[Item, Resource]]:
    """What there is of the marked questions in a response, wherever, in its order."""
    waiting = [response]
    while waiting:
        holder = waiting.pop()
        if (link := holder.get("linkId")) in marked:
            yield form.items[link], holder
        waiting += [*reversed(holder.get("item", ())), *reversed(holder.get("answer", ()))]


def _told(item: Item, given: Resource) -> dict[tuple[str, str], Decimal]:
    """What the answers to a question tell of, each once, with how bad the worst is."""
    told: dict[tuple[str, str], Decimal] = {}
    own = _marks(item.raw)
    for answer in given.get("answer", ()):
        chosen = chosen_of(item, answer)
        number = _number(item, answer, chosen)
        reached = [each for each in own if each.least is not None and number is not None and number >= each.least]
        for kind, urgency, _ in (*(_marks(chosen.raw) if chosen else ()), *reached):
            told[kind, urgency] = max(number or Decimal(0), told.get((kind, urgency), Decimal(0)))
    return told


def chosen_of(item: Item, answer: Resource) -> Option | None:
    """The option of a question that an answer means; None where that is none of them, or not clear."""
    exact = option_of(item, answer)
    if exact is not None:
        return exact
    kind, value = typed_value(answer)
    coding = value if kind == "Coding" else {"display": value} if kind == "string" else {}
    code = coding.get("code") if "system" not in coding else None
    text = str(coding.get("display", "")).strip().casefold()
    meant = [
        each
        for each in item.options
        if (code and each.kind == "Coding" and each.value.get("code") == code) or (text and text in _names(each))
    ]
    return meant[0] if len(meant) == 1 else None


def _names(option: Option) -> set[str]:
    """The words of an option, in all its languages."""
    holder, name = (option.value, "display") if option.kind == "Coding" else (option.raw, "valueString")
    translated = [extension(each, "content") for each in holder.get(f"_{name}", {}).get("extension", ())]
    texts = [holder.get(name), *(each.get("valueString") for each in translated)]
    return {each.strip().casefold() for each in texts if isinstance(each, str)}


def _number(item: Item, answer: Resource, chosen: Option | None) -> Decimal | None:
    """An answer as a number: its own, as the option weighs that it means, or else as it says itself."""
    meant = {f"value{chosen.kind[0].upper()}{chosen.kind[1:]}": chosen.value} if chosen else answer
    number = number_of(item, meant)
    if number is not None:
        return number
    kind, value = typed_value(answer)
    said = (weight_of(each) for each in (answer, value if kind == "Coding" else {}))
    return next((each for each in said if each is not None), None)


def is_marked(form: Form) -> bool:
    """Whether a form says of any answer that it is critical."""
    return bool(_marked(form))


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
