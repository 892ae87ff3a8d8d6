"""What is remembered of messages that came in: their answers, and how new each sender's resources are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class SourceVersion:
    """Which version of its resource a sender says that this is: `meta.versionId` as a number, `meta.lastUpdated` in
    microseconds; 0 where it does not say."""

    number: int
    updated: int

    def older_than(self, other: SourceVersion) -> bool:
        """Whether the sender made this one before the other; what cannot be compared is not older."""
        if self.updated and other.updated and self.updated != other.updated:
            return self.updated < other.updated
        return bool(self.number and other.number and self.number < other.number)


class Inbound(Protocol):
    """Part of a `Session`."""

    def answer(self, message: str) -> bytes | None:
        """What a message was answered with; None for one that is new."""

    def keep_answer(self, message: str, received: int, outcome: bytes) -> None:
        """Keep what a message was answered with; `received` in microseconds."""

    def newest(self, sender: str, resources: Iterable[str]) -> dict[str, SourceVersion]:
        """The newest version that a sender has sent of each resource (`Type/id`). `Session.lock` keeps others out."""

    def keep_newest(self, sender: str, newest: Mapping[str, SourceVersion]) -> None:
        """Keep which versions are the newest from now on."""
