"""Recording a huddle: its minutes, a Task for each decision, and the document, in one transaction.

The minutes are a Communication of the profile huddle-minutes. What says the same again changes nothing; what corrects
them makes its next version: a decision that is not in them any more is cancelled where it is still open, and one that
is keeps its Task.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from carethread.careteams.meeting.concerns import CATEGORIES, DECISION
from carethread.careteams.meeting.document import document, document_id
from carethread.careteams.meeting.earlier import HUDDLE, MINUTES
from carethread.careteams.meeting.minutes import Decision, Minutes
from carethread.careteams.tasks import OPEN, TASKS
from carethread.core.clock import instant, to_micros
from carethread.core.errors import Conflict, Invalid, NotFound
from carethread.core.fhir import json
from carethread.core.fhir.elements import profiles_of
from carethread.core.ports import Key, Resource, Stored
from carethread.core.service import PROFILES
from carethread.interactions.operations.once import ASKED, derived
from carethread.interactions.requesting import request
from carethread.interactions.writing.unit import WriteUnit

ATTENDANCE = PROFILES + "attendance"
_PRINT = "huddle-minutes"
"""The kind of the places that keep what was recorded first: each key is the id of minutes, with a fingerprint."""

_NOW = "huddle-minutes-now"
"""The kind of the places that keep what stands: each key is the id of minutes, the holder that and a fingerprint."""

_MOST = 5_000
_KEPT = ("status", "statusReason", "businessStatus", "note", "output", "executionPeriod", "lastModified", "input")
"""What the owner of a decision has said of it, which an amendment leaves as it is."""


_AMENDED = {"text": "The minutes were amended."}
"""Why a decision is cancelled that is not in the minutes any more."""


def minutes_id(team: str, minutes: Minutes) -> str:
    """The id of the Communication: that which is amended, or one that follows from the identifier; empty without."""
    if minutes.amends:
        return minutes.amends.partition("/")[2]
    said = minutes.identifier
    return derived("Communication", f"{team}/huddle/{said['system']}|{said['value']}") if said else ""


def record(
    unit: WriteUnit,
    team: str,
    id_: str,
    minutes: Minutes,
    named: Mapping[str, Resource],
    called: Mapping[str, str],
    by_key: str = "",
) -> tuple[Stored, bool]:
    """Write the minutes of a team (its id) under an id; what is there then, and whether it is new.

    What amends is told from what stands, so that minutes may come to say again what they once said; what was sent again
    under an Idempotency-Key (`by_key`) is known by that. Raises Conflict where the id or the key has other minutes,
    Invalid where there are none to amend.
    """
    key = ("Communication", id_)
    before = unit.find(key)
    _refuse_other(before, team, minutes)
    place = f"{id_}/{minutes.print}"
    stands = unit.session.claimed(_NOW, [id_]).get(id_, "")
    if before is not None and (stands == place or _was_recorded(unit, place, minutes, by_key)):
        return _found(unit, key), False
    if before is not None and not minutes.amends:
        said = f"Communication/{id_} has other minutes under this identifier or key; give amends to correct them."
        raise Conflict(said, code="duplicate")
    if stands:
        unit.session.release(_NOW, stands)
    unit.session.claim(_NOW, id_, place)
    if minutes.amends and by_key:
        unit.session.claim(ASKED, by_key, minutes.print)
    if not minutes.amends:
        unit.session.claim(_PRINT, place, id_)
    now = to_micros(unit.context.clock())
    version = int(before["meta"]["versionId"]) + 1 if before else 1
    tasks = list(_tasks(unit, id_, minutes, amended=before is not None))
    unit.update(_communication(team, id_, version, minutes, before, now))
    made = document(minutes, id_, version, tasks, named, called, unit.base_url, now)
    request(unit.session, made, unit.context, f"Communication/{id_}", new=True)
    return _found(unit, key), True


def _was_recorded(unit: WriteUnit, place: str, minutes: Minutes, by_key: str) -> bool:
    """Whether this was sent before. Raises Conflict where the key was for something else."""
    if not minutes.amends:
        return bool(unit.session.claimed(_PRINT, [place]))
    asked = unit.session.claimed(ASKED, [by_key]).get(by_key, "") if by_key else ""
    if asked not in ("", minutes.print):
        raise Conflict("This Idempotency-Key was for other minutes; use a new one.", code="duplicate")
    return bool(asked)


def _found(unit: WriteUnit, key: Key) -> Stored:
    stored = unit.stored(key)
    if stored is None:  # it was found, or written, just now
        raise NotFound(f"Communication/{key[1]} is not here.")
    return stored


def _refuse_other(before: Resource | None, team: str, minutes: Minutes) -> None:
    if minutes.amends:
        there = {each.get("reference") for each in (before or {}).get("recipient", ())}
        if before is None or MINUTES not in profiles_of(before) or f"CareTeam/{team}" not in there:
            raise Invalid("amends names minutes of this team.", code="not-found", expression="amends")


def _communication(team: str, id_: str, version: int, minutes: Minutes, before: Resource | None, now: int) -> Resource:
    attended = [(each, "present") for each in minutes.present] + [(each, "absent") for each in minutes.absent]
    about = dict.fromkeys(each for one in minutes.people for each in (one.patient, *one.about))
    notes = [*(before or {}).get("note", ())]
    if minutes.amends:
        notes.append({"authorReference": {"reference": minutes.recorder}, "time": instant(now), "text": minutes.reason})
    return {
        "resourceType": "Communication",
        "id": id_,
        "meta": {"profile": [MINUTES]},
        **({"identifier": [minutes.identifier]} if minutes.identifier else _identifiers(before)),
        "status": "completed",
        "category": [{"coding": [{"system": CATEGORIES, "code": HUDDLE}]}],
        **({"about": [{"reference": each} for each in about]} if about else {}),
        "sent": instant(minutes.held),
        "recipient": [
            {"reference": f"CareTeam/{team}"},
            *(
                {"extension": [{"url": ATTENDANCE, "valueCode": code}], "reference": reference}
                for reference, code in attended
            ),
        ],
        "sender": {"reference": minutes.recorder},
        "payload": [
            {"contentReference": {"reference": f"Bundle/{document_id(id_, version)}"}},
            *([{"contentString": minutes.text}] if minutes.text else []),
        ],
        **({"note": notes} if notes else {}),
    }


def _identifiers(before: Resource | None) -> Resource:
    return {"identifier": before["identifier"]} if before and "identifier" in before else {}


def _tasks(unit: WriteUnit, id_: str, minutes: Minutes, *, amended: bool) -> Iterator[Resource]:
    """Write the Tasks of the decisions and give them as they are then; cancel those that were decided no more."""
    wanted = {_task_id(id_, each): each for each in minutes.decisions}
    there = {
        each
        for kind, each in (
            unit.session.referring([("Communication", id_)], ["Task.based-on"], _MOST) if amended else ()
        )
        if kind == "Task"
    }
    unit.load(("Task", each) for each in {*wanted, *there})
    for task_id, decision in wanted.items():
        before = unit.find(("Task", task_id))
        if before is not None and before["status"] == "cancelled" and before.get("statusReason") == _AMENDED:
            before = None  # decided anew
        if before is not None and before["status"] not in OPEN:
            yield before
            continue
        kept = {name: before[name] for name in _KEPT if name in before} if before else {}
        task = {**_task(id_, task_id, decision, minutes), **kept}
        unit.update(task)
        yield task
    for task_id in sorted(there - wanted.keys()):
        gone = unit.find(("Task", task_id))
        if gone is not None and gone["status"] in OPEN:
            unit.update({**gone, "status": "cancelled", "statusReason": _AMENDED})


def _task_id(id_: str, decision: Decision) -> str:
    name = json.render([decision.patient, decision.key]).decode()
    return derived("Task", f"{id_}/decision/{name}")


def _task(id_: str, task_id: str, decision: Decision, minutes: Minutes) -> Resource:
    return {
        "resourceType": "Task",
        "id": task_id,
        "basedOn": [{"reference": f"Communication/{id_}"}],
        "status": "requested",
        "intent": "order",
        "priority": decision.priority,
        "code": {"coding": [{"system": TASKS, "code": DECISION}]},
        "description": decision.text,
        **({"focus": {"reference": decision.about}} if decision.about else {}),
        "for": {"reference": decision.patient},
        "authoredOn": instant(minutes.held),
        "requester": {"reference": decision.decided_by},
        "owner": {"reference": decision.owner},
        "restriction": {"period": {"end": decision.due}},
    }
