"""`RelatedPerson/[id]/$may-act`: whether somebody may see, or answer, for the person whom they are related to.

Whoever takes an answer from somebody close asks here first. The decision blocks, so the owner is asked who they are;
the Consents are this service's own.
"""

from __future__ import annotations

from typing import cast, get_args

from carethread.careteams.searching import consents_of
from carethread.careteams.sharing.proxies import Action, may_act
from carethread.core.clock import to_micros
from carethread.core.context import Context, authorize
from carethread.core.errors import Malformed, NotFound
from carethread.core.fhir import json
from carethread.core.fhir.elements import keys_at
from carethread.core.fhir.targets import is_id
from carethread.core.ports import Key, Resource, Session
from carethread.core.service import Call, Operation, Runtime
from carethread.interactions.operations.parameters import refuse_unknown

RELATED, PATIENT = "RelatedPerson", "Patient"
ACTION = "action"


def may_act_operation(runtime: Runtime, call: Call, context: Context) -> Resource:
    """Parameters: `allowed`, `why` not, and the categories that need no Consent for them (`free`).

    Raises Malformed for the parameters, NotFound for who is not known, TooCostly for too many Consents, Busy while
    their owner is away.
    """
    authorize("read", RELATED, context)
    refuse_unknown(call, "the question", (ACTION,))
    given = list(call.params.get(ACTION, ()))
    if len(given) != 1 or given[0] not in get_args(Action):
        raise Malformed(
            "action is needed once: see or answer.", code="value" if given else "required", expression=ACTION
        )
    related = _known(runtime, (RELATED, call.id))
    patient = _known(runtime, next(iter(keys_at(related, "patient", runtime.base_url)), (PATIENT, "")))
    ids, consents = runtime.store.snapshot(lambda session: _of_person(session, patient["id"], runtime.base_url))
    verdict = may_act(
        patient, related, consents, to_micros(context.clock()), cast("Action", given[0]), ids=ids, base=runtime.base_url
    )
    parts: list[Resource] = [{"name": "allowed", "valueBoolean": verdict.allowed}]
    if verdict.why:
        parts.append({"name": "why", "valueString": f"{RELATED}/{call.id} {verdict.why}."})
    parts += [{"name": "free", "valueCode": category} for category in sorted(verdict.free)]
    return {"resourceType": "Parameters", "parameter": parts}


def _known(runtime: Runtime, key: Key) -> Resource:
    owner = next(mirror.owner for mirror in runtime.service.mirrors if mirror.type == key[0])
    stored = runtime.owners.read(owner, key) if is_id(key[1]) else None
    if stored is None:
        raise NotFound(
            f"This {key[0]} is not known here." if not is_id(key[1]) else f"{key[0]}/{key[1]} is not known here."
        )
    return json.parse_object(stored.body)


def _of_person(session: Session, patient: str, base_url: str) -> tuple[list[str], list[Resource]]:
    return session.kin([patient]), consents_of(session, f"{PATIENT}/{patient}", base_url)


OPERATIONS = (
    Operation(
        name="may-act",
        type=RELATED,
        levels=("instance",),
        definition="https://carethread.dev/fhir/OperationDefinition/RelatedPerson-may-act",
        handler=may_act_operation,
        parameters=(ACTION,),
    ),
)
