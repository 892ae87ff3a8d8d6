"""How a notification leaves: one attempt at a time, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one attempt. `status` is HTTP's, 0 when there was no answer; `problem` then says why.

    `retry_after` are the seconds that the receiver asked for. `took` are seconds. Nothing here quotes the receiver.
    """

    status: int = 0
    problem: str = ""
    retry_after: float = 0.0
    took: float = 0.0

    @property
    def taken(self) -> bool:
        """Whether the receiver has it (2xx)."""
        return 200 <= self.status < 300

    @property
    def reason(self) -> str:
        """In a word or two, for a log, a metric or a Subscription's `error`."""
        return self.problem or f"status {self.status}"


class Channel(Protocol):
    """A way to an endpoint outside."""

    def send(self, url: str, headers: Mapping[str, str], body: bytes, seconds: float) -> Answer:
        """Send a body once; the whole attempt ends within about `seconds`. Never raises for what the receiver does."""
        ...
