"""How many were asked, and what became of it, by what they were asked, by whom, where and in which language; so that
nobody can tell from it what one person did. Pure.

All is summed from the same cells, a form of a programme in a department, a language and a calendar month, so that what
two answers differ in is whole cells. A cell with 1 to 10 people is left out of every sum; and of one that counts no
number is told behind which 1 to 10 people stand, nor what it could be had from by subtraction (`core.few`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Literal, NamedTuple, TypeVar

from carethread.core.clock import instant
from carethread.core.few import ENOUGH, hidden, is_few
from carethread.core.ports.asks import ASKED, Ask
from carethread.questionnaires.programmes.guarding import UNTRACED

BY = ("programme", "form", "department", "language")
"""By what asks can be told apart, as an Ask names it."""

COMPLETED, OPEN = "completed", "open"
ENDINGS = (COMPLETED, "expired", "declined", "cancelled", OPEN)
LOOKS = ("opened", "started")
COUNTS = ("asked", *LOOKS, *ENDINGS)

_HOUR = 3_600_000_000

K = TypeVar("K")


class Place(NamedTuple):
    """Where and when something is asked without a name: a month such as `2031-03`, a form and a department."""

    month: str
    form: str
    department: str


Answered = Callable[[Place], "int | None"]
"""How many have answered without a name; None where that is not told."""

Lack = Literal["", "few", "others", "more"]
"""Why it is not told how many have answered without a name: too few stand behind it, who were asked are only some of
those who were asked the same there, or more have answered than were asked. Empty where it is told."""


@dataclass(slots=True)
class Rate:
    """What became of the asks of one group, as far as it is told.

    `counts` by `COUNTS`; `masked` are those of them that are not told. `why`: how many were not asked, by reason;
    `hours`: of those completed, from being asked on. `partial`: something was left out, or is not told. `lack`: why
    it is not told how many have answered without a name.
    """

    counts: Counter[str] = field(default_factory=Counter)
    masked: set[str] = field(default_factory=set)
    why: Counter[str] = field(default_factory=Counter)
    hours: list[float] = field(default_factory=list)
    partial: bool = False
    lack: Lack = ""

    def told(self, name: str) -> int | None:
        """A count; None where it is not told."""
        nothing = self.partial and not self.counts["asked"]
        return None if nothing or name in self.masked else self.counts[name]

    @property
    def share(self) -> float | None:
        """Completed of asked; None where it is not told, or nobody was asked."""
        completed = self.told(COMPLETED)
        return round(completed / self.counts["asked"], 3) if self.counts["asked"] and completed is not None else None

    @property
    def typical(self) -> float | None:
        """The median hours to completion; None where it is not told, or nobody has completed it."""
        return round(median(self.hours), 1) if self.hours and self.told(COMPLETED) else None

    def add(self, asks: list[Ask]) -> None:
        """The asks of one cell."""
        for reason, some in _parted(asks, lambda ask: ask.outcome).items():
            if _people(some) < ENOUGH:
                self.partial = True
            elif reason == ASKED:
                self._add_asked(some)
            else:
                self.why[reason] += len(some)

    def _add_asked(self, asks: list[Ask]) -> None:
        self.counts["asked"] += len(asks)
        if asks[0].ending == UNTRACED:
            self.masked |= {*LOOKS, *ENDINGS}  # nobody knows who has
            return
        ended = _parted(asks, lambda ask: ask.ending or OPEN)
        self._mask(hidden({name: {each.person for each in some} for name, some in ended.items()}))
        looks = _parted(asks, lambda ask: (ask.opened > 0, ask.started > 0))
        if hidden({look: {each.person for each in some} for look, some in looks.items()}):
            self._mask(LOOKS)
        for name, some in ended.items():
            self.counts[name] += len(some)
        self.counts["opened"] += sum(ask.opened > 0 for ask in asks)
        self.counts["started"] += sum(ask.started > 0 for ask in asks)
        self.hours += [max(0, ask.ended - ask.decided) / _HOUR for ask in ended.get(COMPLETED, ())]

    def _mask(self, names: Iterable[str]) -> None:
        masked = set(names)
        self.masked |= masked
        self.partial = self.partial or bool(masked)

    def add_nameless(self, asked: Mapping[Place, int], whole: Mapping[Place, int], answered: Answered) -> None:
        """How many have answered without a name, where each place has enough of them and of those who have not; for an
        answer does not say by what it was asked, all who were asked there have to be among these (`whole`)."""
        found = {place: answered(place) for place, number in asked.items() if number == whole[place]}
        lacks = {_lack(number, found.get(place, number), place in found) for place, number in asked.items()}
        self.lack = next((each for each in _WORST_FIRST if each in lacks), "")
        if self.lack:
            self.partial = True
        else:
            self.masked.discard(COMPLETED)
            self.counts[COMPLETED] = sum(some for some in found.values() if some is not None)


_WORST_FIRST: tuple[Lack, ...] = ("others", "more", "few")


def _lack(asked: int, answered: int | None, is_whole: bool) -> Lack:
    if not is_whole:
        return "others"
    if answered is None:
        return "few"
    if answered > asked:
        return "more"
    return "few" if is_few(answered) or is_few(asked - answered) else ""


def rates(
    asks: Iterable[Ask], by: Iterable[str], where: Mapping[str, str], answered: Answered
) -> dict[tuple[str, ...], Rate]:
    """The groups by what they have in common, of the asks that are as it is said."""
    names = tuple(by)
    found: dict[tuple[str, ...], Rate] = {}
    nameless: dict[tuple[str, ...], dict[Place, int]] = {}
    whole: Counter[Place] = Counter()
    for cell, some in sorted(_parted(asks, _cell).items()):
        first = some[0]
        place = Place(cell[0], first.form, first.department)
        whole[place] += sum(each.ending == UNTRACED and each.outcome == ASKED for each in some)
        if any(getattr(first, name) != value for name, value in where.items()):
            continue
        key = tuple(getattr(first, name) for name in names)
        rate = found.setdefault(key, Rate())
        before = rate.counts["asked"]
        rate.add(some)
        if any(each.ending == UNTRACED for each in some) and rate.counts["asked"] > before:
            places = nameless.setdefault(key, {})
            places[place] = places.get(place, 0) + rate.counts["asked"] - before
    if "language" not in {*names, *where}:  # nobody knows in which language somebody has answered
        for key, places in nameless.items():
            if sum(places.values()) == found[key].counts["asked"]:
                found[key].add_nameless(places, whole, answered)
    return dict(sorted(found.items()))


def _cell(ask: Ask) -> tuple[str, ...]:
    return instant(ask.decided)[:7], *(getattr(ask, name) for name in BY), str(ask.ending == UNTRACED)


def _parted(asks: Iterable[Ask], of: Callable[[Ask], K]) -> dict[K, list[Ask]]:
    found: dict[K, list[Ask]] = {}
    for ask in asks:
        found.setdefault(of(ask), []).append(ask)
    return found


def _people(asks: Iterable[Ask]) -> int:
    return len({ask.person for ask in asks})
