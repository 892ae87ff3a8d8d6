"""When to try again: pauses that grow from a second to an hour over three and a half days; then a person has to look.

Three and a half days outlast a weekend. Each pause is shortened at random by up to a fifth, so that all who wait for
one endpoint do not come back to it at once.
"""

from __future__ import annotations

PATIENCE_SECONDS = 3.5 * 24 * 3600
"""From the first failure in a row until a subscriber is given up: Subscription.status `error`, with all that waits
kept."""

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 3600.0
_JITTER = 0.2


def pause(attempts: int, asked: float, chance: float) -> float:
    """Seconds after so many failures in a row (1, 2, …); no less than the receiver `asked` for, `chance` is in [0,
    1)."""
    grown = min(FIRST_PAUSE * 2.0 ** min(attempts - 1, 32), LONGEST_PAUSE)
    return max(asked, grown * (1 - _JITTER * chance))


def given_up(failing_since: int, now: int) -> bool:
    """Whether what fails since then (microseconds, 0: not yet) has failed for long enough."""
    return failing_since > 0 and now - failing_since >= PATIENCE_SECONDS * 1_000_000
