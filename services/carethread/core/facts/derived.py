"""Tables that follow from others, in SQL that every engine takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_DEEPEST = 8
"""Merges one after the other that are followed: each takes a join wherever people are counted, and a ninth is not met
with. Who was merged more often is there as whom they were after the eighth (docs/measures.md says so)."""


@dataclass(frozen=True, slots=True)
class Derived:
    """A table made of another by SQL."""

    of: str
    sql: str


def _survivors() -> str:
    """Every id that was merged into another with whom it is now; recursion is not known to every engine."""
    levels = range(2, _DEEPEST + 1)
    joins = " ".join(f"LEFT JOIN merged AS m{n} ON m{n}.patient_id = m{n - 1}.survivor_id" for n in levels)
    last = ", ".join(f"m{n}.survivor_id" for n in range(_DEEPEST, 0, -1))
    return (
        "WITH merged AS (SELECT id AS patient_id, max(survivor_id) AS survivor_id FROM patient_links"
        " WHERE survivor_id IS NOT NULL GROUP BY id)"
        f" SELECT m1.patient_id AS patient_id, coalesce({last}) AS survivor_id FROM merged AS m1 {joins}"
    )


DERIVED: Mapping[str, Derived] = {"survivors": Derived("patient_links", _survivors())}
"""By name. `survivors(patient_id, survivor_id)`: who was merged, and into whom in the end; nobody else is in it."""
