"""`$ledger`: what happened to a hand-off, or to a person's hand-offs, step by step; entries are never changed."""

from __future__ import annotations

from collections.abc import Iterable

from carethread.careteams.handing.replaying import replay
from carethread.careteams.teams.known import known
from carethread.core.clock import instant
from carethread.core.context import Context
from carethread.core.errors import NotFound
from carethread.core.fhir.targets import is_id
from carethread.core.ports import FOREVER, Entry, Resource, Session
from carethread.core.service import Call, Operation, Runtime
from carethread.interactions.operations.counting import COUNT, count_of, number_in
from carethread.interactions.operations.parameters import refuse_unknown
from carethread.interactions.read import read

_AFTER = "after"
_MOST = 1000
_FARTHEST = 2**31


def ledger_of_task(runtime: Runtime, call: Call, context: Context) -> Resource:
    """All entries of a hand-off, and where it stands by them. Raises NotFound and Gone for the Task."""
    refuse_unknown(call, "the ledger", (COUNT, _AFTER))
    count, after = count_of(call, _MOST), number_in(call, _AFTER, _FARTHEST, 0) if _AFTER in call.params else 0
    read(runtime, (call.type, call.id), context)
    entries = runtime.store.glance(lambda session: session.ledger.of([f"Task/{call.id}"]))
    now = replay(entries)
    told: list[Resource] = [{"name": "state", "valueCode": now.state}] if now else []
    page = [entry for entry in entries if entry.turn > after]
    return _parameters([(entry.turn, entry) for entry in page], count, len(entries), told)


def ledger_of_person(runtime: Runtime, call: Call, context: Context) -> Resource:
    """The entries about a person, oldest first, behind number `after`. Raises NotFound for whom nobody knows, Busy."""
    refuse_unknown(call, "the ledger", (COUNT, _AFTER))
    count, after = count_of(call, _MOST), number_in(call, _AFTER, _FARTHEST, 0) if _AFTER in call.params else 0

    def found(session: Session) -> list[tuple[int, Entry]]:
        patients = [f"Patient/{id_}" for id_ in {call.id, *session.kin([call.id])}]
        return session.ledger.of_patients(patients, after, count + 1)

    entries, name = runtime.store.snapshot(found), f"Patient/{call.id}"
    if not entries and not (is_id(call.id) and known(runtime, [name])):
        raise NotFound(f"{name} is not known here." if is_id(call.id) else "This Patient is not known here.")
    return _parameters(entries, count)


def _parameters(page: list[tuple[int, Entry]], count: int, total: int = -1, told: Iterable[Resource] = ()) -> Resource:
    parts = [*told]
    if total >= 0:
        parts.append({"name": "total", "valueUnsignedInt": total})
    if len(page) > count:
        parts.append({"name": "next-after", "valueUnsignedInt": page[count - 1][0]})
    parts += [{"name": "entry", "part": list(_parts(number, entry))} for number, entry in page[:count]]
    return {"resourceType": "Parameters", **({"parameter": parts} if parts else {})}


def _parts(number: int, entry: Entry) -> Iterable[Resource]:
    yield {"name": "number", "valuePositiveInt": number}
    yield {"name": "about", "valueReference": {"reference": entry.about}}
    yield {"name": "patient", "valueReference": {"reference": entry.patient}}
    yield {"name": "step", "valueCode": entry.step}
    yield {"name": "at", "valueInstant": instant(entry.at)}
    for name, who in (("by", entry.by), ("from", entry.sender), ("to", entry.receiver)):
        if who:
            yield {"name": name, "valueReference": {"reference": who}}
    if 0 < entry.deadline < FOREVER:
        yield {"name": "deadline", "valueInstant": instant(entry.deadline)}
    if entry.why:
        yield {"name": "why", "valueString": entry.why}


_BASE = "https://carethread.dev/fhir/OperationDefinition/"

OPERATIONS = (
    Operation("ledger", "Task", ("instance",), f"{_BASE}Task-ledger", ledger_of_task, parameters=(COUNT, _AFTER)),
    Operation(
        "ledger", "Patient", ("instance",), f"{_BASE}Patient-ledger", ledger_of_person, parameters=(COUNT, _AFTER)
    ),
)
