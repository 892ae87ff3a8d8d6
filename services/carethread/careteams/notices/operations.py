"""The operations of notices, on Communication; see fhir_profiles/OperationDefinition/communication-*.json."""

from __future__ import annotations

from typing import Any

from carethread.careteams.knowing import refuse_unknown_people
from carethread.careteams.meeting.minutes import Reading
from carethread.careteams.meeting.people import Reader, aliases
from carethread.careteams.notices import sending
from carethread.careteams.notices.following import (
    JOINING,
    READERS,
    REMINDER,
    joining_due,
    notice_due,
    readers_due,
    settle,
)
from carethread.careteams.notices.notice import STANDING, SUPERSEDES, is_notice, terms
from carethread.careteams.teams.known import known, why_not
from carethread.core.clock import instant, to_micros
from carethread.core.context import Context, authorize
from carethread.core.errors import Conflict, Invalid, Malformed
from carethread.core.fhir import json
from carethread.core.fhir.elements import extension
from carethread.core.ports import FOREVER, Recipient, Resource, Session, Tally
from carethread.core.service import Call, Operation, Runtime
from carethread.interactions.operations.counting import COUNT, count_of
from carethread.interactions.operations.once import ASKED, fingerprint, new_id
from carethread.interactions.operations.parameters import once, refuse_unknown
from carethread.interactions.writing.unit import WriteUnit

_MOST = 5_000
_STATES = ("all", "outstanding")
_STAFF = ("Practitioner", "PractitionerRole")
_WHERE = "Parameters.parameter"


def notice(runtime: Runtime, call: Call, context: Context) -> Resource:
    """Send a notice; with an Idempotency-Key once. Answers the notice and how many are to read it.

    Raises Malformed and Invalid for the parameters, Conflict where the key was for something else, TooCostly for too
    many readers, Busy while the owner of people is away.
    """
    authorize("create", "Communication", context)
    refuse_unknown(call, "$notice", sending.TAKES, objects=sending.TAKES)
    made = sending.read_notice(call.body, runtime.base_url, to_micros(context.clock()))
    _refuse_gone(runtime, made, context)
    id_ = new_id(call, "Communication", "notice", context) or context.new_id()
    superseded = str(extension(made, SUPERSEDES).get("valueReference", {}).get("reference", ""))
    asked = fingerprint(call)

    def work(session: Session) -> Tally:
        unit = WriteUnit(runtime, session, context)
        if unit.find(("Communication", id_)) is None:
            session.claim(ASKED, id_, asked)
            sending.send(unit, made, id_, superseded)
            unit.store()
        elif session.claimed(ASKED, [id_]).get(id_) != asked:
            raise Conflict("This Idempotency-Key was for another notice; use a new one.", code="duplicate")
        return session.notices.tally(id_)

    return {"resourceType": "Parameters", "parameter": [_named(id_), *_counts(runtime.store.transact(work))]}


def _refuse_gone(runtime: Runtime, made: Resource, context: Context) -> None:
    named = [each["reference"] for each in (*made["recipient"], made["sender"])]
    found, now = known(runtime, named), to_micros(context.clock())
    wrong = {each: why for each in named if (why := why_not(found.get(each), now))}
    if wrong and not context.backfill:
        each, why = next(iter(wrong.items()))
        raise Invalid(f"{each} {why}.", code="not-found", expression="sender" if each == named[-1] else "recipient")


def recall(runtime: Runtime, call: Call, context: Context) -> Resource:
    """Take a notice back, for a reason. Raises as `sending.recall`, and Invalid for the parameters."""
    authorize("update", "Communication", context)
    refuse_unknown(call, "$recall", ("by", "reason"), objects=("by", "reason"))
    reading = Reading(runtime.base_url)
    parts = _parts(call)
    by = reading.reference(parts, "by", _WHERE, _STAFF, needed="who withdraws it")
    reason = reading.text(parts, "reason", _WHERE, needed="why")
    if reading.issues:
        raise Invalid(issues=reading.issues)
    refuse_unknown_people(runtime, [(by, "by")], context)

    def work(session: Session) -> Tally:
        unit = WriteUnit(runtime, session, context)
        sending.recall(unit, call.id, by, reason)
        unit.store()
        return session.notices.tally(call.id)

    counts = _counts(runtime.store.transact(work), standing=False)
    return {"resourceType": "Parameters", "parameter": [_named(call.id), *counts]}


def acknowledge(runtime: Runtime, call: Call, context: Context) -> Resource:
    """Note that somebody has read a notice; once noted it stays. Answers when, and how many are still waited for.

    Raises Malformed and Invalid for `by`, Conflict for a notice that holds no more, NotFound or Gone.
    """
    authorize("update", "Communication", context)
    refuse_unknown(call, "$acknowledge", ("by",), objects=("by",))
    reading = Reading(runtime.base_url)
    by = reading.reference(_parts(call), "by", _WHERE, _STAFF, needed="who has read it")
    if reading.issues:
        raise Invalid(issues=reading.issues)
    now = to_micros(context.clock())

    def work(session: Session) -> tuple[Recipient, Tally, bool]:
        unit = WriteUnit(runtime, session, context)
        standing = sending.notice_of(unit, call.id)["status"] in STANDING
        names = sorted(aliases(Reader(session, runtime.base_url, context), [by]))
        before = session.notices.entered(call.id, names)
        if before is None:
            raise Invalid("by is nobody whom the notice is for.", code="business-rule", expression="by")
        if not standing and not before.acknowledged:
            raise Conflict(f"Communication/{call.id} holds no more.")
        if not before.acknowledged:
            session.notices.acknowledge(call.id, before.reader, now)
            settle(runtime, session, call.id, context)
        return session.notices.entered(call.id, names) or before, session.notices.tally(call.id), standing

    one, tally, standing = runtime.store.transact(work)
    told = {"name": "acknowledged-at", "valueInstant": instant(one.acknowledged)}
    return {"resourceType": "Parameters", "parameter": [_named(call.id), told, *_counts(tally, standing=standing)]}


