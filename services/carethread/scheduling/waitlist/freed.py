"""What timers say that visits have left, as it stands: free as a whole, or to be looked at again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from carethread.core.fhir import json
from carethread.core.fhir.elements import extension, keys_at
from carethread.core.fhir.search.dates import moment
from carethread.core.ports import Key, Resource, Session, Timer
from carethread.interactions.standing import present
from carethread.interactions.writing.unit import WriteUnit
from carethread.scheduling.booking.calendars import kinds
from carethread.scheduling.booking.closing import GIVERS, interpreters_of
from carethread.scheduling.joining import common
from carethread.scheduling.quiet import zone_of
from carethread.scheduling.rules import MODALITY, capacity
from carethread.scheduling.waitlist.freeing import offer_soon
from carethread.scheduling.waitlist.leaving import Freed

AGAIN = 15 * 60_000_000
"""Microseconds after which what nobody could be asked about is looked at again."""


def is_free(unit: WriteUnit, freed: Freed) -> bool:
    """Whether nobody has taken a slot of it since."""
    return all((unit.find(("Slot", slot)) or {}).get("status") == "free" for slot in freed.slots)


def freed_of(unit: WriteUnit, timers: Iterable[Timer], now: int) -> list[Freed]:
    """What the timers are about and is to come, each set once; what is not free as a whole is looked at again."""
    wanted = {tuple(json.restore(timer.payload)): timer for timer in timers}
    unit.load({("Slot", slot) for slots in wanted for slot in slots})
    slots = {id_: slot for some in wanted for id_ in some if (slot := unit.find(("Slot", id_))) is not None}
    plans = {id_: next(iter(keys_at(slot, "schedule", unit.base_url)), None) for id_, slot in slots.items()}
    schedules = present(unit.session, {plan for plan in plans.values() if plan and plan[0] == "Schedule"})
    there = []
    for ids, timer in wanted.items():
        places = [
            (slots[id_], schedule)
            for id_ in ids
            if (key := plans.get(id_)) and (schedule := schedules.get(key)) and schedule.get("active") is not False
        ]
        freed = _together(places, _givers(unit.session, timer, places, unit.base_url), unit.base_url)
        if freed is None or freed.span[0] <= now:
            continue
        if len(places) == len(ids) and all(slot["status"] == "free" for slot, _ in places):
            there.append(freed)
        elif slots[freed.key]["status"] == "free":
            offer_soon(unit.session, freed.key, ids, now + AGAIN)
    return there


def _givers(session: Session, timer: Timer, places: Sequence[tuple[Resource, Resource]], base_url: str) -> set[Key]:
    """Whose Schedules make a visit: not a room's, and not an interpreter's."""
    schedules = [schedule for _, schedule in places]
    kind, _, id_ = timer.key.partition("/")
    left = present(session, [(kind, id_)]).get((kind, id_), {}) if id_ else {}
    helpers = interpreters_of(session, left, schedules, base_url) if schedules else set()
    actors = {key for schedule in schedules for key in keys_at(schedule, "actor", base_url)}
    return {key for key in actors if key[0] in GIVERS and key not in helpers}


def _together(places: Sequence[tuple[Resource, Resource]], givers: set[Key], base_url: str) -> Freed | None:
    """The Slots as one; None where nobody is there who gives care, or they have no time in common."""
    in_time = sorted(places, key=lambda each: (moment(each[0]["start"]), each[0]["id"]))
    lead = [each for each in in_time if not givers.isdisjoint(keys_at(each[1], "actor", base_url))]
    if not lead:
        return None
    ordered = [*lead, *(each for each in in_time if each not in lead)]
    spans: dict[str, list[tuple[int, int]]] = {}
    for slot, schedule in ordered:
        spans.setdefault(schedule["id"], []).append((moment(slot["start"]), moment(slot["end"])))
    begin, end = common(spans)
    if begin >= end:
        return None
    start = next(slot["start"] for slot, _ in ordered if moment(slot["start"]) == begin)
    return Freed(
        slots=tuple(slot["id"] for slot, _ in ordered),
        people=tuple(dict.fromkeys(_actors((schedule for _, schedule in ordered), base_url))),
        span=(begin, end),
        start=start,
        end=next(slot["end"] for slot, _ in ordered if moment(slot["end"]) == end),
        zone=zone_of(ordered[0][1], start),
        kinds=frozenset(kind for slot, _ in lead for kind in kinds(slot) if not kind.startswith("modality|")),
        modality=str(extension(lead[0][0], MODALITY).get("valueCode", "")),
        seats=capacity(lead[0][0]),
    )


def _actors(schedules: Iterable[Mapping[str, object]], base_url: str) -> Iterator[str]:
    for schedule in schedules:
        yield from (f"{kind}/{id_}" for kind, id_ in keys_at(dict(schedule), "actor", base_url))
