"""How few people are few: so many that a number which they stand behind could tell who they are. Pure.

Source: https://www.hhs.gov/guidance/document/cms-cell-suppression-policy, for the threshold of 11, and for what else is
hidden.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any, TypeVar

T = TypeVar("T")

ENOUGH = 11
"""People behind a number that is told; nobody is told too."""

MASKED: dict[str, Any] = {
    "extension": [
        {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "masked"},
    ]
}
"""In place of a number that is not told."""


def is_few(people: int) -> bool:
    """Whether a number of so many people is not told."""
    return 0 < people < ENOUGH


def hidden(people: Mapping[T, Set[str]]) -> set[T]:
    """Which groups, parts of one whole, are not told, by who stands behind each: those of few people, and so many more
    that what is hidden could not be had by subtracting what is told from the whole."""
    by_size = sorted((each for each in people if people[each]), key=lambda each: len(people[each]))
    found: set[T] = set()
    together: set[str] = set()
    for each in by_size:
        if len(people[each]) >= ENOUGH and not is_few(len(together)):
            break
        found.add(each)
        together |= people[each]
    return found
