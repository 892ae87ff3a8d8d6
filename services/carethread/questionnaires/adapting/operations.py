"""`Questionnaire/$next-question`: http://hl7.org/fhir/uv/sdc/OperationDefinition-Questionnaire-next-question.html.

The response that is sent contains the form as far as it has grown; it comes back with the next question, or completed.
Nothing is stored: who has the completed response writes it.
"""

from __future__ import annotations

from carethread.core.context import Context, authorize
from carethread.core.errors import Invalid, Malformed
from carethread.core.fhir.validation.report import shown
from carethread.core.ports import Resource
from carethread.core.service import Call, Operation, Runtime
from carethread.interactions.operations.given import Given
from carethread.interactions.writing.check import check_resource
from carethread.questionnaires.adapting.given import links_of
from carethread.questionnaires.adapting.growing import ADAPTIVE, grown
from carethread.questionnaires.adapting.stepping import step
from carethread.questionnaires.forms.containing import referred
from carethread.questionnaires.forms.finding import find
from carethread.questionnaires.forms.form import Form

_TYPE = "QuestionnaireResponse"
_RESPONSE = "questionnaire-response"
_BEGIN = (
    "a response to an adaptive form contains a Questionnaire with derivedFrom, the form's url, and names it as "
    "questionnaire: '#' and its id"
)


def next_question(runtime: Runtime, call: Call, context: Context) -> Resource:
    """The response with the next question, or completed.

    Raises Malformed for the parameters, Invalid with all that is wrong with the response or with what was handed out,
    BudgetExceeded, Busy.
    """
    authorize("read", "Questionnaire", context)
    response = _asked(runtime, call)
    number, contained = _growing(response)
    path = f"{_TYPE}.contained[{number}]"
    form = _form(runtime, contained, path)
    made = step(form, links_of(form, contained, path), response, context.clock)
    answer = {name: value for name, value in response.items() if name != "item"}
    answer["contained"] = _contained(form, response, number, grown(form, made.links, contained["id"]))
    if made.done:
        answer["status"] = "completed"
    return {**answer, "item": made.items} if made.items else answer


def _asked(runtime: Runtime, call: Call) -> Resource:
    whole = call.body is not None and call.body.get("resourceType") == _TYPE
    if call.body and not whole:
        check_resource("Parameters", call.body)
    parameters = Given(call, runtime.base_url, (_RESPONSE,))
    given = [call.body] if call.body and whole else parameters.resources(_RESPONSE, _TYPE)
    if len(given) != 1:
        told = f"{_RESPONSE} is needed once, a QuestionnaireResponse."
        raise Malformed(told, code="required", expression="Parameters.parameter")
    check_resource(_TYPE, given[0])
    if given[0]["status"] != "in-progress":
        told = f"Nothing comes next in a response that is {given[0]['status']}; one that is in-progress goes on."
        raise Invalid(told, code="business-rule", expression=f"{_TYPE}.status")
    return given[0]


def _growing(response: Resource) -> tuple[int, Resource]:
    """The Questionnaire that the response contains and answers, and which of the contained it is."""
    named = response.get("questionnaire", "")
    inside = response.get("contained", ())
    found = [
        n for n, each in enumerate(inside) if each["resourceType"] == "Questionnaire" and f"#{each.get('id')}" == named
    ]
    if len(found) != 1:
        raise Invalid(f"Nothing can come next: {_BEGIN}.", code="required", expression=f"{_TYPE}.questionnaire")
    return found[0], inside[found[0]]


def _form(runtime: Runtime, contained: Resource, path: str) -> Form:
    """The adaptive form. One that is no longer in use is gone on with by who has begun it."""
    derived = contained.get("derivedFrom", ())
    where = f"{path}.derivedFrom"
    if len(derived) != 1:
        raise Invalid(f"It is derived from one form: {_BEGIN}.", code="required", expression=where)
    form = find(runtime, derived[0])
    if form is None:
        told = f"The form {shown(derived[0])} is not known here; name an adaptive Questionnaire by its url."
        raise Invalid(told, code="not-found", expression=where)
    _refuse_elsewhere(runtime, form, where)
    begun = form.status == "retired" and "item" in contained and "|" in derived[0]
    if form.status != "active" and not begun:
        told = f"The form is {form.status}; only one that is active is answered."
        raise Invalid(told, code="business-rule", expression=where)
    return form


def _refuse_elsewhere(runtime: Runtime, form: Form, where: str) -> None:
    """Refuse a form that is not adaptive, or that another server asks."""
    said = [each for each in form.raw.get("extension", ()) if each.get("url") == ADAPTIVE]
    servers = [each["valueUrl"] for each in said if "valueUrl" in each]
    if any(each.get("valueBoolean") for each in said) or runtime.base_url.rstrip("/") in [
        s.rstrip("/") for s in servers
    ]:
        return
    if servers:
        told = f"The form is asked by another server: {', '.join(map(shown, servers[:5]))}."
    else:
        told = "The form is not adaptive (questionnaireAdaptive): it is answered as a whole."
    raise Invalid(told, code="business-rule", expression=where)


def _contained(form: Form, response: Resource, number: int, growing: Resource) -> list[Resource]:
    """What the response contains, with the form as it has grown, and what that refers to of what the whole form
    contains, such as value sets, for what is contained contains nothing itself."""
    own = {each["id"]: each for each in form.raw.get("contained", ())}
    if growing["id"] in own:
        told = f"The adaptive form contains '{shown(growing['id'])}' itself; give the Questionnaire another id."
        raise Invalid(told, code="duplicate", expression=f"{_TYPE}.contained[{number}].id")
    others = [each for n, each in enumerate(response["contained"]) if n != number and each["id"] not in own]
    return [growing, *others, *referred(growing, own)]


OPERATIONS = (
    Operation(
        name="next-question",
        type="Questionnaire",
        levels=("type",),
        definition="https://carethread.dev/fhir/OperationDefinition/Questionnaire-next-question",
        handler=next_question,
        judges_body=True,
    ),
)
