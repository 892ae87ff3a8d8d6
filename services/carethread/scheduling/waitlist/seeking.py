"""Whoever begins to wait, or waits again, is asked about what is free already: it is looked at at once."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from carethread.core.clock import to_micros
from carethread.core.context import Context
from carethread.core.fhir import json
from carethread.core.ports import Opening, Session, Timer
from carethread.core.service import Runtime
from carethread.scheduling.waitlist.entries import Entry
from carethread.scheduling.waitlist.freeing import OFFER_TIMER, offer_soon
from carethread.scheduling.waitlist.listing import entry_kept

WAIT_TIMER = "wait"
"""The kind of timer that has somebody asked about what is free; its key is the entry's id."""

_KNOWN, _MOST = 2000, 5
"""Freed slots that are looked through, and those of them, the first, that are looked at for one person."""


def look_for(session: Session, entries: Collection[str], context: Context) -> None:
    """Have those asked who wait now, if there is anything that was freed and is to be looked at again."""
    if entries and session.timers.ahead(OFFER_TIMER, 1):
        now = to_micros(context.clock())
        for id_ in entries:
            session.timers.set(WAIT_TIMER, id_, now)


def seek(runtime: Runtime, session: Session, timers: Sequence[Timer], context: Context) -> None:
    """Have what was freed, and could be for those who wait now, looked at at once."""
    now = to_micros(context.clock())
    freed = {timer.key: timer for timer in session.timers.ahead(OFFER_TIMER, _KNOWN)}
    openings = [each for each in session.calendar.openings_of(freed) if each.free == 0 and each.begin > now]
    openings.sort(key=lambda each: (each.begin, each.slot))
    for entry in map(entry_kept, session.offers.entered(timer.key for timer in timers)):
        for opening in [each for each in openings if _could_be(entry, each)][:_MOST]:
            timer = freed[opening.slot]
            if timer.due > now:
                offer_soon(session, timer.key, json.restore(timer.payload), now)


def _could_be(entry: Entry, opening: Opening) -> bool:
    """Whether an opening is worth a look: for a service that is wanted, at a time that suits."""
    kinds = [kind for kind in opening.kinds.split() if "|" in kind and not kind.startswith("modality|")]
    return (
        opening.slot not in entry.declined
        and (not entry.kinds or not kinds or not entry.kinds.isdisjoint(kinds))
        and (not entry.windows or any(first <= opening.begin < last for first, last in entry.windows))
    )
