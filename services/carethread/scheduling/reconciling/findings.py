"""What is found where ours and the EHR's are compared, each with its fix. Values in, findings out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from carethread.core.ports import Resource
from carethread.scheduling.reconciling.pairs import pairs
from carethread.scheduling.reconciling.sides import GONE, Seats, Side, Visit
from carethread.scheduling.rules import canceller
from carethread.scheduling.visits.transitions import is_move

KINDS: Mapping[str, str] = {
    "stuck-busy": "A Slot is busy, and no Appointment has it.",
    "stuck-free": "A Slot can be booked, and Appointments have all its seats.",
    "slot-difference": "The same Slot is free on one side and not on the other.",
    "overbooked": "More Appointments have a Slot than it takes, by what the EHR told.",
    "double-booked": "Somebody is at two places at once, by what the EHR told.",
    "slot-withdrawn": "The EHR has closed or deleted a Slot that an Appointment of ours has.",
    "cancelled-here": "Cancelled here, and still booked at the EHR.",
    "cancelled-there": "Cancelled at the EHR, and still booked here.",
    "status-difference": "The same visit has two statuses.",
    "time-difference": "The same visit is at two times.",
    "status-jump": "The EHR's Appointment came to its status as none of ours may.",
}
"""Every kind of finding."""

_HOW_FAR = {
    "proposed": 0, "waitlist": 0, "pending": 1, "booked": 2, "arrived": 3, "checked-in": 4, "fulfilled": 5, "noshow": 5
}  # fmt: skip
"""How far a visit has come: who says more of it was there."""

_CLOSED = frozenset({"busy-unavailable", "entered-in-error"})

_BY_NOBODY = "The EHR does not say by whom: as by the patient it frees the Slot for others; else change by to provider."

OUTCOMES = frozenset({"fulfilled", "noshow"})
"""What became of a visit."""


@dataclass(frozen=True, slots=True)
class Fix:
    """What to do: in words, as the request that does it here, and which version to send to the EHR."""

    said: str
    method: str = ""
    url: str = ""
    if_match: str = ""
    body: Resource | str | None = None
    send: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference; `about` are references, ours first; `source` is the EHR's `meta.source`, where it says one."""

    kind: str
    about: tuple[str, ...]
    said: str
    fix: Fix
    source: str = ""


def findings(slots: Sequence[Seats], visits: Sequence[Visit], lost: Collection[str] = ()) -> Iterator[Finding]:
    """All that is found, by kind of question; `visits` are all that have one of the slots, and more; `lost` are ids of
    Slots that were deleted."""
    ours, theirs = ([each for each in visits if each.ours is mine] for mine in (True, False))
    same = pairs(ours, theirs, (_identifiers, Visit.moments), lambda a, b: a.gone == b.gone)
    twin = {their.id: one.id for one, their in same}
    yield from _of_slots(slots, visits, twin)
    yield from _of_same_slots(slots)
    yield from _of_withdrawn(slots, ours, lost)
    for one, their in same:
        yield from _of_pair(one, their)
    yield from _of_people(visits, twin)
    yield from _of_jumps([each for each in visits if each.told])


def _identifiers(side: Side) -> frozenset[str]:
    return side.identifiers


def _of_slots(slots: Sequence[Seats], visits: Sequence[Visit], twin: Mapping[str, str]) -> Iterator[Finding]:
    """Slots against what has them; a visit that both sides have counts once, as ours."""
    holders: dict[str, dict[str, Visit]] = defaultdict(dict)
    for each in sorted(visits, key=lambda visit: not visit.ours):
        if each.holds:
            for id_ in each.slots:
                holders[id_].setdefault(twin.get(each.id, each.id), each)
    for slot in slots:
        having = holders.get(slot.id, {})
        if slot.status == "busy" and len(having) < slot.capacity:
            yield Finding("stuck-busy", (slot.reference,), _stuck_text(slot, len(having)), _freed(slot), slot.source)
        if slot.status == "free" and len(having) >= slot.capacity:
            about = (slot.reference, *_references(having))
            said = f"It is free, and {len(having)} of its {slot.capacity} seats are taken."
            yield Finding("stuck-free", about, said, _status(slot, "busy", "Mark the Slot as busy."), slot.source)
        told = [each for each in having.values() if each.told]
        if len(having) > slot.capacity and told:
            said = f"{len(having)} Appointments have it, and it takes {slot.capacity}."
            fix = Fix("Have the EHR move what it booked over the others, or raise the Slot's capacity.")
            yield Finding("overbooked", (slot.reference, *_references(having)), said, fix, told[0].source)


