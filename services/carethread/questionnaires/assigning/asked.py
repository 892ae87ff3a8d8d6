"""What a call of `$assign` asks for, read and looked up: the form, and the people at their owners."""

from __future__ import annotations

from carethread.core.clock import instant, to_micros
from carethread.core.contacting import CHANNELS
from carethread.core.context import Context
from carethread.core.errors import Invalid, Malformed
from carethread.core.ports import Key
from carethread.core.service import Call, Runtime
from carethread.interactions.operations.given import Given, wrong
from carethread.interactions.operations.once import new_id
from carethread.interactions.read import read
from carethread.questionnaires.assigning.asking import LONGEST, MOST_REMINDERS, REMINDERS, TYPE, Ask, end_of
from carethread.questionnaires.assigning.assignment import DAY
from carethread.questionnaires.assigning.languages import is_in, languages
from carethread.questionnaires.assigning.people import KINDS, recipient, refuse_unknown
from carethread.questionnaires.assigning.people import LANGUAGE as LANG_TAG
from carethread.questionnaires.assigning.telling import by_day
from carethread.questionnaires.forms.finding import find, form_of
from carethread.questionnaires.forms.form import Form
from carethread.questionnaires.scoring.anonymous import GROUPS, is_anonymous

FORM, SUBJECT, RECIPIENT, REQUESTER = "questionnaire", "subject", "recipient", "requester"
ENCOUNTER, DEPARTMENT, DUE, EXPIRES = "encounter", "department", "due", "expires"
LANGUAGE, CHANNEL, REASON, PREFILL = "language", "channel", "reason", "prefill"
REMINDER, REMIND, SEND = "reminder", "remind", "send"

TAKES = (FORM, SUBJECT, RECIPIENT, REQUESTER, ENCOUNTER, DEPARTMENT, DUE, EXPIRES, LANGUAGE, CHANNEL, REASON, PREFILL,
         REMINDER, REMIND, SEND)  # fmt: skip

_REQUESTERS = ("Practitioner", "PractitionerRole", "Organization", "Patient", "RelatedPerson", "Device")


def asked(runtime: Runtime, call: Call, context: Context) -> Ask:
    """The call, read. Raises Malformed, Invalid, NotFound and Gone; Busy while an owner is away."""
    given = Given(call, runtime.base_url, TAKES)
    form = _form(runtime, call, given, context)
    subject, whom = given.needed(SUBJECT), given.reference(RECIPIENT, *KINDS)
    whom = whom or subject
    _refuse_subject(form, subject)
    if whom.partition("/")[0] not in KINDS:
        told = f"{RECIPIENT} says who fills it in, a {' or '.join(KINDS)}: {subject.partition('/')[0]} is no person."
        raise Invalid(told, code="required", expression=_at(RECIPIENT))
    department = given.reference(DEPARTMENT, "Organization")
    if subject.startswith("Organization/"):
        department = department or subject
    named = _at(SUBJECT if whom == subject else RECIPIENT)
    who = recipient(runtime, whom, department, expression=named)
    if who.refused:
        raise Invalid(f"{whom} {who.refused}.", code="business-rule", expression=named)
    if subject != whom:
        refuse_unknown(runtime, subject, who, _at(SUBJECT))
    now = to_micros(context.clock())
    due, expires = moment_ahead(given, DUE, now), moment_ahead(given, EXPIRES, now)
    if due and expires and due > expires:
        raise Invalid(f"{DUE} is no later than {EXPIRES}.", code="value", expression=_at(DUE))
    reminders = _reminders(given)
    if given.numbers(REMINDER):
        _refuse_late(reminders, now, end_of(due, expires, now), who.zone)
    return Ask(
        form,
        subject,
        who,
        new_id(call, TYPE, "assign", context),
        given.reference(REQUESTER, *_REQUESTERS),
        given.reference(ENCOUNTER, "Encounter"),
        department,
        due,
        expires,
        _language(form, given),
        _channel(given),
        given.canonical(REASON),
        given.flag(PREFILL) is not False,
        reminders,
        given.flag(SEND) is not False,
    )


