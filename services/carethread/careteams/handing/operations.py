"""`Task/$hand-off`, and what is done with what was offered: `$answer`, `$withdraw`, `$return`.

Each is one transaction, and means what a plain write of the Task means (`rule`). Said again, the same changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from carethread.careteams.contact import why_no_contact
from carethread.careteams.handing.answerers import is_person, same
from carethread.careteams.handing.deadlines import answers_due, results_due
from carethread.careteams.handing.fitness import refuse_who_is_on_the_way
from carethread.careteams.handing.following import ANSWER_TIMER, RESULT_TIMER
from carethread.careteams.handing.offering import Wanted, offer
from carethread.careteams.handing.orphans import OPERATIONS as ORPHANS
from carethread.careteams.handing.parameters import OFFER, wanted
from carethread.careteams.handing.returning import heard_by, refuse_no_results
from carethread.careteams.handing.states import ANSWERED_BY, STATUS_OF, State, is_moving, is_ours, state_of, stepped_by
from carethread.careteams.handing.telling import OPERATIONS as TELLING
from carethread.careteams.person.referring import refuse_untold, untold
from carethread.careteams.person.summary import Gathered, document, gathered
from carethread.careteams.sharing.withholding import own_key
from carethread.careteams.teams.answering import accountable
from carethread.careteams.teams.people import has_left
from carethread.careteams.teams.reading import UNTIL, lead_at, ref
from carethread.core.clock import instant, to_micros
from carethread.core.context import Context
from carethread.core.errors import Gone, Invalid, Malformed, NotFound
from carethread.core.fhir import json
from carethread.core.fhir.elements import with_extensions, without_extensions
from carethread.core.fhir.targets import key_of
from carethread.core.ports import Resource, Response, Session, Stored
from carethread.core.service import Call, Operation, Runtime, TimersHandler
from carethread.interactions.operations.given import Given
from carethread.interactions.operations.naming import named
from carethread.interactions.operations.once import ASKED, fingerprint, new_id
from carethread.interactions.requesting import request
from carethread.interactions.rest.exchange import CONTENT
from carethread.interactions.rest.headers import versions_of
from carethread.interactions.standing import here
from carethread.interactions.writing.command import Command
from carethread.interactions.writing.unit import WriteUnit, refuse_other

TYPE = "Task"
_RECORDS = "records"
_BASE = "https://carethread.dev/fhir/OperationDefinition/"


@dataclass(frozen=True, slots=True)
class _Offered:
    """What `$hand-off` has made, or had made before (`summary` is None then)."""

    stored: Stored
    summary: Resource | None


def hand_off_operation(runtime: Runtime, call: Call, context: Context) -> Resource:
    """Offer a hand-off: the Task, and the summary that goes with it.

    Raises Malformed and Invalid for what is asked, Conflict while another hand-off of the person is open, NotFound for
    a person who is not known, Busy while the owner of clinical records is away or its news have not come.
    """
    given = Given(call, runtime.base_url, OFFER)
    now = to_micros(context.clock())
    asked, shift = wanted(given, now), given.moment("end-of-shift")
    if shift and shift <= now:
        raise Invalid("The shift is over already; give an end that is ahead.", code="value", expression="end-of-shift")
    id_ = new_id(call, TYPE, "hand-off", context)
    if id_ and (before := runtime.store.glance(lambda session: _made_before(session, id_, fingerprint(call)))):
        return _parameters(before, None)
    sender = asked.sender or runtime.store.snapshot(lambda session: _who_answers(session, runtime, asked.patient, now))
    if sender == asked.receiver:
        raise Invalid("Who asks and who is asked are one person; ask somebody else.", code="value", expression="to")
    asked = replace(asked, sender=sender)
    known = gathered(runtime, asked.patient, context, people=[asked.sender, asked.receiver, asked.focus])
    if why := why_no_contact(known.patient, runtime.base_url):
        raise Invalid(f"The person is {why}, and is handed over no more.", code="business-rule", expression="patient")
    said = {"focus": asked.focus and {"reference": asked.focus}, "reason": asked.reason, "note": asked.note}
    refuse_untold(known, said, recipient=asked.receiver, at=now)
    runtime.store.glance(lambda session: refuse_who_is_on_the_way(session, known, asked.receiver))
    asked = replace(asked, restricted=bool(untold(known, said, recipient="", at=now)))

    def work(session: Session) -> _Offered:
        return _offered(WriteUnit(runtime, session, context), asked, known, id_, fingerprint(call), shift)

    with named(_OFFERED):
        made = runtime.store.transact(work)
    return _parameters(made.stored, made.summary)


_OFFERED = {
    "Task.owner": "to",
    "Task.for": "patient",
    "Task.requester": "from",
    "Task.restriction.period.end": "deadline",
    "Task.extension": "result-by",
}
"""The parameters of an offer by the elements that are made of them."""


def _who_answers(session: Session, runtime: Runtime, patient: str, now: int) -> str:
    """Who hands over where nobody says it. Raises Invalid where nobody answers for the person."""
    found = accountable(session, patient, now, runtime.base_url)
    if found is None:
        text = "Nobody answers for this person here, so it has to be said who asks."
        raise Invalid(text, code="required", expression="from")
    return found.member


def _made_before(session: Session, id_: str, asked: str) -> Stored | None:
    """What the same request has made under this id. Raises Invalid where another request has."""
    stored = session.current([(TYPE, id_)]).get((TYPE, id_))
    told = session.claimed(ASKED, [id_]).get(id_)
    if told and told != asked:
        raise Invalid("This Idempotency-Key was used for another request; use a new one.", code="duplicate")
    return stored if stored and not stored.deleted else None


def _offered(unit: WriteUnit, asked: Wanted, known: Gathered, id_: str, said: str, shift: int) -> _Offered:
    if id_:
        unit.session.lock([f"{TYPE} {id_}"])
        if before := _made_before(unit.session, id_, said):
            return _Offered(before, None)
        unit.session.claim(ASKED, id_, said)
    context = unit.context
    summary = document(known, kind="transfer", author=asked.sender, recipient=asked.receiver, context=context)
    bundle = {"resourceType": "Bundle", "id": context.new_id(), **summary}
    if shift:
        _ends(unit, asked, shift)
    stored = offer(unit, replace(asked, summary=f"Bundle/{bundle['id']}"), id_)
    request(unit.session, bundle, context, asked.patient, new=True)
    unit.store()
    return _Offered(stored, bundle)


def _ends(unit: WriteUnit, asked: Wanted, shift: int) -> None:
    """Note until when who hands over answers for the person. Raises Invalid where they do not."""
    now = unit.now
    standing = accountable(unit.session, asked.patient, now, unit.base_url)
    if standing is None or not same(unit.session, standing.member, asked.sender, now, unit.base_url):
        text = "Only the shift of who answers for the person can end with a hand-off."
        raise Invalid(text, code="business-rule", expression="end-of-shift")
    team = unit.find(key_of(standing.team))
    lead = lead_at(team, now, unit.base_url)
    if team is None or lead is None:
        return
    people: list[Any] = [*team["participant"]]
    people[lead.place] = with_extensions(people[lead.place], {UNTIL: {"valueDateTime": instant(shift)}})
    unit.update({**team, "participant": people})


def _parameters(stored: Stored, summary: Resource | None) -> Resource:
    task = json.parse_object(stored.body)
    parts: list[Resource] = [{"name": "task", "resource": task}]
    if summary is not None:
        parts.append({"name": "summary", "resource": summary})
    else:
        named = [each.get("valueReference") for each in task.get("input", ()) if each.get("valueReference")]
        parts += [{"name": "summary-reference", "valueReference": each} for each in named[:1]]
    return {"resourceType": "Parameters", "parameter": parts}


def _step(
    runtime: Runtime,
    call: Call,
    context: Context,
    state: State,
    by: str,
    change: Callable[[Resource, str], Resource],
    *,
    judged: bool = False,
) -> Response:
    """Take a step of a hand-off, unless it was taken already by the same person. `judged`: what is said with it was."""
    versions = versions_of(call.request.headers.get("if-match"))

    def work(session: Session) -> Stored:
        unit = WriteUnit(runtime, session, context)
        before, stored = unit.find((TYPE, call.id)), unit.stored((TYPE, call.id))
        if before is None or stored is None:
            raise Gone(f"Task/{call.id} is deleted.") if stored else NotFound(f"Task/{call.id} is not known here.")
        if not is_ours(before):
            text = "This Task is no hand-off of ours; it is answered where it comes from."
            raise Invalid(text, code="business-rule", expression="Task.meta.profile")
        who, now = by or _by_default(unit, before, state), unit.now
        if state_of(before) == state and same(session, stepped_by(before, runtime.base_url), who, now, unit.base_url):
            return stored
        refuse_other(before, versions)
        made = unit.do(Command(TYPE, call.id, change(before, who), own=judged)).stored
        unit.store()
        return made or stored

    with named(_STEPPED):
        stored = runtime.store.transact(work)
    return Response(200, CONTENT, stored.body)


_STEPPED = {
    "Task.owner": "by",
    f"Task.extension('{ANSWERED_BY}').value": "by",
    "Task.statusReason": "reason",
    "Task.output": "output",
    "Task.note": "note",
}
"""The parameters of a step by the elements that are made of them."""


def _by_default(unit: WriteUnit, task: Resource, state: State) -> str:
    """Who takes a step where nobody says it. Raises Malformed where several could, or who would has gone."""
    who = ref(task, "requester" if state == "withdrawn" else "owner", unit.base_url)
    if state == "withdrawn":
        standing = accountable(unit.session, ref(task, "for", unit.base_url), unit.now, unit.base_url)
        if standing and is_moving(task):
            return standing.member
        if has_left(unit.session, who, unit.now, unit.base_url):
            text = "by is needed: who offered it does not work here any more."
            raise Malformed(text, code="required", expression="by")
    elif not is_person(who):
        text = "by is needed: a team or a department was asked, and one of it answers."
        raise Malformed(text, code="required", expression="by")
    return who


def _stepped(task: Resource, state: State, who: str, named: str, reason: Resource | None) -> Resource:
    """The Task in another state, with who brought it there where that is not whom it names."""
    plain = without_extensions(task, [ANSWERED_BY])
    if ref(plain, named) != who:
        plain = with_extensions(plain, {ANSWERED_BY: {"valueReference": {"reference": who}}})
    rest = {name: value for name, value in plain.items() if name != "statusReason"}
    return {**rest, "status": STATUS_OF[state], **({"statusReason": reason} if reason else {})}


def answer_operation(runtime: Runtime, call: Call, context: Context) -> Response:
    """Accept or decline. Raises Conflict where somebody else was first."""
    given = Given(call, runtime.base_url, ("answer", "by", "reason"))
    said, by, reason = given.text("answer"), given.reference("by"), given.concept("reason")
    if said not in _ANSWERS:
        raise Invalid(f"answer is {' or '.join(_ANSWERS)}.", code="code-invalid", expression="answer")
    state = _ANSWERS[said]

    def change(task: Resource, who: str) -> Resource:
        taken = {**task, "owner": {"reference": who}} if state == "accepted" else task
        return _stepped(taken, state, who, "owner", reason)

    return _step(runtime, call, context, state, by, change)


_ANSWERS: Mapping[str, State] = {"accept": "accepted", "decline": "declined"}


def withdraw_operation(runtime: Runtime, call: Call, context: Context) -> Response:
    """Take an offer back before it is answered."""
    given = Given(call, runtime.base_url, ("by", "reason"))
    by, reason = given.reference("by"), given.concept("reason")
    return _step(
        runtime, call, context, "withdrawn", by, lambda task, who: _stepped(task, "withdrawn", who, "requester", reason)
    )


def return_operation(runtime: Runtime, call: Call, context: Context) -> Response:
    """Say what came of it: done, with results, or not, with a reason."""
    given = Given(call, runtime.base_url, ("by", "output", "note", "failed", "reason"))
    by, reason, note = given.reference("by"), given.concept("reason"), given.text("note")
    results = given.references("output")
    said = {"output": [{"reference": each} for each in results], "reason": reason, "note": note}
    with named(_STEPPED):
        judged = _judged_by_owners(runtime, call, context, said, results) if results else False
    state: State = "failed" if given.flag("failed") else "returned"
    now = instant(to_micros(context.clock()))

    def change(task: Resource, who: str) -> Resource:
        made = _stepped(task, state, who, "owner", reason)
        outputs = [{"type": {"text": "Result"}, "valueReference": {"reference": each}} for each in results]
        if outputs:
            made = {**made, "output": [*made.get("output", ()), *outputs]}
        if note:
            made = {**made, "note": [*made.get("note", ()), {"time": now, "text": note}]}
        return made

    return _step(runtime, call, context, state, by, change, judged=judged)


def _judged_by_owners(
    runtime: Runtime, call: Call, context: Context, said: Mapping[str, Any], results: Sequence[str]
) -> bool:
    """Judge what is returned by what the owners of the results know; whether there is a hand-off to return.

    Raises Invalid naming what may not go to those who hear of it; Busy while an owner is away.
    """
    base = runtime.base_url
    task = runtime.store.glance(lambda session: here(session, (TYPE, call.id)))
    if task is None or not is_ours(task) or state_of(task) != "accepted":
        return False
    hear = runtime.store.glance(lambda session: heard_by(session, task, call.id, base))
    known = gathered(runtime, ref(task, "for", base), context, people=[ref(task, "owner", base), *hear, *results])
    refuse_no_results(results, {**known.known, **{own_key(each): each for each in known.resources}}, known.ids, base)
    for each in hear:
        refuse_untold(known, said, recipient=each, at=to_micros(context.clock()))
    return True


_STEPS: Mapping[str, Callable[[Runtime, Call, Context], Response]] = {
    "answer": answer_operation,
    "withdraw": withdraw_operation,
    "return": return_operation,
}

DEADLINES: Mapping[str, TimersHandler] = {ANSWER_TIMER: answers_due, RESULT_TIMER: results_due}
"""What is done with deadlines that are due together, by the kind of timer."""

AT_ONCE = {ANSWER_TIMER: 100, RESULT_TIMER: 100}
"""Most of what a deadline costs is looked up once for all of them."""

OPERATIONS = (
    Operation(
        name="hand-off",
        type=TYPE,
        levels=("type",),
        definition=f"{_BASE}Task-hand-off",
        handler=hand_off_operation,
        affects_state=True,
    ),
    *(
        Operation(
            name=name,
            type=TYPE,
            levels=("instance",),
            definition=f"{_BASE}Task-{name}",
            handler=handler,
            affects_state=True,
        )
        for name, handler in _STEPS.items()
    ),
    *TELLING,
    *ORPHANS,
)
