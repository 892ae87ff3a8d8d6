"""Taking turns where chance would do: of the past that is told each share is kept in every month, so that what stands
out there was meant to. Numbers drawn by chance would raise a signal now and then that nobody has a story for.

The fractional parts of the multiples of a square root are spread evenly, however many there are (H. Weyl, 1916).
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Hashable, Mapping
from datetime import date
from functools import lru_cache
from itertools import accumulate
from math import sqrt
from random import Random
from typing import TypeVar

T = TypeVar("T")

_ROOTS = tuple(sqrt(prime) for prime in (2, 3, 5, 7, 11, 13))
_MONTHS = 3
"""After so many months it is as before, so that each kind of month is in what is usual."""


class Turns:
    """Counts turns: in each month, of whatever is counted apart, in the order of what happened."""

    OF_A_MONTH = 64
    """So many numbers are kept for each month, so that its turns are the same whenever they are told."""

    def __init__(self) -> None:
        self._seen: Counter[Hashable] = Counter()

    def next(self, day: date, what: Hashable) -> int:
        """The number of the next turn of something in a day's month."""
        month = day.year * 12 + day.month
        self._seen[month, what] += 1
        kind = (month + sum(str(what).encode())) % _MONTHS  # not the same for all, or they would rise and fall as one
        return kind * self.OF_A_MONTH + self._seen[month, what]


def chosen(shares: Mapping[T, float], turn: int, what: str) -> T:
    """What comes in a turn: of many in a row each as often as its share says. `what` is chosen apart from all else; the
    shares add up to 1."""
    start, step = _pace(what)
    point = (start + turn * step) % 1
    reached = list(accumulate(shares.values()))
    return list(shares)[min(bisect_right(reached, point), len(shares) - 1)]


def happens(share: float, turn: int, what: str) -> bool:
    """Whether something of a share comes in a turn: in one month half of it, in the next all, then half more."""
    now = share * (turn // Turns.OF_A_MONTH + 1) / 2
    return chosen({True: now, False: 1 - now}, turn, what)


@lru_cache(1000)
def _pace(what: str) -> tuple[float, float]:
    rng = Random(what)
    return rng.random(), rng.choice(_ROOTS)
