"""A replay that somebody asked for: the running consumer of that name notices the row and acts on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

ReplayState = Literal["asked", "running", "done", "refused"]


@dataclass(frozen=True, slots=True)
class Replay:
    """Read again what a consumer has read, from a moment on (`since`, microseconds; 0: all that is kept).

    `number` counts the replays of a consumer. `reset`: its projections forget first what they have made. `partial`: go
    on although not all of it is kept any more. `targets`: how far each place has to be read until it is over, as JSON.
    """

    consumer: str
    number: int
    since: int
    reset: bool
    partial: bool
    asked: int
    state: ReplayState
    message: str = ""
    targets: bytes = b"{}"


class Replays(Protocol):
    """The replays that were asked for, one for each consumer, in the transaction of a session."""

    def ask(self, consumer: str, since: int, asked: int, *, reset: bool, partial: bool) -> Replay:
        """Ask for a replay; it takes the place of an earlier one."""
        ...

    def find(self, consumer: str) -> Replay | None: ...

    def tell(self, consumer: str, number: int, state: ReplayState, message: str, targets: bytes = b"{}") -> bool:
        """Say how a replay goes on; False when another has taken its place."""
        ...
