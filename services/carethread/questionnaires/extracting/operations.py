"""`$extract` of QuestionnaireResponse: http://hl7.org/fhir/uv/sdc/OperationDefinition-QuestionnaireResponse-extract.html.

It answers what would be written, and writes nothing.
"""

from __future__ import annotations

from carethread.core.context import Context, authorize
from carethread.core.errors import Invalid, Malformed
from carethread.core.fhir import json
from carethread.core.ports import Resource
from carethread.core.service import Call, Operation, Runtime
from carethread.interactions.operations.given import Given
from carethread.interactions.read import read
from carethread.interactions.writing.check import check_resource
from carethread.questionnaires.extracting.extracted import FINISHED, answer, extract, uuid_of
from carethread.questionnaires.forms import form as forms
from carethread.questionnaires.forms.finding import known
from carethread.questionnaires.forms.form import Form

_TYPE = "QuestionnaireResponse"
_RESPONSE, _FORM = "questionnaire-response", "questionnaire"


def extract_operation(runtime: Runtime, call: Call, context: Context) -> Resource:
    """What a response gives, as `extracted.answer` has it.

    Raises Malformed for the parameters, NotFound or Gone for the instance, Invalid with all that is wrong with the
    response, its form, or what would be made of it.
    """
    authorize("read", _TYPE, context)
    response, form = _asked(runtime, call, context)
    form = form or runtime.store.snapshot(lambda session: known(session, response))
    if response["status"] not in FINISHED:
        raise Invalid(
            "Something is extracted once a response is completed or amended.",
            code="business-rule",
            expression=f"{_TYPE}.status",
        )
    uuid = uuid_of(response.get("id") or context.new_id())
    extraction = extract(form, response, uuid, context.clock)
    if extraction.failed:
        raise Invalid(issues=extraction.issues)
    return answer(extraction, response, uuid, context.clock)


def _asked(runtime: Runtime, call: Call, context: Context) -> tuple[Resource, Form | None]:
    """The response that is meant, and its form where that is given."""
    if call.body and call.body.get("resourceType") == _TYPE:  # http://hl7.org/fhir/R4/operations.html#request
        check_resource(_TYPE, call.body)
        given, form = [call.body], None
    else:
        if call.body:
            check_resource("Parameters", call.body)
        parameters = Given(call, runtime.base_url, (_RESPONSE, _FORM))
        given, form = parameters.resources(_RESPONSE, _TYPE), _form(parameters)
    if len(given) != (0 if call.id else 1):
        said = "is not given for an instance" if call.id else "is needed once, a QuestionnaireResponse"
        raise Malformed(f"{_RESPONSE} {said}.", code="required", expression="Parameters.parameter")
    if given:
        return given[0], form
    return json.parse_object(read(runtime, (_TYPE, call.id), context).body), form


def _form(parameters: Given) -> Form | None:
    found = parameters.resources(_FORM, "Questionnaire")
    if len(found) > 1:
        raise Malformed(f"{_FORM} is given once.", code="value", expression="Parameters.parameter")
    return forms.read(found[0]) if found else None


OPERATIONS = (
    Operation(
        name="extract",
        type=_TYPE,
        levels=("type", "instance"),
        definition="https://carethread.dev/fhir/OperationDefinition/QuestionnaireResponse-extract",
        handler=extract_operation,
        judges_body=True,
    ),
)
