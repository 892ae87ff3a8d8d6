"""`$need-chain`: a need from the answer to what came of it, from whichever of its resources one begins.

Each link says what it is, how it stands, since when, whose it is, from which links it follows, which follow from it,
and its Provenance; so it is walked both ways. What has still to come, and whose turn it is, is said too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from carethread.careteams.needs.asking import is_for_nobody
from carethread.careteams.needs.chain import STEP_OF, Known, Link, chain, state
from carethread.careteams.needs.following import awaited
from carethread.careteams.needs.need import (
    Need,
    links,
    of_person,
    of_resource,
    of_response,
    verified,
)
from carethread.careteams.needs.shapes import REFERRAL, code
from carethread.careteams.needs.told import categories
from carethread.careteams.risk.doubting import UNCONFIRMED
from carethread.careteams.tasks import OPEN
from carethread.careteams.teams.reading import ref
from carethread.core.clock import instant, to_micros
from carethread.core.context import Context, authorize
from carethread.core.errors import Malformed, NotFound
from carethread.core.fhir import json
from carethread.core.fhir.elements import keys_at
from carethread.core.fhir.targets import is_id, key_of
from carethread.core.ports import FOREVER, Resource, Session
from carethread.core.service import Call, Runtime
from carethread.interactions.operations.parameters import refuse_unknown
from carethread.interactions.standing import present

RECORDS = "records"
TYPES = (
    "QuestionnaireResponse", "Observation", "Condition", "Task", "Consent", "ServiceRequest", "Communication",
    "Provenance", "Patient",
)  # fmt: skip
"""From where a chain can be walked; of a response, or a Patient, there may be several, or none."""

_AT_ONCE = 40


def chain_operation(runtime: Runtime, call: Call, context: Context) -> Resource:
    """The needs that a resource is of, each with its links. Raises NotFound for one of no need, Busy while records are
    away."""
    authorize("read", call.type, context)
    refuse_unknown(call, "the chain", ())
    if not is_id(call.id):
        raise Malformed(f"{call.type} has no such id.", code="value")
    path = f"{call.type}/{call.id}"
    known = runtime.store.snapshot(lambda session: _known(session, path, runtime.base_url))
    if not known and call.type not in ("Patient", "QuestionnaireResponse"):
        raise NotFound(f"{path} is of no need that is known here.")
    told = _of_owner(runtime, known)
    now = to_micros(context.clock())
    needs = [{"name": "need", "part": list(_parts(each, told, now, runtime.base_url))} for each in known]
    return {"resourceType": "Parameters", **({"parameter": needs} if needs else {})}


def _known(session: Session, path: str, base: str) -> list[Known]:
    kind = key_of(path)[0]
    if kind == "Patient":
        needs = of_person(session, path, categories(), base)
    elif kind == "QuestionnaireResponse":
        needs = of_response(session, path)
    else:
        found = of_resource(session, path)
        needs = [found] if found else []
    return [_of_need(session, each) for each in sorted(needs, key=lambda each: (each.category, each.path))]


def _of_need(session: Session, need: Need) -> Known:
    paths = links(session, need)
    found = {"/".join(key): each for key, each in present(session, [key_of(path) for path in paths]).items()}
    responses = {
        key for path, each in found.items() if path.startswith("Observation/") for key in keys_at(each, "derivedFrom")
    }
    found |= {"/".join(key): each for key, each in present(session, [k for k in responses if k[0] in STEP_OF]).items()}
    return Known(need, found, [path for path in paths if path not in found and not path.startswith("Provenance/")])


def _of_owner(runtime: Runtime, known: Sequence[Known]) -> dict[str, Resource]:
    """What the owner of clinical records has of these needs: Provenances, and what has no copy here."""
    targets = sorted({path for each in known for path in (*each.resources, *each.elsewhere)})
    found: dict[str, Resource] = {}
    for some in _some([each for each in targets if key_of(each)[0] != "QuestionnaireResponse"]):
        for stored in runtime.owners.search(RECORDS, "Provenance", [("target", ",".join(some))]):
            found[f"Provenance/{stored.id}"] = json.parse_object(stored.body)
    for type_name in ("ServiceRequest", "Condition"):
        ids = [key_of(path)[1] for each in known for path in each.elsewhere if key_of(path)[0] == type_name]
        for some in _some(ids):
            for stored in runtime.owners.search(RECORDS, type_name, [("_id", ",".join(some))]):
                found[f"{type_name}/{stored.id}"] = json.parse_object(stored.body)
    return found


def _some(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(texts), _AT_ONCE):
        yield texts[start : start + _AT_ONCE]


_NEXT = {
    "to-confirm": "need",
    "to-review": "need",
    "to-offer": "consent",
    "to-refer": REFERRAL,
    "asked": "told",
    "helped-by": "told",
}


def _parts(known: Known, told: Mapping[str, Resource], now: int, base: str) -> Iterator[Resource]:
    need = known.need
    condition = known.resources.get(need.path) or told.get(need.path)
    made = chain(known, told, base)
    stands = state(known, condition, now)
    yield {"name": "condition", "valueReference": {"reference": need.path}}
    yield {"name": "patient", "valueReference": {"reference": need.patient}}
    yield {"name": "category", "valueCode": need.category}
    yield {"name": "state", "valueCode": stands}
    unconfirmed = condition is None or verified(condition) in UNCONFIRMED
    yield {"name": "confirmed", "valueBoolean": not unconfirmed and stands not in ("refuted", "withdrawn")}
    if stands in _NEXT:
        yield {"name": "missing", "valueCode": _NEXT[stands]}
    for task in sorted(known.resources.values(), key=lambda each: str(each.get("authoredOn", ""))):
        if code(task) and task["status"] in OPEN:
            yield {"name": "turn", "part": list(_turn(task, base))}
    for link in made:
        yield {"name": "link", "part": list(_told(link))}
    yield {"name": "witnessed", "valueBoolean": all(each.provenance for each in made if each.step != "answer")}


def _turn(task: Resource, base: str) -> Iterator[Resource]:
    yield {"name": "what", "valueCode": code(task)}
    yield {"name": "task", "valueReference": {"reference": f"Task/{task['id']}"}}
    if owner := ref(task, "owner", base):
        yield {"name": "who", "valueReference": {"reference": owner}}
    if not is_for_nobody(task) and (due := awaited(task)) < FOREVER:
        yield {"name": "due", "valueInstant": instant(due)}


def _told(link: Link) -> Iterator[Resource]:
    yield {"name": "step", "valueCode": link.step}
    yield {"name": "what", "valueReference": {"reference": link.path}}
    if link.status:
        yield {"name": "status", "valueCode": link.status}
    if link.at:
        yield {"name": "at", "valueDateTime": link.at}
    yield from _named("who", link.who)
    yield from _named("from", link.before)
    yield from _named("to", sorted(link.after))
    yield from _named("provenance", sorted(link.provenance))


def _named(name: str, paths: Iterable[str]) -> Iterator[Resource]:
    for path in paths:
        yield {"name": name, "valueReference": {"reference": path}}
