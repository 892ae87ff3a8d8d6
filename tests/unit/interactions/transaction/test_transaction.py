"""Bundles of requests: what cannot be read is told with its place, and what a transaction is about is settled first."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carethread.core.context import Principal
from carethread.core.errors import FhirError, Invalid, Malformed, NotFound, NotSupported, PreconditionFailed, TooLarge
from carethread.core.fhir import json
from carethread.core.ports import Request
from carethread.interactions.transaction import Entry, entries_of
from carethread.interactions.transaction.links import Links
from carethread.interactions.transaction.message import Part, part_of
from carethread.interactions.transaction.plan import Step, plan

GOOD = {"request": {"method": "GET", "url": "Patient/1"}}


def bundle(*entries: Any) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "batch", "entry": list(entries)}


@pytest.mark.parametrize(
    "entry, error, expression",
    [
        ({}, Malformed, "request"),
        (None, Malformed, "request"),
        ([], Malformed, "request"),
        ({"request": "GET"}, Malformed, "request"),
        ({"request": {"url": "Patient"}}, NotSupported, "request.method"),
        ({"request": {"method": "get", "url": "Patient"}}, NotSupported, "request.method"),
        ({"request": {"method": "PATCH", "url": "Patient/1"}}, Malformed, "resource"),
        ({"request": {"method": [], "url": "Patient/1"}}, NotSupported, "request.method"),
        ({"request": {"method": "GET"}}, Malformed, "request.url"),
        ({"request": {"method": "GET", "url": 5}}, Malformed, "request.url"),
        ({"request": {"method": "GET", "url": "http://else/Patient/1"}}, Malformed, "request.url"),
        ({"request": {"method": "GET", "url": "/Patient/1"}}, Malformed, "request.url"),
        ({"request": {"method": "GET", "url": "Patient/%ff"}}, Malformed, "request.url"),
        ({"request": {"method": "GET", "url": "Patient?name=%ff"}}, Malformed, "request.url"),
        ({"request": {"method": "GET", "url": "Patient?name=%00"}}, Malformed, "request.url"),
        ({"request": {"method": "POST", "url": "Patient", "ifNoneExist": ["a=b"]}}, Malformed, "request.ifNoneExist"),
        ({"request": {"method": "GET", "url": "Patient/1", "ifModifiedSince": {}}}, Malformed,
         "request.ifModifiedSince"),
        ({"request": {"method": "POST", "url": "Patient"}}, Malformed, "resource"),
        ({"request": {"method": "PUT", "url": "Patient/1"}, "resource": []}, Malformed, "resource"),
        ({"request": {"method": "GET", "url": "Patient/1", "ifMatch": 3}}, Malformed, "request.ifMatch"),
        ({"request": {"method": "GET", "url": "Patient/1"}, "fullUrl": 3}, Malformed, "fullUrl"),
    ],
)  # fmt: skip
def test_an_entry_that_cannot_be_read_is_located(entry: Any, error: type[FhirError], expression: str) -> None:
    first, second, third = entries_of(bundle(GOOD, entry, GOOD), 10)
    assert isinstance(first, Entry) and isinstance(third, Entry)
    assert (first.number, third.number) == (0, 2)
    assert type(second) is error
    assert second.issues[0].expression == f"Bundle.entry[1].{expression}".rstrip(".")


@pytest.mark.parametrize(
    "body",
    [{}, {"resourceType": "Patient", "type": "batch"}, {"resourceType": "Bundle", "type": "collection"}],
)
def test_another_resource_is_no_batch(body: dict[str, Any]) -> None:
    with pytest.raises(Malformed) as caught:
        entries_of(body, 10)
    assert caught.value.issues[0].expression == "Bundle.type"


@pytest.mark.parametrize("entry", [{}, "x", 5, None])
def test_entry_is_an_array(entry: Any) -> None:
    with pytest.raises(Malformed) as caught:
        entries_of({**bundle(), "entry": entry}, 10)
    assert caught.value.issues[0].expression == "Bundle.entry"


def test_a_bundle_without_entries_has_none_and_one_too_many_is_refused() -> None:
    assert entries_of({"resourceType": "Bundle", "type": "transaction"}, 10) == []
    assert len(entries_of(bundle(GOOD, GOOD), 2)) == 2
    with pytest.raises(TooLarge):
        entries_of(bundle(GOOD, GOOD, GOOD), 2)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["request", "method", "url", "resource", "fullUrl", "ifMatch"]), inner)
    ),
    max_leaves=12,
)


@given(st.lists(JSON, max_size=4))
def test_anything_at_all_is_an_entry_or_an_error(entries: list[Any]) -> None:
    read = entries_of(bundle(*entries), 10)
    assert len(read) == len(entries)
    assert all(isinstance(one, Entry | FhirError) for one in read)


def test_a_url_is_taken_apart() -> None:
    entry = entries_of(bundle({"request": {"method": "GET", "url": "Patient/a%2Fb?x=y"}}), 1)[0]
    assert isinstance(entry, Entry)
    assert entry.path == ["Patient", "a/b"]


URN = "urn:uuid:9d3b8f0e-0000-4000-8000-000000000001"
ELSEWHERE = "https://ehr.example/fhir/Patient/7"
LINKS = Links({URN: "Patient/new", ELSEWHERE: "Patient/new2"}, {URN: "1"}, {"Patient?identifier=1": "Patient/found"})
DIV = '<div xmlns="http://www.w3.org/1999/xhtml"><a href="{0}">x</a><img src=\'{0}#a\'/>{0}</div>'


@pytest.mark.parametrize(
    "sent, full_url, expected",
    [
        ({"subject": {"reference": URN}}, "", {"subject": {"reference": "Patient/new"}}),
        ({"subject": {"reference": f"{URN}/_history/9"}}, "", {"subject": {"reference": "Patient/new/_history/1"}}),
        ({"subject": {"reference": ELSEWHERE}}, "", {"subject": {"reference": "Patient/new2"}}),
        ({"subject": {"reference": f"{ELSEWHERE}/_history/9"}}, "",
         {"subject": {"reference": "Patient/new2/_history/9"}}),
        ({"subject": {"reference": "Patient/7"}}, "https://ehr.example/fhir/Observation/1",
         {"subject": {"reference": "Patient/new2"}}),
        ({"subject": {"reference": "Patient/7"}}, "https://else.example/fhir/Observation/1",
         {"subject": {"reference": "Patient/7"}}),
        ({"subject": {"reference": "Patient/7"}}, URN, {"subject": {"reference": "Patient/7"}}),
        ({"subject": {"reference": "Patient?identifier=1"}}, "", {"subject": {"reference": "Patient/found"}}),
        ({"subject": {"reference": "#p"}}, "", {"subject": {"reference": "#p"}}),
        ({"instantiatesUri": [URN, "urn:other"]}, "", {"instantiatesUri": ["Patient/new", "urn:other"]}),
        ({"instantiatesCanonical": [URN]}, "", {"instantiatesCanonical": [URN]}),
        ({"identifier": [{"system": "urn:ietf:rfc:3986", "value": URN}]}, "",
         {"identifier": [{"system": "urn:ietf:rfc:3986", "value": URN}]}),
        ({"extension": [{"url": "x", "valueUrl": URN}, {"url": "x", "valueString": URN}]}, "",
         {"extension": [{"url": "x", "valueUrl": "Patient/new"}, {"url": "x", "valueString": URN}]}),
        ({"activity": [{"detail": {"instantiatesUri": [URN], "status": "unknown"}}]}, "",
         {"activity": [{"detail": {"instantiatesUri": ["Patient/new"], "status": "unknown"}}]}),
        ({"contained": [{"resourceType": "Observation", "subject": {"reference": URN},
                         "extension": [{"url": "x", "valueUri": URN}]}]}, "",
         {"contained": [{"resourceType": "Observation", "subject": {"reference": "Patient/new"},
                         "extension": [{"url": "x", "valueUri": "Patient/new"}]}]}),
        ({"text": {"status": "generated", "div": DIV.format(URN)}}, "",
         {"text": {"status": "generated", "div": DIV.replace("{0}\"", 'Patient/new"').replace("{0}#", "Patient/new#")
                   .format(URN)}}),
        ({"nonsense": {"deep": [URN]}, "title": 5}, "", {"nonsense": {"deep": [URN]}, "title": 5}),
    ],
)  # fmt: skip
def test_what_refers_to_an_entry_refers_to_what_it_is_about(
    sent: dict[str, Any], full_url: str, expected: dict[str, Any]
) -> None:
    before = json.render(sent)
    carries = {"resourceType": "CarePlan"}
    assert LINKS.relinked({**carries, **sent}, full_url) == {**carries, **expected}
    assert json.render(sent) == before, "what was sent is not changed"


@given(JSON)
def test_anything_at_all_can_be_relinked(value: Any) -> None:
    for type_name in ("Patient", "Nonsense", 5):
        LINKS.relinked({"resourceType": type_name, "extension": value, "text": value, "note": [value, URN]}, "")


PATIENT = {"resourceType": "Patient"}


def planned(*entries: Any, found: Any = ()) -> list[Step]:
    numbers = iter(range(100))
    return plan(
        entries_of(bundle(*entries), 100), lambda _, criteria: dict(found)[criteria], lambda: f"n{next(numbers)}"
    )


def write(method: str, url: str, full_url: str = "", resource: Any = None, **more: str) -> dict[str, Any]:
    made = {"request": {"method": method, "url": url, **more}, "resource": resource or PATIENT}
    return {**made, "fullUrl": full_url} if full_url else made


def test_steps_are_in_the_order_of_the_specification() -> None:
    methods = ["GET", "PUT", "POST", "HEAD", "PATCH", "DELETE"]
    steps = planned(*(write(m, "Patient" if m == "POST" else f"Patient/{m}") for m in methods))
    assert [step.method for step in steps] == ["DELETE", "POST", "PUT", "PATCH", "GET", "HEAD"]
    assert [step.id for step in steps] == ["DELETE", "n0", "PUT", "PATCH", "", ""]


@pytest.mark.parametrize(
    "entry, matches, id_, found",
    [
        (write("POST", "Patient", ifNoneExist="a=1"), [], "n0", False),
        (write("POST", "Patient", ifNoneExist="a=1"), ["p"], "p", True),
        (write("PUT", "Patient?a=1"), [], "n0", False),
        (write("PUT", "Patient?a=1", resource={**PATIENT, "id": "mine"}), [], "mine", False),
        (write("PUT", "Patient?a=1"), ["p"], "p", True),
        (write("PATCH", "Patient?a=1"), ["p"], "p", True),
        (write("DELETE", "Patient?a=1"), ["p"], "p", True),
        (write("DELETE", "Patient?a=1"), [], "", False),
    ],
)
def test_criteria_settle_which_resource_is_meant(entry: Any, matches: list[str], id_: str, found: bool) -> None:
    [step] = planned(entry, found={"a=1": matches})
    assert (step.id, step.found, step.criteria) == (id_, found, "a=1")


@pytest.mark.parametrize(
    "entries, error, expression",
    [
        ([write("POST", "Patient", ifNoneExist="a=2")], PreconditionFailed, "Bundle.entry[0].request.ifNoneExist"),
        ([write("PUT", "Patient?a=2")], PreconditionFailed, "Bundle.entry[0].request.url"),
        ([write("DELETE", "Patient?a=2")], PreconditionFailed, "Bundle.entry[0].request.url"),
        ([write("PATCH", "Patient?a=0")], NotFound, "Bundle.entry[0].request.url"),
        ([write("PUT", "Patient?")], Malformed, "Bundle.entry[0].request.url"),
        ([write("POST", "Patient", ifNoneExist="")], Malformed, "Bundle.entry[0].request.url"),
        ([write("PUT", "Patient")], NotSupported, "Bundle.entry[0].request.url"),
        ([write("POST", "Patient/1")], NotSupported, "Bundle.entry[0].request.url"),
        ([write("DELETE", "Patient/1/_history/2")], NotSupported, "Bundle.entry[0].request.url"),
        ([write("PUT", "Patient/1"), write("DELETE", "Patient/1")], Invalid, "Bundle.entry[1].request.url"),
        ([write("PUT", "Patient/p"), write("DELETE", "Patient?a=1")], Invalid, "Bundle.entry[1].request.url"),
        ([write("POST", "Patient", ifNoneExist="a=0"), write("PUT", "Patient?a=0")], Invalid,
         "Bundle.entry[1].request.url"),
        ([write("POST", "Patient", ifNoneExist="a=1"), write("PUT", "Patient/p")], Invalid,
         "Bundle.entry[0].request.url"),
        ([write("POST", "Patient", URN), write("POST", "Patient", URN)], Invalid, "Bundle.entry[1].fullUrl"),
        ([write("POST", "Task", resource={"for": {"reference": "Patient?a=0"}})], PreconditionFailed,
         "Bundle.entry[0]"),
        ([write("POST", "Task", resource={"for": {"reference": "Patient?a=2"}})], PreconditionFailed,
         "Bundle.entry[0]"),
    ],
)  # fmt: skip
def test_what_cannot_be_settled_is_refused_with_its_place(
    entries: list[Any], error: type[FhirError], expression: str
) -> None:
    with pytest.raises(error) as caught:
        planned(*entries, found={"a=0": [], "a=1": ["p"], "a=2": ["p", "q"]})
    assert [issue.expression for issue in caught.value.issues] == [expression]


def test_several_creates_may_find_the_same_and_links_lead_to_it() -> None:
    steps = planned(
        write("POST", "Patient", URN, ifNoneExist="a=1"),
        write("POST", "Patient", ifNoneExist="a=1"),
        write("POST", "Task", resource={"for": {"reference": URN}, "focus": {"reference": "Patient?a=1"}}),
        found={"a=1": ["p"]},
    )
    assert steps[2].resource == {"for": {"reference": "Patient/p"}, "focus": {"reference": "Patient/p"}}


def test_a_reference_may_name_what_the_transaction_makes_by_its_criteria() -> None:
    steps = planned(
        write("POST", "Task", resource={"for": {"reference": "Patient?a=0"}}),
        write("POST", "Patient", ifNoneExist="a=0"),
        found={"a=0": []},
    )
    assert steps[0].resource == {"for": {"reference": f"Patient/{steps[1].id}"}}


def test_a_part_is_the_same_after_it_was_sent() -> None:
    resource = json.parse_object(b'{"resourceType":"Observation","valueQuantity":{"value":1.10}}')
    steps = [Step(3, "PUT", "Observation/o", "o", resource, {"if-match": 'W/"1"'}, "", False)]
    part = Part(steps, "representation", True, True, "00-" + "a" * 32 + "-" + "b" * 16 + "-01", Principal("a"))
    again = part_of(Request("PUT", "", body=part.to_bytes()))
    assert again == part
    assert b"1.10" in again.to_bytes()


@pytest.mark.parametrize("body", [b"{}", b'{"steps":[{}]}', b'{"steps":[],"nonsense":1}'])
def test_what_is_no_part_is_refused(body: bytes) -> None:
    with pytest.raises(Malformed):
        part_of(Request("PUT", "", body=body))
