"""The write rule of QuestionnaireResponse: one of ours answers a form that is here and keeps to it, and once it is
complete it is amended, not rewritten.

Source: http://hl7.org/fhir/R4/valueset-questionnaire-answers-status.html, http://hl7.org/fhir/uv/sdc/validation.html.
What an EHR sends is stored as sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from carethread.core.context import Context
from carethread.core.errors import Invalid, Issue
from carethread.core.fhir import json
from carethread.core.fhir.elements import profiles_of
from carethread.core.fhir.search.dates import date_range
from carethread.core.ports import Resource
from carethread.core.service import PROFILES, Ruling, Runtime, Unit
from carethread.questionnaires.adapting.storing import not_handed_out
from carethread.questionnaires.answering.judging import VOID, judge
from carethread.questionnaires.answering.placing import as_sent
from carethread.questionnaires.answering.report import DRAFTS
from carethread.questionnaires.answering.stored import form_of
from carethread.questionnaires.extracting.judging import faults_of
from carethread.questionnaires.forms.finding import answered, unknown
from carethread.questionnaires.forms.form import Form
from carethread.questionnaires.scoring.anonymous import is_anonymous, named, without_traces
from carethread.questionnaires.scoring.calculating import calculated

PROFILE = PROFILES + "questionnaire-response"

_TURNS: Mapping[str, tuple[str, ...]] = {
    "in-progress": ("in-progress", "stopped", "completed", VOID),
    "stopped": ("stopped", "in-progress", "completed", VOID),
    "completed": ("completed", "amended", VOID),
    "amended": ("amended", VOID),
    VOID: (VOID,),
}
"""What may follow a status."""

_QUESTIONNAIRE = "QuestionnaireResponse.questionnaire"


def is_ours(response: Resource | None) -> bool:
    """Whether a QuestionnaireResponse claims our profile."""
    return PROFILE in profiles_of(response)


def response_written(unit: Unit, before: Resource | None, after: Resource | None, id_: str) -> Ruling:
    """Name the version of the form that is answered, and work out its calculated items.

    Raises Invalid with everything that is wrong with the response.
    """
    if after is not None:
        _refuse_mixing(unit, before, after, id_)
    earlier = before if is_ours(before) else None
    if after is not None and earlier and not is_ours(after):
        _refuse_stranger(earlier)
    if after is None or not is_ours(after):
        return Ruling()
    if earlier:
        _refuse_turn(earlier, after)
    new_id = "" if before else id_
    if after["status"] == VOID:
        return _withdrawn(unit, earlier, after, new_id)
    form = _known(unit, earlier, after)
    if not unit.context.backfill and not _answers_as_before(earlier, form, after):
        _refuse_standing(form, after, unit.now)
    made = without_traces(form, calculated(form, after))
    if earlier:
        _refuse_rewriting(without_traces(form, earlier), made)
    found = [*judge(form, made, unit.context.clock), *not_handed_out(unit.session, made, unit.context.clock)]
    issues, telling = [each for each in found if each.severity in ("error", "fatal")], named(form, after, new_id)
    if not issues and not telling:
        issues = faults_of(form, made, id_, unit.context.clock)
    if issues or telling:
        placed = [replace(each, expression=as_sent(each.expression, made, after)) for each in issues]
        raise Invalid(issues=[*placed, *telling])
    if "|" not in made["questionnaire"] and not made["questionnaire"].startswith("#"):
        made = made | {"questionnaire": form.canonical}
    return Ruling(resource=None if made is after else made)


def _withdrawn(unit: Unit, earlier: Resource | None, after: Resource, new_id: str) -> Ruling:
    """What was entered in error is not judged; but without a name it stays, with the answers that were there or none.

    Raises Invalid for what says who it was.
    """
    form = form_of(unit.session, earlier or after)
    if form is None or not is_anonymous(form):
        return Ruling()
    if issues := named(form, after, new_id):
        raise Invalid(issues=issues)
    made, before = without_traces(form, after), without_traces(form, earlier or {})
    if made.get("item") != before.get("item"):
        made.pop("item", None)
    if not made["questionnaire"].startswith("#"):
        made["questionnaire"] = before.get("questionnaire", form.canonical)
    return Ruling(resource=made)


def _refuse_mixing(unit: Unit, before: Resource | None, after: Resource, id_: str) -> None:
    """Raise Invalid where some versions of a response were without a name and others are not: the history keeps all of
    them, deleted or not, and would say whose the answers are."""
    was = before or _deleted(unit, id_)
    if was is None or not (is_ours(was) or is_ours(after)):
        return
    if is_ours(was) and is_ours(after) and was.get("questionnaire") == after.get("questionnaire"):
        return
    nameless = _is_nameless(unit, was)
    if nameless == _is_nameless(unit, after):
        return
    if nameless:
        told = "What stands here is without a name: it keeps our profile and its form. Another response has another id."
        raise Invalid(told, code="business-rule", expression="QuestionnaireResponse.meta.profile")
    told = "The form is answered without a name, and what stands here may have one, which its history keeps: POST the "
    raise Invalid(told + "response, which gives it an id.", code="business-rule", expression="QuestionnaireResponse.id")


def _deleted(unit: Unit, id_: str) -> Resource | None:
    """What stood under an id before it was deleted."""
    key = "QuestionnaireResponse", id_
    stored = unit.stored(key)
    last = unit.session.version(key, stored.version - 1) if stored and stored.deleted else None
    return json.restore(last.body) if last and not last.deleted else None


def _is_nameless(unit: Unit, response: Resource) -> bool:
    """Whether it is one of ours to a form that is answered without a name."""
    form = form_of(unit.session, response) if is_ours(response) else None
    return form is not None and is_anonymous(form)


def _refuse_stranger(before: Resource) -> None:
    if before["status"] not in DRAFTS:
        told = "A response that was completed keeps its profile, for others rely on how it is judged."
        raise Invalid(told, code="business-rule", expression="QuestionnaireResponse.meta.profile")


def _refuse_turn(before: Resource, after: Resource) -> None:
    was, now = before["status"], after["status"]
    if now not in _TURNS[was]:
        told = f"A response that is {was} becomes {' or '.join(_TURNS[was])} only."
        raise Invalid(told, code="business-rule", expression="QuestionnaireResponse.status")
    asked, asks = (each.get("questionnaire", "").partition("|") for each in (before, after))
    moved = asked[2] and asks[2] and asked[2] != asks[2] and was not in DRAFTS
    if now != VOID and (asked[0] != asks[0] or moved):
        told = "A response keeps the form, and once it is complete the version, that it answers."
        raise Invalid(told, code="business-rule", expression=_QUESTIONNAIRE)


def _refuse_rewriting(before: Resource, after: Resource) -> None:
    """Refuse other answers, calculated ones and all, where a response stays completed."""
    same = all(before.get(name) == after.get(name) for name in ("item", "subject"))
    if before["status"] == after["status"] == "completed" and not same:
        told = (
            "A response that is completed is changed by one whose status is amended; its history keeps what was said."
        )
        raise Invalid(told, code="business-rule", expression="QuestionnaireResponse.status")


def _known(unit: Unit, before: Resource | None, after: Resource) -> Form:
    """The form that is answered. A response that does not name the version goes on with the one that it had."""
    asked = after
    if before and "|" not in after.get("questionnaire", ""):
        asked = after | {"questionnaire": before["questionnaire"]}
    try:
        form = answered(unit.session, asked)
    except Invalid as error:
        raise Invalid(issues=_of_form(error)) from None
    if form is None:
        raise unknown("name a Questionnaire by its url, or url|version")
    return form


def _of_form(error: Invalid) -> list[Issue]:
    """The faults of a form as what is wrong with a response to it."""
    return [
        Issue(each.code, f"The form cannot be answered: {each.expression}: {each.diagnostics}", _QUESTIONNAIRE)
        for each in error.issues
    ]


def _answers_as_before(before: Resource | None, form: Form, after: Resource) -> bool:
    """Whether there is a response already that is to this version; then it may be ended, though the form is."""
    return before is not None and before["status"] != VOID and before["questionnaire"] in (form.canonical, form.url)


def _refuse_standing(form: Form, response: Resource, now: int) -> None:
    if issues := list(_standing(form, response, now)):
        raise Invalid(issues=issues)


def _standing(form: Form, response: Resource, now: int) -> list[Issue]:
    """Why a form is not to be answered: it is no longer, or not yet."""
    if response["questionnaire"].startswith("#"):
        return []  # an adaptive form, which grows with its answers, is a draft of its own
    if form.status != "active":
        told = f"The form is {form.status}; only one that is active is answered."
        return [Issue("business-rule", told, _QUESTIONNAIRE)]
    period = form.raw.get("effectivePeriod", {})
    written = date_range(response.get("authored", "")) or (now, now)
    begins, ends = date_range(period.get("start", "")), date_range(period.get("end", ""))
    if (begins and written[1] <= begins[0]) or (ends and written[0] >= ends[1]):  # ends are exclusive
        told = f"The form is in use {_period(period)}; what is authored at another time does not answer it."
        return [Issue("business-rule", told, "QuestionnaireResponse.authored")]
    return []


def _period(period: Resource) -> str:
    return " ".join(f"{word} {period[name]}" for word, name in (("from", "start"), ("until", "end")) if name in period)


def response_judged(runtime: Runtime, response: Resource, context: Context) -> Sequence[Issue]:
    """What can be said of any valid response by its form. That the form is not known, or not in use, is a warning for
    those that are not ours."""
    severity = "error" if is_ours(response) else "warning"
    if "questionnaire" not in response or response["status"] == VOID:
        return []
    try:
        form = runtime.store.snapshot(lambda session: answered(session, response))
    except Invalid as error:
        return [Issue(each.code, each.diagnostics, each.expression, severity) for each in _of_form(error)]
    if form is None:
        told = "The form that is answered is not known here, so the answers were not judged by it."
        return [Issue("not-found", told, _QUESTIONNAIRE, severity)]
    now = context.clock()
    standing = _standing(form, response, int(now.timestamp() * 1_000_000))
    return [
        *(Issue(each.code, each.diagnostics, each.expression, "warning") for each in standing),
        *judge(form, response, context.clock),
        *named(form, response),
    ]
