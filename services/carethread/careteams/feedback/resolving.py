"""`Task/[id]/$resolve-feedback`: what came of feedback, and how the person learns of it.

They get a message in their language, which whoever calls or writes to people takes up: when that is done the Task is
over. Or they know already (`told`), or there is a reason why they are not told. Neither what is recorded nor what they
are told repeats what they wrote. Sources: http://hl7.org/fhir/R4/communication.html, http://hl7.org/fhir/R4/task.html.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from carethread.careteams.contact import language_of, why_no_contact
from carethread.careteams.feedback.proving import claim_telling
from carethread.careteams.feedback.rule import OVER, is_answered
from carethread.careteams.feedback.terms import (
    NOTICE,
    OUTCOMES,
    RESOLUTION,
    RESOLVED,
    TOLD,
    UNTOLD,
    WHY_UNTOLD,
    concept,
    outputs,
    state_of,
    with_output,
    with_state,
)
from carethread.careteams.feedback.texts import LANGUAGES, base_of, message
from carethread.careteams.knowing import refuse_unknown_people
from carethread.careteams.teams.known import known
from carethread.careteams.teams.people import person
from carethread.careteams.teams.reading import ref
from carethread.core.clock import instant
from carethread.core.contacting import CHANNELS, medium
from carethread.core.context import Context, authorize
from carethread.core.errors import Conflict, Gone, Invalid, Malformed, NotFound
from carethread.core.fhir.elements import objects
from carethread.core.fhir.targets import key_of
from carethread.core.ports import Resource, Session
from carethread.core.service import Call, Runtime
from carethread.interactions.operations.given import Given
from carethread.interactions.operations.once import derived
from carethread.interactions.standing import here
from carethread.interactions.writing.command import Command
from carethread.interactions.writing.unit import WriteUnit

TAKES = ("by", "outcome", "words", "message", "language", "channel", "told", "untold", "notice")

OUTCOME_CODES = ("explained", "apologised", "changed", "referred", "not-upheld", "praise-passed-on")
UNTOLD_CODES = ("declined", "no-contact-details", "not-reached", "not-safe", "deceased", "nameless")
"""Codes of `OUTCOMES`, and those of `UNTOLD` that say why somebody is not told."""

STAFF = ("Practitioner", "PractitionerRole")
_MOST_LETTERS = 2_000
_QUOTE = 15
"""So many letters of an answer, one after the other, are a quotation."""

_LABEL = {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]}
_CATEGORY = "http://terminology.hl7.org/CodeSystem/communication-category"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for; what is empty was not said."""

    by: str
    outcome: str
    words: str
    message: str
    language: str
    channel: str
    told: bool
    untold: str
    notice: str


def resolve(runtime: Runtime, call: Call, context: Context) -> Resource:
    """Say what came of feedback. Raises Malformed and Invalid for the parameters, NotFound or Gone, Conflict for what
    is over, or is being told already; Busy while who owns people is away."""
    authorize("update", "Task", context)
    wanted = read(call, runtime.base_url)
    refuse_unknown_people(runtime, [(wanted.by, "by")], context)
    patient = _patient(runtime, call.id)

    def work(session: Session) -> Resource:
        unit = WriteUnit(runtime, session, context)
        task = answerable(unit, call.id)
        _refuse_quotation(session, task, wanted, runtime.base_url)
        return _resolved(unit, task, wanted, patient)

    return runtime.store.transact(work)


def read(call: Call, base_url: str) -> Wanted:
    """The parameters. Raises Malformed."""
    given = Given(call, base_url, TAKES)
    wanted = Wanted(
        given.needed("by", *STAFF),
        one_of("outcome", given.text("outcome"), OUTCOME_CODES, needed=True),
        words("words", given.text("words"), needed=True),
        words("message", given.text("message")),
        given.text("language"),
        one_of("channel", given.text("channel"), tuple(CHANNELS)),
        bool(given.flag("told")),
        one_of("untold", given.text("untold"), UNTOLD_CODES),
        given.reference("notice", "Communication"),
    )
    ways = [name for name in ("told", "untold", "notice") if getattr(wanted, name)]
    if len(ways) > 1 or (wanted.message and ways not in ([], ["told"])):
        raise Malformed("One of message, untold and notice says how the person learns of it.", expression="untold")
    if wanted.message and not wanted.language:
        raise Malformed("language is needed: that of the message.", code="required", expression="language")
    return wanted


def one_of(name: str, said: str, allowed: tuple[str, ...], *, needed: bool = False) -> str:
    """One of some codes; empty where it is not given, and need not be."""
    if said not in allowed and (said or needed):
        code = "value" if said else "required"
        raise Malformed(f"{name} is one of {', '.join(allowed)}.", code=code, expression=name)
    return said


def words(name: str, said: str, *, needed: bool = False) -> str:
    """A text, without the blanks around it; empty where it is not given, and need not be."""
    if needed and not said.strip():
        raise Malformed(f"{name} is needed: a text.", code="required", expression=name)
    if len(said) > _MOST_LETTERS:
        raise Malformed(f"{name} has {_MOST_LETTERS} characters at most.", code="too-long", expression=name)
    return said.strip()


