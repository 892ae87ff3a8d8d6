"""What a call of `$populate` asks for: a form, about whom, opened with what, and whether records may be looked at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from carethread.core.context import Context
from carethread.core.errors import Invalid, Malformed
from carethread.core.fhir.definitions import resource_types
from carethread.core.fhir.elements import keys_at
from carethread.core.fhir.targets import is_id
from carethread.core.ports import Resource
from carethread.core.service import Call, Runtime
from carethread.interactions.operations.given import MOST, Given, wrong
from carethread.interactions.operations.parameters import once
from carethread.interactions.read import read
from carethread.questionnaires.forms import form as forms
from carethread.questionnaires.forms.finding import find, form_of
from carethread.questionnaires.forms.form import Form

_TYPE = "Questionnaire"
_FORM, _SUBJECT, _CONTEXT, _LOCAL = "questionnaire", "subject", "context", "local"


class Asked(NamedTuple):
    """`subject` is a reference such as `Patient/1`, empty where none is given. Each context has its name and what it
    is: a resource, or a reference to one."""

    form: Form
    subject: str
    contexts: tuple[tuple[str, Resource | str], ...]
    local: bool


def asked(runtime: Runtime, call: Call, context: Context) -> Asked:
    """The call, read. Raises Malformed, NotFound and Gone, and Invalid for a form that is not here or cannot be
    read."""
    given = Given(call, runtime.base_url, (_FORM, _SUBJECT, _CONTEXT, _LOCAL))
    inside = list((call.body or {}).get("parameter", ()))
    contexts = tuple(_contexts(inside, runtime.base_url))
    posted = any(part["name"] == _SUBJECT for part in inside)
    subject = given.reference(_SUBJECT) if posted else once(call, _SUBJECT)
    subject = subject or _patient(contexts)
    if subject and not _is_reference(subject):
        raise wrong(_SUBJECT, "names a resource of this server, such as Patient/123")
    return Asked(_form(runtime, call, inside, context), subject, contexts, _local(call, given, inside))


def _patient(contexts: Sequence[tuple[str, Resource | str]]) -> str:
    """Whom a form is opened with as its patient; empty where nobody is said."""
    for name, content in contexts:
        if name == "patient":
            key = content if isinstance(content, str) else f"{content['resourceType']}/{content.get('id', '')}"
            return key if key.startswith("Patient/") and key != "Patient/" else ""
    return ""


def _local(call: Call, given: Given, inside: list[Resource]) -> bool:
    if any(part["name"] == _LOCAL for part in inside):
        return given.flag(_LOCAL) is not False
    said = once(call, _LOCAL)
    if said not in ("", "true", "false"):
        raise wrong(_LOCAL, "is true or false")
    return said != "false"


def _form(runtime: Runtime, call: Call, inside: list[Resource], context: Context) -> Form:
    """The form that the instance is, or that the parameter names or is."""
    parts = [part for part in inside if part["name"] == _FORM]
    if len(parts) + bool(call.id) > 1:
        raise wrong(_FORM, "is given once, and not for an instance")
    if call.id:
        return form_of(read(runtime, (_TYPE, call.id), context).body)
    if not parts:
        return _named(runtime, once(call, _FORM))
    part = parts[0]
    if "resource" in part:
        if part["resource"]["resourceType"] != _TYPE:
            raise wrong(_FORM, "has a resource of type Questionnaire")
        return forms.read(part["resource"])
    if "valueReference" in part:
        keys = keys_at(part, "valueReference", runtime.base_url)
        if len(keys) != 1 or keys[0][0] != _TYPE:
            raise wrong(_FORM, "has a reference to a Questionnaire of this server, such as Questionnaire/123")
        return form_of(read(runtime, keys[0], context).body)
    return _named(
        runtime, next((part[each] for each in ("valueCanonical", "valueUri", "valueString") if each in part), "")
    )


def _named(runtime: Runtime, canonical: str) -> Form:
    if not canonical:
        raise Malformed(
            f"{_FORM} is needed: a canonical, a reference, or the form itself.", code="required", expression=_FORM
        )
    form = find(runtime, canonical)
    if form is None:
        told = "The form is not known here; send it along as questionnaire."
        raise Invalid(told, code="not-found", expression=f"Parameters.parameter.where(name = '{_FORM}')")
    return form


def _contexts(inside: list[Resource], base_url: str) -> Iterator[tuple[str, Resource | str]]:
    number = 0
    for part in (each for each in inside if each["name"] == _CONTEXT):
        parts = part.get("part", ())
        names = [each["valueString"] for each in parts if each["name"] == "name" and "valueString" in each]
        contents = [each for each in parts if each["name"] == "content"]
        if len(names) != 1 or not contents or len(names) + len(contents) != len(parts):
            raise wrong(_CONTEXT, "has a part name (a valueString) and parts content (a resource or a valueReference)")
        for each in contents:
            number += 1
            if number > MOST:
                raise wrong(_CONTEXT, f"is given {MOST} times at most", "too-costly")
            yield names[0], _content(each, base_url)


def _content(part: dict[str, Any], base_url: str) -> Resource | str:
    if "resource" in part:
        return dict(part["resource"])
    keys = keys_at(part, "valueReference", base_url)
    if len(keys) != 1 or not _is_reference("/".join(keys[0])):
        raise wrong(_CONTEXT, "has a content that is a resource or a reference to one of this server")
    return "/".join(keys[0])


def _is_reference(text: str) -> bool:
    type_name, _, id_ = text.partition("/")
    return type_name in resource_types() and is_id(id_)
