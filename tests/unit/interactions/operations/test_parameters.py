"""The simple parameters of an operation: what may be given once, and what is not known."""

from __future__ import annotations

import pytest

from carethread.core.errors import Malformed
from carethread.core.fhir import json
from carethread.core.ports import Request, Resource, Response
from carethread.core.service import Call, Limits
from carethread.gateway.everything import everything
from carethread.interactions.operations.invoke import simple_values
from carethread.interactions.operations.parameters import once, refuse_objects, refuse_unknown


def _call(**params: list[str]) -> Call:
    return Call("CareTeam", "", params, None, Request("GET", "CareTeam/$gaps"))


def test_a_parameter_is_given_once_or_not_at_all() -> None:
    assert once(_call(after=["x"]), "after") == "x"
    assert once(_call(), "after") == ""
    with pytest.raises(Malformed) as refused:
        once(_call(after=["x", "y"]), "after")
    assert refused.value.issues[0].expression == "after"


def test_what_is_not_known_is_refused_with_what_is() -> None:
    refuse_unknown(_call(after=["x"]), "$gaps", ("after",))
    with pytest.raises(Malformed) as refused:
        refuse_unknown(_call(before=["x"]), "$gaps", ("after",))
    assert "after" in refused.value.issues[0].diagnostics


OURS = {"reference": "https://example.org/fhir/Organization/1"}
OBJECTS: list[Resource] = [
    {"valueReference": {"display": "a department"}},
    {"valueCoding": {"code": "x"}},
    {"_valueString": {"id": "x"}},
    {"part": [{"name": "x", "valueString": "x"}]},
]


def _posted(*parts: Resource, names: tuple[str, ...] = ("department",), prefer: str = "") -> Call:
    body = {"resourceType": "Parameters", "parameter": list(parts)}
    params: dict[str, list[str]] = {}
    for name, value in simple_values(body, names, "https://example.org/fhir"):
        params.setdefault(name, []).append(value)
    headers = {"prefer": prefer} if prefer else {}
    return Call("CareTeam", "", params, body, Request("POST", "CareTeam/$gaps", (), headers))


def test_a_reference_is_what_it_refers_to() -> None:
    call = _posted({"name": "department", "valueReference": OURS})
    refuse_unknown(call, "$gaps", ("department",))
    assert once(call, "department") == "Organization/1"
    twice = _posted({"name": "department", "valueReference": OURS}, {"name": "department", "valueString": "2"})
    with pytest.raises(Malformed):
        once(twice, "department")
    unread = _posted({"name": "department", "valueReference": OURS}, names=())
    with pytest.raises(Malformed):
        refuse_unknown(unread, "$gaps", ("department",))


@pytest.mark.parametrize("value", OBJECTS, ids=[next(iter(each)) for each in OBJECTS])
def test_an_object_is_refused_but_by_who_reads_it(value: Resource) -> None:
    call = _posted({"name": "department", **value}, prefer="handling=lenient")
    with pytest.raises(Malformed) as refused:
        refuse_unknown(call, "$gaps", ("department",))
    assert refused.value.issues[0].expression == "Parameters.parameter.where(name = 'department')"
    with pytest.raises(Malformed):
        once(call, "department")
    with pytest.raises(Malformed):
        refuse_objects(call.body, call.params)
    refuse_unknown(call, "$gaps", ("department",), objects=("department",))


def test_the_gateway_refuses_one_too() -> None:
    sent = json.render(
        {"resourceType": "Parameters", "parameter": [{"name": "start", "valuePeriod": {"start": "2030"}}]}
    )
    content = {"content-type": "application/fhir+json"}
    request = Request("POST", "Patient/1/$everything", (), content, sent)
    with pytest.raises(Malformed) as refused:
        everything(request, (), {}, lambda service, request: pytest.fail(service), "https://example.org/fhir", Limits())
    assert refused.value.issues[0].expression == "Parameters.parameter.where(name = 'start')"


def test_what_the_gateway_does_not_know_is_refused_or_passed_over() -> None:
    sent = json.render(
        {"resourceType": "Parameters", "parameter": [{"name": "colour", "valuePeriod": {"start": "2030"}}]}
    )
    content = {"content-type": "application/fhir+json"}

    def ask(**headers: str) -> Response:
        request = Request("POST", "Patient/1/$everything", (("shade", "red"),), {**content, **headers}, sent)
        return everything(
            request, (), {}, lambda service, request: pytest.fail(service), "https://e.org/fhir", Limits()
        )

    with pytest.raises(Malformed, match="'shade' is not supported; \\$everything takes start, end"):
        ask()
    answer = ask(prefer="handling=lenient")
    assert (answer.status, b"shade" in (answer.body or b"")) == (200, False)
