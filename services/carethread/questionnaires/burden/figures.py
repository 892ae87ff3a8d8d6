"""The figures over many responses to one form that were started in the same month: how many were completed and
abandoned, how long they took, how much came prefilled and how much of that was changed. Pure.

Each figure is about some of the responses: a time only about those of which one is known. A share is a numerator of a
denominator; a time is the one at its rank (nearest rank), so it is a time that somebody has really taken.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil
from typing import NamedTuple

from carethread.core.moments import DAY
from carethread.core.ports.efforts import Effort
from carethread.questionnaires.burden.keeping import COMPLETED, STOPPED

ABANDONED = 30 * DAY
"""A draft that was not saved for so long is abandoned, in microseconds."""

_SECOND = 1_000_000


class Value(NamedTuple):
    """What a figure is: a share of `denominator`; or, with a `rank`, the seconds at it of so many responses. `value` is
    None where there is nothing to take it of."""

    denominator: int
    numerator: int | None
    value: float | None


class Figure(NamedTuple):
    """`about` tells the responses that it is about, of those that were started; `now` is in microseconds."""

    code: str
    about: Callable[[Effort], bool]
    of: Callable[[Sequence[Effort], int], Value]


def _share(numerator: int, denominator: int) -> Value:
    return Value(denominator, numerator, round(numerator / denominator, 4) if denominator else None)


def _completed(efforts: Sequence[Effort], now: int) -> Value:
    return _share(sum(each.ending == COMPLETED for each in efforts), len(efforts))


def _abandoned(efforts: Sequence[Effort], now: int) -> Value:
    over = [each.ending == STOPPED or (not each.ending and each.saved + ABANDONED <= now) for each in efforts]
    return _share(sum(over), len(efforts))


def _seconds(rank: float) -> Callable[[Sequence[Effort], int], Value]:
    def of(efforts: Sequence[Effort], now: int) -> Value:
        taken = sorted(each.worked for each in efforts)
        return Value(len(taken), None, round(taken[ceil(rank * len(taken)) - 1] / _SECOND) if taken else None)

    return of


def _prefilled(efforts: Sequence[Effort], now: int) -> Value:
    return _share(sum(each.prefilled - each.changed for each in efforts), sum(each.given for each in efforts))


def _edited(efforts: Sequence[Effort], now: int) -> Value:
    return _share(sum(each.changed for each in efforts), sum(each.prefilled for each in efforts))


def _is_timed(effort: Effort) -> bool:
    return effort.worked > 0


FIGURES = (
    Figure("completed", lambda effort: True, _completed),
    Figure("abandoned", lambda effort: True, _abandoned),
    Figure("seconds-median", _is_timed, _seconds(0.5)),
    Figure("seconds-p90", _is_timed, _seconds(0.9)),
    Figure("prefilled", lambda effort: effort.ending == COMPLETED, _prefilled),
    Figure("edited", lambda effort: effort.prefilled > 0, _edited),
)
"""Their codes are those of the CodeSystem documentation-burden, and the groups of the Measure."""
