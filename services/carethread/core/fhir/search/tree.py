"""Many paths as one tree of JSON members, walked once whatever number of parameters they belong to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from carethread.core.fhir.search.leaves import LEAVES, Leaf, Use
from carethread.core.fhir.search.paths import Equals
from carethread.core.fhir.search.rows import IndexRows


@dataclass(frozen=True, slots=True)
class Branch:
    """One element in the tree: what reads its value, and which members and conditions lead on from it."""

    leaves: tuple[Leaf, ...]
    members: Mapping[str, Branch]
    conditions: tuple[tuple[Equals, Branch], ...]


@dataclass(slots=True)
class Growth:
    """A branch while the tree grows: which parameters index its values, by search type and element type."""

    uses: dict[tuple[str, str], list[Use]] = field(default_factory=dict)
    members: dict[str, Growth] = field(default_factory=dict)
    conditions: dict[Equals, Growth] = field(default_factory=dict)

    def at(self, steps: tuple[str | Equals, ...]) -> Growth:
        place = self
        for step in steps:
            if isinstance(step, str):
                place = place.members.setdefault(step, Growth())
            else:
                place = place.conditions.setdefault(step, Growth())
        return place

    def branch(self) -> Branch:
        return Branch(
            tuple(LEAVES[key](tuple(dict.fromkeys(uses))) for key, uses in self.uses.items() if key in LEAVES),
            {name: growth.branch() for name, growth in self.members.items()},
            tuple((condition, growth.branch()) for condition, growth in self.conditions.items()),
        )


def walk(branch: Branch, value: Any, rows: IndexRows) -> None:
    """Let every leaf of the branch and below read its values."""
    for leaf in branch.leaves:
        leaf(value, rows)
    if type(value) is not dict:
        return
    ways = branch.members
    if ways:
        for name, below in value.items():
            following = ways.get(name)
            if following is None:
                continue
            if type(below) is list:
                for item in below:
                    walk(following, item, rows)
            else:
                walk(following, below, rows)
    for condition, following in branch.conditions:
        if value.get(condition.member) == condition.text:
            walk(following, value, rows)
