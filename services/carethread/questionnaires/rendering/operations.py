"""`QuestionnaireResponse/[id]/$render` and `QuestionnaireResponse/$render`: a response as people read it.

The answer is the HTML or the text itself, as a Binary is answered (http://hl7.org/fhir/R4/binary.html#rest). Nothing is
stored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from carethread.core.context import Context, authorize
from carethread.core.errors import Malformed
from carethread.core.fhir import json
from carethread.core.fhir.validation.report import shown
from carethread.core.ports import Resource, Response
from carethread.core.service import Call, Operation, Runtime
from carethread.interactions.operations.given import Given, wrong
from carethread.interactions.operations.parameters import once
from carethread.interactions.read import read
from carethread.interactions.writing.check import check_resource
from carethread.questionnaires.forms import form as forms
from carethread.questionnaires.forms.finding import known
from carethread.questionnaires.forms.form import Form
from carethread.questionnaires.rendering.outline import AUDIENCES, Outline, outline
from carethread.questionnaires.rendering.writing import narrative, page, text

_TYPE = "QuestionnaireResponse"
_RESPONSE, _FORM = "questionnaire-response", "questionnaire"
_FORMAT, _LANGUAGE, _FOR, _UNANSWERED = "format", "language", "for", "unanswered"
_SIMPLE = (_FORMAT, _LANGUAGE, _FOR, _UNANSWERED)
_MOST_LANGUAGE = 35

_FORMATS: Mapping[str, tuple[str, Callable[[Outline], str]]] = {
    "html": ("text/html; charset=utf-8", page),
    "narrative": ("application/xhtml+xml; charset=utf-8", narrative),
    "text": ("text/plain; charset=utf-8", text),
}

_SAFE = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
"""What a browser is told beside: that there is nothing to run or fetch, and that this is nobody else's to keep."""


def render(runtime: Runtime, call: Call, context: Context) -> Response:
    """A response in words. Raises Malformed, NotFound, Gone, Invalid and Busy."""
    authorize("read", _TYPE, context)
    response, form = _asked(runtime, call, context)
    media, write = _FORMATS[_one_of(call, _FORMAT, tuple(_FORMATS))]
    made = outline(
        form or runtime.store.snapshot(lambda session: known(session, response)),
        response,
        audience=_one_of(call, _FOR, AUDIENCES),
        language=_language(call),
        unanswered=_flag(call),
    )
    return Response(200, {"Content-Type": media, **_SAFE}, write(made).encode())


def _asked(runtime: Runtime, call: Call, context: Context) -> tuple[Resource, Form | None]:
    """The response that is meant, and its form where that is given."""
    whole = call.body is not None and call.body.get("resourceType") == _TYPE
    if call.body:
        check_resource(_TYPE if whole else "Parameters", call.body)
    parameters = Given(call, runtime.base_url, (_RESPONSE, _FORM, *_SIMPLE))
    given = [call.body] if call.body and whole else parameters.resources(_RESPONSE, _TYPE)
    if len(given) != (0 if call.id else 1):
        told = "is not given for an instance" if call.id else "is needed once, a QuestionnaireResponse"
        raise Malformed(f"{_RESPONSE} {told}.", code="required", expression="Parameters.parameter")
    if given:
        if not whole:
            check_resource(_TYPE, given[0])
        return given[0], _form(parameters)
    return json.parse_object(read(runtime, (_TYPE, call.id), context).body), _form(parameters)


def _form(parameters: Given) -> Form | None:
    found = parameters.resources(_FORM, "Questionnaire")
    if len(found) > 1:
        raise Malformed(f"{_FORM} is given once.", code="value", expression="Parameters.parameter")
    if not found:
        return None
    check_resource("Questionnaire", found[0])
    return forms.read(found[0])


def _one_of(call: Call, name: str, allowed: tuple[str, ...]) -> str:
    """A parameter that is one of some words, the first where it is not given."""
    found = once(call, name) or allowed[0]
    if found not in allowed:
        raise Malformed(f"{name} is {' or '.join(allowed)}, not '{shown(found)}'.", code="value", expression=name)
    return found


def _language(call: Call) -> str:
    found = once(call, _LANGUAGE)
    if found and not (len(found) <= _MOST_LANGUAGE and found.isascii() and found.replace("-", "").isalnum()):
        raise wrong(_LANGUAGE, "is a code of BCP 47, such as es or es-MX")
    return found


def _flag(call: Call) -> bool | None:
    found = once(call, _UNANSWERED).lower()
    if found not in ("", "true", "false"):
        raise wrong(_UNANSWERED, "is true or false")
    return found == "true" if found else None


OPERATIONS = (
    Operation(
        name="render",
        type=_TYPE,
        levels=("type", "instance"),
        definition="https://carethread.dev/fhir/OperationDefinition/QuestionnaireResponse-render",
        handler=render,
        judges_body=True,
        parameters=_SIMPLE,
    ),
)
