"""`Questionnaire/$assign`, which gives a form to a person, and `QuestionnaireResponse/[id]/$fill-link`, which gives the
draft another link, or ends those that it has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from carethread.core.clock import instant, to_micros
from carethread.core.context import Context, authorize
from carethread.core.errors import Conflict, Gone, Invalid
from carethread.core.fhir import json
from carethread.core.ports import Resource, Response, Session
from carethread.core.service import Call, Operation, Runtime, TimerHandler
from carethread.interactions.auditing import CREATED, REVOKED, audit
from carethread.interactions.operations.given import Given
from carethread.interactions.operations.once import ASKED, fingerprint
from carethread.interactions.read import read
from carethread.interactions.requesting import request
from carethread.interactions.rest.exchange import CONTENT
from carethread.interactions.writing.unit import WriteUnit
from carethread.questionnaires.assigning import current
from carethread.questionnaires.assigning.asked import EXPIRES, SEND, asked, moment_ahead
from carethread.questionnaires.assigning.asking import TYPE, Assigned
from carethread.questionnaires.assigning.assign import assign
from carethread.questionnaires.assigning.assignment import Assignment, assignment_of
from carethread.questionnaires.assigning.links import OVER_TIMER, UNNAMED_TIMER, over_forgotten
from carethread.questionnaires.assigning.people import recipient
from carethread.questionnaires.assigning.reminding import TIMER, assignment_due, watch
from carethread.questionnaires.assigning.sending import department_of, end_link, new_link
from carethread.questionnaires.assigning.unnamed import TASK_TIMER, link_over, task_over

_REVOKE = "revoke"
_LINK_TAKES = (_REVOKE, EXPIRES, SEND)

_SECRET = {**CONTENT, "Cache-Control": "no-store"}
"""What is told beside a link, which is for one person only."""

TIMERS: Mapping[str, TimerHandler] = {
    TIMER: assignment_due,
    UNNAMED_TIMER: link_over,
    TASK_TIMER: task_over,
    OVER_TIMER: over_forgotten,
}


def assign_form(runtime: Runtime, call: Call, context: Context) -> Response:
    """Give a form to a person; with an Idempotency-Key it is done once.

    Raises Malformed for parameters, Invalid for a form or a person that it cannot be, Conflict where they are asked for
    it already, Busy while an owner is away.
    """
    authorize("create", TYPE, context)
    ask = asked(runtime, call, context)
    wanted = fingerprint(call) if ask.id else ""

    def work(session: Session) -> Assigned:
        if wanted and session.claim(ASKED, ask.id, wanted) != wanted:
            said = "This Idempotency-Key was used for something else; use a new one."
            raise Invalid(said, code="duplicate", expression="Parameters.parameter")
        unit = WriteUnit(runtime, session, context)
        made = assign(unit, ask)
        unit.store()
        return made

    made = runtime.store.transact(work)
    parts: list[Resource] = [{"name": "task", "valueReference": {"reference": f"Task/{made.task}"}}]
    if made.response:
        parts.insert(0, {"name": "response", "valueReference": {"reference": f"{TYPE}/{made.response}"}})
    return _answer(*parts, *_link(made.link, made.expires))


def fill_link(runtime: Runtime, call: Call, context: Context) -> Response:
    """Give a draft another link in place of those that it has, or with `revoke` end these, and all reminders.

    Raises Malformed for parameters, NotFound and Gone for the draft, Invalid for one that nobody was asked for, or who
    is asked nothing more, Conflict for one that is finished or over, Busy.
    """
    authorize("update", TYPE, context)
    given = Given(call, runtime.base_url, _LINK_TAKES)
    revoke, send = given.flag(_REVOKE) is True, given.flag(SEND) is not False and not context.backfill
    until = moment_ahead(given, EXPIRES, to_micros(context.clock()))
    found: Resource = json.parse_object(read(runtime, (TYPE, call.id), context).body)
    asked_of, sender = _asked_for(found).recipient, ""
    if not revoke:
        who = recipient(runtime, asked_of, department_of(found), expression=TYPE)
        if who.refused:
            raise Invalid(f"{asked_of} {who.refused}.", code="business-rule", expression=TYPE)
        sender = who.sender

    def work(session: Session) -> tuple[str, int]:
        unit = WriteUnit(runtime, session, context)
        draft, said = _draft(unit, call.id)
        if revoke:
            watch(session, call.id, said, unit.now, remind=False)
            if ended := end_link(session, call.id, context):
                request(session, _audited(REVOKED, "The link to a form was revoked.", call.id, context), context)
            return "", int(ended)
        if current.begin_again(session, draft, said) != call.id:
            raise Conflict("They are asked for this form by another draft by now.", code="duplicate", expression=TYPE)
        if until:
            said = replace(said, expires=until)
            draft = said.marked(draft)
            unit.update(draft)
            unit.store()
        if said.expires <= unit.now:
            raise Conflict(f"The time for it is over; say until when it is good by {EXPIRES}.", expression=TYPE)
        link = new_link(session, draft, said, runtime.base_url, unit.now, context, send=send, sender=sender)
        watch(session, call.id, said, unit.now)
        request(session, _audited(CREATED, "A link to a form was made.", call.id, context), context)
        return link, said.expires

    link, number = runtime.store.transact(work)
    return _answer({"name": "revoked", "valueBoolean": bool(number)}) if revoke else _answer(*_link(link, number))


def _draft(unit: WriteUnit, id_: str) -> tuple[Resource, Assignment]:
    """The draft, locked, and what was asked with it."""
    stored = unit.stored((TYPE, id_))
    if stored is None or stored.deleted:
        raise Gone(f"{TYPE}/{id_} is deleted.")
    draft: Resource = json.restore(stored.body)
    if draft["status"] != "in-progress":
        raise Conflict(f"Only a draft has a link, and this is {draft['status']}.", expression=f"{TYPE}.status")
    return draft, _asked_for(draft)


def _asked_for(response: Resource) -> Assignment:
    said = assignment_of(response)
    if said is None:
        told = "Nobody was asked for this response here; Questionnaire/$assign asks."
        raise Invalid(told, code="business-rule", expression=TYPE)
    return said


def _link(link: str, expires: int) -> list[Resource]:
    """The link, where there is one, and until when it is good."""
    parts: list[Resource] = [{"name": "link", "valueUrl": link}] if link else []
    return [*parts, {"name": "expires", "valueInstant": instant(expires)}] if expires else parts


def _answer(*parts: Resource) -> Response:
    return Response(200, _SECRET, json.render({"resourceType": "Parameters", "parameter": list(parts)}))


def _audited(action: str, said: str, id_: str, context: Context) -> Resource:
    return audit("questionnaires", action, said, f"{TYPE}/{id_}", context)


OPERATIONS = (
    Operation(
        name="assign",
        type="Questionnaire",
        levels=("type", "instance"),
        definition="https://carethread.dev/fhir/OperationDefinition/Questionnaire-assign",
        handler=assign_form,
        affects_state=True,
    ),
    Operation(
        name="fill-link",
        type=TYPE,
        levels=("instance",),
        definition="https://carethread.dev/fhir/OperationDefinition/QuestionnaireResponse-fill-link",
        handler=fill_link,
        affects_state=True,
    ),
)