def readers(runtime: Runtime, call: Call, context: Context) -> Resource:
    """Who has read a notice, and who has not yet. Raises Malformed and Invalid, NotFound or Gone."""
    authorize("read", "Communication", context)
    refuse_unknown(call, "$readers", ("state", "after", COUNT))
    count, state = count_of(call, _MOST), once(call, "state") or "all"
    if state not in _STATES:
        raise Malformed(f"state is one of {', '.join(_STATES)}.", code="value", expression="state")
    after = once(call, "after")

    def look(session: Session) -> tuple[Tally, list[Recipient], bool]:
        standing = sending.notice_of(WriteUnit(runtime, session, context), call.id)["status"] in STANDING
        found = session.notices.of_notice(call.id, after, count + 1, outstanding=state == "outstanding")
        return session.notices.tally(call.id), found, standing

    tally, found, standing = runtime.store.transact(look)
    more = [{"name": "next-after", "valueString": found[count - 1].reader}] if len(found) > count else []
    listed = [{"name": "reader", "part": _reader(each)} for each in found[:count]]
    return {
        "resourceType": "Parameters",
        "parameter": [_named(call.id), *_counts(tally, standing=standing), *more, *listed],
    }


def unread(runtime: Runtime, call: Call, context: Context) -> Resource:
    """What somebody has still to read, what is due first first. Raises Malformed, Invalid, Busy."""
    authorize("search-type", "Communication", context)
    refuse_unknown(call, "$unread", ("reader", COUNT))
    count, named = count_of(call, 1000), once(call, "reader")
    kind, _, id_ = named.partition("/")
    if kind not in _STAFF or not id_:
        raise Malformed("reader is a reference such as Practitioner/123.", code="value", expression="reader")
    refuse_unknown_people(runtime, [(named, "reader")], context)
    now = to_micros(context.clock())

    def look(session: Session) -> list[Recipient]:
        names = aliases(Reader(session, runtime.base_url, context), [named])
        found = session.notices.unread(sorted(names), count)
        there = session.current([("Communication", each.notice) for each in found])
        terms_of = {key[1]: json.restore(one.body) for key, one in there.items() if not one.deleted}
        return [each for each in found if _holds(terms_of.get(each.notice), now)]

    found = runtime.store.snapshot(look)
    listed: list[Resource] = [
        {"name": "notice", "part": [_named(each.notice), *_moments(each)]} for each in found
    ]  # fmt: skip
    return {"resourceType": "Parameters", "parameter": [{"name": "total", "valueUnsignedInt": len(found)}, *listed]}


def _holds(found: Resource | None, now: int) -> bool:
    return found is not None and is_notice(found) and found["status"] in STANDING and now < terms(found).over


def _parts(call: Call) -> list[dict[str, Any]]:
    return list((call.body or {}).get("parameter", ()))


def _named(id_: str) -> Resource:
    return {"name": "communication", "valueReference": {"reference": f"Communication/{id_}"}}


def _counts(tally: Tally, *, standing: bool = True) -> list[Resource]:
    counts = {
        "readers": tally.readers,
        "acknowledged": tally.acknowledged,
        "outstanding": tally.outstanding,
        "departed": tally.departed,
    }
    everybody = {
        "name": "all-acknowledged",
        "valueBoolean": standing and tally.acknowledged > 0 and tally.outstanding == 0,
    }
    return [*({"name": name, "valueUnsignedInt": number} for name, number in counts.items()), everybody]


def _reader(one: Recipient) -> list[Resource]:
    who = {"name": "who", "valueReference": {"reference": one.reader}}
    return [who, {"name": "because-of", "valueReference": {"reference": one.cause}}, *_moments(one)]


def _moments(one: Recipient) -> list[Resource]:
    moments = {"since": one.since, "due": one.due, "acknowledged-at": one.acknowledged, "departed-at": one.departed}
    return [{"name": name, "valueInstant": instant(at)} for name, at in moments.items() if 0 < at < FOREVER]


_DEFINITION = "https://carethread.dev/fhir/OperationDefinition/Communication-"

OPERATIONS = (
    Operation("notice", "Communication", ("type",), f"{_DEFINITION}notice", notice, True, parameters=sending.TAKES),
    Operation("recall", "Communication", ("instance",), f"{_DEFINITION}recall", recall, True),
    Operation("acknowledge", "Communication", ("instance",), f"{_DEFINITION}acknowledge", acknowledge, True),
    Operation(
        "readers",
        "Communication",
        ("instance",),
        f"{_DEFINITION}readers",
        readers,
        parameters=("state", "after", COUNT),
    ),
    Operation("unread", "Communication", ("type",), f"{_DEFINITION}unread", unread, parameters=("reader", COUNT)),
)

TIMERS = {REMINDER: notice_due, JOINING: joining_due, READERS: readers_due}
