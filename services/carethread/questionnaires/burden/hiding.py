"""What is not told because too few people stand behind it. Pure.

A group of 1 to 10 people is hidden, and so many more that what is hidden could not be had by subtracting what is told
from the whole: the rule of https://www.hhs.gov/guidance/document/cms-cell-suppression-policy for small cells. Their
number (`core.few`) is that from which on answers without a name are shown (`anonymous-from`).
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import TypeVar

from carethread.core.few import ENOUGH, is_few

T = TypeVar("T")


def hidden(people: Mapping[T, Set[str]]) -> set[T]:
    """Which groups, parts of one whole, are not told, by who stands behind each."""
    by_size = sorted((each for each in people if people[each]), key=lambda each: len(people[each]))
    found: set[T] = set()
    together: set[str] = set()
    for each in by_size:
        if len(people[each]) >= ENOUGH and not is_few(len(together)):
            break
        found.add(each)
        together |= people[each]
    return found
