"""Times at which all seats can be taken, in order of time.

The slots of the first seat say when it is and how long it takes; for each, those of the other seats are looked for that
cover it, and nobody takes two seats. Where another seat has no slot for a while, all that the first one has until then
is skipped, so the scarcest decides how many steps it takes.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import accumulate, islice
from operator import attrgetter

from carethread.core.errors import TooCostly
from carethread.core.moments import DAY
from carethread.core.ports import Calendar, Key, Opening
from carethread.scheduling.finding.seating import Seat
from carethread.scheduling.finding.suiting import Criterion, Need, Source, enough
from carethread.scheduling.finding.windows import Span, inside, next_open
from carethread.scheduling.finding.world import World

_ALONE, _TOGETHER, _LAST_LOOK = 64, 192, 1024
"""Slots of the first seat that are fetched at once, ever more; of those that others join fewer suit."""

_MOST_LOOKS = 200

_COVERING = 4000
"""Slots of another seat that are fetched at once; fewer of the first are looked at where these are not all."""

_NO_BOUND = 10**6
_MOST_TRIES = 500
"""Ways to take the seats that are tried for one time."""

Run = tuple[Opening, ...]
"""Slots of one Schedule that follow each other."""


@dataclass(frozen=True, slots=True)
class _Taker:
    """Who takes a seat, by slots or without a Schedule, and the names by which nobody takes two."""

    people: frozenset[str]
    run: Run = ()
    other: tuple[tuple[Key, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """A time that all have: the slots, who else takes part (with the numbers of their resources), and when it is."""

    openings: tuple[Opening, ...]
    others: tuple[tuple[Key, int], ...]
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Terms:
    """What a time has to be like: it begins within the span.

    `sources` are where slots are found that suit; `open_spans` when it is, None: any time. `length` is how long it
    takes at least, in microseconds; `turns` how many slots of the first seat follow each other.
    """

    begin: int
    end: int
    now: int
    seats: Sequence[Seat]
    needs: Sequence[Need] = ()
    sources: Sequence[Source] = (Source(),)
    criteria: Sequence[Criterion] = ()
    open_spans: Sequence[Span] | None = None
    length: int = 0
    turns: int = 1


def plans(calendar: Calendar, world: World, terms: Terms) -> Iterator[Plan]:
    """The times, in order of begin and row. Raises TooCostly where it takes too long to find more."""
    seats = sorted(terms.seats, key=lambda seat: seat.schedules == frozenset())  # those without any slots go last
    first, others = seats[0], seats[1:]
    at, behind, size = terms.begin, 0, _TOGETHER if others else _ALONE
    for _ in range(_MOST_LOOKS):
        opens = at if terms.open_spans is None else next_open(terms.open_spans, at)
        if opens is None:
            return
        at, behind = opens, behind if opens == at else 0
        chunk = _openings(calendar, terms, first.schedules, at, terms.end, size, behind)
        if not chunk:
            return
        covering: list[list[Opening]] = []
        while True:
            runs = _runs(calendar, terms, chunk)
            until = max((run[-1].end for run in runs), default=chunk[-1].end)
            most = _COVERING if len(chunk) > 1 else _NO_BOUND
            covering = [_around(calendar, terms, seat, chunk[0].begin, until, most) for seat in others]
            if all(len(slots) < most for slots in covering):
                break
            chunk = chunk[: len(chunk) // 2]
        at, behind, size = chunk[-1].begin, chunk[-1].row, min(size * 2, _LAST_LOOK)
        scarce = [seat for seat, slots in zip(others, covering, strict=True) if not slots and not seat.bare]
        if scarce:
            later = [_first(calendar, terms, seat, until) for seat in scarce]
            if None in later:
                return
            at, behind = max(max(moment for moment in later if moment), at), 0
            continue
        every = [opening for run in runs for opening in run] + [opening for slots in covering for opening in slots]
        world.look(every, [key for seat in others for key, _ in seat.bare], chunk[0].begin, until)
        choices = [_Choice(world, seat, slots) for seat, slots in zip(others, covering, strict=True)]
        for run in runs:
            if plan := _plan(world, terms, run, choices):
                yield plan
    raise TooCostly("Too little of what was looked through suits; ask for a shorter time, or for fewer at once.")


def _openings(
    calendar: Calendar, terms: Terms, schedules: frozenset[str] | None, begin: int, end: int, most: int, behind: int = 0
) -> list[Opening]:
    """The first slots of the Schedules that suit, from all sources."""
    found = []
    for among, purposes in terms.sources:
        both = among if schedules is None else schedules if among is None else schedules & among
        found.append(calendar.openings(begin, end, terms.now, most, schedules=both, purposes=purposes, behind=behind))
    return found[0] if len(found) == 1 else list(islice(merge(*found, key=attrgetter("begin", "row")), most))


def _first(calendar: Calendar, terms: Terms, seat: Seat, begin: int) -> int | None:
    """When the first slot of a seat begins from a moment on."""
    found = _openings(calendar, terms, seat.schedules, begin, terms.end, 1)
    return found[0].begin if found else None


def _around(calendar: Calendar, terms: Terms, seat: Seat, begin: int, end: int, most: int) -> list[Opening]:
    """The slots of a seat that may cover what is between: none is longer than a day."""
    found = _openings(calendar, terms, seat.schedules, begin - DAY, end, most)
    return found if any(opening.end > begin for opening in found) else []


def _runs(calendar: Calendar, terms: Terms, chunk: Sequence[Opening]) -> list[Run]:
    """For each slot those that take as long as is wanted, itself first; none where they do not follow each other."""
    if terms.turns == 1 and all(opening.end - opening.begin >= terms.length for opening in chunk):
        runs: list[Run] = [(opening,) for opening in chunk]
    else:
        schedules = frozenset(opening.schedule for opening in chunk)
        end = chunk[-1].begin + max(terms.length, DAY)
        slots = _openings(calendar, terms, schedules, chunk[0].begin, end, _NO_BOUND)
        after = {(opening.schedule, opening.begin): opening for opening in reversed(slots)}
        runs = [run for opening in chunk if (run := _run(opening, after, terms))]
    if terms.open_spans is None:
        return runs
    return [run for run in runs if inside(terms.open_spans, run[0].begin, run[-1].end)]


def _run(opening: Opening, after: dict[tuple[str, int], Opening], terms: Terms) -> Run:
    run = [opening]
    while len(run) < terms.turns or run[-1].end - opening.begin < terms.length:
        following = after.get((opening.schedule, run[-1].end))
        if following is None:
            return ()
        run.append(following)
    return tuple(run)


class _Choice:
    """Who may take one of the other seats."""

    def __init__(self, world: World, seat: Seat, slots: Sequence[Opening]) -> None:
        self._world = world
        self._bare = seat.bare
        self._slots: dict[str, list[Opening]] = {}
        for opening in slots:
            self._slots.setdefault(opening.schedule, []).append(opening)
        self._begins = {schedule: [o.begin for o in each] for schedule, each in self._slots.items()}
        self._ends = {schedule: list(accumulate((o.end for o in each), max)) for schedule, each in self._slots.items()}

    def takers(self, begin: int, end: int) -> list[_Taker]:
        """Who has the time: by slots, those that waste the least first; then who has no Schedule."""
        found: list[tuple[int, int, Run]] = []
        for schedule in self._slots:
            run = self._covering(schedule, begin, end)
            if run and self._world.offered(schedule) and self._world.has(run, begin, end):
                found.append((run[-1].end - run[0].begin, run[0].row, run))
        ordered = sorted(found, key=lambda each: each[:2])
        others = [each for each in self._bare if self._world.is_free(each[0], begin, end)]
        return [
            *(_Taker(self._world.people(run[0].schedule), run) for *_, run in ordered),
            *(_Taker(frozenset({"/".join(each[0])}), (), (each,)) for each in others),
        ]

    def _covering(self, schedule: str, begin: int, end: int) -> Run:
        """Slots that follow each other and cover the time, the latest that does so first."""
        slots, ends = self._slots[schedule], self._ends[schedule]
        place = bisect_right(self._begins[schedule], begin) - 1
        while place >= 0 and ends[place] > begin:
            if slots[place].end > begin and (run := self._on(slots, place, end)):
                return run
            place -= 1
        return ()

    @staticmethod
    def _on(slots: Sequence[Opening], place: int, end: int) -> Run:
        run = [slots[place]]
        for opening in slots[place + 1 :]:
            if run[-1].end >= end or opening.begin > run[-1].end:
                break
            if opening.begin == run[-1].end:
                run.append(opening)
        return tuple(run) if run[-1].end >= end else ()


def _plan(world: World, terms: Terms, run: Run, choices: Sequence[_Choice]) -> Plan | None:
    """The time with everybody in their seats; None where somebody is missing."""
    begin, end = run[0].begin, run[-1].end
    if not (world.offered(run[0].schedule) and world.has(run, begin, end) and world.patients_have(begin, end)):
        return None
    options = [choice.takers(begin, end) for choice in choices]
    if not all(options):
        return None
    for takers in islice(_ways([_Taker(world.people(run[0].schedule), run)], options), _MOST_TRIES):
        slots = tuple(opening for taker in takers for opening in taker.run)
        others = tuple(each for taker in takers for each in taker.other)
        if _is_enough(slots, others, terms):
            return Plan(slots, others, begin, end)
    return None


def _ways(taken: list[_Taker], options: Sequence[Sequence[_Taker]]) -> Iterator[list[_Taker]]:
    """The ways to take the other seats, so that nobody takes two."""
    if len(taken) > len(options):
        yield taken
        return
    for taker in options[len(taken) - 1]:
        if not any(taker.people & other.people for other in taken):
            yield from _ways([*taken, taker], options)


def _is_enough(slots: Sequence[Opening], others: Sequence[tuple[Key, int]], terms: Terms) -> bool:
    """Whether those who take part are, between them, all that is needed."""
    said = [(opening.kinds, opening.schedule) for opening in slots]
    if not enough(said, terms.criteria):
        return False
    actors = {key for key, _ in others}
    return all(any(need.met(*each) for each in said) or actors & need.actors for need in terms.needs)
