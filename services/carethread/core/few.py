"""How few people are few: so many that a number which they stand behind could tell who they are.

Source: https://www.hhs.gov/guidance/document/cms-cell-suppression-policy, for the threshold of 11.
"""

from __future__ import annotations

ENOUGH = 11
"""People behind a number that is told; nobody is told too."""


def is_few(people: int) -> bool:
    """Whether a number of so many people is not told."""
    return 0 < people < ENOUGH
