"""`Questionnaire/$assemble`: http://hl7.org/fhir/uv/sdc/OperationDefinition-Questionnaire-assemble.html.

It answers the form as one, and stores nothing.
"""

from __future__ import annotations

from dataclasses import replace

from carethread.core.context import Context, authorize
from carethread.core.errors import Malformed, NotFound
from carethread.core.fhir import json
from carethread.core.fhir.outcome import operation_outcome
from carethread.core.fhir.targets import key_of
from carethread.core.fhir.validation import validate
from carethread.core.fhir.validation.report import shown
from carethread.core.ports import Resource, Session
from carethread.core.service import Call, Operation, Runtime
from carethread.interactions.operations.given import Given, wrong
from carethread.interactions.operations.parameters import once
from carethread.interactions.read import read
from carethread.interactions.writing.check import check_resource
from carethread.questionnaires.assembling.assembly import Assembled, assemble
from carethread.questionnaires.forms.finding import find_in

_TYPE = "Questionnaire"
_FORM = "questionnaire"
_NAMES = ("valueUri", "valueCanonical", "valueUrl", "valueString")


def assemble_operation(runtime: Runtime, call: Call, context: Context) -> Resource:
    """The assembled Questionnaire; in Parameters, beside an OperationOutcome, where there is something to know.

    Raises Malformed for the parameters, NotFound or Gone for a form that is not here, Invalid with everything that is
    wrong with it, Busy.
    """
    authorize("read", _TYPE, context)
    root = _asked(runtime, call, context)
    made = runtime.store.snapshot(lambda session: _assembled(session, root))
    invalid = [each for each in validate(made.questionnaire) if each.severity in ("error", "fatal")]
    issues = [*made.issues, *(replace(each, severity="warning") for each in invalid)]
    if not issues:
        return made.questionnaire
    parts = [
        {"name": "return", "resource": made.questionnaire},
        {"name": "outcome", "resource": operation_outcome(issues)},
    ]
    return {"resourceType": "Parameters", "parameter": parts}


def _assembled(session: Session, root: Resource) -> Assembled:
    def find(canonical: str) -> Resource | None:
        form = find_in(session, canonical)
        return form.raw if form else None

    return assemble(root, find)


def _asked(runtime: Runtime, call: Call, context: Context) -> Resource:
    """The form that is meant: the instance, the body, or what `questionnaire` is, refers to or names."""
    whole = call.body is not None and call.body.get("resourceType") == _TYPE
    if call.body:
        check_resource(_TYPE if whole else "Parameters", call.body)
    parameters = Given(call, runtime.base_url, (_FORM,))
    named = [each for each in (call.body or {}).get("parameter", ()) if each["name"] == _FORM]
    if len(named) + len(call.params.get(_FORM, ())) * (not named) + whole != (0 if call.id else 1):
        told = "is not given for an instance" if call.id else "is needed once: a Questionnaire, a Reference or a uri"
        raise Malformed(f"{_FORM} {told}.", code="required", expression="Parameters.parameter")
    if call.id:
        return json.parse_object(read(runtime, (_TYPE, call.id), context).body)
    if call.body and whole:
        return call.body
    if call.body and "resource" in named[0]:
        form = parameters.resources(_FORM, _TYPE)[0]
        check_resource(_TYPE, form)
        return form
    if named and "valueReference" in named[0]:
        return json.parse_object(read(runtime, key_of(parameters.reference(_FORM, _TYPE)), context).body)
    if named and named[0].keys().isdisjoint(_NAMES):
        raise wrong(_FORM, "is a Questionnaire, a valueReference to one, or its url as valueUri or valueCanonical")
    return _named(runtime, once(call, _FORM))


def _named(runtime: Runtime, canonical: str) -> Resource:
    form = runtime.store.snapshot(lambda session: find_in(session, canonical))
    if form is None:
        raise NotFound(
            f"The form {shown(canonical)} is not known here; name a Questionnaire by its url, or url|version."
        )
    return form.raw


OPERATIONS = (
    Operation(
        name="assemble",
        type=_TYPE,
        levels=("type", "instance"),
        definition="https://carethread.dev/fhir/OperationDefinition/Questionnaire-assemble",
        handler=assemble_operation,
        judges_body=True,
        parameters=(_FORM,),
    ),
)
