"""$validate on a real store: every issue in one answer, and nothing of a trial stays."""

from __future__ import annotations

import json
from typing import Any

import pytest

from carethread.adapters.sql.store.store import SqlStore
from carethread.core.context import Context
from carethread.core.fhir import validation
from carethread.core.ports import Request, Response
from carethread.interactions.operations import validate as validate_operation
from carethread.interactions.rest.handling import handle
from carethread.interactions.writing import check as write
from carethread.scheduling import SERVICE
from support.stores import runtime

TEXT = {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">made up</div>'}
SLOT = {
    "resourceType": "Slot",
    "id": "s",
    "text": TEXT,
    "schedule": {"reference": "Schedule/x"},
    "status": "free",
    "start": "2026-01-05T09:00:00Z",
    "end": "2026-01-05T09:15:00Z",
}
VALID = [("information", "informational")]


class Edge:
    def __init__(self, store: SqlStore) -> None:
        self.runtime = runtime(store, SERVICE)

    def ask(self, method: str, path: str, body: Any = None, *query: tuple[str, str]) -> Response:
        content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"content-type": "application/fhir+json"}
        return handle(self.runtime, Request(method, path, query, headers, content), Context())

    def issues(self, method: str, path: str, body: Any = None, *query: tuple[str, str]) -> list[tuple[str, str]]:
        """(severity, code) of each issue but those of bindings that cannot be looked up."""
        answer = self.ask(method, path, body, *query)
        assert answer.status == 200, answer.body
        outcome = json.loads(answer.body)
        assert outcome["resourceType"] == "OperationOutcome"
        return [(issue["severity"], issue["code"]) for issue in outcome["issue"]]

    def booked(self) -> None:
        """A Slot that an Appointment holds."""
        assert self.ask("PUT", "Slot/s", SLOT).status == 201
        assert self.ask("PUT", "Appointment/a", appointment("a")).status == 201


@pytest.fixture
def edge(store: SqlStore) -> Edge:
    return Edge(store)


def appointment(id_: str) -> dict[str, Any]:
    return {
        "resourceType": "Appointment",
        "id": id_,
        "text": TEXT,
        "status": "booked",
        "slot": [{"reference": "Slot/s"}],
        "start": SLOT["start"],
        "end": SLOT["end"],
        "participant": [{"actor": {"reference": "Patient/p"}, "status": "accepted"}],
    }


def parameters(resource: Any = None, **values: str) -> dict[str, Any]:
    parts: list[dict[str, Any]] = [{"name": name, "valueCode": value} for name, value in values.items()]
    return {
        "resourceType": "Parameters",
        "parameter": parts + ([{"name": "resource", "resource": resource}] if resource else []),
    }


def test_a_valid_resource_bare_or_in_parameters(edge: Edge) -> None:
    assert edge.issues("POST", "Slot/$validate", SLOT) == VALID
    assert edge.issues("POST", "Slot/$validate", parameters(SLOT)) == VALID
    assert edge.issues("POST", "Slot/s/$validate", SLOT) == VALID, "the instance need not be there"


def test_every_error_is_told_at_once_and_the_answer_is_200(edge: Edge) -> None:
    wrong = {**SLOT, "status": "open", "start": "yesterday", "colour": "red"}
    for body in (wrong, parameters(wrong)):
        found = edge.issues("POST", "Slot/$validate", body)
        assert {code for severity, code in found if severity == "error"} == {"code-invalid", "value", "structure"}


def test_another_type_than_the_url_says_is_an_issue(edge: Edge) -> None:
    assert ("error", "invalid") in edge.issues("POST", "Schedule/$validate", SLOT)


def test_a_profile_that_is_not_known_is_an_issue(edge: Edge) -> None:
    url = "https://care.example/none"
    for found in (
        edge.issues("POST", "Slot/$validate", SLOT, ("profile", url)),
        edge.issues("POST", "Slot/$validate", parameters(SLOT, profile=url)),
    ):
        assert "error" in {severity for severity, _ in found}


def test_an_instance_that_is_stored(edge: Edge) -> None:
    edge.booked()
    for method in ("GET", "POST"):
        assert edge.issues(method, "Slot/s/$validate") == VALID
    assert "error" in dict(
        edge.issues("GET", "Slot/s/$validate", None, ("profile", "https://x.example"), ("mode", "profile"))
    )
    assert edge.ask("GET", "Slot/none/$validate").status == 404
    assert edge.ask("DELETE", "Appointment/a").status == 204
    assert edge.ask("GET", "Appointment/a/$validate").status == 410


