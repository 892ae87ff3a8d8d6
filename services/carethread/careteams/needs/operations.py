"""What people do about a need, each in one transaction: `Condition/$judge-need`, `$offer-help` and `$refer`, and
`Task/$referral-outcome` of who is asked. The first also take a Condition that an EHR has sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from carethread.careteams.knowing import refuse_unknown_people
from carethread.careteams.needs.asking import open_tasks
from carethread.careteams.needs.escalating import needs_due
from carethread.careteams.needs.following import DUE, TELL, told_due
from carethread.careteams.needs.in_hand import LEFT, owner_left
from carethread.careteams.needs.judged import DECISIONS, Decision, is_confirmed, judge
from carethread.careteams.needs.lapsing import YES, yes_due
from carethread.careteams.needs.need import Need, adopted, is_open, known, of_resource
from carethread.careteams.needs.offering import answer, rests_until
from carethread.careteams.needs.people import TIMERS as PEOPLE
from carethread.careteams.needs.referring import RECEIVERS, Wanted, refer_to
from carethread.careteams.needs.rule import outcomes
from carethread.careteams.needs.shapes import OFFER, OUTCOMES, REFERRAL, TERMS, code
from carethread.careteams.needs.walking import TYPES, chain_operation
from carethread.careteams.tasks import LONGEST
from carethread.careteams.teams.answering import accountable
from carethread.careteams.teams.people import person
from carethread.careteams.teams.reading import ref
from carethread.core.clock import instant, to_micros
from carethread.core.context import Context, authorize
from carethread.core.errors import Conflict, Gone, Invalid, NotFound
from carethread.core.fhir import json
from carethread.core.fhir.targets import is_id, key_of
from carethread.core.ports import Key, Resource, Session
from carethread.core.service import Call, Operation, Runtime, TimerHandler, TimersHandler
from carethread.interactions.operations.given import Given
from carethread.interactions.operations.naming import named
from carethread.interactions.operations.once import ASKED, fingerprint, new_id
from carethread.interactions.standing import here
from carethread.interactions.writing.command import Command
from carethread.interactions.writing.unit import WriteUnit

_STAFF = ("Practitioner", "PractitionerRole")
_BASE = "https://carethread.dev/fhir/OperationDefinition/"


def _need(unit: WriteUnit, runtime: Runtime, id_: str, theirs: Resource | None) -> Need:
    """The need of a Condition, locked and open. Raises NotFound for none, Conflict for one that is over."""
    session, path = unit.session, f"Condition/{id_}"
    need = known(session, path) or (adopted(session, theirs, runtime.base_url) if theirs else None)
    if need is None:
        raise NotFound(f"{path} is no social need that is known here, or another of its category is open.")
    session.lock([f"needs {person(session, need.patient, runtime.base_url)}"])
    if not is_open(session, need):
        raise Conflict(f"{path} is over: it was refuted, withdrawn or resolved.", expression="Condition")
    return need


def _theirs(runtime: Runtime, id_: str) -> Resource | None:
    """The Condition as it is known: by the copy, else by its owner. Raises Busy."""
    key = "Condition", id_
    if not is_id(id_):
        raise NotFound("This Condition is not known here.")
    if copy := runtime.store.glance(lambda session: here(session, key)):
        return copy
    if runtime.store.glance(lambda session: known(session, f"Condition/{id_}")):
        return None
    stored = runtime.owners.read("records", key)
    return json.parse_object(stored.body) if stored and not stored.deleted else None


def _done(runtime: Runtime, context: Context, id_: str, work: Callable[[WriteUnit, Need], str]) -> Resource:
    """Do something about a need in one transaction; the answer has the Condition, and what was made."""
    authorize("update", "Condition", context)
    theirs = _theirs(runtime, id_)

    def done(session: Session) -> str:
        unit = WriteUnit(runtime, session, context)
        made = work(unit, _need(unit, runtime, id_, theirs))
        unit.store()
        return made

    made = runtime.store.transact(done)
    parts: list[Resource] = [{"name": "condition", "valueReference": {"reference": f"Condition/{id_}"}}]
    if made:
        resource = runtime.store.glance(lambda session: here(session, key_of(made)))
        parts.append({"name": key_of(made)[0].lower(), "resource": resource})
    return {"resourceType": "Parameters", "parameter": parts}


def judge_operation(runtime: Runtime, call: Call, context: Context) -> Resource:
    """Confirm, refute or resolve a need. Raises Malformed and Invalid for what is said, NotFound, Conflict."""
    given = Given(call, runtime.base_url, ("decision", "by", "reason", "code"))
    by, said = given.needed("by", *_STAFF), given.text("decision")
    if said not in DECISIONS:
        raise Invalid(f"decision is one of {', '.join(DECISIONS)}.", code="code-invalid", expression="decision")
    decision = cast("Decision", said)
    why, concept = given.text("reason"), given.concept("code")
    if concept and decision != "confirm":
        raise Invalid("code goes with confirm.", code="business-rule", expression="code")
    refuse_unknown_people(runtime, [(by, "by")], context)

    def work(unit: WriteUnit, need: Need) -> str:
        judge(unit, need, decision, by=by, why=why, code=concept)
        return ""

    return _done(runtime, context, call.id, work)


def offer_operation(runtime: Runtime, call: Call, context: Context) -> Resource:
    """Note what the person says to an offer of help.

    Raises Malformed and Invalid for what is said, NotFound, Conflict where they are not to be asked again yet.
    """
    given = Given(call, runtime.base_url, ("answer", "by", "to", "until", "asked-by-person"))
    by, said = given.needed("by", *_STAFF), given.text("answer")
    if said not in _SAYS:
        raise Invalid(f"answer is {' or '.join(_SAYS)}.", code="code-invalid", expression="answer")
    to, until, asked_by_person = (
        given.references("to", *RECEIVERS),
        given.moment("until"),
        given.flag("asked-by-person"),
    )
    now = to_micros(context.clock())
    if until and not now < until <= now + LONGEST:
        raise Invalid("until is a moment to come, within 366 days.", code="value", expression="until")
    if to and not _SAYS[said]:
        raise Invalid("to goes with accept.", code="business-rule", expression="to")
    refuse_unknown_people(runtime, [(by, "by"), *((each, "to") for each in to if not _is_service(each))], context)
    for each in to:
        _provider(runtime, each)
    id_ = new_id(call, "Consent", "offer-help", context)

    def work(unit: WriteUnit, need: Need) -> str:
        if _is_done(unit, ("Consent", id_), call):
            return f"Consent/{id_}"
        if not is_confirmed(unit, need):
            text = "Nobody has confirmed this need yet; talk to the person, and say whether it is so ($judge-need)."
            raise Invalid(text, code="business-rule", expression="Condition.verificationStatus")
        rests = rests_until(unit, need)
        if rests and not asked_by_person and not open_tasks(unit, need, OFFER):
            text = (
                f"The person has said no, and is not asked again before {instant(rests)}, unless they ask themselves."
            )
            raise Conflict(text, expression="asked-by-person")
        actors = to or [_team(unit, need)]
        if _SAYS[said] and not actors[0]:
            text = "Nobody answers for the person, so it has to be said who may be told."
            raise Invalid(text, code="required", expression="to")
        made = id_ or context.new_id()
        return answer(unit, need, made, says_yes=_SAYS[said], actors=actors if _SAYS[said] else (), by=by, until=until)

    return _done(runtime, context, call.id, work)


_SAYS: Mapping[str, bool] = {"accept": True, "decline": False}


def _is_done(unit: WriteUnit, key: Key, call: Call) -> bool:
    """Whether a call has made this already, by its Idempotency-Key; what somebody else has put there is not made so.
    Raises Conflict where another call has, or where what was made was deleted."""
    said = f"{call.id}|{fingerprint(call)}"
    if key[1] and unit.session.claim(ASKED, key[1], said) != said:
        raise Conflict("This Idempotency-Key was used for another request.")
    if not key[1] or of_resource(unit.session, "/".join(key)) is None:
        return False
    if unit.find(key) is None:
        raise Conflict("What was made under this Idempotency-Key was deleted; ask the person again, under another.")
    return True


def _team(unit: WriteUnit, need: Need) -> str:
    standing = accountable(unit.session, person(unit.session, need.patient, unit.base_url), unit.now, unit.base_url)
    return standing.team if standing else ""


def _is_service(path: str) -> bool:
    return path.startswith("HealthcareService/")


def _provider(runtime: Runtime, path: str) -> str:
    """Who provides a HealthcareService (`Organization/1`). Raises Invalid for one that is not known."""
    if not _is_service(path):
        return ""
    stored = runtime.owners.read("scheduling", key_of(path))
    if stored is None or stored.deleted:
        raise Invalid(f"{path} is not known here.", code="not-found", expression="to")
    return ref(json.parse_object(stored.body), "providedBy", runtime.base_url, "Organization")


def refer_operation(runtime: Runtime, call: Call, context: Context) -> Resource:
    """Ask somebody for help, with the person's Consent.

    Raises Malformed and Invalid for what is said or not consented to, NotFound, Conflict for what was asked already.
    """
    given = Given(call, runtime.base_url, ("to", "by", "priority", "service", "note", "due"))
    to, by, due = given.needed("to", *RECEIVERS), given.needed("by", *_STAFF), given.moment("due")
    priority = given.text("priority") or "routine"
    if priority not in TERMS:
        raise Invalid(f"priority is one of {', '.join(TERMS)}.", code="code-invalid", expression="priority")
    now = to_micros(context.clock())
    if due and not now < due <= now + LONGEST:
        raise Invalid("due is a moment to come, within 366 days.", code="value", expression="due")
    service = given.concept("service") or {"text": "Help with a social need"}
    refuse_unknown_people(runtime, [(by, "by"), *(() if _is_service(to) else [(to, "to")])], context)
    wanted = Wanted(to, by, priority, service, given.text("note"), due, _provider(runtime, to))
    id_ = new_id(call, "Task", "refer", context)

    def work(unit: WriteUnit, need: Need) -> str:
        if _is_done(unit, ("Task", id_), call):
            return f"Task/{id_}"
        if not is_confirmed(unit, need):
            text = "Nobody has confirmed this need yet ($judge-need)."
            raise Invalid(text, code="business-rule", expression="Condition.verificationStatus")
        return refer_to(unit, need, id_ or context.new_id(), wanted)

    return _done(runtime, context, call.id, work)


def outcome_operation(runtime: Runtime, call: Call, context: Context) -> Resource:
    """Say what comes of a referral: as a write of its Task does. Said again, the same changes nothing.

    Raises Malformed and Invalid for what is said, NotFound and Gone for the Task, Conflict for one that is over.
    """
    authorize("update", "Task", context)
    given = Given(call, runtime.base_url, ("status", "outcome", "reason", "note"))
    status, outcome = given.text("status"), given.text("outcome")
    if status not in _STEPS:
        raise Invalid(f"status is one of {', '.join(_STEPS)}.", code="code-invalid", expression="status")
    if outcome and (status != "completed" or outcome not in outcomes()):
        raise Invalid(
            f"outcome goes with completed: {', '.join(outcomes())}.", code="code-invalid", expression="outcome"
        )
    reason, note, now = given.concept("reason"), given.text("note"), instant(to_micros(context.clock()))

    def work(session: Session) -> None:
        unit = WriteUnit(runtime, session, context)
        task = unit.find(("Task", call.id)) if is_id(call.id) else None
        if task is None:
            gone = is_id(call.id) and unit.stored(("Task", call.id))
            raise Gone(f"Task/{call.id} is deleted.") if gone else NotFound("This Task is not known here.")
        if code(task) != REFERRAL:
            raise Invalid("This Task is no referral of a need.", code="business-rule", expression="Task.code")
        if task["status"] == status:
            return
        made: dict[str, Any] = {**task, "status": status, **({"statusReason": reason} if reason else {})}
        if outcome:
            told = {
                "type": {"text": "Outcome"},
                "valueCodeableConcept": {"coding": [{"system": OUTCOMES, "code": outcome}]},
            }
            made["output"] = [*task.get("output", ()), told]
        if note:
            made["note"] = [*task.get("note", ()), {"time": now, "text": note}]
        unit.do(Command("Task", call.id, made))
        unit.store()

    with named({"Task.status": "status", "Task.statusReason": "reason", "Task.output": "outcome"}):
        runtime.store.transact(work)
    return runtime.store.glance(lambda session: here(session, ("Task", call.id))) or {}


_STEPS = ("accepted", "in-progress", "on-hold", "rejected", "completed", "failed", "cancelled")

OPERATIONS = (
    Operation(
        "judge-need", "Condition", ("instance",), f"{_BASE}Condition-judge-need", judge_operation, affects_state=True
    ),
    Operation(
        "offer-help", "Condition", ("instance",), f"{_BASE}Condition-offer-help", offer_operation, affects_state=True
    ),
    Operation("refer", "Condition", ("instance",), f"{_BASE}Condition-refer", refer_operation, affects_state=True),
    Operation(
        "referral-outcome",
        "Task",
        ("instance",),
        f"{_BASE}Task-referral-outcome",
        outcome_operation,
        affects_state=True,
    ),
    *(Operation("need-chain", type_name, ("instance",), f"{_BASE}need-chain", chain_operation) for type_name in TYPES),
)

TIMERS: Mapping[str, TimerHandler] = {TELL: told_due, YES: yes_due, LEFT: owner_left, **PEOPLE}
TOGETHER: Mapping[str, TimersHandler] = {DUE: needs_due}
