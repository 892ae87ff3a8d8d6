"""`$book-series`, `$move-series` and `$cancel-series`: a series booked, one or the rest of it moved or cancelled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from carethread.core.clock import to_micros
from carethread.core.context import Context, authorize
from carethread.core.errors import Invalid, Malformed
from carethread.core.ports import Response, Session, Stored
from carethread.core.service import Call, Operation, Runtime
from carethread.interactions.rest.bundle import entry, searchset
from carethread.interactions.rest.exchange import CONTENT
from carethread.interactions.writing.unit import WriteUnit
from carethread.scheduling.desk.parameters import RESOURCE, Given
from carethread.scheduling.desk.people import refuse_absent
from carethread.scheduling.desk.wishes import Wish
from carethread.scheduling.series.changing import Recurring, book_series, cancel_series, move_series
from carethread.scheduling.series.expanding import occurrences

_BOOK = ("rule", "start", "zone", "schedule", "patient", RESOURCE, "comment")
_MOVE = ("start", "zone", "scope")
_CANCEL = ("scope", "by", "reason", "comment")


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
    moments = occurrences(_needed(given, "rule"), _local(given), zone)
    refuse_absent(runtime, patients)
    details = given.resource(RESOURCE, "Appointment")
    wish = Wish(patients=patients, details=details, comment=given.text("comment"))
    series = given.new_id("book-series", context) or context.new_id()
    return _done(runtime, context, lambda unit: book_series(unit, series, Recurring(wish, moments, schedules)))


def move(runtime: Runtime, call: Call, context: Context) -> Response:
    """Move this occurrence, or it and the rest, by the same local time. Raises as `$reschedule` does."""
    authorize("update", "Appointment", context)
    given = Given(call, runtime.base_url, _MOVE)
    zone, rest = _zone(given), _rest(given)
    begin = to_micros(_local(given).replace(tzinfo=zone).astimezone(context.clock().tzinfo))
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
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise Invalid("zone is an IANA time zone such as Europe/London.", code="value", expression="zone") from error


def _local(given: Given) -> datetime:
    try:
        local = datetime.fromisoformat(_needed(given, "start"))
    except ValueError as error:
        raise _no_start() from error
    if local.tzinfo is not None:
        raise _no_start()
    return local


def _no_start() -> Invalid:
    said = "start is a local time without a zone, a valueString such as 2026-03-16T09:00:00."
    return Invalid(said, code="value", expression="start")


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
