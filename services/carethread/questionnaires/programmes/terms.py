"""What asking by programmes goes by: kinds of timers, how long things count, when rounds are. Pure."""

from __future__ import annotations

from uuid import NAMESPACE_URL, uuid5

from carethread.core.lengths import Length, months_later
from carethread.core.moments import DAY
from carethread.core.programmes.programme import Action, Programme

PERSON, ROUND, BEGINNING = "programme-person", "programme-round", "programme-begins"
"""Kinds of timers: somebody is to be asked (key: `Patient/1`); a round of staff begins (see `round_key`); a programme
comes into effect (key: its url)."""

MONTH = 30 * DAY
"""For what a ceiling counts."""

LATE = 7 * DAY
"""What happened longer ago asks nobody any more."""


def want_id(programme: str, action: str, cause: str, person: str, turn: int) -> str:
    """What makes an ask this one: the same each time."""
    return str(uuid5(NAMESPACE_URL, f"{programme}#{action}|{cause}|{person}|{turn}"))


def before(moment: int, length: Length) -> int:
    """The moment so long before another; what happened since then is no older than that."""
    earlier = months_later(moment, -length.months) if length.months else moment
    return (earlier or 0) - length.micros


def round_key(programme: Programme, action: Action) -> str:
    """The key of the timer for a round."""
    return f"{programme.url[:300]}#{action.id}"


def next_round(action: Action, now: int) -> tuple[int, int]:
    """The number of the round that is the first after now, and its moment."""
    number, at = 0, action.since
    every = action.every or Length(micros=MONTH)
    if every.micros and at <= now:
        number = (now - at) // every.micros + 1
        at += number * every.micros
    while at <= now:
        number += 1
        later = months_later(action.since, number * every.months)
        if later is None:
            return number, now + MONTH
        at = later
    return number, at
