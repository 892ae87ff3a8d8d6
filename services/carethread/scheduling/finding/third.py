"""`Schedule/$third-next-available`: how long somebody waits, measured as improvement work does it.

The first and second free time are often but a cancellation; the third tells how full it really is
(Institute for Healthcare Improvement, "Third Next Available Appointment").
"""

from __future__ import annotations

from dataclasses import replace

from carethread.core.clock import instant, to_micros
from carethread.core.context import Context
from carethread.core.ports import Opening, Resource, Session
from carethread.core.service import Call, Runtime
from carethread.scheduling.finding.asking import DAY, LAST, LONGEST, asked
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

    def work(session: Session) -> list[Opening]:
        world = World(session, runtime.base_url, now)
        terms = terms_of(session, wanted, seating(runtime, session, wanted), now)
        found = plans(session.calendar, world, terms)
        return [plan.openings[0] for plan, _ in zip(found, range(_THIRD), strict=False)]

    return _parameters(runtime.store.snapshot(work), wanted.begin)


def _parameters(found: list[Opening], begin: int) -> Resource:
    parts: list[Resource] = []
    if len(found) == _THIRD:
        third = found[-1].begin
        parts += [
            {"name": "third", "valueInstant": instant(third)},
            {"name": "days", "valueDecimal": round((third - begin) / DAY, 2)},
        ]
    parts += [{"name": "slot", "valueReference": {"reference": f"Slot/{each.slot}"}} for each in found]
    return {"resourceType": "Parameters", **({"parameter": parts} if parts else {})}
