"""What a service publishes beside the versions of its resources: dead letters, outcomes of what came in.

Posted in the transaction of its cause, taken away by the leader of the relay when the bus has it; sent again when the
leader dies in between, with the same id.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from carethread.core.events import Event


@dataclass(frozen=True, slots=True)
class Post:
    """Something to be sent, under its number in the postbox."""

    number: int
    event: Event


class Postbox(Protocol):
    """What of a service is committed and not yet known to be sent."""

    def waiting(self, limit: int) -> list[Post]:
        """The first posts, in order. Raises Busy."""
        ...

    def sent(self, numbers: Sequence[int]) -> None:
        """The bus has these. Raises Busy."""
        ...