def _stuck_text(slot: Seats, taken: int) -> str:
    return (
        "It is busy, and no Appointment has it."
        if not taken
        else (f"It is busy, and {taken} of its {slot.capacity} seats are taken.")
    )


def _freed(slot: Seats) -> Fix:
    if slot.ours:
        return _status(slot, "free", "Free the Slot; where it is not to be booked, mark it as busy-unavailable.")
    return Fix("Ask the EHR for the Appointment that has it, or to send the Slot as free.")


def _of_withdrawn(slots: Sequence[Seats], ours: Sequence[Visit], lost: Collection[str]) -> Iterator[Finding]:
    """Appointments of ours whose Slots the EHR has closed, or that are no more."""
    closed = {slot.id: slot for slot in slots if not slot.ours and slot.status in _CLOSED}
    for each in ours:
        for id_ in sorted(each.slots & (closed.keys() | set(lost))) if each.holds else ():
            slot = closed.get(id_)
            about, said = (each.reference, f"Slot/{id_}"), f"Its Slot is {slot.status if slot else 'deleted'}."
            fix = Fix("Move it with $reschedule, to a Slot of your choice.", "POST", f"{each.reference}/$reschedule")
            yield Finding("slot-withdrawn", about, said, fix, slot.source if slot else "")


def _of_same_slots(slots: Sequence[Seats]) -> Iterator[Finding]:
    """The same Slot as both sides tell it."""
    ours, theirs = ([each for each in slots if each.ours is mine] for mine in (True, False))
    keys = (_identifiers, Seats.moments)
    for one, their in pairs(ours, theirs, keys, lambda a, b: (a.status == "free") == (b.status == "free")):
        if (one.status == "free") == (their.status == "free") or "entered-in-error" in (one.status, their.status):
            continue
        said = f"It is {one.status} here and {their.status} at the EHR."
        if one.status == "free":
            fix = _status(one, "busy-unavailable", "Close the Slot here, for the EHR has taken it.")
        else:
            fix = Fix("Send the EHR the Slot, for it is taken here.", send=_version(one))
        yield Finding("slot-difference", (one.reference, their.reference), said, fix, their.source)


def _of_pair(one: Visit, their: Visit) -> Iterator[Finding]:
    """The same visit as both sides tell it."""
    about, source = (one.reference, their.reference), their.source
    if one.gone and their.holds:
        said = f"It is {'a hold that is over' if one.over else one.status} here and {their.status} at the EHR."
        fix = Fix("Send the EHR the cancellation.", send=_version(one))
        yield Finding("cancelled-here", about, said, fix, source)
    elif one.holds and their.gone:
        said = f"It is {one.status} here and {their.status} at the EHR."
        yield Finding("cancelled-there", about, said, _cancel(one, their.reason), source)
    elif one.status != their.status and not (one.gone and their.gone):
        said = f"It is {one.status} here and {their.status} at the EHR."
        yield Finding("status-difference", about, said, _who_is_right(one, their), source)
    if one.holds and their.holds and (one.begin, one.end) != (their.begin, their.end):
        fix = Fix("Send the EHR the times, or move the Appointment here with $reschedule.", send=_version(one))
        yield Finding("time-difference", about, "It begins or ends at another time at the EHR.", fix, source)


def _cancel(one: Visit, reason: Resource) -> Fix:
    if not is_move(one.status, "cancelled"):
        return Fix(f"It is {one.status} here, which is final: send the EHR what happened.", send=_version(one))
    by = canceller({"cancelationReason": reason})
    said = [{"name": "reason", "valueCodeableConcept": reason}] if reason.get("coding") else []
    parts = [{"name": "by", "valueCode": by or "patient"}, *said]
    text = "Cancel it here." if by else f"Cancel it here. {_BY_NOBODY}"
    body = {"resourceType": "Parameters", "parameter": parts}
    return Fix(text, "POST", f"{one.reference}/$cancel", f'W/"{one.version}"', body)


