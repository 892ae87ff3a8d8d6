"""How many were asked, and what became of it, by what they were asked, by whom, where and in which language. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from statistics import median

from carethread.core.ports.asks import ASKED, Ask

BY = ("programme", "form", "department", "language")
"""By what asks can be told apart, as an Ask names it."""

_HOUR = 3_600_000_000


@dataclass(slots=True)
class Rate:
    """What became of the asks of one group. `ended`: how many ended so, such as completed or expired; `why`: how many
    were not asked, by reason; `hours`: of those completed, from being asked on."""

    asked: int = 0
    opened: int = 0
    started: int = 0
    ended: Counter[str] = field(default_factory=Counter)
    why: Counter[str] = field(default_factory=Counter)
    hours: list[float] = field(default_factory=list)

    def add(self, ask: Ask) -> None:
        if ask.outcome != ASKED:
            self.why[ask.outcome] += 1
            return
        self.asked += 1
        self.opened += ask.opened > 0
        self.started += ask.started > 0
        self.ended[ask.ending] += 1
        if ask.ending == "completed":
            self.hours.append(max(0, ask.ended - ask.decided) / _HOUR)

    @property
    def typical(self) -> float | None:
        """The median hours to completion; None where nobody has completed it."""
        return round(median(self.hours), 1) if self.hours else None


def rates(asks: Iterable[Ask], by: Iterable[str], where: Mapping[str, str]) -> dict[tuple[str, ...], Rate]:
    """The groups by what they have in common, of the asks that are as it is said."""
    names = tuple(by)
    found: dict[tuple[str, ...], Rate] = {}
    for ask in asks:
        if all(getattr(ask, name) == value for name, value in where.items()):
            found.setdefault(tuple(getattr(ask, name) for name in names), Rate()).add(ask)
    return dict(sorted(found.items()))
