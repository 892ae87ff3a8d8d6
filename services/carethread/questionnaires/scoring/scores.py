"""The scores of a form, as it says them itself (extension `score`), and what a response has of them. Pure.

The number stands in a calculated item, so that any client comes to the same; what the number means, how many answers
it needs and which change of it is more than chance is data beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

from carethread.core.fhir.elements import extension
from carethread.core.fhir.fhirpath.element import Element, plain
from carethread.core.fhir.fhirpath.functions.weights import weight_of
from carethread.core.ports import Resource
from carethread.core.service import PROFILES
from carethread.questionnaires.answering.walking import walk
from carethread.questionnaires.forms.form import Form, Item, Option
from carethread.questionnaires.forms.values import typed_value

SCORE = PROFILES + "score"

LOWER_BETTER, HIGHER_BETTER = "lower-better", "higher-better"
IMPROVED, DETERIORATED, UNCHANGED = "improved", "deteriorated", "unchanged"


class Band(NamedTuple):
    """What a value from `low` to `high` means: a Coding."""

    low: Decimal
    high: Decimal
    code: Resource


class Score(NamedTuple):
    """One score: the item that it stands in, the linkIds of the questions that count, and how many of them it needs.

    `reliable` is the least change that is more than chance, None where that is not known.
    """

    total: Item
    items: tuple[str, ...]
    minimum: int
    direction: str
    reliable: Decimal | None
    bands: tuple[Band, ...]

    def band(self, value: Decimal) -> Resource | None:
        """What a value means; None where the form does not say."""
        return next((band.code for band in self.bands if band.low <= value <= band.high), None)

    def judged(self, change: Decimal) -> str:
        """Whether a change is reliably for the better or the worse; empty where nobody knows."""
        if self.reliable is None:
            return ""
        if abs(change) < self.reliable:
            return UNCHANGED
        return IMPROVED if (change < 0) is (self.direction == LOWER_BETTER) else DETERIORATED


class Result(NamedTuple):
    """What a response has of a score: how many of its questions are answered, and the value, None for none."""

    score: Score
    answered: int
    value: Decimal | None


@lru_cache(maxsize=256)
def scores_of(form: Form) -> tuple[Score, ...]:
    """The scores that a form says; those that name an item that it does not have are left out."""
    said = [each for each in form.raw.get("extension", ()) if each.get("url") == SCORE]
    return tuple(score for each in said if (score := _score(form, each)) is not None)


def _score(form: Form, said: Resource) -> Score | None:
    total = form.items.get(str(extension(said, "total").get("valueString")))
    if total is None:
        return None
    parts = said.get("extension", ())
    return Score(
        total=total,
        items=tuple(each["valueString"] for each in parts if each.get("url") == "item" and "valueString" in each),
        minimum=int(extension(said, "minimum").get("valuePositiveInt", 1)),
        direction=str(extension(said, "direction").get("valueCode", "")),
        reliable=decimal_of(extension(said, "reliable").get("valueDecimal")),
        bands=tuple(band for each in parts if each.get("url") == "band" for band in _band(each)),
    )


def _band(said: Resource) -> Iterator[Band]:
    low, high = (decimal_of(extension(said, name).get("valueDecimal")) for name in ("from", "to"))
    code = extension(said, "code").get("valueCoding")
    if low is not None and high is not None and code:
        yield Band(low, high, code)


def results(form: Form, response: Resource) -> list[Result]:
    """What a response has of each score of its form; its calculated items have been worked out."""
    scores = scores_of(form)
    wanted = {link for score in scores for link in (score.total.link_id, *score.items)}
    answers: dict[str, list[Any]] = {}
    for item, given, _ in walk(form, response) if scores else ():
        if item.link_id in wanted and given.get("answer"):
            answers.setdefault(item.link_id, []).extend(given["answer"])
    return [
        Result(score, sum(link in answers for link in score.items), _value(score, answers.get(score.total.link_id, [])))
        for score in scores
    ]


def _value(score: Score, answers: list[Resource]) -> Decimal | None:
    """The one answer of a total as a number."""
    return number_of(score.total, answers[0]) if len(answers) == 1 else None


def number_of(item: Item, answer: Resource) -> Decimal | None:
    """An answer to a question as a number: its own, a Quantity's, or the weight of the option chosen; else None."""
    kind, value = typed_value(answer)
    if kind in ("integer", "decimal"):
        return decimal_of(value)
    if kind == "Quantity":
        return decimal_of(value.get("value"))
    if kind == "boolean":
        return Decimal(value)
    chosen = option_of(item, answer)
    if chosen is None:
        return None
    own = weight_of(chosen.raw)
    return own if own is not None or kind != "Coding" else weight_of(chosen.value)


def option_of(item: Item, answer: Resource) -> Option | None:
    """The option of a question that an answer is; None where it is none of them."""
    kind, value = typed_value(answer)
    return next((each for each in item.options if kind == each.kind and _same(value, each.value)), None)


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return (a.get("system"), a.get("code")) == (b.get("system"), b.get("code"))
    return bool(a == b)


def decimal_of(value: Any) -> Decimal | None:
    """A JSON number as a Decimal, None for what is none."""
    number = plain(Element(value, "decimal")) if value is not None else None
    return number if isinstance(number, Decimal) else None
