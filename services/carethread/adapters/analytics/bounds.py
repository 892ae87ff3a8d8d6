"""What queries may take, and what is told of those that take more."""

from __future__ import annotations

from dataclasses import dataclass

from carethread.core.errors import TooCostly


@dataclass(frozen=True, slots=True)
class Bounds:
    """Megabytes for each query, seconds for all of one answer, threads, and how many run at the same time; others wait
    so many seconds for their turn. An answer that nobody waits for may take `leisure` times as long, but none of its
    queries. A process that runs them ends when it has been idle for so many seconds."""

    memory: int = 1024
    threads: int = 2
    seconds: float = 60.0
    at_once: int = 2
    patience: float = 10.0
    idle: float = 30.0
    leisure: int = 10

    @property
    def longest(self) -> float:
        """Seconds for an answer that nobody waits for."""
        return self.seconds * self.leisure


USUAL = Bounds()


class Full(Exception):
    """Memory has run out where a query runs."""


def too_large(bounds: Bounds) -> TooCostly:
    """What is told of a query that takes more memory than it may."""
    return TooCostly(f"The SQL takes more than {bounds.memory} MB of memory; narrow it.")


def too_long(bounds: Bounds, seconds: float | None = None) -> TooCostly:
    """What is told of a query that does not end in time, or of an answer, which has so many seconds."""
    said = f"This takes longer than {seconds or bounds.seconds:g} seconds"
    how = "narrow the SQL, or ask for a shorter period or fewer strata"
    return TooCostly(
        f"{said}: {how}. An answer has {bounds.longest:g} seconds where nobody waits for it (respond-async)."
    )