def _patient(runtime: Runtime, id_: str) -> Resource | None:
    """Whom feedback is from, as they are known here or to their owner; None: it has no name."""

    def look(session: Session) -> str:
        whom = ref(here(session, ("Task", id_)) or {}, "for", runtime.base_url, "Patient")
        return person(session, whom, runtime.base_url) if whom else ""

    whom = runtime.store.glance(look)
    return known(runtime, [whom]).get(whom, {"id": key_of(whom)[1]}) if whom else None


def answerable(unit: WriteUnit, id_: str) -> Resource:
    """Feedback that is to be answered, locked. Raises NotFound, Gone, Invalid, Conflict."""
    task = unit.find(("Task", id_))
    if task is None:
        said = f"Task/{id_}"
        raise Gone(f"{said} was deleted.") if unit.stored(("Task", id_)) else NotFound(f"{said} is not here.")
    if not is_answered(task):
        raise Invalid(f"Task/{id_} is no feedback to be answered.", code="business-rule", expression="Task.code")
    if task["status"] in OVER:
        raise Conflict(f"Task/{id_} is over: it was {task['status']}.", expression="Task.status")
    if state_of(task) == RESOLVED:
        on_its_way = next((ref(each, "valueReference", unit.base_url) for each in outputs(task, TOLD)), "")
        raise Conflict(f"{on_its_way} is on its way to the person; say there that it was done, or was not.")
    return task


def _refuse_quotation(session: Session, task: Resource, wanted: Wanted, base: str) -> None:
    """Raise Invalid where what is recorded or told repeats what was written, as far as the response is known here."""
    response = here(session, key_of(ref(task, "focus", base, "QuestionnaireResponse") or "/"))
    written = {_plain(str(each["valueString"])) for each in objects(response or {}) if "valueString" in each}
    for name, said in (("words", wanted.words), ("message", wanted.message)):
        if any(len(each) >= _QUOTE and each in _plain(said) for each in written):
            told = "This repeats what the person wrote, which stays in the response: say it in your own words."
            raise Invalid(told, code="business-rule", expression=name)


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def _resolved(unit: WriteUnit, task: Resource, wanted: Wanted, patient: Resource | None) -> Resource:
    came = {"valueCodeableConcept": concept(OUTCOMES, wanted.outcome, wanted.words)}
    task = with_output(task, RESOLUTION, came, without=(TOLD, NOTICE, WHY_UNTOLD))
    task |= {"status": "in-progress", "owner": {"reference": wanted.by}}
    parts: list[Resource] = []
    if wanted.untold:
        task = with_output(task, WHY_UNTOLD, {"valueCodeableConcept": concept(UNTOLD, wanted.untold)})
    elif wanted.notice:
        task = with_output(task, NOTICE, {"valueReference": {"reference": wanted.notice}})
    elif patient is not None:
        told = _message(unit, task, wanted, patient)
        unit.update(told)
        claim_telling(unit.session, told["id"], task)
        task = with_output(task, TOLD, {"valueReference": {"reference": f"Communication/{told['id']}"}})
        parts.append({"name": "communication", "valueReference": {"reference": f"Communication/{told['id']}"}})
    waits = patient is not None and not (wanted.told or wanted.untold or wanted.notice)
    unit.do(Command("Task", task["id"], task if waits else {**task, "status": "completed"}, own=True))
    made: dict[str, Any] = unit.find(("Task", task["id"])) or {}
    if waits:
        made = with_state(made, RESOLVED)
        unit.update(made)
    unit.store()
    about = {"name": "task", "valueReference": {"reference": f"Task/{task['id']}"}}
    stands = [{"name": "status", "valueCode": made["status"]}, {"name": "state", "valueCode": state_of(made)}]
    return {"resourceType": "Parameters", "parameter": [about, *stands, *parts]}


def _message(unit: WriteUnit, task: Resource, wanted: Wanted, patient: Resource) -> Resource:
    """The Communication by which the person is told, or was. Raises Invalid where they are not to be contacted, or
    where it would not be in their language."""
    if why := why_no_contact(patient, unit.base_url):
        said = f"The person is {why}, and is told nothing: give untold, and why."
        raise Invalid(said, code="business-rule", expression="untold")
    whom = {"reference": f"Patient/{patient['id']}"}
    spoken = _language(wanted, patient)
    done = {"status": "completed", "sent": instant(unit.now)} if wanted.told else {"status": "preparation"}
    return {
        "resourceType": "Communication",
        "id": derived("Communication", f"Task/{task['id']}/told/{task['meta']['versionId']}"),
        "meta": _LABEL,
        "language": spoken,
        "basedOn": [{"reference": f"Task/{task['id']}"}],
        **done,
        "category": [{"coding": [{"system": _CATEGORY, "code": "notification"}], "text": "An answer to feedback"}],
        **({"medium": [medium(wanted.channel)]} if wanted.channel else {}),
        "subject": whom,
        "recipient": [whom],
        "sender": {"reference": wanted.by},
        "payload": [{"contentString": wanted.message or message(spoken, wanted.outcome)}],
    }


def _language(wanted: Wanted, patient: Resource) -> str:
    """The language of what the person is told: theirs."""
    spoken = base_of(language_of(patient))
    if wanted.message:
        if spoken and base_of(wanted.language) != spoken:
            said = f"The person speaks {spoken}: give the message in that language."
            raise Invalid(said, code="business-rule", expression="language")
        return wanted.language
    if spoken and spoken not in LANGUAGES:
        said = f"There are no words of ours in {spoken}: give message and language."
        raise Invalid(said, code="required", expression="message")
    return spoken or "en"
