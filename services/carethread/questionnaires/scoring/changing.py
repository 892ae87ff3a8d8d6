"""How a score has changed: since the last response of the same person before this one, and since their first. Pure.

A response stands where it was authored, whenever it came, and counts as it reads now: what comes late or is corrected
moves what was compared with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from typing import NamedTuple

from carethread.core.fhir.search.dates import moment
from carethread.core.ports import Resource
from carethread.questionnaires.scoring.scores import Score

COUNTED = ("completed", "amended")
"""The statuses of responses that others are compared with."""

_LAST = "\uffff"
"""Behind every id: a response that is not stored comes after those of the same moment."""


class Change(NamedTuple):
    """The response that is compared with, its value, how far this one's is from it, and whether that is reliable."""

    response: Resource
    value: Decimal
    amount: Decimal
    reliable: str


def place(response: Resource) -> tuple[int, str]:
    """Where a response stands among those of a person: when it was authored, then its id."""
    return moment(response.get("authored", "")), str(response.get("id", _LAST))


def before(response: Resource, others: Iterable[Resource]) -> list[Resource]:
    """Those that count and stand before a response, in order."""
    own = place(response)
    standing = [
        each
        for each in others
        if each.get("status") in COUNTED
        and "authored" in each
        and each.get("id") != response.get("id")
        and place(each) < own
    ]
    return sorted(standing, key=place)


def changes(
    score: Score, value: Decimal, earlier: list[Resource], value_of: Callable[[Resource], Decimal | None]
) -> tuple[Change, Change] | None:
    """Since the last and since the first of the earlier responses that have a value; None where there is none."""
    last = next(_valued(reversed(earlier), value_of), None)
    if last is None:
        return None
    first = next(_valued(earlier, value_of))
    return _change(score, value, *last), _change(score, value, *first)


def _valued(
    responses: Iterable[Resource], value_of: Callable[[Resource], Decimal | None]
) -> Iterator[tuple[Resource, Decimal]]:
    for each in responses:
        if (value := value_of(each)) is not None:
            yield each, value


def _change(score: Score, value: Decimal, response: Resource, earlier: Decimal) -> Change:
    return Change(response, earlier, value - earlier, score.judged(value - earlier))
