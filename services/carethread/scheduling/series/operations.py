"""`$book-series`, `$move-series` and `$cancel-series`: a series booked, one or the rest of it moved or cancelled."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from carethread.core.context import Context, authorize
from carethread.core.errors import Invalid, Malformed
from carethread.core.fhir import json
from carethread.core.fhir.elements import keys_at
from carethread.core.ports import Response, Session, Stored
from carethread.core.service import Call, Operation, Runtime
from carethread.core.zones import zone_named
from carethread.interactions.read import read
from carethread.interactions.rest.bundle import entry, searchset
from carethread.interactions.rest.exchange import CONTENT
from carethread.interactions.writing.unit import WriteUnit
from carethread.scheduling.booking.people import PATIENT, refuse_absent
from carethread.scheduling.desk.parameters import RESOURCE, Given
from carethread.scheduling.desk.wishes import Wish
from carethread.scheduling.series.changing import Recurring, book_series, cancel_series, move_series
from carethread.scheduling.series.expanding import MOST, moment_of, occurrences

_BOOK = ("rule", "start", "zone", "duration", "except", "schedule", "patient", RESOURCE, "comment")
_MOVE = ("start", "zone", "scope")
_CANCEL = ("scope", "by", "reason", "comment")

_MINUTE = 60_000_000
_MOST_MINUTES = 8 * 60

_LOCAL = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?", re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_YEARS = range(1900, 9990)
"""Of a start: well within the calendar, whatever follows from it."""


def book(runtime: Runtime, call: Call, context: Context) -> Response:
    """Book each occurrence of a rule in slots of the Schedules. With an Idempotency-Key it is done once.

    Raises Malformed and Invalid for parameters, Conflict with all that is in the way of any occurrence.
    """
    authorize("create", "Appointment", context)
    given = Given(call, runtime.base_url, _BOOK)
    schedules, patients = given.ids("schedule", "Schedule"), given.ids("patient", "Patient")
    if not schedules:
        raise Malformed("schedule is needed: whose slots are to be booked.", code="required", expression="schedule")
    zone = _zone(given)
    moments = occurrences(_needed(given, "rule"), _local(given), zone, _left_out(given))
    details = given.resource(RESOURCE, "Appointment")
    if "identifier" in details:
        said = "An identifier names one Appointment; leave it out of those of a series."
        raise Invalid(said, code="business-rule", expression="Appointment.identifier")
    named = keys_at(details, "participant.actor", runtime.base_url)
    refuse_absent(runtime, [*patients, *(each for kind, each in named if kind == PATIENT)])
    wish = Wish(patients=patients, details=details, comment=given.text("comment"))
    length = given.minutes(0, _MOST_MINUTES, "A visit") * _MINUTE
    key, wanted = given.new_id("book-series", context), Recurring(wish, moments, schedules, length)
    series, asked = key or context.new_id(), given.fingerprint() if key else ""
    return _done(runtime, context, lambda unit: book_series(unit, series, wanted, asked))


def move(runtime: Runtime, call: Call, context: Context) -> Response:
    """Move this occurrence, or it and the rest, by the same local time. Raises as `$reschedule` does."""
    authorize("update", "Appointment", context)
    given = Given(call, runtime.base_url, _MOVE)
    zone, rest = _zone(given), _rest(given)
    begin = moment_of(_local(given), zone)
    visit = json.parse(read(runtime, ("Appointment", call.id), context).body)
    named = keys_at(visit, "participant.actor", runtime.base_url)
    refuse_absent(runtime, [each for kind, each in named if kind == PATIENT])
    return _done(runtime, context, lambda unit: move_series(unit, call.id, begin, zone, rest=rest))


def cancel(runtime: Runtime, call: Call, context: Context) -> Response:
    """Cancel this occurrence, or it and the rest. Raises as `$cancel` does."""
    authorize("update", "Appointment", context)
    given = Given(call, runtime.base_url, _CANCEL)
    cancellation, rest = given.cancellation(), _rest(given)
    return _done(runtime, context, lambda unit: cancel_series(unit, call.id, cancellation, rest=rest))


def _done(runtime: Runtime, context: Context, work: Callable[[WriteUnit], Sequence[Stored]]) -> Response:
    """Do it in one transaction; a Bundle of the Appointments as they are then, in order of time."""

    def within(session: Session) -> list[Stored]:
        unit = WriteUnit(runtime, session, context)
        done = list(work(unit))
        unit.store()
        return done

    made = runtime.store.transact(within)
    match = b'{"mode":"match"}'
    entries = [entry(f"{runtime.base_url}/{one.type}/{one.id}", one.body, search=match) for one in made]
    return Response(200, CONTENT, searchset("searchset", len(entries), {}, entries))


def _needed(given: Given, name: str) -> str:
    if not (text := given.text(name)):
        raise Malformed(f"{name} is needed, a valueString.", code="required", expression=name)
    return text


def _zone(given: Given) -> ZoneInfo:
    name = _needed(given, "zone")
    if zone := zone_named(name):
        return zone
    raise Invalid("zone is an IANA time zone such as Europe/London.", code="value", expression="zone")


def _local(given: Given) -> datetime:
    text = _needed(given, "start")
    try:
        if _LOCAL.fullmatch(text) and (local := datetime.fromisoformat(text)).year in _YEARS:
            return local
    except ValueError:  # no day of the calendar
        pass
    said = "start is a local time without a zone, a valueString such as 2026-03-16T09:00:00"
    raise Invalid(f"{said}, from {_YEARS[0]} to {_YEARS[-1]}.", code="value", expression="start")


def _left_out(given: Given) -> list[date]:
    texts = [day.strip() for day in given.text("except").split(",") if day.strip()]
    try:
        if len(texts) <= MOST and all(map(_DAY.fullmatch, texts)):
            return [date.fromisoformat(text) for text in texts]
    except ValueError:  # no day of the calendar
        pass
    said = f"except is local days to leave out, {MOST} at most, a valueString such as 2026-04-06,2026-05-04."
    raise Invalid(said, code="value", expression="except")


def _rest(given: Given) -> bool:
    scope = given.text("scope") or "this"
    if scope not in ("this", "rest"):
        raise Invalid("scope is this or rest.", code="code-invalid", expression="scope")
    return scope == "rest"


_DEFINITION = "https://carethread.dev/fhir/OperationDefinition/Appointment-"

OPERATIONS = (
    Operation("book-series", "Appointment", ("type",), f"{_DEFINITION}book-series", book, affects_state=True),
    Operation("move-series", "Appointment", ("instance",), f"{_DEFINITION}move-series", move, affects_state=True),
    Operation("cancel-series", "Appointment", ("instance",), f"{_DEFINITION}cancel-series", cancel, affects_state=True),
)
