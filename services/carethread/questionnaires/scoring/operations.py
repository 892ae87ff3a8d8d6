"""`QuestionnaireResponse/[id]/$score` and `QuestionnaireResponse/$score`: what a response amounts to, by the scores of
its form: the value, what it means, and how it has changed for the person since the last time and since the first."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from carethread.core.context import Context, authorize
from carethread.core.errors import Invalid, Malformed
from carethread.core.fhir import json
from carethread.core.fhir.outcome import operation_outcome
from carethread.core.ports import Resource, Session
from carethread.core.service import Call, Operation, Runtime
from carethread.interactions.operations.given import Given
from carethread.interactions.read import read as read_stored
from carethread.interactions.writing.check import check_resource
from carethread.questionnaires.expressions.answers import number
from carethread.questionnaires.forms.finding import known
from carethread.questionnaires.forms.form import Form
from carethread.questionnaires.forms.form import read as read_form
from carethread.questionnaires.scoring.anonymous import is_anonymous
from carethread.questionnaires.scoring.calculating import calculate
from carethread.questionnaires.scoring.changing import Change, before, changes
from carethread.questionnaires.scoring.earlier import Values, others
from carethread.questionnaires.scoring.scores import Result, results

_RESPONSE, _FORM = "questionnaire-response", "questionnaire"
_TYPE = "QuestionnaireResponse"


def score(runtime: Runtime, call: Call, context: Context) -> Resource:
    """The scores as Parameters. Raises Malformed, NotFound, Gone, Invalid and Busy."""
    given = Given(call, runtime.base_url, () if call.id else (_RESPONSE, _FORM))
    if call.id:
        response, sent = json.restore(read_stored(runtime, (_TYPE, call.id), context).body), None
    else:
        authorize("search-type", _TYPE, context)
        response, sent = _sent(given, _RESPONSE, _TYPE), _sent(given, _FORM, "Questionnaire", needed=False)
    if response is None or response["status"] == "entered-in-error":
        told = "A response that was entered in error has no score."
        raise Invalid(told, code="business-rule", expression=f"{_TYPE}.status")
    form = read_form(sent) if sent else None

    def work(session: Session) -> Resource:
        return _scored(runtime, session, form or known(session, response), response, context, whole=not call.id)

    return runtime.store.snapshot(work)


def _sent(given: Given, name: str, type_name: str, *, needed: bool = True) -> Resource | None:
    resources = given.resources(name, type_name)
    if len(resources) > 1 or (needed and not resources):
        raise Malformed(f"{name} is given once, with a {type_name}.", code="required", expression=name)
    if not resources:
        return None
    check_resource(type_name, resources[0])
    return resources[0]


def _scored(
    runtime: Runtime, session: Session, form: Form, response: Resource, context: Context, *, whole: bool
) -> Resource:
    worked_out, issues = calculate(form, response, clock=context.clock)
    past = [] if is_anonymous(form) else others(session, form, response, runtime.base_url, context)
    earlier, values = before(response, past), Values(session, form)
    parts: list[Resource] = [{"name": "questionnaire", "valueCanonical": form.canonical}] if form.canonical else []
    for result in results(form, worked_out):
        changed = None
        if result.value is not None:
            changed = changes(result.score, result.value, earlier, partial(values.of, result.score))
        parts.append({"name": "score", "part": list(_parts(result, changed))})
    if whole:
        parts.append({"name": "response", "resource": worked_out})
    if issues:
        parts.append({"name": "issues", "resource": operation_outcome(issues)})
    return {"resourceType": "Parameters", "parameter": parts}


def _parts(result: Result, changed: tuple[Change, Change] | None) -> Iterator[Resource]:
    own = result.score
    yield {"name": "link-id", "valueString": own.total.link_id}
    if own.total.codes:
        yield {"name": "code", "valueCoding": own.total.codes[0]}
    yield {"name": "questions", "valueUnsignedInt": len(own.items)}
    yield {"name": "minimum", "valueUnsignedInt": own.minimum}
    yield {"name": "answered", "valueUnsignedInt": result.answered}
    if result.value is None:
        return
    yield {"name": "value", "valueDecimal": number(result.value)}
    if band := own.band(result.value):
        yield {"name": "band", "valueCoding": band}
    for name, change in zip(("previous", "first"), changed or (), strict=False):
        yield {"name": name, "part": list(_change(change))}


def _change(change: Change) -> Iterator[Resource]:
    yield {"name": "response", "valueReference": {"reference": f"{_TYPE}/{change.response['id']}"}}
    yield {"name": "authored", "valueDateTime": change.response["authored"]}
    yield {"name": "value", "valueDecimal": number(change.value)}
    yield {"name": "change", "valueDecimal": number(change.amount)}
    if change.reliable:
        yield {"name": "reliable", "valueCode": change.reliable}


OPERATIONS = (
    Operation(
        name="score",
        type=_TYPE,
        levels=("type", "instance"),
        definition="https://carethread.dev/fhir/OperationDefinition/QuestionnaireResponse-score",
        handler=score,
    ),
)
