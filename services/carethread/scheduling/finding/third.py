"""`Schedule/$third-next-available`: how long somebody waits, measured as improvement work does it.

The first and second free time are often but a cancellation; the third tells how full it really is
(Institute for Healthcare Improvement, "Third Next Available Appointment").
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from carethread.core.clock import instant, to_micros
from carethread.core.context import Context
from carethread.core.errors import Issue
from carethread.core.moments import DAY, LAST
from carethread.core.ports import Opening, Resource, Session
from carethread.core.service import Call, Runtime
from carethread.scheduling.finding.asking import LONGEST, Asked, asked
from carethread.scheduling.finding.combining import plans
from carethread.scheduling.finding.finding import terms_of
from carethread.scheduling.finding.seating import seating
from carethread.scheduling.finding.world import World

NAMES = (
    "start", "zone", "service-type", "specialty", "visit-type", "modality", "practitioner", "actor", "organization",
    "location-reference",
)  # fmt: skip
"""The parameters, which mean what they mean to `$find`; with several `actor`, one of them."""

_THIRD = 3


def third_next_available(runtime: Runtime, call: Call, context: Context) -> Resource:
    """Parameters. Raises Malformed, TooCostly."""
    now = to_micros(context.clock())
    wanted = asked(call, now, runtime.limits, runtime.base_url, taker="$third-next-available", names=NAMES)
    anybody = [key for keys in wanted.seats for key in keys]
    wanted = replace(wanted, end=min(wanted.begin + LONGEST, LAST), seats=[anybody] if anybody else [])

    def work(session: Session) -> tuple[list[Opening], Sequence[Issue]]:
        world = World(session, runtime.base_url, now)
        seats = seating(runtime, session, wanted)
        found = plans(session.calendar, world, terms_of(session, wanted, seats, now))
        return [plan.openings[0] for plan, _ in zip(found, range(_THIRD), strict=False)], seats.issues

    found, issues = runtime.store.snapshot(work)
    return _parameters(found, wanted.begin, [*(each.diagnostics for each in issues), *_notes(wanted, found)])


def _notes(wanted: Asked, found: Sequence[Opening]) -> Iterator[str]:
    """What the caller should know of the number, or of why there is none."""
    if not found:
        yield "No Slot is free within a year; perhaps no Schedule here is of what was asked for."
    elif len(found) < _THIRD:
        yield f"Only {len(found)} of the {_THIRD} Slots are free within a year."
    if not (wanted.kinds or wanted.modalities or wanted.seats or wanted.organizations or wanted.locations):
        yield "Slots for every service are counted together; ask for one by service-type, practitioner or organization."


def _parameters(found: list[Opening], begin: int, notes: Iterable[str]) -> Resource:
    parts: list[Resource] = []
    if len(found) == _THIRD:
        third = found[-1].begin
        parts += [
            {"name": "third", "valueInstant": instant(third)},
            {"name": "days", "valueDecimal": round((third - begin) / DAY, 2)},
        ]
    parts += [{"name": "slot", "valueReference": {"reference": f"Slot/{each.slot}"}} for each in found]
    parts += [{"name": "note", "valueString": note} for note in notes]
    return {"resourceType": "Parameters", **({"parameter": parts} if parts else {})}
