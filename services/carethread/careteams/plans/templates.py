"""`PlanDefinition/[id]/$apply`: a template applied to a person; what it comes to, and with `store` as a plan to keep.

Source: http://hl7.org/fhir/R4/plandefinition-operation-apply.html. `store`, `status` and `careTeam` are ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from carethread.careteams.plans.applying import Plan, apply_template, canonical_of
from carethread.careteams.plans.finding import definition_named
from carethread.careteams.plans.keeping import goal_of, kept_plan
from carethread.careteams.plans.making import Setting
from carethread.careteams.plans.people import refuse_absent
from carethread.careteams.plans.proposing import proposal
from carethread.careteams.plans.values import Reckoner
from carethread.core.clock import to_micros
from carethread.core.context import Context, authorize
from carethread.core.errors import Conflict, Gone, Invalid, Malformed, NotSupported
from carethread.core.fhir import json
from carethread.core.fhir.targets import parse_reference
from carethread.core.ports import Key, Resource, Session
from carethread.core.service import Call, Operation, Runtime
from carethread.interactions.operations.once import ASKED, derived, fingerprint, new_id
from carethread.interactions.operations.parameters import refuse_unknown
from carethread.interactions.read import read
from carethread.interactions.writing.check import check_resource
from carethread.interactions.writing.unit import WriteUnit

_REFERENCES: dict[str, tuple[str, ...]] = {
    "subject": ("Patient",),
    "practitioner": ("Practitioner", "PractitionerRole"),
    "organization": ("Organization",),
    "encounter": ("Encounter",),
    "careTeam": ("CareTeam",),
}
"""The parameters that name somebody or something, each with the types that it may be of."""

_OF_THE_USER = ("userType", "userLanguage", "userTaskContext", "setting", "settingContext")
_TAKES = ("planDefinition", *_REFERENCES, *_OF_THE_USER, "status", "store")
_STATUSES = ("draft", "active")


def apply(runtime: Runtime, call: Call, context: Context) -> Resource:
    """The CarePlan. Raises Malformed for the parameters, Invalid and TooCostly for the template with the place in it,
    Invalid for a person who is not here, or deceased, inactive or merged; Busy while their owner is away."""
    refuse_unknown(call, "$apply", _TAKES, objects=("planDefinition", *_OF_THE_USER))
    definition = _definition(runtime, call, context)
    named = {name: _reference(call, name, runtime.base_url) for name in _REFERENCES}
    store, status = _flag(call, "store"), _status(call)
    if store and call.request.method == "GET":
        raise NotSupported("With store=true $apply changes state: POST it.", kind="method")
    known = {name: _known(runtime, text, name) for name, text in named.items() if text and name != "subject"}
    known["subject"] = refuse_absent(runtime, named["subject"], "subject")
    variables = {**known, **dict(_concepts(call))}
    setting = Setting(
        **{name: text for name, text in named.items() if name != "careTeam"},
        care_team=named["careTeam"],
        now=to_micros(context.clock()),
        birth=str(known["subject"].get("birthDate", "")),
        reckoner=Reckoner(known["subject"], variables, context.clock),
    )

    def applied(session: Session) -> Plan:
        canonical = canonical_of(definition, runtime.base_url)
        return apply_template(definition, canonical, setting, lambda each: definition_named(session, each, context))

    plan = runtime.store.snapshot(applied)
    if not store:
        made = proposal(plan, setting, status)
        check_resource("CarePlan", made)
        return made
    return _store(runtime, plan, setting, status, call, context)


def _store(runtime: Runtime, plan: Plan, setting: Setting, status: str, call: Call, context: Context) -> Resource:
    """The plan as it is stored, with its Goals, in one transaction; under an Idempotency-Key once.

    Raises Conflict where the key was for something else, Gone where the plan was deleted since.
    """
    for type_name in ("CarePlan", "Goal"):
        authorize("create", type_name, context)
    by_key = new_id(call, "CarePlan", "apply", context)
    id_, asked = by_key or context.new_id(), f"{call.id}|{fingerprint(call)}"
    ids = {key: derived("Goal", f"{id_}/{key}") if by_key else context.new_id() for key in plan.goals}
    made = [goal_of(goal, setting, ids[key], status) for key, goal in plan.goals.items()]
    made.append({"resourceType": "CarePlan", "id": id_, **kept_plan(plan, setting, status, ids)})
    for resource in made:
        check_resource(resource["resourceType"], resource)

    def work(session: Session) -> bytes:
        unit = WriteUnit(runtime, session, context)
        if by_key and session.claim(ASKED, by_key, asked) != asked:
            raise Conflict("This Idempotency-Key was for another plan; use a new one.", code="duplicate")
        if before := unit.stored(("CarePlan", id_)):
            if before.deleted:
                raise Gone(f"CarePlan/{id_} was deleted.")
            return before.body
        for resource in made:
            unit.update(resource)
        return next(write.stored.body for write in unit.store() if write.stored.type == "CarePlan")

    return json.parse_object(runtime.store.transact(work))


def _definition(runtime: Runtime, call: Call, context: Context) -> Resource:
    """The template: that of the URL, or else that of the parameter planDefinition."""
    given = [
        part.get("resource") for part in (call.body or {}).get("parameter", ()) if part["name"] == "planDefinition"
    ]
    if call.id:
        if given:
            said = "planDefinition is for PlanDefinition/$apply; here the URL names the template."
            raise Malformed(said, code="value", expression="planDefinition")
        return json.parse_object(read(runtime, ("PlanDefinition", call.id), context).body)
    if len(given) != 1 or not isinstance(given[0], dict) or given[0].get("resourceType") != "PlanDefinition":
        said = "planDefinition is needed once: the template, as the resource of a parameter."
        raise Malformed(said, code="value" if given else "required", expression="planDefinition")
    template: Resource = given[0]
    return template


def _reference(call: Call, name: str, base_url: str) -> str:
    types, texts = _REFERENCES[name], call.params.get(name, ())
    if not texts and name != "subject":
        return ""
    if not texts:
        raise Malformed(
            "subject is needed: whom the plan is for, such as Patient/123.", code="required", expression=name
        )
    found = [parse_reference(text if "/" in text else f"{types[0]}/{text}", base_url) for text in texts]
    target = found[0]
    if len(found) > 1 or target is None or not target.id or target.type not in types:
        said = f"{name} is one reference to {' or '.join(types)}, such as {types[0]}/123."
        raise Malformed(said, code="value", expression=name)
    return f"{target.type}/{target.id}"


def _known(runtime: Runtime, text: str, name: str) -> Resource:
    """The resource as its owner has it. Raises Invalid where it is not here, Busy."""
    type_name, _, id_ = text.partition("/")
    key: Key = (type_name, id_)
    if runtime.service.owns(type_name):
        stored = runtime.store.glance(lambda session: session.current([key])).get(key)
    else:
        owner = next(mirror.owner for mirror in runtime.service.mirrors if mirror.type == type_name)
        stored = runtime.owners.read(owner, key)
    if stored is None or stored.deleted:
        raise Invalid(f"{text} is not here.", code="not-found", expression=name)
    return json.parse_object(stored.body)


def _concepts(call: Call) -> Iterator[tuple[str, Any]]:
    """What is said of who asks, and where. Raises Malformed for what is not one CodeableConcept."""
    for name in _OF_THE_USER:
        given = [part for part in (call.body or {}).get("parameter", ()) if part["name"] == name]
        if name in call.params or len(given) > 1 or any("valueCodeableConcept" not in part for part in given):
            raise Malformed(f"{name} is one valueCodeableConcept.", code="value", expression=name)
        yield from ((name, part["valueCodeableConcept"]) for part in given)


def _flag(call: Call, name: str) -> bool:
    given = [text.lower() for text in call.params.get(name, ("false",))]
    if len(given) != 1 or given[0] not in ("true", "false"):
        raise Malformed(f"{name} is true or false.", code="value", expression=name)
    return given[0] == "true"


def _status(call: Call) -> str:
    given = call.params.get("status", (_STATUSES[0],))
    if len(given) != 1 or given[0] not in _STATUSES:
        raise Malformed(f"status is {' or '.join(_STATUSES)}.", code="value", expression="status")
    return given[0]


OPERATIONS = (
    Operation(
        name="apply",
        type="PlanDefinition",
        levels=("type", "instance"),
        definition="http://hl7.org/fhir/OperationDefinition/PlanDefinition-apply",
        handler=apply,
        parameters=(*_REFERENCES, "status", "store"),
    ),
)
