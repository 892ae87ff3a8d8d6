"""A series in one transaction: booked, moved or cancelled as a whole, or not at all, and all in its way is told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from carethread.core.clock import from_micros, instant, to_micros
from carethread.core.errors import Busy, Conflict, FhirError, Held, Invalid, Issue
from carethread.core.fhir import json
from carethread.core.fhir.elements import keys_at
from carethread.core.fhir.search import parse_query
from carethread.core.fhir.search.dates import moment
from carethread.core.ports import Resource, Stored
from carethread.interactions.operations.once import derived
from carethread.interactions.writing.unit import WriteUnit
from carethread.scheduling.desk.book import book
from carethread.scheduling.desk.cancel import Cancellation, cancel
from carethread.scheduling.desk.placing import standing
from carethread.scheduling.desk.reschedule import reschedule
from carethread.scheduling.desk.wishes import Wish
from carethread.scheduling.series.expanding import MOST, shifted

SYSTEM = "https://carethread.dev/fhir/appointment-series"
"""The system of the tag that the Appointments of a series share."""

_MOVABLE = ("booked", "pending")

_ASKED = "series"
"""The kind of claim by which a key is for one request: its key is the series, its holder what was asked for."""


@dataclass(frozen=True, slots=True)
class Recurring:
    """A wish that recurs: at these moments, in slots of each of these Schedules (ids), for as long as `length`.

    Moments and length are microseconds; 0: as long as a slot.
    """

    wish: Wish
    moments: Sequence[int]
    schedules: Sequence[str]
    length: int = 0


def book_series(unit: WriteUnit, series: str, wanted: Recurring, asked: str = "") -> list[Stored]:
    """Book each occurrence, or none. Asked again the answer is what was booked then.

    `asked` is a fingerprint of the request where its id may come again. Raises Conflict or Invalid with all that is in
    the way of any, Invalid where another request has this id.
    """
    if asked and (made := _repeated(unit, series, asked, len(wanted.moments))):
        return made
    tagged = {**wanted.wish.details, "meta": {"tag": [{"system": SYSTEM, "code": series}]}}

    def one(number: int, begin: int) -> Stored:
        slots = _slots(unit, wanted.schedules, begin, wanted.length)
        return book(unit, replace(wanted.wish, slots=slots, details=tagged, id=_id_of(series, number)))

    steps = ((instant(begin), partial(one, number, begin)) for number, begin in enumerate(wanted.moments))
    return _all(unit, steps)


def _id_of(series: str, number: int) -> str:
    return derived("Appointment", f"{series}/{number}")


def _repeated(unit: WriteUnit, series: str, asked: str, count: int) -> list[Stored]:
    """What the same request has made before; who comes at the same time waits. Raises Invalid where it was another."""
    if unit.session.claim(_ASKED, series, asked) != asked:
        raise Invalid(
            "This Idempotency-Key has made another series already; use a new one.",
            code="duplicate",
            expression="Parameters.parameter",
        )
    return [stored for number in range(count) if (stored := unit.stored(("Appointment", _id_of(series, number))))]


def move_series(unit: WriteUnit, id_: str, begin: int, zone: ZoneInfo, *, rest: bool) -> list[Stored]:
    """Move an occurrence to another beginning, and with `rest` those after it by as much local time.

    Raises Conflict or Invalid with all that is in the way, each named by its new time, and NotFound.
    """
    first = standing(unit, id_)
    by = _local(begin, zone) - _local(moment(first.get("start")), zone)
    found = _from(unit, id_, first, rest=rest)
    if by > timedelta(0):
        found = found[::-1]  # the last one first: each leaves its place before another needs it

    def one(name: str, appointment: Resource, to: int) -> Stored:
        length = moment(appointment["end"]) - moment(appointment["start"])
        return reschedule(unit, name, Wish(slots=_slots(unit, _schedules(unit, appointment), to, length)))

    goals = [shifted(moment(appointment["start"]), by, zone) for _, appointment in found]
    steps = ((instant(to), partial(one, *each, to)) for each, to in zip(found, goals, strict=True))
    moved = _all(unit, steps)
    return moved[::-1] if by > timedelta(0) else moved


def cancel_series(unit: WriteUnit, id_: str, cancellation: Cancellation, *, rest: bool) -> list[Stored]:
    """Cancel an occurrence, and with `rest` those after it. Raises NotFound, and Invalid for what is over."""
    first = standing(unit, id_)
    return [cancel(unit, name, cancellation) for name, _ in _from(unit, id_, first, rest=rest)]


def _all(unit: WriteUnit, steps: Iterable[tuple[str, Callable[[], Stored]]]) -> list[Stored]:
    """Do every step, each named by its time, and raise all that was in the way of any: a Conflict if one was.

    Each is stored before the next looks who is taken when.
    """
    kind: type[FhirError] = Invalid
    done: list[Stored] = []
    issues: list[Issue] = []
    for when, step in steps:
        try:
            done.append(step())
            unit.store()
        except (Busy, Held):
            raise
        except FhirError as error:
            said = [issue for issue in error.issues if issue.severity != "fatal"]
            kind = Conflict if isinstance(error, Conflict) else kind
            issues += [replace(issue, diagnostics=f"{when}: {issue.diagnostics}") for issue in said]
    if issues:
        raise kind(issues=issues)
    return done


def _from(unit: WriteUnit, id_: str, first: Resource, *, rest: bool) -> list[tuple[str, Resource]]:
    """The occurrence, and with `rest` the ones of its series that are to come after it, in order of time.

    Raises Invalid for the rest of what is no series.
    """
    if not rest:
        return [(id_, first)]
    series = next((tag["code"] for tag in first.get("meta", {}).get("tag", ()) if tag.get("system") == SYSTEM), "")
    if not series:
        raise Invalid(
            "This Appointment is in no series; change it by itself.", code="business-rule", expression="scope"
        )
    query = parse_query("Appointment", [("_tag", f"{SYSTEM}|{series}"), ("_sort", "date")])
    now = to_micros(unit.context.clock())
    after = moment(first.get("start"))
    found = []
    for stored in unit.session.search(query, MOST + 1).matches:
        appointment = json.parse_object(stored.body)
        begin = moment(appointment.get("start"))
        if appointment["status"] in _MOVABLE and begin >= after and begin > now:
            found.append((stored.id, appointment))
    return found


def _slots(unit: WriteUnit, schedules: Sequence[str], begin: int, length: int) -> list[str]:
    """Of each Schedule the Slots that follow each other from then on for so long, of several at once a free one.

    Raises Conflict where there is none.
    """
    now = to_micros(unit.context.clock())
    found = []
    for schedule in schedules:
        there = unit.session.calendar.slots(schedule, begin, begin + max(length, 1))
        at = begin
        while at < begin + max(length, 1):
            next_ = [each for each in there if each.begin == at < each.end]
            if not next_:
                when = "then" if at == begin else f"at {instant(at)}, as long as the visit lasts"
                raise Conflict(f"Schedule/{schedule} has no Slot that begins {when}.", expression="schedule")
            best = min(next_, key=lambda opening: (opening.free > now, opening.row))
            found.append(best.slot)
            at = best.end
    return found


def _schedules(unit: WriteUnit, appointment: Resource) -> list[str]:
    """Of which Schedules an Appointment's Slots are."""
    slots = [unit.find(key) for key in keys_at(appointment, "slot", unit.base_url) if key[0] == "Slot"]
    keys = [key for slot in slots if slot for key in keys_at(slot, "schedule", unit.base_url)]
    return list(dict.fromkeys(id_ for kind, id_ in keys if kind == "Schedule"))


def _local(micros: int, zone: ZoneInfo) -> datetime:
    return from_micros(micros).astimezone(zone).replace(tzinfo=None)
