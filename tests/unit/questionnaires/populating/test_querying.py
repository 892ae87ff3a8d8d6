"""What is asked about one person: narrowed to them whatever a query says, once, and no more than is bearable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import pytest

from carethread.core.context import Context
from carethread.core.errors import Busy, FhirError, Malformed, NotSupported, TooCostly, TooLarge
from carethread.core.fhir import json
from carethread.core.fhir.search.dates import moment
from carethread.core.ports import Request, Resource, Response
from carethread.core.service import Runtime, Service
from carethread.questionnaires.populating.observed import PERIOD, observed
from carethread.questionnaires.populating.person import Person
from carethread.questionnaires.populating.querying import MOST_BYTES, MOST_MATCHES, MOST_QUERIES, Queries
from support.answers import form, item

PERSON = Person("Patient/ann", frozenset({"ann", "old"}), {}, "http://here/fhir")


@dataclass
class Peer:
    """Remembers what it is asked."""

    answer: Response
    asked: list[tuple[str, str, list[tuple[str, str]]]] = field(default_factory=list)

    def call(self, service: str, request: Request) -> Response:
        self.asked.append((service, request.path, parse_qsl(request.body.decode())))
        return self.answer

    def knows(self, service: str) -> bool:
        return service != "scheduling"


def bundle(*resources: Resource, **more: Any) -> Response:
    entries = [{"resource": each, "search": {"mode": "match"}} for each in resources]
    return Response(200, {}, json.render({"resourceType": "Bundle", "type": "searchset", "entry": entries, **more}))


def queries(answer: Response | None = None, person: Person = PERSON) -> tuple[Queries, Peer]:
    peer = Peer(answer or bundle())
    runtime = Runtime(Service("questionnaires", "", types=()), None, None, peer, "http://here/fhir")  # type: ignore[arg-type]
    return Queries(runtime, person, Context()), peer


@pytest.mark.parametrize(
    ("text", "service", "path", "params"),
    [
        ("Observation?code=x", "records", "Observation/_search",
         [("code", "x"), ("_count", "200"), ("patient", "Patient/ann")]),
        ("Observation?patient=bob&_count=1", "records", "Observation/_search",
         [("patient", "bob"), ("_count", "1"), ("patient", "Patient/ann")]),
        ("Condition?_count=5000", "records", "Condition/_search", [("_count", "200"), ("patient", "Patient/ann")]),
        ("Goal?_count=no", "careteams", "Goal/_search", [("_count", "200"), ("patient", "Patient/ann")]),
        ("Patient?name=x", "records", "Patient/_search", [("name", "x"), ("_count", "200"), ("_id", "ann,old")]),
        ("Goal?_include=Goal:subject&_revinclude:iterate=Provenance:target", "careteams", "Goal/_search",
         [("_count", "200"), ("patient", "Patient/ann")]),
        ("Practitioner/1", "records", "Practitioner/_search", [("_id", "1"), ("_count", "200")]),
        ("http://here/fhir/Encounter/1", "records", "Encounter/_search",
         [("_id", "1"), ("_count", "200"), ("patient", "Patient/ann")]),
    ],
)  # fmt: skip
def test_it_is_narrowed_to_the_person(text: str, service: str, path: str, params: Sequence[tuple[str, str]]) -> None:
    asking, peer = queries()
    asking(text)
    asking(text)
    assert peer.asked == [(service, path, params)]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("http://elsewhere/fhir/Observation?code=x", NotSupported),
        ("Observation/1/_history", NotSupported),
        ("Observation/$lastn?max=1", NotSupported),
        ("Nothing?x=y", NotSupported),
        ("Group?code=x", NotSupported),
        ("ValueSet?url=x", NotSupported),
        ("Appointment?date=2031", NotSupported),
    ],
)
def test_what_is_not_asked(text: str, error: type[FhirError]) -> None:
    asking, peer = queries()
    with pytest.raises(error):
        asking(text)
    assert peer.asked == []


def test_nothing_is_asked_about_nobody() -> None:
    asking, peer = queries(person=Person("Organization/ward"))
    with pytest.raises(NotSupported):
        asking("Observation?code=x")
    asking("Location?name=x")
    assert len(peer.asked) == 1


@pytest.mark.parametrize(
    ("answer", "error"),
    [(Response(400, {}, b"{}"), Malformed), (Response(503, {}, b"{}"), Busy),
     (bundle({"resourceType": "Observation", "text": "x" * MOST_BYTES}), TooLarge)],
)  # fmt: skip
def test_what_is_no_answer(answer: Response, error: type[FhirError]) -> None:
    asking, peer = queries(answer)
    with pytest.raises(error) as refused:
        asking("Observation?code=secret")
    assert "secret" not in str(refused.value)
    with pytest.raises(error):
        asking("Observation?code=secret")
    assert len(peer.asked) == 1


def test_no_more_than_is_bearable() -> None:
    asking, _ = queries()
    for number in range(MOST_QUERIES):
        asking(f"Observation?code={number}")
    with pytest.raises(TooCostly):
        asking("Observation?code=more")


def test_what_is_cut_is_known() -> None:
    more = bundle(link=[{"relation": "next", "url": "http://here/fhir/x"}])
    asking, _ = queries(more)
    asking("Observation?_count=1")
    assert asking.cut == set()
    asking(f"Observation?_count={MOST_MATCHES}")
    assert asking.cut == {"Observation"}


def test_nobody_else_is_in_what_is_found() -> None:
    asking, _ = queries()
    assert asking.person.alone_in({"subject": {"reference": "Patient/old"}, "x": [{"reference": "Location/1"}]})
    assert not asking.person.alone_in({"participant": [{"actor": {"reference": "http://here/fhir/Patient/bob"}}]})


def test_an_owner_who_is_away_leaves_what_it_knows_open() -> None:
    week = {"url": PERIOD, "valueDuration": {"value": 1, "unit": "wk", "code": "wk"}}
    made = form(item("a", "integer", code=[{"system": "urn:s", "code": "1"}], extension=[week]))
    asking, _ = queries(Response(503, {}, b"{}"))
    found, issues = observed(made, asking, moment("2031-03-03T08:00:00Z"))
    assert found == {}
    assert [(each.code, each.severity) for each in issues] == [("transient", "warning")]
