"""`CareTeam/[id]/$huddle-minutes`: who was there, what was decided about whom, by whom, and who does it until when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from carethread.careteams.meeting.minutes import TAKES, Minutes, read_minutes, refuse_missing
from carethread.careteams.meeting.recording import minutes_id, record
from carethread.careteams.meeting.saying import refuse_unsayable
from carethread.careteams.person.lines import name_of
from carethread.careteams.teams.known import known, why_not
from carethread.core.clock import to_micros
from carethread.core.context import Context, authorize
from carethread.core.errors import FhirError, Gone, NotFound
from carethread.core.fhir import json
from carethread.core.fhir.elements import keys_at
from carethread.core.ports import Resource, Session, Stored
from carethread.core.service import Call, Operation, Runtime
from carethread.interactions.operations.once import new_id
from carethread.interactions.operations.parameters import refuse_unknown
from carethread.interactions.writing.unit import WriteUnit


def huddle_minutes(runtime: Runtime, call: Call, context: Context) -> Resource:
    """Record a huddle, or amend what was recorded. Raises Malformed and Invalid for parameters, NotFound or Gone for
    the team, Conflict where other minutes have this identifier or key, Busy while the owner of people is away.
    """
    authorize("create", "Communication", context)
    refuse_unknown(call, "$huddle-minutes", TAKES, objects=TAKES)
    now = to_micros(context.clock())
    minutes = read_minutes(call.body, runtime.base_url, now, history=context.backfill)
    named = known(runtime, {f"CareTeam/{call.id}", *_named(minutes)})
    if f"CareTeam/{call.id}" not in named:
        raise _missing(runtime, call.id)
    refuse_missing(minutes, {} if context.backfill else _wrong(minutes, named, now))
    if not context.backfill:
        team, base = f"CareTeam/{call.id}", runtime.base_url
        runtime.store.snapshot(lambda session: refuse_unsayable(session, team, minutes, now, base))
    called = _called(runtime, named)
    by_key = new_id(call, "Communication", f"minutes/{call.id}", context)
    id_ = minutes_id(call.id, minutes) or by_key or context.new_id()

    def work(session: Session) -> tuple[Stored, bool, list[str]]:
        unit = WriteUnit(runtime, session, context)
        made, new = record(unit, call.id, id_, minutes, named, called, by_key)
        unit.store()
        tasks = session.referring([("Communication", id_)], ["Task.based-on"], 5_000)
        return made, new, [each for kind, each in tasks if kind == "Task"]

    return _told(*runtime.store.transact(work))


def _named(minutes: Minutes) -> set[str]:
    decided = {each for one in minutes.decisions for each in (one.owner, one.decided_by)}
    people = {each.patient for each in minutes.people}
    return (decided | people | {*minutes.present, *minutes.absent, minutes.recorder}) - {""}


def _called(runtime: Runtime, named: Mapping[str, Resource]) -> dict[str, str]:
    """What each is called: a role as who fills it."""
    filled = {
        each: f"{kind}/{id_}"
        for each, one in named.items()
        if one["resourceType"] == "PractitionerRole"
        for kind, id_ in keys_at(one, "practitioner", runtime.base_url)
    }
    behind = {**known(runtime, set(filled.values()) - named.keys()), **named}
    return {each: name_of(behind.get(filled.get(each, each), one)) or each for each, one in named.items()}


def _wrong(minutes: Minutes, named: Mapping[str, Resource], now: int) -> dict[str, str]:
    """Why those who are named cannot be meant: who is to do something has to be able to, the others to be here."""
    wrong = {each: "is not here" for each in _named(minutes) if each not in named}
    wrong |= {each.owner: why_not(named.get(each.owner), now) for each in minutes.decisions if each.owner}
    return {each: why for each, why in wrong.items() if why}


def _missing(runtime: Runtime, id_: str) -> FhirError:
    there = runtime.store.glance(lambda session: session.current([("CareTeam", id_)]))
    return Gone(f"CareTeam/{id_} was deleted.") if there else NotFound(f"CareTeam/{id_} is not here.")


def _told(made: Stored, new: bool, tasks: Sequence[str]) -> Resource:
    payload = json.restore(made.body)["payload"]
    document = next(each["contentReference"]["reference"] for each in payload if "contentReference" in each)
    parts: list[Resource] = [
        {"name": "minutes", "valueReference": {"reference": f"Communication/{made.id}"}},
        {"name": "version", "valueUnsignedInt": made.version},
        {"name": "new", "valueBoolean": new},
        {"name": "document", "valueReference": {"reference": document}},
        *({"name": "decision", "valueReference": {"reference": f"Task/{each}"}} for each in tasks),
    ]
    return {"resourceType": "Parameters", "parameter": parts}


MINUTES_OPERATION = Operation(
    name="huddle-minutes",
    type="CareTeam",
    levels=("instance",),
    definition="https://carethread.dev/fhir/OperationDefinition/CareTeam-huddle-minutes",
    handler=huddle_minutes,
    affects_state=True,
    parameters=TAKES,
)
