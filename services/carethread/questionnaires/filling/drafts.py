"""What a link leads to, and what is written when somebody saves or sends: always by the rule that any write keeps to.

A saved draft replaces the version that the page was made of, and no other. A form that is answered without a name has
no draft: the response is made when it is sent, in the transaction that uses the link up.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from zoneinfo import ZoneInfo

from carethread.core.clock import from_micros, instant, to_micros
from carethread.core.context import Context, Principal
from carethread.core.errors import FhirError, Gone, Invalid
from carethread.core.fhir import json
from carethread.core.ports import Request, Resource, Session, Stored
from carethread.core.service import PROFILES, Call, Runtime
from carethread.core.zones import zone_named
from carethread.interactions.create import create_command
from carethread.interactions.update import update_command
from carethread.interactions.writing.command import Command
from carethread.interactions.writing.unit import WriteUnit
from carethread.questionnaires.assigning import links
from carethread.questionnaires.assigning.assignment import Assignment, assignment_of
from carethread.questionnaires.forms.finding import answered, find_in
from carethread.questionnaires.forms.form import Form
from carethread.questionnaires.populating.operations import populate
from carethread.questionnaires.safety.critical import criticals

TYPE = "QuestionnaireResponse"
WRITER = Principal("fill link")


@dataclass(frozen=True, slots=True)
class Draft:
    """What is filled in: the response as it stands (for a form without names as it would begin), its version (0: none
    is kept) and what was asked of whom. `token` is that of the link, which is good until `expires` (microseconds).
    `unwritten`: what is known of the person was filled in, and no version has it yet."""

    form: Form
    response: Resource
    version: int
    said: Assignment | None
    token: str
    expires: int
    unwritten: bool = False

    @property
    def is_kept(self) -> bool:
        """Whether what is answered can be saved before it is sent."""
        return self.version > 0

    @property
    def zone(self) -> ZoneInfo:
        return (zone_named(self.said.zone) if self.said else None) or ZoneInfo("UTC")

    @property
    def until(self) -> date | None:
        """The last day on which it can be sent, where the person is; None where that is not said."""
        return from_micros(self.expires - 1).astimezone(self.zone).date() if self.expires else None

    @property
    def language(self) -> str:
        """In which language the person was asked; empty where that is not known."""
        return self.said.language if self.said else ""


def writing(context: Context) -> Context:
    """The context of who has a link; what they say is never history, so that it calls whom it has to call."""
    return replace(context, principal=WRITER, backfill=False)


def opened(runtime: Runtime, token: str, context: Context) -> Draft | None:
    """The draft behind a link; None where there is none. Raises Gone where it is over, Invalid for a form that cannot
    be read, Busy."""
    draft = runtime.store.snapshot(lambda session: _draft(session, token, to_micros(context.clock())))
    if draft is None or draft.response.get("item") or (draft.said and not draft.said.prefill):
        return draft
    if "language" in draft.response:  # it was saved on the page: what is not there was taken away
        return draft
    known = _known(runtime, draft, context)
    return replace(draft, response={**draft.response, **known}, unwritten=bool(known)) if known else draft


def _draft(session: Session, token: str, now: int) -> Draft | None:
    id_ = links.response_of(session, token)
    if not id_:
        if links.is_over(session, token):
            raise Gone("The form was sent, or there is another link.")
        return _unnamed(session, token, now)
    stored = session.current([(TYPE, id_)]).get((TYPE, id_))
    if stored is None or stored.deleted:
        return None
    response = json.parse_object(stored.body)
    said = assignment_of(response)
    expires = said.expires if said else 0
    if response["status"] != "in-progress" or 0 < expires <= now:
        raise Gone("The form was sent, or its time is over.")
    form = answered(session, response)
    if form is None:
        raise Invalid("The form that is asked is not known here.", code="not-found", expression=f"{TYPE}.questionnaire")
    return Draft(form, response, stored.version, said, token, expires)


def left(runtime: Runtime, token: str) -> Draft | None:
    """The form that a link which is over has led to, with nothing of what was answered to it or of whom it was; None
    where that is not known."""
    return runtime.store.snapshot(lambda session: _left(session, token))


def _left(session: Session, token: str) -> Draft | None:
    key = TYPE, links.response_of(session, token) or links.ended_of(session, token)
    stored = session.current([key]).get(key)
    if stored and stored.deleted:
        stored = session.version(key, stored.version - 1)
    if stored is None or stored.deleted:
        return None
    response = json.restore(stored.body)
    try:
        form = answered(session, response)
    except Invalid:
        return None
    bare = {name: response[name] for name in ("resourceType", "questionnaire", "status")}
    return Draft(form, bare, 0, None, token, 0) if form else None


def _unnamed(session: Session, token: str, now: int) -> Draft | None:
    asked = links.unnamed(session, token)
    if asked is None:
        return None
    if asked.expires <= now:
        raise Gone("The time of the form is over.")
    form = find_in(session, asked.form)
    if form is None:
        raise Invalid("The form that is asked is not known here.", code="not-found", expression=f"{TYPE}.questionnaire")
    response = {
        "resourceType": TYPE,
        "meta": {"profile": [PROFILES + "questionnaire-response"]},
        "questionnaire": form.canonical,
        "status": "in-progress",
        **({"subject": {"reference": asked.subject}} if asked.subject else {}),
    }
    return Draft(form, response, 0, None, token, asked.expires)


def _known(runtime: Runtime, draft: Draft, context: Context) -> Resource:
    """The items that are known already, or that the form begins with; nothing where that cannot be found out now."""
    subject = draft.response.get("subject", {}).get("reference", "")
    parts: list[Resource] = [{"name": "questionnaire", "valueCanonical": draft.form.canonical}]
    if subject:
        parts.append({"name": "subject", "valueReference": {"reference": subject}})
    body: Resource = {"resourceType": "Parameters", "parameter": parts}
    try:
        told = populate(
            runtime, Call("Questionnaire", "", {}, body, Request("POST", "Questionnaire/$populate")), context
        )
    except FhirError:
        return {}
    made = next(part["resource"] for part in told["parameter"] if part["name"] == "response")
    return {"item": made["item"]} if made.get("item") else {}


def saved(runtime: Runtime, draft: Draft, response: Resource, language: str, context: Context) -> Draft:
    """Keep a draft. Raises PreconditionFailed where another window has changed it, Gone where the link is over,
    Invalid, Busy."""
    return replace(
        draft, response=response, version=_written(runtime, draft, response, "in-progress", language, context)
    )


def sent(runtime: Runtime, draft: Draft, response: Resource, language: str, context: Context) -> None:
    """Complete a response. Raises Invalid with all that is wrong with it, PreconditionFailed, Gone, Busy."""
    if draft.is_kept:
        _written(runtime, draft, response, "completed", language, context)
        return
    resource = _as_sent(response, "completed", language, context)
    resource["authored"] = resource["authored"][:10]  # the minute may say who it was
    command = create_command(TYPE, resource, writing(context))

    def work(session: Session) -> None:
        if not links.use_up(session, draft.token) or draft.expires <= to_micros(context.clock()):
            raise Gone("The form was sent, or its time is over.")
        unit = WriteUnit(runtime, session, writing(context))
        unit.look([command])
        unit.do(command)
        unit.store()

    runtime.store.transact(work)


def _written(runtime: Runtime, draft: Draft, response: Resource, status: str, language: str, context: Context) -> int:
    """The version that is written, in the transaction that finds the link still open. What was filled in for the person
    is one before that, so that it shows what they have changed of it; unless it is critical, for then somebody is
    called by the person's own word only."""
    known = draft.unwritten and not criticals(draft.form, draft.response)
    versions = [(draft.response, "in-progress")] if known else []
    commands = [
        _command(each, status, draft.version + number, language, context)
        for number, (each, status) in enumerate([*versions, (response, status)])
    ]

    def work(session: Session) -> int:
        unit = WriteUnit(runtime, session, writing(context))
        unit.look(commands)  # which holds the draft, and with it the link: who ends that one holds the draft too
        _refuse_over(session, unit.stored(commands[0].key), draft.token, to_micros(context.clock()))
        stored = None
        for command in commands:
            stored = unit.do(command).stored
            unit.store()
        return stored.version if stored else draft.version

    return runtime.store.transact(work)


def _command(response: Resource, status: str, version: int, language: str, context: Context) -> Command:
    resource = _as_sent(response, status, language, context)
    return update_command((TYPE, resource["id"]), resource, writing(context), if_match=f'W/"{version}"')


def _refuse_over(session: Session, stored: Stored | None, token: str, now: int) -> None:
    """Raise Gone where a link does not lead to a draft any more, or its time is over."""
    said = assignment_of(json.restore(stored.body)) if stored and not stored.deleted else None
    leads = stored is not None and links.response_of(session, token) == stored.id
    if not leads or (said and 0 < said.expires <= now):
        raise Gone("The form was sent, its time is over, or there is another link.")


def _as_sent(response: Resource, status: str, language: str, context: Context) -> Resource:
    made = {name: value for name, value in response.items() if name != "item" or value}
    return {**made, "language": language, "status": status, "authored": instant(to_micros(context.clock()))}
