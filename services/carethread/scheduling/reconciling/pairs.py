"""Which of ours and which of the EHR's are one and the same: by an identifier, else by who comes when.

Each belongs to one pair at most. Those that agree with each other find together first, so that what was cancelled and
booked anew is not taken for a difference.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TypeVar

from carethread.scheduling.reconciling.sides import Side

S = TypeVar("S", bound=Side)

Keys = Callable[[S], Iterable[Hashable]]


def pairs(
    ours: Sequence[S], theirs: Sequence[S], keys: Sequence[Keys[S]], agree: Callable[[S, S], bool]
) -> list[tuple[S, S]]:
    """The pairs, in order of our ids. Keys that come first in `keys` bind first; those of the EHR go by their ids."""
    found: dict[str, tuple[S, S]] = {}
    taken: set[str] = set()
    in_order = sorted(theirs, key=lambda each: each.id)
    for keys_of in keys:
        by_key: dict[Hashable, list[S]] = defaultdict(list)
        for each in in_order:
            for key in keys_of(each):
                by_key[key].append(each)
        for at_once in (True, False):
            for one in sorted(ours, key=lambda each: each.id):
                if one.id in found:
                    continue
                rivals = {each.id: each for key in keys_of(one) for each in by_key.get(key, ())}
                left = [id_ for id_, each in rivals.items() if id_ not in taken and agree(one, each) >= at_once]
                if left:
                    other = rivals[min(left)]
                    found[one.id] = one, other
                    taken.add(other.id)
    return [found[id_] for id_ in sorted(found)]