def test_create_says_what_the_rules_would_refuse_and_leaves_nothing(edge: Edge) -> None:
    edge.booked()
    taken = appointment("b")
    assert edge.issues("POST", "Appointment/$validate", taken) == VALID, "the content is right"
    assert ("error", "conflict") in edge.issues("POST", "Appointment/$validate", parameters(taken, mode="create"))
    free = {**taken, "slot": [], "status": "proposed"}
    del free["slot"]
    assert edge.issues("POST", "Appointment/$validate", parameters(free, mode="create")) == VALID
    found = json.loads(edge.ask("GET", "Appointment").body)
    assert [each["resource"]["id"] for each in found["entry"]] == ["a"]


def test_it_is_validated_once_and_before_others_have_to_wait(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    transact, validate = edge.runtime.store.transact, validation.validate

    def noted_transact(work: Any) -> Any:
        done.append("transaction")
        return transact(work)

    def noted_validate(resource: Any, **how: Any) -> Any:
        done.append(resource["resourceType"])
        return validate(resource, **how)

    monkeypatch.setattr(edge.runtime.store, "transact", noted_transact)
    for module in (validate_operation, write):
        monkeypatch.setattr(module, "validate", noted_validate)
    for mode, path in (("create", "Slot"), ("update", "Slot/s")):
        assert edge.issues("POST", f"{path}/$validate", parameters(SLOT, mode=mode)) == VALID
    assert done == ["Slot", "transaction"] * 2


def test_update_says_what_the_rules_would_refuse_and_leaves_nothing(edge: Edge) -> None:
    edge.booked()
    stands = edge.ask("GET", "Slot/s").body
    assert ("error", "conflict") in edge.issues("POST", "Slot/s/$validate", parameters(SLOT, mode="update"))
    assert ("error", "invalid") in edge.issues("POST", "Slot/t/$validate", parameters(SLOT, mode="update"))
    assert edge.issues("POST", "Slot/t/$validate", parameters({**SLOT, "id": "t"}, mode="update")) == VALID
    assert edge.ask("GET", "Slot/t").status == 404
    assert edge.ask("GET", "Slot/s").body == stands


def test_delete_says_what_the_rules_would_refuse_and_leaves_all(edge: Edge) -> None:
    edge.booked()
    assert edge.issues("POST", "Slot/s/$validate", parameters(mode="delete")) == [("error", "conflict")]
    assert edge.issues("POST", "Appointment/a/$validate", parameters(mode="delete")) == VALID
    assert edge.ask("GET", "Appointment/a").status == 200
    assert edge.issues("POST", "Slot/none/$validate", parameters(mode="delete")) == [("error", "not-found")]


@pytest.mark.parametrize(
    ("path", "body", "query", "said"),
    [
        ("Slot/$validate", None, (), "Parameters.parameter"),
        ("Slot/$validate", parameters(mode="create"), (), "Parameters.parameter"),
        ("Slot/$validate", parameters(SLOT, mode="update"), (), "mode"),
        ("Slot/$validate", parameters(mode="delete"), (), "mode"),
        ("Slot/$validate", SLOT, (("mode", "guess"),), "mode"),
        ("Slot/$validate", parameters(SLOT, mode="create"), (("mode", "create"),), "mode"),
        ("Slot/s/$validate", parameters(mode="profile"), (), "profile"),
        ("Slot/$validate", SLOT, (("strict", "true"),), "strict"),
        ("Slot/$validate", {"resourceType": "Parameters", "parameter": {}}, (), "Parameters.parameter"),
        ("Slot/$validate", {"resourceType": "Parameters", "parameter": [1]}, (), "Parameters.parameter"),
        ("Slot/$validate", {"resourceType": "Parameters", "parameter": [{}]}, (), "Parameters.parameter[0].name"),
        (
            "Slot/$validate",
            {"resourceType": "Parameters", "parameter": [{"name": "resource"}]},
            (),
            "Parameters.parameter.resource",
        ),
    ],
)
def test_a_question_that_cannot_be_understood(
    edge: Edge, path: str, body: Any, query: tuple[tuple[str, str], ...], said: str
) -> None:
    answer = edge.ask("POST", path, body, *query)
    assert (answer.status, json.loads(answer.body)["issue"][0]["expression"]) == (400, [said])


def test_a_mode_that_is_none_or_given_twice_is_said(edge: Edge) -> None:
    for query, said in (((("mode", "guess"),), "'guess' is none"), ((("mode", "create"),) * 2, "given twice")):
        (issue,) = json.loads(edge.ask("POST", "Slot/$validate", SLOT, *query).body)["issue"]
        assert said in issue["diagnostics"]


def test_what_is_no_json_is_no_question(edge: Edge) -> None:
    assert edge.ask("POST", "Slot/$validate", b"{").status == 400
    assert edge.ask("POST", "Slot/$validate", b"[]").status == 400


def test_only_the_types_of_the_service(edge: Edge) -> None:
    assert edge.ask("POST", "Patient/$validate", {"resourceType": "Patient"}).status == 404