def _who_is_right(one: Visit, their: Visit) -> Fix:
    """Who says more of a visit was there; two outcomes a person decides between."""
    here, there = _HOW_FAR.get(one.status, 0), _HOW_FAR.get(their.status, 0)
    if here > there:
        return Fix("Send the EHR the status.", send=_version(one))
    if here == there:
        return Fix("Ask who was there, and correct the side that is wrong.")
    if not is_move(one.status, their.status):
        return Fix(f"Take over the EHR's status, step by step: {one.status} does not become {their.status}.")
    return _status(one, their.status, "Take over the EHR's status.")


def _of_people(visits: Sequence[Visit], twin: Mapping[str, str]) -> Iterator[Finding]:
    """Who is at two places at once, where the EHR told of at least one of them."""
    calendars: dict[str, list[Visit]] = defaultdict(list)
    for each in visits:
        if each.holds and each.begin < each.end:
            for actor in each.actors:
                calendars[actor].append(each)
    found: dict[tuple[str, str], tuple[Visit, Visit, list[str]]] = {}
    for actor in sorted(calendars):
        standing: list[Visit] = []
        for each in sorted(calendars[actor], key=lambda visit: (visit.begin, visit.id)):
            standing = [other for other in standing if other.end > each.begin]
            for other in standing:
                if _collide(other, each, actor, twin):
                    first, second = sorted((other, each), key=lambda visit: (not visit.ours, visit.id))
                    found.setdefault((first.id, second.id), (first, second, []))[2].append(actor)
            standing.append(each)
    for first, second, who in found.values():
        said = f"{', '.join(who)} {'is' if len(who) == 1 else 'are'} at both."
        yield Finding("double-booked", (first.reference, second.reference), said, _apart(first), second.source)


def _collide(one: Visit, other: Visit, actor: str, twin: Mapping[str, str]) -> bool:
    """Whether two visits at one time cannot both be; several in one slot can, but a person comes once."""
    if not (one.told or other.told) or twin.get(one.id, one.id) == twin.get(other.id, other.id):
        return False
    return actor.startswith("Patient/") or not one.slots & other.slots


def _apart(first: Visit) -> Fix:
    if first.ours:
        url = f"{first.reference}/$reschedule"
        return Fix("Move ours with $reschedule, to a Slot of your choice, or have the EHR move its own.", "POST", url)
    return Fix("Both are the EHR's: have it move one.")


def _of_jumps(told: Sequence[Visit]) -> Iterator[Finding]:
    for each in told:
        for before, after in pairwise(each.statuses):
            if not is_move(before, after):
                said, fix = f"{before} became {after}.", Fix(_after_jump(before, after))
                yield Finding("status-jump", (each.reference,), said, fix, each.source)


def _after_jump(before: str, after: str) -> str:
    """What to do where the EHR's status came from one that it does not follow."""
    if before in GONE:
        return "Ask the EHR whether the visit stands again; if so, see that nobody else has its Slot and its people."
    if before in OUTCOMES:
        return "Ask the EHR which is true, and have it correct the other: numbers follow what it says."
    if _HOW_FAR[before] == 0 and after in ("arrived", "checked-in", "fulfilled", "noshow"):
        return "Nobody had booked it: ask the EHR for what is missing between, or have it correct the status."
    return "Look whether that is what happened; if not, have the EHR correct it."


def _status(side: Side, status: str, said: str) -> Fix:
    """Set a status here, if it still is what was looked at."""
    body = f'[{{"op": "replace", "path": "/status", "value": "{status}"}}]'
    return Fix(said, "PATCH", side.reference, f'W/"{side.version}"', body)


def _version(side: Side) -> str:
    return f"{side.reference}/_history/{side.version}"


def _references(having: Mapping[str, Visit]) -> list[str]:
    return sorted(each.reference for each in having.values())
