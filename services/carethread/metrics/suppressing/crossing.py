"""What follows of populations that overlap across the groups of a Measure, or of its own ones. Pure.

Each number that is told is a sum of the numbers of units that stand in one way. Who adds and subtracts such sums can
come to any combination of them, and to nothing else. So a number of few people follows where some of these ways, which
few people's units stand in together, are such a combination. Of which ways there are none is taken to be known.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set

from carethread.core.few import ENOUGH, is_few
from carethread.metrics.evaluating.counting import scored_populations
from carethread.metrics.measures.definition import Group

Standings = Mapping[tuple[int, ...], int]
"""How many people have units that stand so: `counting.Cell.standings`."""

_PRIME = 2**61 - 1
"""What is solved modulo this is solved in fractions too, but for what nobody will see happen."""

_MOST = 1024
"""Combinations that are tried; where there are more to try, one is taken to be there."""


def listed(groups: Sequence[Group]) -> set[tuple[int, str]]:
    """Of which populations, by their group's place, it may be told who they are: lists of others, laid beside these,
    would part people in more ways than are looked at here. They are the first group's, of its own ones the first."""
    first = groups[0].populations
    own = [each.name for each in first if each.own][1:]
    return {(0, each.name) for each in first if each.name not in own}


def told_of(groups: Sequence[Group], *, scored: bool) -> list[int]:
    """The populations that are told, each by its bit: of all, or of what the scores are made of. Where lists are given
    of an own population, it is told too where it meets the others; there both bits are set."""
    found, place, first = [], 0, groups[0].populations
    for group in groups:
        names = scored_populations(group)
        for each in group.populations:
            if each.name in names or not scored:
                found.append(1 << place)
            place += 1
    own = next((1 << i for i, each in enumerate(first) if each.own), 0)
    return found if scored else [*found, *(own | 1 << i for i in range(len(first)) if own and own != 1 << i)]


def tells_few(cells: Sequence[Standings], told: Sequence[int], *, adds: bool = True) -> bool:
    """Whether a number of few people follows from what is told of cells together. `adds`: nobody is in two of them;
    else no more is certain than that they are no fewer than those of one."""
    people = _people(cells, told, adds=adds)
    many = sorted(way for way in people if _behind({way}, people) >= ENOUGH)
    order = [*many, *sorted(people.keys() - set(many))]
    sums = [[way >> i & 1 for way in order] for i in range(len(told))]
    left = [(order[place], row) for place, row in _reduced(sums) if place >= len(many)]
    for tried, found in enumerate(_sums_of_few(left, people, frozenset(), [0] * len(order)), start=1):
        is_number = set(found) <= {0, 1}
        if tried > _MOST or (
            is_number and is_few(_behind({w for w, n in zip(order, found, strict=True) if n}, people))
        ):
            return True
    return False


_People = Mapping[int, Mapping[tuple[int, frozenset[int]], int]]
"""By way in which units stand how many people have some that do, by their cell and by all the ways of theirs."""


def _people(cells: Sequence[Standings], told: Sequence[int], *, adds: bool) -> _People:
    """Cells of which nobody is in two are as one."""
    found: defaultdict[int, Counter[tuple[int, frozenset[int]]]] = defaultdict(Counter)
    for cell, standings in enumerate(cells):
        for held, n in _held(standings, told).items():
            for way in held:
                found[way][0 if adds else cell, held] += n
    return found


def _behind(ways: Set[int], people: _People) -> int:
    """How many people at least have units that stand in some of these ways."""
    counts: Counter[int] = Counter()
    for (cell, _), n in {who: n for way in ways for who, n in people[way].items()}.items():
        counts[cell] += n
    return max(counts.values(), default=0)


def _sums_of_few(
    left: Sequence[tuple[int, Sequence[int]]], people: _People, chosen: Set[int], before: Sequence[int]
) -> Iterator[Sequence[int]]:
    """What follows (`before`) of the ways that are chosen, with each more of those that are left that few people's
    units stand in together with them."""
    for i, (way, row) in enumerate(left, start=1):
        if _behind(chosen | {way}, people) < ENOUGH:
            found = [(a + b) % _PRIME for a, b in zip(before, row, strict=True)]
            yield found
            yield from _sums_of_few(left[i:], people, chosen | {way}, found)


def _held(standings: Standings, told: Sequence[int]) -> Mapping[frozenset[int], int]:
    """People by the ways in which their units stand to what is told: by a bit for each number that they are in."""
    found: Counter[frozenset[int]] = Counter()
    for all_, people in standings.items():
        ways = (sum(1 << i for i, each in enumerate(told) if stands & each == each) for stands in all_)
        found[frozenset(way for way in ways if way)] += people
    return found


def _reduced(rows: Sequence[Sequence[int]]) -> list[tuple[int, list[int]]]:
    """The same equations, each with a place that is 1 in it, and 0 in the others and before it."""
    found: list[tuple[int, list[int]]] = []
    for given in rows:
        row = list(given)
        for place, other in found:
            row = _less(row, other, row[place])
        begin = next((i for i, n in enumerate(row) if n), None)
        if begin is None:
            continue
        inverse = pow(row[begin], -1, _PRIME)
        row = [n * inverse % _PRIME for n in row]
        found = [(place, _less(other, row, other[begin])) for place, other in found] + [(begin, row)]
    return found


def _less(row: Sequence[int], other: Sequence[int], times: int) -> list[int]:
    return [(a - times * b) % _PRIME for a, b in zip(row, other, strict=True)] if times else list(row)
