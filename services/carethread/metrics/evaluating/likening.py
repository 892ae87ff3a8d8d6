"""SQL that tells how alike what is observed of people is (`counting.Likeness`). Pure.

A sum over many people of whom few have another value than all others tells of these few. So it is asked, of each cell,
how many people have one value and no other, which value most of them have, and how many there are beside these.
"""

from __future__ import annotations

from collections.abc import Sequence

_SAME = "CASE WHEN one IS NULL THEN 0 ELSE n END"

ALIKE = f"CAST(max({_SAME}) AS BIGINT)"
USUAL = f"arg_max(one, {_SAME})"
OTHERS = f"CAST(sum(n) - max({_SAME}) AS BIGINT)"
"""Of the rows of a cell in `by_value`: how many people have the usual value alone, that value, and how many others
there are."""


def by_person(value: str, who: Sequence[str]) -> str:
    """Of each person in `marked` of whom something is observed the one value, NULL where there are several; `who` are
    the columns that tell people and their cells apart."""
    named = ", ".join(who)
    one = f"CASE WHEN min({value}) = max({value}) THEN min({value}) END AS one"
    return f"SELECT {named}, {one}\nFROM marked\nWHERE {value} IS NOT NULL\nGROUP BY {named}"


def by_value(origin: str, stratum: str, others: Sequence[str]) -> str:
    """How many people of each stratum, and of what else they are told apart by, have one value; `origin` has them in
    smaller cells, each with their number `n`."""
    named = "".join(f"{each}, " for each in others)
    smaller = f"SELECT {named}{stratum} AS stratum, one, n\nFROM {origin}"
    return f"SELECT {named}stratum, one, sum(n) AS n\nFROM ({smaller})\nGROUP BY {named}stratum, one"
