"""What queries may take, and what is told of those that take more."""

from __future__ import annotations

from dataclasses import dataclass

from carethread.core.errors import TooCostly


@dataclass(frozen=True, slots=True)
class Bounds:
    """Megabytes and seconds for each query, threads, and how many run at the same time; others wait so many seconds for
    their turn. A process that runs them ends when it has been idle for so many seconds."""

    memory: int = 1024
    threads: int = 2
    seconds: float = 60.0
    at_once: int = 2
    patience: float = 10.0
    idle: float = 30.0


USUAL = Bounds()


class Full(Exception):
    """Memory has run out where a query runs."""


def too_large(bounds: Bounds) -> TooCostly:
    """What is told of a query that takes more memory than it may."""
    return TooCostly(f"The SQL takes more than {bounds.memory} MB of memory; narrow it.")


def too_long(bounds: Bounds) -> TooCostly:
    """What is told of a query that does not end in time."""
    return TooCostly(f"The SQL takes longer than {bounds.seconds:g} seconds; narrow it.")
