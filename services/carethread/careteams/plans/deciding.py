"""`Patient/[id]/$shared-decision`: what was decided together with a person, as they see it, with them as its author.

A Communication of our profile `shared-decision` says which options there were and what was explained of each, what the
person prefers (or that they would not say), and what was decided, by whom. It is never changed: a new one replaces it.
Its Provenance is requested of the owner, and names the person, or who may answer for them, as author.
Source: http://hl7.org/fhir/R4/communication.html, http://hl7.org/fhir/R4/provenance.html.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from carethread.careteams.knowing import refuse_unknown_people
from carethread.careteams.plans.people import refuse_absent
from carethread.careteams.searching import consents_of
from carethread.careteams.sharing.proxies import may_act
from carethread.careteams.teams.people import persons
from carethread.core.clock import instant, to_micros
from carethread.core.context import Context, authorize
from carethread.core.errors import Conflict, Forbidden, Invalid, Malformed
from carethread.core.fhir import json
from carethread.core.fhir.elements import keys_at, profiles_of
from carethread.core.ports import Resource, Session
from carethread.core.service import PROFILES, Call, Operation, Runtime
from carethread.interactions.operations.given import Given
from carethread.interactions.operations.once import ASKED, derived, fingerprint, new_id
from carethread.interactions.requesting import request
from carethread.interactions.writing.check import check_resource
from carethread.interactions.writing.unit import WriteUnit

PROFILE = PROFILES + "shared-decision"
OPTION, DECISION = PROFILES + "decision-option", PROFILES + "decision"
_CATEGORIES = "https://carethread.dev/fhir/CodeSystem/communication-category"
CATEGORY = {"coding": [{"system": _CATEGORIES, "code": "shared-decision"}]}

REPLACED = "decision"
"""The kind of places: a decision (its id), held by the one that replaces it."""

_AGENTS = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
_OPERATION = "http://terminology.hl7.org/CodeSystem/v3-DataOperation"
_DECIDERS = ("Patient", "RelatedPerson", "Practitioner", "PractitionerRole")
_PARTS = ("text", "explained", "aid", "chosen")
_TAKES = (
    "topic", "option", "preference", "declined", "decision", "by", "author", "aid", "about", "encounter", "sent",
    "replaces",
)  # fmt: skip
_LEAST_OPTIONS, _MOST_OPTIONS = 2, 20


@dataclass(frozen=True, slots=True)
class Said:
    """What was decided. References are `Type/id`; empty is not said."""

    patient: str
    author: str
    options: Sequence[Resource]
    preference: str
    declined: str
    decision: str
    by: Sequence[str]
    topic: Resource | None
    about: Sequence[str]
    encounter: str
    sent: int
    replaces: str


def shared_decision(runtime: Runtime, call: Call, context: Context) -> Resource:
    """The Communication as it is stored. With an Idempotency-Key it is done once.

    Raises Malformed and Invalid for what is missing, Forbidden for who may not answer for the person, Conflict for a
    decision that was replaced by another; Busy while the owner of people is away.
    """
    authorize("create", "Communication", context)
    said = _said(call, runtime.base_url, to_micros(context.clock()))
    patient = refuse_absent(runtime, said.patient, "Patient")
    related = _known(runtime, said.author) if said.author.startswith("RelatedPerson/") else None
    refuse_unknown_people(runtime, [(each, "by") for each in said.by], context)
    key = new_id(call, "Communication", "shared-decision", context)
    made = {"resourceType": "Communication", "id": key or context.new_id(), **communication(said)}
    check_resource("Communication", made)

    def work(session: Session) -> bytes:
        asked = fingerprint(call)
        if key and session.claim(ASKED, key, asked) != asked:
            raise Conflict("This Idempotency-Key was used for another request.")
        before = session.current([("Communication", made["id"])]).get(("Communication", made["id"]))
        if before is not None and not before.deleted:
            return before.body
        if related is not None:
            _refuse_stranger(session, patient, related, to_micros(context.clock()), runtime.base_url)
        unit = WriteUnit(runtime, session, context)
        if said.replaces:
            _replace(unit, said, made["id"])
        unit.update(made)
        stored = unit.store()[0].stored
        request(session, _provenance(said, stored.id, stored.version, stored.updated), context, said.patient)
        return stored.body

    return json.parse_object(runtime.store.transact(work))


def communication(said: Said) -> Resource:
    """The Communication, without its id."""
    parts: list[Resource] = [{"url": "decision", "valueString": said.decision}]
    for name, text in (("preference", said.preference), ("declined", said.declined)):
        if text:
            parts.append({"url": name, "valueString": text})
    parts += [{"url": "by", "valueReference": {"reference": each}} for each in said.by]
    made: dict[str, Any] = {
        "resourceType": "Communication",
        "meta": {"profile": [PROFILE]},
        "extension": [*said.options, {"url": DECISION, "extension": parts}],
        "inResponseTo": [{"reference": said.replaces}] if said.replaces else None,
        "status": "completed",
        "category": [CATEGORY],
        "subject": {"reference": said.patient},
        "topic": said.topic,
        "about": [{"reference": each} for each in said.about] or None,
        "encounter": {"reference": said.encounter} if said.encounter else None,
        "sent": instant(said.sent),
        "recipient": [{"reference": each} for each in said.by if each != said.author] or None,
        "sender": {"reference": said.author},
        "payload": [{"contentString": said.decision}],
    }
    return {name: value for name, value in made.items() if value is not None}


def _said(call: Call, base_url: str, now: int) -> Said:
    given = Given(call, base_url, _TAKES)
    patient = f"Patient/{call.id}"
    author = given.reference("author", "Patient", "RelatedPerson") or patient
    if author.startswith("Patient/") and author != patient:
        said = "author is the person, or a RelatedPerson who may answer for them."
        raise Malformed(said, code="value", expression="author")
    by = given.references("by", *_DECIDERS)
    if not by:
        raise Malformed("by is needed: who decided; the person too, where they did.", code="required", expression="by")
    decision, preference, declined = (given.text(name).strip() for name in ("decision", "preference", "declined"))
    if not decision:
        raise Malformed("decision is needed: what was decided, a valueString.", code="required", expression="decision")
    if bool(preference) == bool(declined):
        raise Invalid(
            "What the person prefers is in preference; or, if they would not say, why not is in declined; one of both.",
            code="business-rule",
            expression="preference",
        )
    sent = given.moment("sent") or now
    if sent > now:
        raise Invalid("A decision is not of the future.", code="value", expression="sent")
    return Said(
        patient=patient,
        author=author,
        options=_options(call),
        preference=preference,
        declined=declined,
        decision=decision,
        by=by,
        topic=given.concept("topic"),
        about=given.references("about"),
        encounter=given.reference("encounter", "Encounter"),
        sent=sent,
        replaces=given.reference("replaces", "Communication"),
    )


def _options(call: Call) -> list[Resource]:
    """The options as extensions; at least two, for there is always that of doing nothing."""
    found = []
    for number, part in enumerate(each for each in (call.body or {}).get("parameter", ()) if each["name"] == "option"):
        where = f"Parameters.parameter.where(name = 'option')[{number}]"
        values = {each["name"]: each for each in part.get("part", ())}
        unknown = next((name for name in values if name not in _PARTS), None)
        if unknown or "valueString" not in values.get("text", {}):
            said = f"An option has the parts text (a valueString), and may have {', '.join(_PARTS[1:])}."
            raise Malformed(said, code="value" if unknown else "required", expression=where)
        found.append({"url": OPTION, "extension": [_option(values[name], where) for name in _PARTS if name in values]})
    if not _LEAST_OPTIONS <= len(found) <= _MOST_OPTIONS:
        said = f"A decision is among {_LEAST_OPTIONS} to {_MOST_OPTIONS} options; doing nothing is one."
        raise Invalid(said, code="business-rule", expression="option")
    return found


_MEMBERS = {"text": "valueString", "explained": "valueString", "aid": "valueUri", "chosen": "valueBoolean"}


def _option(part: Resource, where: str) -> Resource:
    name, member = part["name"], _MEMBERS[part["name"]]
    given = "valueUrl" if name == "aid" and "valueUrl" in part else member
    if given not in part:
        raise Malformed(f"{name} is a {member}.", code="value", expression=f"{where}.part.where(name = '{name}')")
    return {"url": name, member: part[given]}


def _known(runtime: Runtime, reference: str) -> Resource:
    """A RelatedPerson as the owner has it. Raises Invalid, Busy."""
    owner = next(mirror.owner for mirror in runtime.service.mirrors if mirror.type == "RelatedPerson")
    stored = runtime.owners.read(owner, ("RelatedPerson", reference.partition("/")[2]))
    if stored is None or stored.deleted:
        raise Invalid(f"{reference} is not here.", code="not-found", expression="author")
    return json.parse_object(stored.body)


def _refuse_stranger(session: Session, patient: Resource, related: Resource, now: int, base_url: str) -> None:
    """Raise Forbidden for a RelatedPerson who may not answer for the person."""
    ids = [each.removeprefix("Patient/") for each in persons(session, f"Patient/{patient['id']}", base_url)]
    consents = consents_of(session, f"Patient/{patient['id']}", base_url)
    verdict = may_act(patient, related, consents, now, "answer", ids=ids, base=base_url)
    if not verdict.allowed:
        raise Forbidden(f"RelatedPerson/{related['id']} {verdict.why}.", expression="author")


def _replace(unit: WriteUnit, said: Said, id_: str) -> None:
    """Have the new decision stand in place of an earlier one of the same person. Raises Invalid, Conflict."""
    key = ("Communication", said.replaces.partition("/")[2])
    earlier = unit.find(key)
    people = persons(unit.session, said.patient, unit.base_url)
    theirs = {f"{kind}/{each}" for kind, each in keys_at(earlier or {}, "subject", unit.base_url)}
    if earlier is None or PROFILE not in profiles_of(earlier) or not theirs & set(people):
        said_ = f"{said.replaces} is no shared decision of this person."
        raise Invalid(said_, code="business-rule", expression="replaces")
    holder = unit.session.claim(REPLACED, key[1], id_)
    if holder != id_:
        raise Conflict(
            f"{said.replaces} was replaced by Communication/{holder}; replace that one.", expression="replaces"
        )


def _provenance(said: Said, id_: str, version: int, updated: int) -> Resource:
    people = [("author", said.author), *(("verifier", each) for each in said.by if each != said.author)]
    made: Resource = {
        "resourceType": "Provenance",
        "id": derived("Provenance", f"shared-decision/{id_}"),
        "target": [{"reference": f"Communication/{id_}/_history/{version}"}],
        "occurredDateTime": instant(said.sent),
        "recorded": instant(updated),
        "activity": {"coding": [{"system": _OPERATION, "code": "CREATE"}]},
        "agent": [
            {"type": {"coding": [{"system": _AGENTS, "code": kind}]}, "who": {"reference": who}, **_for(said, who)}
            for kind, who in people
        ],
    }
    if said.replaces:
        made["entity"] = [{"role": "revision", "what": {"reference": said.replaces}}]
    return made


def _for(said: Said, who: str) -> Resource:
    """Who answers for the person says for whom."""
    return {"onBehalfOf": {"reference": said.patient}} if who == said.author != said.patient else {}


OPERATIONS = (
    Operation(
        name="shared-decision",
        type="Patient",
        levels=("instance",),
        definition="https://carethread.dev/fhir/OperationDefinition/Patient-shared-decision",
        handler=shared_decision,
        affects_state=True,
    ),
)
