"""QuestionnaireService by the operations that REST has, as SchedulingService is; it is served where Questionnaire is
owned.

What Validate finds is its answer, whole: an OperationOutcome beside a status would have no room for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import grpc

from carethread.adapters.rpc.calls import Workers
from carethread.adapters.rpc.health import QUESTIONNAIRE_SERVICE
from carethread.adapters.rpc.operating import (
    Operating,
    Said,
    ids,
    keyed,
    micros,
    moments,
    one,
    refer,
    resources,
    said_of,
    texts,
    unary,
)
from carethread.core.errors import Malformed
from carethread.core.fhir import json
from carethread.core.ports import Resource
from carethread.core.service import Runtime
from carethread.v1 import fhir_pb2
from carethread.v1 import questionnaires_pb2 as pb

TYPE = "Questionnaire"
_RESPONSE = "QuestionnaireResponse"

_MODES = {
    pb.VALIDATION_MODE_UNSPECIFIED: "",
    pb.VALIDATION_MODE_CREATE: "create",
    pb.VALIDATION_MODE_UPDATE: "update",
    pb.VALIDATION_MODE_DELETE: "delete",
    pb.VALIDATION_MODE_PROFILE: "profile",
}
_BROKEN = ("error", "fatal")


class Questionnaires:
    """The calls of one runtime, each worked on by a thread."""

    def __init__(self, runtime: Runtime, workers: Workers) -> None:
        self._runtime = runtime
        self._workers = workers

    def add_to(self, server: grpc.aio.Server) -> None:
        """Let the server answer QuestionnaireService."""
        handlers = unary(self._runtime, self._workers, pb, _CALLS)
        server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(QUESTIONNAIRE_SERVICE, handlers)])


def _populate(forms: Operating, request: pb.PopulateRequest) -> pb.PopulateResponse:
    where, parts = _form(request.form)
    if request.subject:
        parts.append({"name": "subject", "valueReference": {"reference": request.subject}})
    parts += map(_context, request.contexts)
    if request.HasField("local"):
        parts.append({"name": "local", "valueBoolean": request.local})
    fields = {"questionnaire": "form", "context": "contexts"}
    found = said_of(forms.do((TYPE, where), "populate", parts, fields=fields).body)
    return pb.PopulateResponse(response=json.render(found["response"][0]), issues=_issues(found))


def _form(choice: pb.FormChoice) -> tuple[str, list[Resource]]:
    """The id of the form, empty where it is a parameter; and the parameters that say which one it is."""
    match choice.WhichOneof("form"):
        case "id":
            ids("form", choice.id)
            return choice.id, []
        case "canonical":
            return "", [{"name": "questionnaire", "valueCanonical": choice.canonical}] if choice.canonical else []
        case "json":
            return "", list(resources("questionnaire", [choice.json]))
    return "", []


def _context(context: pb.PopulateContext) -> Resource:
    content: Resource = {"name": "content"}
    match context.WhichOneof("content"):
        case "reference":
            content["valueReference"] = {"reference": context.reference}
        case "json":
            content["resource"] = json.parse_object(context.json)
        case _:
            raise Malformed("A context has a reference or a resource.", code="required", expression="contexts")
    return {"name": "context", "part": [{"name": "name", "valueString": context.name}, content]}


def _validate(forms: Operating, request: pb.ValidateRequest) -> pb.ValidateResponse:
    if request.mode not in _MODES:
        raise Malformed("mode is a value of ValidationMode.", code="value", expression="mode")
    if request.id:
        ids("id", request.id)
    query = [("mode", _MODES[request.mode])] if _MODES[request.mode] else []
    query += [("profile", each) for each in request.profiles]
    parts = list(resources("resource", [request.json] if request.json else []))
    fields = {"Parameters.parameter": "json", "profile": "profiles"}
    outcome = json.parse_object(forms.do((_RESPONSE, request.id), "validate", parts, query, fields=fields).body)
    issues = [
        pb.ValidationIssue(
            severity=each["severity"],
            code=each["code"],
            diagnostics=each.get("diagnostics", ""),
            expression=next(iter(each.get("expression", ())), ""),
        )
        for each in outcome["issue"]
    ]
    return pb.ValidateResponse(valid=not any(each.severity in _BROKEN for each in issues), issues=issues)


def _score(forms: Operating, request: pb.ScoreRequest) -> pb.ScoreResponse:
    where, parts = _response(request)
    found = said_of(forms.do((_RESPONSE, where), "score", parts, fields=_OF_RESPONSE).body)
    return pb.ScoreResponse(
        form=one(found, "questionnaire"),
        scores=map(_scored, found.get("score", ())),
        response=json.render(found["response"][0]) if "response" in found else b"",
        issues=_issues(found),
    )


_OF_RESPONSE = {
    "questionnaire-response": "response",
    "questionnaire": "form",
    "Parameters.parameter": "response",
}
"""The fields of a request about a response by the parameters that they become."""


def _response(request: pb.ScoreRequest | pb.ExtractRequest) -> tuple[str, list[Resource]]:
    """The id of the response, empty where it is a parameter; and the parameters that have it and its form."""
    choice, parts = request.response, list(resources("questionnaire", [request.form] if request.form else []))
    if choice.WhichOneof("response") == "id":
        ids("response", choice.id)
        return choice.id, parts
    return "", [*resources("questionnaire-response", [choice.json] if choice.json else []), *parts]


def _scored(found: Said) -> pb.Score:
    return pb.Score(
        link_id=one(found, "link-id"),
        code=_code(found, "code"),
        questions=int(found["questions"][0]),
        minimum=int(found["minimum"][0]),
        answered=int(found["answered"][0]),
        value=_decimal(found, "value"),
        band=_code(found, "band"),
        previous=_changed(found, "previous"),
        first=_changed(found, "first"),
    )


def _changed(found: Said, name: str) -> pb.ScoreChange | None:
    change: Said | None = next(iter(found.get(name, ())), None)
    if change is None:
        return None
    return pb.ScoreChange(
        response=one(change, "response"),
        authored=one(change, "authored"),
        value=_decimal(change, "value"),
        change=_decimal(change, "change"),
        reliable=one(change, "reliable"),
    )


def _code(found: Said, name: str) -> pb.ScoreCode | None:
    coding: Mapping[str, str] | None = next(iter(found.get(name, ())), None)
    if coding is None:
        return None
    return pb.ScoreCode(**{each: coding[each] for each in ("system", "code", "display") if each in coding})


def _decimal(found: Said, name: str) -> str:
    """The text of a number, which a float would not keep."""
    return next((json.render(each).decode() for each in found.get(name, ())), "")


def _extract(forms: Operating, request: pb.ExtractRequest) -> pb.ExtractResponse:
    where, parts = _response(request)
    found = json.parse_object(forms.do((_RESPONSE, where), "extract", parts, fields=_OF_RESPONSE).body)
    match found["resourceType"]:
        case "Bundle":
            return pb.ExtractResponse(bundle=json.render(found))
        case "OperationOutcome":
            return pb.ExtractResponse(issues=fhir_pb2.OperationOutcome(json=json.render(found)))
    named = {each["name"]: each["resource"] for each in found["parameter"]}
    return pb.ExtractResponse(bundle=json.render(named["return"]), issues=_outcome(named.get("issues")))


def _issues(found: Said) -> fhir_pb2.OperationOutcome | None:
    return _outcome(next(iter(found.get("issues", ())), None))


def _outcome(resource: Resource | None) -> fhir_pb2.OperationOutcome | None:
    return fhir_pb2.OperationOutcome(json=json.render(resource)) if resource else None


def _assign(forms: Operating, request: pb.AssignRequest) -> pb.AssignResponse:
    where, parts = _form(request.form)
    if request.form.WhichOneof("form") == "json":
        raise Malformed("A form that is given is stored here: name its canonical or its id.", expression="form")
    parts += refer({name: getattr(request, name) for name in _REFERENCES})
    parts += texts({"language": request.language, "channel": request.channel}, "valueCode")
    parts += texts({"reason": request.reason}, "valueCanonical")
    parts += moments(request, {"due": "due_micros", "expires": "expires_micros"})
    parts += [{"name": "reminder", "valuePositiveInt": days} for days in request.reminder_days]
    for name in ("prefill", "remind", "send"):
        if request.HasField(name):
            parts.append({"name": name, "valueBoolean": getattr(request, name)})
    headers = keyed(request.idempotency_key)
    found = said_of(forms.do((TYPE, where), "assign", parts, headers=headers, fields=_OF_ASSIGN).body)
    return pb.AssignResponse(
        response=one(found, "response").removeprefix(f"{_RESPONSE}/"),
        task=one(found, "task").removeprefix("Task/"),
        link=one(found, "link"),
        expires_micros=micros(one(found, "expires")),
    )


_REFERENCES = ("subject", "recipient", "requester", "encounter", "department")
_OF_ASSIGN = {
    "questionnaire": "form",
    "due": "due_micros",
    "expires": "expires_micros",
    "reminder": "reminder_days",
    **{name: name for name in (*_REFERENCES, "language", "channel", "reason", "prefill", "remind", "send")},
}


_CALLS: dict[str, Callable[[Operating, Any], Any]] = {
    "Populate": _populate,
    "Validate": _validate,
    "Score": _score,
    "Extract": _extract,
    "Assign": _assign,
}
