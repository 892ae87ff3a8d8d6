"""Making the slots of a Schedule follow its template, for a rolling horizon.

What is wanted is compared with what is there, stretch by stretch, each in a transaction of its own; whoever is killed
in between goes on where a stretch began. Only slots that are free, and that a template has made, are changed or
removed; where something else is in the way of a wanted one, that is left out. A slot's id follows from its Schedule and
its begin, so made again it is the same one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from zlib import crc32

from carethread.core.clock import to_micros
from carethread.core.context import Context
from carethread.core.fhir import json
from carethread.core.ports import Opening, Resource, Session, Stored, Timer
from carethread.core.ports.calendar import FOREVER
from carethread.core.service import Runtime
from carethread.interactions.writing.command import Command
from carethread.interactions.writing.unit import WriteUnit
from carethread.interactions.writing.version import is_version
from carethread.scheduling.availability.expanding import (
    MINUTE,
    Wanted,
    horizon_end,
    next_midnight,
    slot_id,
    slots,
)
from carethread.scheduling.availability.making import changed, slot_of
from carethread.scheduling.availability.reading import template_of
from carethread.scheduling.availability.stranded import Stranded, ask_for, stranded_among
from carethread.scheduling.availability.template import AVAILABILITY, MIDNIGHT, Template, disjoint, master_of, meets

TIMER = "slots"
"""The kind of the timers that make slots; the key is the id of a Schedule."""

STRETCH = 500
"""About as many slots are made in one transaction, and at most twice as many looked at."""

_DAY = MIDNIGHT * MINUTE
_SPREAD_SECONDS = 3600
"""Within so long after midnight the Schedules of a zone have their turn."""


@dataclass(frozen=True, slots=True)
class Made:
    """What became of slots: how many were made, left as they were, changed and removed, and whom that strands."""

    created: int = 0
    kept: int = 0
    changed: int = 0
    removed: int = 0
    stranded: Sequence[Stranded] = ()

    def __add__(self, other: Made) -> Made:
        return Made(
            self.created + other.created,
            self.kept + other.kept,
            self.changed + other.changed,
            self.removed + other.removed,
            (*self.stranded, *other.stranded),
        )


def remake(runtime: Runtime, schedule: str, context: Context) -> Made:
    """Make all slots of a Schedule (its id) follow its template now. Raises Busy when the database is away."""
    made, place = Made(), 0
    while True:

        def work(session: Session, place: int = place) -> tuple[Made, int]:
            return stretch(runtime, session, schedule, place, context)

        some, place = runtime.store.transact(work)
        made += some
        if place == FOREVER:
            return made


def slots_due(runtime: Runtime, session: Session, timer: Timer, context: Context) -> None:
    """Make one stretch, and have the next made at once; after the last, all again when the next day has begun."""
    _, place = stretch(runtime, session, timer.key, int(timer.payload or b"0"), context)
    now = to_micros(context.clock())
    if place < FOREVER:
        session.timers.set(TIMER, timer.key, now, str(place).encode())
    elif template := making_template(_schedule(session, timer.key)):
        after = crc32(timer.key.encode()) % _SPREAD_SECONDS * 1_000_000
        session.timers.set(TIMER, timer.key, next_midnight(template, now) + after)


def schedule_stored(runtime: Runtime, session: Session, ids: Sequence[str], context: Context) -> None:
    """Have the slots made anew of Schedules that have a template, or had one."""
    mark = AVAILABILITY.encode()
    for (_, id_), stored in session.current([("Schedule", id_) for id_ in ids]).items():
        before = session.version(("Schedule", id_), stored.version - 1) if stored.version > 1 else None
        if mark in stored.body or (before and mark in before.body):
            session.timers.set(TIMER, id_, to_micros(context.clock()))


def stretch(runtime: Runtime, session: Session, id_: str, place: int, context: Context) -> tuple[Made, int]:
    """Make the slots that end behind `place` (microseconds), and begin not in the past, as far as one transaction goes.

    One that goes on behind the end of the stretch is the next one's, which knows what is in its way. Returns what came
    of it and the place to go on from; FOREVER: that was all.
    """
    now = to_micros(context.clock())
    session.calendar.lock([f"Schedule/{id_}"])
    stored = _schedule(session, id_)
    template = making_template(stored)
    begin = max(place, now)
    before = _end(template, begin, now)
    around = session.calendar.slots(id_, begin - _DAY, before)
    there = [slot for slot in around if slot.begin >= begin]
    if len(there) > 2 * STRETCH:
        before = max(there[2 * STRETCH].begin, begin + 1)
        around, there = ([slot for slot in some if slot.begin < before] for some in (around, there))
    unit = WriteUnit(runtime, session, context)
    wanted: list[Wanted] = []
    schedule: Resource = {}
    if stored and template:
        schedule = json.restore(stored.body)
        behind = slots(template, id_, max(begin - _DAY, now), min(before, horizon_end(template, now)))
        wanted = [each for each in behind if begin < each.end <= before]
        ours, later = {each.id for each in wanted}, {each.id for each in behind if each.end > before}
        there = [slot for slot in around if (slot.begin >= begin or slot.slot in ours) and slot.slot not in later]
        wanted = _with_room(wanted, around)
    made = _fit(unit, schedule, {each.id: each for each in wanted}, {slot.slot: slot for slot in there})
    stranded = stranded_among(session, stored, there)
    ask_for(session, stranded, runtime.base_url, context)
    return replace(made, stranded=stranded), before


def _schedule(session: Session, id_: str) -> Stored | None:
    """The Schedule as it is committed. Nobody waits for it here: who changes it has all made anew."""
    return session.current([("Schedule", id_)]).get(("Schedule", id_))


def making_template(stored: Stored | None) -> Template | None:
    """The template by which slots of a Schedule are made; None where none are to be."""
    return _template(stored.body) if stored and not stored.deleted else None


@lru_cache(64)
def _template(body: bytes) -> Template | None:
    schedule = json.restore(body)
    if not schedule.get("active", True) or master_of(schedule) != "carethread":
        return None
    return template_of(schedule)


def _end(template: Template | None, begin: int, now: int) -> int:
    """The end of the stretch that begins somewhere, behind the horizon there is only one."""
    if template is None or begin >= horizon_end(template, now):
        return FOREVER
    days = max(1, STRETCH * 7 // max(1, template.weekly()))
    return min(next_midnight(template, begin + (days - 1) * _DAY), horizon_end(template, now))


def _with_room(wanted: Iterable[Wanted], there: Iterable[Opening]) -> list[Wanted]:
    """Those in whose way nothing is that is booked, held or blocked, be it they themselves."""
    ways = disjoint((slot.begin, slot.end) for slot in there if slot.status != "free")
    return [each for each in wanted if not meets(ways, (each.begin, each.end))]


def _fit(unit: WriteUnit, schedule: Resource, wanted: Mapping[str, Wanted], there: Mapping[str, Opening]) -> Made:
    """Make, change and remove Slots, as one unit; `wanted` are those to be, `there` those that are, by their ids."""
    bodies = {id_: slot_of(each, schedule) for id_, each in wanted.items()}
    free = {id_ for id_, slot in there.items() if slot.status == "free"}
    made_here = {id_ for id_ in free if id_ in wanted or id_ == slot_id(there[id_].schedule, there[id_].begin)}
    fitting = _fitting(unit, {id_: body for id_, body in bodies.items() if id_ in free})
    stand = _untaken(unit, (made_here | wanted.keys()) - fitting)
    taken = disjoint((there[id_].begin, there[id_].end) for id_ in made_here - fitting - stand.keys())
    counts = Counter[str]()
    for id_, body in stand.items():
        if id_ not in wanted or meets(taken, (wanted[id_].begin, wanted[id_].end)):
            unit.remove(("Slot", id_))
            counts["removed"] += body is not None
        elif body is None:
            unit.update(bodies[id_])
            counts["created"] += 1
        else:
            unit.update(changed(body, bodies[id_]))
            counts["changed"] += 1
    unit.store()
    return Made(
        counts["created"], len(there) - counts["changed"] - counts["removed"], counts["changed"], counts["removed"]
    )


def _fitting(unit: WriteUnit, wanted: Mapping[str, Resource]) -> set[str]:
    """Those that are as they should be."""
    found = unit.session.current([("Slot", id_) for id_ in wanted])
    return {
        id_
        for (_, id_), stored in found.items()
        if is_version(wanted[id_], stored) or _is_same(json.restore(stored.body), wanted[id_])
    }


def _is_same(stands: Resource, wanted: Resource) -> bool:
    return changed(stands, wanted) == stands


def _untaken(unit: WriteUnit, ids: Iterable[str]) -> dict[str, Resource | None]:
    """Those of the Slots that are free without anybody in them, or not there (None), now that they are locked."""
    wanted = sorted(ids)
    unit.look([Command("Slot", id_, None) for id_ in wanted])
    taken = {busy.actor for busy in unit.session.calendar.busy([f"Slot/{id_}" for id_ in wanted], 0, FOREVER)}
    found = {id_: unit.find(("Slot", id_)) for id_ in wanted if f"Slot/{id_}" not in taken}
    return {id_: body for id_, body in found.items() if body is None or body["status"] == "free"}
