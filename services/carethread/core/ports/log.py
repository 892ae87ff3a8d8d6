"""A service's events as they can be read again: by their numbers, without taking part in their way out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from carethread.core.errors import Gone
from carethread.core.events import Event


class NotKept(Gone):
    """The events from which somebody wants to go on are not kept, or never were; `kept` is what is, by service: the
    first number and the last."""

    def __init__(self, diagnostics: str, kept: Mapping[str, tuple[int, int]] | None = None) -> None:
        super().__init__(diagnostics)
        self.kept = kept or {}


@dataclass(frozen=True, slots=True)
class Stretch:
    """The events after one number through another, of which `events` are those that were wanted, in order."""

    through: int
    events: Sequence[Event]


class EventLog(Protocol):
    """The numbered events of one service. Every method raises Busy when the database is away."""

    def kept(self) -> tuple[int, int]:
        """The first number that can still be read and the last that was given; the first is one more where none is
        kept."""
        ...

    def read(self, after: int, wanted: Callable[[Event], bool] | None = None, *, most_bytes: int) -> Stretch:
        """The next events behind `after`: those that `wanted` takes, which is asked without their data; all by itself.

        A stretch ends at a bound on events, or before its data would have more than `most_bytes`, but has one event
        that is wanted if there is one. Where nothing follows, it goes through `after`. Raises NotKept where it would
        begin with a gap.
        """
        ...

    def wait(self, seconds: float) -> None:
        """Return when there may be something new, at the latest after `seconds`."""
        ...


def resumed(service: str, after: int, kept: tuple[int, int]) -> int:
    """The number behind which to go on. Raises NotKept where events would be missed, or were never here."""
    first, last = kept
    if first - 1 <= after <= last:
        return after
    said = f"kept are {first} to {last}" if first <= last else f"none are, and the last was {last}"
    raise NotKept(
        f"The events of {service} after {after} are not kept here; {said}. Read what you need anew "
        "(a snapshot says to which number it is complete), then go on from there.",
        {service: kept},
    )