def moment_ahead(given: Given, name: str, now: int) -> int:
    """A moment that is to come, in microseconds; 0 where none is given."""
    moment = given.moment(name)
    if moment and not now < moment <= now + LONGEST:
        told = f"{name} is to come, {LONGEST // DAY} days from now at most; it is {instant(now)}."
        raise Invalid(told, code="value", expression=_at(name))
    return moment


def _form(runtime: Runtime, call: Call, given: Given, context: Context) -> Form:
    """The form that the instance is, or that is named; it is active."""
    canonical = given.canonical(FORM)
    if bool(canonical) == bool(call.id):
        told = f"{FORM} is needed, a canonical: a url, or url|version; of an instance it is not given."
        raise Malformed(told, code="required", expression=_at(FORM))
    if call.id:
        key: Key = ("Questionnaire", call.id)
        form = form_of(read(runtime, key, context).body)
    else:
        found = find(runtime, canonical)
        if found is None:
            told = "There is no such form here: name a Questionnaire by its url, or url|version."
            raise Invalid(told, code="not-found", expression=_at(FORM))
        form = found
    if form.status != "active":
        told = f"The form is {form.status or 'without a status'}; only one that is active is answered."
        raise Invalid(told, code="business-rule", expression=_at(FORM))
    if not form.url:
        raise Invalid("The form has no url, by which answers name it.", code="business-rule", expression=_at(FORM))
    return form


def _refuse_subject(form: Form, subject: str) -> None:
    kind, allowed = subject.partition("/")[0], form.raw.get("subjectType", ())
    if allowed and kind not in allowed:
        told = f"The form is about {' or '.join(allowed)}, not about {kind}."
        raise Invalid(told, code="value", expression=_at(SUBJECT))
    if is_anonymous(form) and kind not in GROUPS:
        told = f"The form is answered without a name: its subject is a department or a team, {RECIPIENT} who answers."
        raise Invalid(told, code="business-rule", expression=_at(SUBJECT))


def _language(form: Form, given: Given) -> str:
    language = given.text(LANGUAGE)
    if language and not LANG_TAG.fullmatch(language):
        raise wrong(LANGUAGE, "is a BCP 47 tag such as es or es-MX")
    if language and not is_in(form, language):
        told = f"The form is not in this language; it is in {', '.join(languages(form))}."
        raise Invalid(told, code="not-supported", expression=_at(LANGUAGE))
    return language


def _channel(given: Given) -> str:
    channel = given.text(CHANNEL)
    if channel and channel not in CHANNELS:
        raise wrong(CHANNEL, f"is one of {', '.join(CHANNELS)}")
    return channel


def _reminders(given: Given) -> tuple[int, ...]:
    days = given.numbers(REMINDER)
    if given.flag(REMIND) is False:
        if days:
            raise wrong(REMINDER, f"is not given where {REMIND} is false")
        return ()
    if len(days) > MOST_REMINDERS or any(each > LONGEST // DAY for each in days):
        raise wrong(REMINDER, f"is given {MOST_REMINDERS} times at most, each up to {LONGEST // DAY} days")
    return tuple(days) or REMINDERS


def _refuse_late(reminders: tuple[int, ...], now: int, end: int, zone: str) -> None:
    """Refuse a reminder with a link that is over by then; one that is due at night comes in the morning."""
    for days in reminders:
        if by_day(now + days * DAY, zone) >= end:
            told = (
                f"The link ends at {instant(end)}, before a reminder after {days} days: remind earlier, or have it be "
            )
            told += f"good for longer ({EXPIRES})."
            raise Invalid(told, code="value", expression=_at(REMINDER))


def _at(name: str) -> str:
    return f"Parameters.parameter.where(name = '{name}')"
