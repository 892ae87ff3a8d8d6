"""Which items have to be known to be enabled before which others can be: a question before what it enables, what holds
an item before the item. http://hl7.org/fhir/R4/questionnaire-definitions.html#Questionnaire.item.enableWhen
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

N = TypeVar("N", bound=Hashable)


def ordered(needs: Mapping[N, Sequence[N]]) -> tuple[list[N], list[list[N]]]:
    """The nodes, each behind all that it needs, and the circles among those that cannot be ordered.

    A node that needs something that is no node is as if it did not. Each circle is told once, at whatever node it
    begins. It takes time in proportion to the needs.
    """
    missing = {node: sum(other in needs for other in others) for node, others in needs.items()}
    needed_by: dict[N, list[N]] = {node: [] for node in needs}
    for node, others in needs.items():
        for other in others:
            if other in needs:
                needed_by[other].append(node)
    found = [node for node, count in missing.items() if not count]
    for node in found:  # which grows meanwhile
        for other in needed_by[node]:
            missing[other] -= 1
            if not missing[other]:
                found.append(other)
    return found, _circles({node: needs[node] for node, count in missing.items() if count})


def _circles(needs: Mapping[N, Sequence[N]]) -> list[list[N]]:
    """Of nodes that each need one of the others: where one gets to by always going to the first of these."""
    circles: list[list[N]] = []
    seen: set[N] = set()
    for start in needs:
        way: dict[N, int] = {}
        node = start
        while node not in seen:
            seen.add(node)
            way[node] = len(way)
            node = next(other for other in needs[node] if other in needs)
        if node in way:
            circles.append(list(way)[way[node] :])
    return circles
