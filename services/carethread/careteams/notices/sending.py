"""Sending a notice, and taking it back: the Parameters of `$notice` and `$recall`, and what they write."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from carethread.careteams.meeting.minutes import Reading
from carethread.careteams.meeting.people import Reader, aliases
from carethread.careteams.notices.notice import (
    ADDRESSED,
    BY,
    CATEGORY,
    EFFECTIVE,
    NOTICE,
    NOTIFICATION,
    STANDING,
    SUPERSEDES,
    is_notice,
)
from carethread.careteams.teams.people import department_team
from carethread.careteams.teams.reading import begins, ends, lead_at
from carethread.core.clock import instant
from carethread.core.errors import Conflict, Gone, Invalid, NotFound
from carethread.core.fhir.targets import key_of
from carethread.core.ports import FOREVER, Resource
from carethread.interactions.standing import present
from carethread.interactions.writing.command import Command
from carethread.interactions.writing.unit import WriteUnit

TAKES = ("recipient", "text", "title", "effective", "acknowledge-by", "sender", "priority", "supersedes")
_MOST = 200
"""Departments, teams and people that a notice is addressed to."""

_PRIORITIES = ("routine", "urgent", "asap", "stat")
_SENDERS = ("Practitioner", "PractitionerRole")
_WHERE = "Parameters.parameter"


def read_notice(body: Resource | None, base_url: str, now: int) -> Resource:
    """The Communication that is asked for, without an id. Raises Invalid with all that is wrong."""
    reading = Reading(base_url)
    parts: list[dict[str, Any]] = list((body or {}).get("parameter", ()))
    addressed = reading.references(parts, "recipient", _WHERE, ADDRESSED, _MOST)
    if not addressed:
        reading.wrong(_WHERE, "recipient is needed: the departments, teams or people that are told.", "required")
    said = reading.text(parts, "text", _WHERE, needed="what is told")
    title = reading.text(parts, "title", _WHERE)
    sender = reading.reference(parts, "sender", _WHERE, _SENDERS, needed="who tells it")
    supersedes = reading.reference(parts, "supersedes", _WHERE, ("Communication",))
    priority = reading.text(parts, "priority", _WHERE) or "routine"
    if priority not in _PRIORITIES:
        reading.wrong(_WHERE, f"priority is one of {', '.join(_PRIORITIES)}.", "code-invalid")
    period = _period(reading, parts, now)
    by = _by(reading, parts, period, now)
    if reading.issues:
        raise Invalid(issues=reading.issues)
    marks: list[Resource] = [{"url": EFFECTIVE, "valuePeriod": period}, {"url": BY, "valueInstant": instant(by)}]
    if supersedes:
        marks.append({"url": SUPERSEDES, "valueReference": {"reference": supersedes}})
    return {
        "resourceType": "Communication",
        "meta": {"profile": [NOTICE]},
        "extension": marks,
        "status": "in-progress",
        "category": [{"coding": [{"system": CATEGORY, "code": NOTIFICATION}]}],
        "priority": priority,
        **({"topic": {"text": title}} if title else {}),
        "sent": instant(now),
        "recipient": [{"reference": each} for each in addressed],
        "sender": {"reference": sender},
        "payload": [{"contentString": said}],
    }


def _period(reading: Reading, parts: Sequence[dict[str, Any]], now: int) -> Resource:
    place, value = reading.one(parts, "effective", _WHERE, ("valuePeriod", "valueDateTime", "valueDate"))
    period: Resource = value if isinstance(value, dict) else {"start": value or instant(now)}
    if "start" in period and begins(period["start"]) >= ends(period.get("end")):
        reading.wrong(place, "effective ends after it begins.", "invariant")
    if ends(period.get("end")) <= now:
        reading.wrong(place, "effective is not over yet.", "business-rule")
    return period


def _by(reading: Reading, parts: Sequence[dict[str, Any]], period: Resource, now: int) -> int:
    kinds = ("valueInstant", "valueDateTime", "valueDate")
    place, value = reading.one(parts, "acknowledge-by", _WHERE, kinds, needed="until when it is to be read")
    by = ends(value) if isinstance(value, str) else 0
    if isinstance(value, str) and not now < by < FOREVER:
        reading.wrong(
            place, "acknowledge-by has to be a moment still to come, and not the end of time.", "business-rule"
        )
    if by > ends(period.get("end")):
        reading.wrong(place, "acknowledge-by is not behind the end of effective.", "business-rule")
    return by


def send(unit: WriteUnit, notice: Resource, id_: str, superseded: str) -> None:
    """Write a notice under an id, and withdraw the one that it supersedes (`Communication/1`; empty: none).

    Raises Invalid where it reaches nobody, or supersedes what is none or holds no more; TooCostly for too many readers.
    """
    if superseded:
        before = unit.find(("Communication", superseded.partition("/")[2]))
        if before is None or not is_notice(before) or before["status"] not in STANDING:
            raise Invalid("supersedes is a notice that holds.", code="not-found", expression="supersedes")
        unit.update(_stopped(before, "Superseded.", ""))
    unit.do(Command("Communication", id_, {**notice, "id": id_}, fresh=True, own=True))


def recall(unit: WriteUnit, id_: str, by: str, reason: str) -> None:
    """Take a notice back. Raises NotFound, Gone, Invalid for what is no notice, or who may not; Conflict for one that
    holds no more."""
    notice = notice_of(unit, id_)
    if not _may_recall(unit, notice, by):
        said = "Whoever sent a notice recalls it, or who leads a department of theirs."
        raise Invalid(said, code="business-rule", expression="by")
    if notice["status"] not in STANDING:
        raise Conflict(f"Communication/{id_} holds no more: it is {notice['status']}.")
    unit.update(_stopped(notice, reason, by))


def _may_recall(unit: WriteUnit, notice: Resource, by: str) -> bool:
    """Whether somebody sent a notice, in whichever role, or leads a department in which its sender works."""
    reader = Reader(unit.session, unit.base_url, unit.context)
    senders, asking = (aliases(reader, some) for some in (reader.keys(notice, "sender"), [by]))
    if senders & asking:
        return True
    roles = present(unit.session, [key_of(each) for each in senders if each.startswith("PractitionerRole/")])
    departments = {each for role in roles.values() for each in reader.keys(role, "organization")}
    teams = (department_team(unit.session, each)[1] for each in sorted(departments))
    leads = [lead.ref for team in teams if (lead := lead_at(team, unit.now, unit.base_url))]
    return not asking.isdisjoint(aliases(reader, leads))


def notice_of(unit: WriteUnit, id_: str) -> Resource:
    """A notice as it stands, locked. Raises NotFound, Gone, Invalid."""
    found = unit.find(("Communication", id_))
    if found is None:
        said = f"Communication/{id_}"
        raise Gone(f"{said} was deleted.") if unit.stored(("Communication", id_)) else NotFound(f"{said} is not here.")
    if not is_notice(found):
        raise Invalid(
            f"Communication/{id_} is no notice.", code="business-rule", expression="Communication.meta.profile"
        )
    return found


def _stopped(notice: Resource, reason: str, by: str) -> Resource:
    told = {"authorReference": {"reference": by}, "text": reason} if by else {"text": reason}
    note = [*notice.get("note", ()), told]
    return {**notice, "status": "stopped", "statusReason": {"text": reason}, "note": note}
