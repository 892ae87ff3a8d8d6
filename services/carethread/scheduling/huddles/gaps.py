"""The times at which everybody is free: nobody is taken, and everybody's hours are open. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

STEP = 15 * 60_000_000
"""Huddles begin at quarters of an hour, in microseconds."""

Closed = Callable[[int, int], str]
"""Why a span is not open for somebody; empty where it is."""


def common(
    begin: int, end: int, length: int, taken: Iterable[tuple[int, int]], hours: Iterable[Closed]
) -> Iterator[tuple[int, int]]:
    """The spans of a length within [begin, end) in which nobody is taken and all hours are open, one by one."""
    busy = sorted(taken)
    open_to = list(hours)
    start, place = -(-begin // STEP) * STEP, 0
    while start + length <= end:
        while place < len(busy) and busy[place][1] <= start:
            place += 1
        if hit := next((span for span in busy[place:] if span[0] < start + length and span[1] > start), None):
            start = -(-hit[1] // STEP) * STEP
        elif any(closed(start, start + length) for closed in open_to):
            start += STEP
        else:
            yield start, start + length
            start += -(-length // STEP) * STEP
