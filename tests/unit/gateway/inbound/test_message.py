"""What the inbound topic's records are read as, and what of them is refused."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carethread.core.errors import FhirError, Malformed
from carethread.core.fhir import json
from carethread.core.ports import Record, Resource
from carethread.core.ports.inbound import SourceVersion
from carethread.gateway.inbound.message import Message, message_of

SENDER = "https://lab.example/engine"


def record(body: Resource | bytes, **headers: str) -> Record:
    envelope = {"ce_source": SENDER, "ce_id": "m-1", "content-type": "application/fhir+json", **headers}
    value = body if isinstance(body, bytes) else json.render(body)
    return Record("t", 0, 0, "", [(n, v.encode()) for n, v in envelope.items() if v], value)


def read(body: Resource | bytes, **headers: str) -> Message:
    return message_of(record(body, **headers))


PATIENT: Resource = {"resourceType": "Patient", "id": "p1", "meta": {"versionId": "7"}, "gender": "unknown"}


def requests(message: Message) -> list[tuple[str, str]]:
    return [
        (entry["request"]["method"], entry["request"]["url"])
        for bundle in message.transactions
        for entry in bundle["entry"]
    ]


def test_a_resource_is_stored_under_the_senders_id_with_its_source() -> None:
    message = read(PATIENT)
    assert requests(message) == [("PUT", "Patient/p1")]
    assert message.transactions[0]["entry"][0]["resource"]["meta"] == {"versionId": "7", "source": SENDER}
    assert message.versions == {"Patient/p1": SourceVersion(7, 0)}
    assert (message.sender, message.id, message.correlation, message.whole) == (SENDER, "m-1", "m-1", True)


def test_a_resource_without_an_id_is_created() -> None:
    message = read({"resourceType": "Observation"})
    assert requests(message) == [("POST", "Observation")]
    assert message.versions == {}


def test_a_source_that_is_named_stays() -> None:
    resource = read({**PATIENT, "meta": {"source": "urn:other"}}).transactions[0]["entry"][0]["resource"]
    assert resource["meta"] == {"source": "urn:other"}


def test_a_transaction_is_done_as_it_is() -> None:
    entries = [
        {"request": {"method": "PUT", "url": "Patient/p1"}, "resource": PATIENT},
        {"request": {"method": "DELETE", "url": "Task/t1"}},
    ]
    message = read({"resourceType": "Bundle", "type": "transaction", "entry": entries})
    assert requests(message) == [("PUT", "Patient/p1"), ("DELETE", "Task/t1")]
    assert list(message.versions) == ["Patient/p1"]


def test_a_batch_is_one_transaction_for_each_entry() -> None:
    entries = [{"request": {"method": "DELETE", "url": f"Task/{n}"}} for n in range(3)]
    message = read({"resourceType": "Bundle", "type": "batch", "entry": entries})
    assert [len(bundle["entry"]) for bundle in message.transactions] == [1, 1, 1]
    assert not message.whole


def test_a_fhir_message_names_sender_and_id_by_its_header() -> None:
    header = {"resourceType": "MessageHeader", "id": "h-9", "source": {"endpoint": "https://ward.example/fhir"}}
    bundle = {
        "resourceType": "Bundle",
        "type": "message",
        "entry": [
            {"fullUrl": "urn:uuid:0b2d", "resource": header},
            {"fullUrl": "https://ward.example/fhir/Patient/p1", "resource": PATIENT},
            {"fullUrl": "urn:uuid:77aa", "resource": {"resourceType": "Encounter"}},
        ],
    }
    message = read(bundle, ce_source="", ce_id="")
    assert (message.sender, message.id) == ("https://ward.example/fhir", "h-9")
    assert requests(message) == [("PUT", "MessageHeader/h-9"), ("PUT", "Patient/p1"), ("POST", "Encounter")]
    assert message.transactions[0]["entry"][2]["fullUrl"] == "urn:uuid:77aa"


def test_other_bundles_are_resources() -> None:
    assert requests(read({"resourceType": "Bundle", "id": "d1", "type": "document"})) == [("PUT", "Bundle/d1")]


def test_a_repetition_is_told_by_sender_id_and_body() -> None:
    key = read(PATIENT).key
    assert read(PATIENT).key == key
    assert read(PATIENT, ce_id="m-2").key != key
    assert read(PATIENT, ce_source="urn:other").key != key
    assert read({**PATIENT, "active": True}).key != key


@pytest.mark.parametrize(
    ("body", "headers", "where"),
    [
        pytest.param(PATIENT, {"ce_source": ""}, "ce_source", id="no sender"),
        pytest.param(PATIENT, {"ce_id": ""}, "ce_id", id="no id"),
        pytest.param(PATIENT, {"ce_id": "x" * 300}, "ce_id", id="a long id"),
        pytest.param(PATIENT, {"content-type": "text/plain"}, "content-type", id="no FHIR"),
        pytest.param({"resourceType": "Bundle", "type": "batch", "entry": 3}, {}, "Bundle.entry", id="no entries"),
        pytest.param({"resourceType": "Bundle", "type": "batch", "entry": [3]}, {}, "Bundle.entry", id="no entry"),
        pytest.param(
            {"resourceType": "Bundle", "type": "message", "entry": [{"resource": PATIENT}]},
            {},
            "Bundle.entry[0].resource",
            id="a message without a header",
        ),
    ],
)
def test_what_is_no_message_is_refused_with_its_place(body: Resource, headers: dict[str, str], where: str) -> None:
    with pytest.raises(Malformed) as refused:
        read(body, **headers)
    assert refused.value.issues[0].expression == where


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"a": NaN}', b"\xff", b'{"a": 1, "a": 2}'])
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(FhirError):
        read(body)


@given(
    st.recursive(
        st.none() | st.booleans() | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(("resourceType", "type", "entry", "resource", "request", "meta", "id", "source")),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_whatever_comes_is_read_or_refused(value: object) -> None:
    for body in (value, {"resourceType": "Bundle", "type": "message", "entry": value}, {"meta": value, "entry": value}):
        for kind in ("batch", "transaction"):
            whole = {"resourceType": "Bundle", "type": kind, "entry": value}
            for each in (body, whole):
                with contextlib.suppress(FhirError):
                    read(json.render(each))


@pytest.mark.parametrize(
    ("one", "other", "older"),
    [
        ((1, 0), (2, 0), True),
        ((2, 0), (2, 0), False),
        ((3, 0), (2, 0), False),
        ((9, 100), (1, 200), True),
        ((1, 200), (9, 100), False),
        ((0, 0), (9, 100), False),
        ((1, 0), (0, 100), False),
        ((1, 100), (2, 100), True),
    ],
)
def test_older(one: tuple[int, int], other: tuple[int, int], older: bool) -> None:
    assert SourceVersion(*one).older_than(SourceVersion(*other)) is older
