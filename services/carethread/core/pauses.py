"""How long a loop waits before it asks again for what is away: twice as long each time, within bounds."""

from __future__ import annotations

SHORTEST = 0.05
"""Seconds."""


def longer(pause: float, longest: float) -> float:
    """The pause after one of so many seconds, 0 before the first."""
    return min(max(SHORTEST, pause * 2), longest)
