"""Bad input: each kind gets its status and an OperationOutcome that names the place; no 500, no half of a write."""

from __future__ import annotations

import http.client
import json
import random
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import pytest
import urllib3

from support import fuzz
from support.fhir import Answer, Fhir
from support.processes import CareThread, carethread

PATIENT: dict[str, Any] = {"resourceType": "Patient", "active": True}
APPOINTMENT: dict[str, Any] = {
    "resourceType": "Appointment",
    "status": "proposed",
    "participant": [{"actor": {"reference": "Patient/p"}, "status": "accepted"}],
}


@pytest.fixture(scope="module")
def server() -> Iterator[CareThread]:
    with carethread("up") as process:
        yield process
        assert "request failed" not in process.output(100_000)


@pytest.fixture
def fhir(server: CareThread) -> Fhir:
    return server.fhir


def refused(answer: Answer, status: int, code: str | None = None, expression: str | None = None) -> None:
    """The answer is this refusal: an OperationOutcome whose first issue has the code and names the place."""
    assert answer.status == status, answer
    assert answer.headers["Content-Type"].startswith("application/fhir+json")
    assert answer.json["resourceType"] == "OperationOutcome"
    issue = answer.json["issue"][0]
    assert issue["severity"] in ("error", "fatal")
    assert issue["diagnostics"]
    assert "Traceback" not in issue["diagnostics"]
    if code:
        assert issue["code"] == code, answer.json
    if expression:
        assert issue["expression"] == [expression], answer.json


def total(fhir: Fhir, type_name: str) -> int:
    count: int = fhir.get(f"{type_name}?_summary=count").json["total"]
    return count


def raw(server: CareThread, request: bytes) -> tuple[int, Any]:
    """Bytes as they are, to a connection of their own; status 0 when the server only closes it."""
    with socket.create_connection(("127.0.0.1", server.http_port), timeout=30) as connection:
        connection.sendall(request)
        response = http.client.HTTPResponse(connection)
        try:
            response.begin()
            body = response.read()
        except (http.client.BadStatusLine, ConnectionResetError):
            return 0, None
    try:
        return response.status, json.loads(body)
    except ValueError:
        return response.status, None


def nested(depth: int) -> bytes:
    return b'{"resourceType":"Patient","extension":' + b'[{"extension":' * depth + b"[]" + b"}]" * depth + b"}"


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"not json",
        b'{"resourceType":"Patient",}',
        b'{"resourceType":"Patient"} trailing',
        b"[]",
        b'"Patient"',
        b"null",
        b"12",
        b'{"resourceType":"Patient","active":tru}',
        b"\xff\xfe{}",
        b'{"resourceType":"Patient","id":"\xc3\x28"}',
        b'{"resourceType":"Patient","active":true,"active":false}',
        b'{"resourceType":"Patient","name":[{"family":"x","family":"y"}]}',
        b'{"resourceType":"Patient","multipleBirthInteger":NaN}',
        b'{"resourceType":"Patient","multipleBirthInteger":Infinity}',
        b'{"resourceType":"Patient","multipleBirthInteger":-Infinity}',
        b'{"resourceType":"Patient","name":[{"family":"a\x00b"}]}',
        b'{"resourceType":"Patient","name":[{"family":"a\\u0000b"}]}',
        b'{"resourceType":"Patient","name":[{"family":"\\ud800"}]}',
        b'{"resourceType":"Patient","multipleBirthInteger":01}',
        b"<Patient xmlns='http://hl7.org/fhir'/>",
        nested(500),
        nested(100_000),
        b"[" * 500 + b"]" * 500,
        b"{" * 100_000,
    ],
    ids=lambda body: body[:60].decode("latin-1"),
)
@pytest.mark.parametrize(("method", "path"), [("POST", "Patient"), ("PUT", "Patient/b1"), ("POST", "")])
def test_what_is_no_json_object_of_fhir_is_malformed(fhir, method, path, body):
    refused(fhir.send(method, path, body), 400)


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_missing_body_is_malformed(fhir, method):
    path = "Patient" if method == "POST" else "Patient/b1"
    refused(fhir.send(method, path, b"", headers={"Content_Type": "application/fhir+json"}), 400, "required")


def test_a_number_of_a_thousand_digits_is_no_fault_of_the_server(fhir):
    body = b'{"resourceType":"Patient","multipleBirthInteger":' + b"9" * 5000 + b"}"
    refused(fhir.post("Patient", body), 422, expression="Patient.multipleBirth")
    decimal = b'{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":1e%s}}'
    assert fhir.post("Observation", decimal % b"9999").status in (201, 422)
    refused(fhir.post("Observation", decimal % b"99999999999999999999"), 400, "value")


@pytest.mark.parametrize(
    ("change", "code", "expression"),
    [
        ({"status": "maybe"}, "code-invalid", "Appointment.status"),
        ({"status": None}, None, "Appointment.status"),
        ({"status": ""}, None, "Appointment.status"),
        ({"status": 1}, None, "Appointment.status"),
        ({"participant": []}, None, "Appointment.participant"),
        ({"participant": {}}, None, "Appointment.participant"),
        ({"participant": [{}]}, None, "Appointment.participant[0]"),
        ({"participant": [{"status": "accepted", "actor": {}}]}, None, "Appointment.participant[0].actor"),
        (
            {"participant": [{"status": "accepted", "actor": {"reference": "Observation/1"}}]},
            None,
            "Appointment.participant[0].actor",
        ),
        ({"participant": [{"status": "yes"}]}, "code-invalid", "Appointment.participant[0].status"),
        ({"start": "tomorrow"}, None, "Appointment.start"),
        ({"start": "2031-02-30T09:00:00Z"}, None, "Appointment.start"),
        ({"priority": -1}, None, "Appointment.priority"),
        ({"minutesDuration": "20"}, None, "Appointment.minutesDuration"),
        ({"colour": "red"}, None, "Appointment.colour"),
        ({"slot": {"reference": "Slot/1"}}, None, "Appointment.slot"),
        ({"slot": [{"reference": "Patient/1"}]}, None, "Appointment.slot[0]"),
        ({"comment": ""}, None, "Appointment.comment"),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_what_fhir_forbids_is_invalid_and_named(fhir, method, change, code, expression):
    before = total(fhir, "Appointment")
    body = {**APPOINTMENT, **change}
    answer = fhir.post("Appointment", body) if method == "POST" else fhir.put("Appointment/b1", {**body, "id": "b1"})
    refused(answer, 422, code)
    found = [place for issue in answer.json["issue"] for place in issue.get("expression", [])]
    assert any(place.startswith(expression) for place in found), answer.json
    assert total(fhir, "Appointment") == before


@pytest.mark.parametrize("name", ["status", "participant"])
def test_a_missing_element_is_required(fhir, name):
    body = {key: value for key, value in APPOINTMENT.items() if key != name}
    refused(fhir.post("Appointment", body), 422, "required", f"Appointment.{name}")


def test_every_issue_is_told_at_once(fhir):
    answer = fhir.post("Appointment", {"resourceType": "Appointment", "colour": "red", "start": "soon"})
    refused(answer, 422)
    found = {place for issue in answer.json["issue"] for place in issue.get("expression", [])}
    assert {"Appointment.status", "Appointment.participant", "Appointment.start", "Appointment.colour"} <= found


@pytest.mark.parametrize("type_", [None, "Slot", "Banana", 1, "", [], {}])
def test_a_body_of_another_type_than_the_url(fhir, type_):
    body = {**PATIENT, "resourceType": type_}
    refused(fhir.post("Patient", body), 400, "invalid", "Patient.resourceType")
    refused(fhir.put("Patient/b1", {**body, "id": "b1"}), 400, "invalid", "Patient.resourceType")


@pytest.mark.parametrize(
    "id_", ["x" * 65, "a_b", "a b", "é", "a%2Fb", "a%00b", "%00", "%FF", "%25", "a'b", "%E2%80%AE", "..;", "a\\b"]
)
def test_an_id_that_fhir_does_not_allow(fhir, id_):
    path = f"Patient/{quote(id_, safe='%')}"
    refused(fhir.put(path, {**PATIENT, "id": id_}), 400 if "%2F" not in id_ else 404)
    assert fhir.get(path).status in (400, 404)
    refused(fhir.get(path), fhir.get(path).status)
    assert fhir.delete(path).status in (400, 404)
    assert fhir.get(f"{path}/_history").status in (400, 404)
    assert fhir.get(f"{path}/_history/1").status in (400, 404)


@pytest.mark.parametrize("sent", [None, "other", 1, "", "a b"])
def test_an_id_in_the_body_that_is_not_the_urls(fhir, sent):
    body = {"resourceType": "Patient", **({} if sent is None else {"id": sent})}
    refused(fhir.put("Patient/b2", body), 400, "invalid", "Patient.id")


@pytest.mark.parametrize(
    "path",
    ["Banana", "Banana/1", "patient", "Patient/1/2", "Patient/1/_history/1/2", "Patient/1/name", "Resource/1",
     "DomainResource", "Pati%C3%A9nt", "%00", "%FF", "Patient//1", "%2e%2e/metadata", "Patient/../metadata2",
     "Patient%2F1%2F_history%2F1%2F9", "metadata/x", "_search/x", "x" * 5000, "\u202e".encode().hex()],
)  # fmt: skip
def test_a_path_with_nothing_at_it(fhir, path):
    refused(fhir.get(path), 404)


@pytest.mark.parametrize("name", ["$banana", "$", "$evaluate-measure"])
def test_an_operation_that_is_not_there(fhir, name):
    refused(fhir.get(f"Patient/{name}"), 404, "not-supported")
    refused(fhir.post(f"Patient/p/{name}", {"resourceType": "Parameters"}), 404, "not-supported")


@pytest.mark.parametrize(
    "parameters",
    [
        {"resourceType": "Parameters", "parameter": "x"},
        {"resourceType": "Parameters", "parameter": [1]},
        {"resourceType": "Parameters", "parameter": [{"valueDate": "2031-01-01"}]},
        {"resourceType": "Parameters", "parameter": [{"name": 1, "valueDate": "2031-01-01"}]},
        {"resourceType": "Parameters", "parameter": {"name": "periodStart"}},
        {"resourceType": "Parameters", "parameter": None},
        {"resourceType": "Patient"},
        {},
    ],
)
def test_an_operation_with_broken_parameters(fhir, parameters):
    answer = fhir.post("Measure/no-show-rate/$evaluate-measure", parameters)
    assert answer.status in (400, 422)
    refused(answer, answer.status)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "Patient/p"),
        ("POST", "Patient/p/_history"),
        ("DELETE", "Patient/p/_history/1"),
        ("GET", "Patient/_search"),
        ("PUT", ""),
        ("DELETE", ""),
        ("POST", "metadata"),
    ],
)
def test_a_method_that_is_not_allowed_there(fhir, method, path):
    answer = fhir.send(method, path, PATIENT if method in ("PATCH", "PUT", "POST") else None)
    refused(answer, 405, "not-supported")
    assert method not in answer.headers["Allow"].split(", ")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_a_write_of_a_whole_type_is_never_meant(fhir, method):
    refused(fhir.send(method, "Patient", PATIENT if method != "DELETE" else None), 400, "invalid")
    refused(fhir.send(method, "Patient?_count=1", PATIENT if method != "DELETE" else None), 400, "invalid")


@pytest.mark.parametrize(("path", "allowed"), [("Patient", "PATCH"), ("Patient/p", "PUT"), ("metadata", "GET")])
def test_options_tell_what_is_allowed(fhir, path, allowed):
    answer = fhir.send("OPTIONS", path)
    assert (answer.status, answer.json) == (204, None)
    assert allowed in answer.headers["Allow"].split(", ")


@pytest.mark.parametrize("method", ["TRACE", "BREW"])
def test_a_method_that_is_none_of_fhirs(server, method):
    status, body = raw(server, f"{method} /fhir/Patient HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    assert status in (400, 405, 501), body


def test_head_answers_as_get_without_a_body(server, fhir):
    assert fhir.put("Patient/headed", {**PATIENT, "id": "headed"}).status == 201
    for path in ("Patient/headed", "Patient", "metadata", "Patient/nobody"):
        got, head = (urllib3.request(method, f"{fhir.base}/{path}") for method in ("GET", "HEAD"))
        assert (head.status, head.data) == (got.status, b"")
        assert head.headers["Content-Length"] == got.headers["Content-Length"]
        assert head.headers["Content-Type"] == got.headers["Content-Type"]
        assert head.headers.get("ETag") == got.headers.get("ETag")


@pytest.mark.parametrize(
    "media",
    ["application/fhir+xml", "application/xml", "text/plain", "text/html", "application/x-www-form-urlencoded", "",
     "application/json-patch+json", "multipart/form-data; boundary=x", "json", ";",
     "application/fhir+json, text/plain"],
)  # fmt: skip
def test_a_wrong_content_type(fhir, media):
    refused(fhir.send("POST", "Patient", json.dumps(PATIENT), headers={"Content_Type": media}), 415, "not-supported")


@pytest.mark.parametrize("media", ["application/json", "application/fhir+json; charset=UTF-8", "APPLICATION/FHIR+JSON"])
def test_a_content_type_that_is_json(fhir, media):
    assert fhir.send("POST", "Patient", json.dumps(PATIENT), headers={"Content_Type": media}).status == 201


@pytest.mark.parametrize("accept", ["application/fhir+xml", "text/turtle", "image/png"])
def test_an_answer_that_we_cannot_give(fhir, accept):
    refused(fhir.get("Patient", Accept=accept), 406, "not-supported")
    refused(fhir.get(f"Patient?_format={quote(accept)}"), 406, "not-supported")


HEAD = b"POST /fhir/Patient HTTP/1.1\r\nHost: x\r\nContent-Type: application/fhir+json\r\n"
BIG = 20 * 1024 * 1024


@pytest.mark.parametrize("path", ["Patient", ""])
def test_twenty_megabytes_are_too_large(fhir, path):
    body = b'{"resourceType":"Patient","name":[{"family":"' + b"x" * BIG + b'"}]}'
    try:
        answer = fhir.post(path, body)
    except urllib3.exceptions.ProtocolError:  # it answered and closed before all was sent
        return
    refused(answer, 413, "too-long")


def test_a_length_over_the_limit_is_refused_before_it_is_read(server):
    status, body = raw(server, HEAD + b"Content-Length: %d\r\n\r\n" % BIG)
    assert status == 413
    assert body is not None
    assert body["issue"][0]["code"] == "too-long"


def test_twenty_megabytes_in_chunks_are_too_large(server):
    with socket.create_connection(("127.0.0.1", server.http_port), timeout=30) as connection:
        connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        chunk = b"%x\r\n" % 65536 + b"x" * 65536 + b"\r\n"
        try:
            for _ in range(BIG // 65536):
                connection.sendall(chunk)
            connection.sendall(b"0\r\n\r\n")
        except OSError:
            pass  # it has answered and reads no more
        response = http.client.HTTPResponse(connection)
        response.begin()
        assert response.status == 413
        assert json.loads(response.read())["issue"][0]["code"] == "too-long"


def test_chunks_of_a_good_body_are_read(server):
    with socket.create_connection(("127.0.0.1", server.http_port), timeout=30) as connection:
        body = json.dumps(PATIENT).encode()
        parts = b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
        connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + parts)
        response = http.client.HTTPResponse(connection)
        response.begin()
        assert response.status == 201


def test_nesting_within_the_limit_is_judged_by_the_validator(fhir):
    refused(fhir.post("Patient", nested(30)), 422)


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("banana=1", "banana"),
        ("given=a&banana=1", "banana"),
        ("name:banana=x", "name:banana"),
        ("status=booked", "status"),
        ("_banana=1", "_banana"),
        ("general-practitioner.banana=x", "general-practitioner.banana"),
    ],
)
def test_an_unknown_parameter_strict_and_lenient(fhir, query, name):
    strict = fhir.get(f"Patient?{query}", Prefer="handling=strict")
    refused(strict, 400)
    assert name.partition(":")[0] in strict.json["issue"][0]["expression"][0]
    if ":" not in name:
        lenient = fhir.get(f"Patient?{query}", Prefer="handling=lenient")
        assert lenient.status == 200
        own = next(link["url"] for link in lenient.json["link"] if link["relation"] == "self")
        assert "banana" not in own
        assert "status" not in own


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("_count=-1", "_count"),
        ("_count=ten", "_count"),
        ("_count=1.5", "_count"),
        ("_count=99999999999999999999", "_count"),
        ("_count=%EF%BC%91", "_count"),
        ("_cursor=banana", "_cursor"),
        ("_cursor=W10", "_cursor"),
        ("_cursor=WzFd", None),
        ("_cursor=WyJ4Il0", "_cursor"),
        ("_cursor=Wzk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTldCg", "_cursor"),
        ("_sort=birthdate&_cursor=W1tdLDFd", "_cursor"),
        ("_sort=birthdate&_cursor=W3t9LDFd", "_cursor"),
        ("_cursor=W3RydWVd", "_cursor"),
        ("_cursor=" + "W" * 3000, "_cursor"),
        ("birthdate=soon", "birthdate"),
        ("birthdate=2031-02-30", "birthdate"),
        ("birthdate=2031-13", "birthdate"),
        ("birthdate=0000", "birthdate"),
        ("birthdate=zz2031", "birthdate"),
        ("birthdate=99999-01-01", "birthdate"),
        ("birthdate=2031-01-01T25:00:00Z", "birthdate"),
        ("_lastUpdated=yesterday", "_lastUpdated"),
        ("_sort=banana", "_sort"),
        ("_sort=-", "_sort"),
        ("_include=banana", "_include"),
        ("_include=Patient:banana", "_include"),
        ("_include=Patient:name", "_include"),
        ("_summary=perhaps", "_summary"),
        ("_total=most", "_total"),
        ("_elements=na%20me", "_elements"),
        ("gender:missing=perhaps", "gender:missing"),
        ("general-practitioner=http://[", None),
        ("general-practitioner:Banana.name=x", None),
        ("name=" + "x" * 5000, "name"),
        ("name=a%00b", None),
        ("&".join(f"name={number}" for number in range(200)), None),
    ],
)
def test_a_parameter_that_cannot_be_used(fhir, query, name):
    answer = fhir.get(f"Patient?{query}")
    assert answer.status in ((400,) if name else (200, 400, 403)), answer
    if answer.status == 400:
        refused(answer, 400, expression=name if name else None)
    form = fhir.send("POST", "Patient/_search", query, headers={"Content_Type": "application/x-www-form-urlencoded"})
    assert form.status == answer.status


@pytest.mark.parametrize(
    "query", ["%", "%zz", "%FF=1", "name=%FF", "name=%C3%28", "=", "&&&", "name", "name=%ED%A0%80"]
)
def test_a_query_that_is_not_well_percent_encoded(fhir, query):
    answer = fhir.get(f"Patient?{query}")
    assert answer.status in (200, 400)
    if answer.status == 400:
        refused(answer, 400)


@pytest.mark.parametrize("count", [0, 1000, 1001, 999999999])
def test_a_huge_page_is_bounded(fhir, count):
    answer = fhir.get(f"Patient?_count={count}")
    assert answer.status == 200
    assert len(answer.json.get("entry", [])) <= 1000


@pytest.mark.parametrize(
    "query",
    ["_count=-1", "_cursor=banana", "_cursor=99999999999999999999", "_cursor=%C2%B2", "_count=x", "_since=x", "_at=1"],
)
def test_a_history_that_cannot_be_paged_so(fhir, query):
    fhir.put("Patient/paged", {**PATIENT, "id": "paged"})
    refused(fhir.get(f"Patient/paged/_history?{query}"), 400, "value")


@pytest.mark.parametrize("version", ["0", "-1", "x", "99999999999999999999", "1.0", "%C2%B2"])
def test_a_version_that_never_was(fhir, version):
    fhir.put("Patient/versioned", {**PATIENT, "id": "versioned"})
    refused(fhir.get(f"Patient/versioned/_history/{version}"), 404)


@pytest.mark.parametrize("etag", ["banana", "W/", '"', 'W/"1" W/"2"', "3", 'W/"１"'])
def test_a_bad_if_match(fhir, etag):
    fhir.put("Patient/matched", {**PATIENT, "id": "matched"})
    for method, body in (("PUT", {**PATIENT, "id": "matched"}), ("DELETE", None)):
        refused(fhir.send(method, "Patient/matched", body, headers={"If_Match": etag.encode().decode("latin-1")}), 400)
    assert fhir.get("Patient/matched").status == 200


def test_a_header_beyond_ascii_is_never_just_dropped(server, fhir):
    """Without its If-Match the update would go through."""
    fhir.put("Patient/matched", {**PATIENT, "id": "matched"})
    before = fhir.get("Patient/matched").headers["ETag"]
    body = b'{"resourceType":"Patient","id":"matched"}'
    for header in (
        b'If-Match: W/"\xff"',
        b"If-None-Match: \xff",
        b"Prefer: \xff",
    ):
        lines = b"Host: x\r\nConnection: close\r\nContent-Type: application/fhir+json\r\nContent-Length: %d\r\n" % len(
            body
        )
        status, answer = raw(server, b"PUT /fhir/Patient/matched HTTP/1.1\r\n%s%s\r\n\r\n%s" % (lines, header, body))
        assert (status, answer["resourceType"]) == (400, "OperationOutcome"), header
    assert fhir.get("Patient/matched").headers["ETag"] == before


@pytest.mark.parametrize("etag", ['W/"99"', 'W/"0"', '"7"', 'W/"x"', 'W/"-1"', 'W/"98", W/"99"'])
def test_an_if_match_that_does_not_hold(fhir, etag):
    fhir.put("Patient/matched", {**PATIENT, "id": "matched"})
    refused(fhir.put("Patient/matched", {**PATIENT, "id": "matched"}, If_Match=etag), 412, "conflict")
    refused(fhir.put("Patient/never-there", {**PATIENT, "id": "never-there"}, If_Match=etag), 412)


def test_if_none_match_star_creates_only(fhir):
    body = {**PATIENT, "id": "once"}
    assert fhir.put("Patient/once", body, If_None_Match="*").status == 201
    refused(fhir.put("Patient/once", body, If_None_Match="*"), 412)
    refused(fhir.put("Patient/once", body, If_None_Match="banana"), 400)


@pytest.mark.parametrize(
    "header",
    [
        b"traceparent: " + b"x" * 4000,
        b"traceparent: 00-" + b"0" * 32 + b"-" + b"0" * 16 + b"-01",
        b"traceparent: \xff\xfe",
        b"Prefer: \xff;;;=,,handling",
        b"Accept: ;;;,,,\xff",
        b"X-CareThread-Backfill: perhaps",
        b'If-None-Match: \xff"',
        b"Cookie: " + b"a=b; " * 1000,
        b"Content-Encoding: gzip",
        b"Expect: the unexpected",
        b"X: " + b"y" * 60_000,
        b"Host: \xff",
        b"Host: evil.example/../../x",
        b"Content-Length: banana",
        b"Content-Length: -1",
        b"Content-Length: 99999999999999999999999",
        b"Transfer-Encoding: banana",
        b"Transfer-Encoding: chunked\r\nContent-Length: 3",
        b"no colon here",
        b": no name",
        b"a b: c",
    ],
    ids=lambda header: header[:30].decode("latin-1"),
)
def test_header_junk(server, header):
    for method, path in ((b"GET", b"Patient"), (b"PUT", b"Patient/junk")):
        body = b'{"resourceType":"Patient","id":"junk"}' if method == b"PUT" else b""
        body = b"0\r\n\r\n" if b"chunked" in header else body
        length = b"" if b"Content-Length" in header or b"Transfer" in header else b"Content-Length: %d\r\n" % len(body)
        host = b"" if header.startswith(b"Host") else b"Host: x\r\n"
        lines = b"Content-Type: application/fhir+json\r\nConnection: close\r\n" + host + length + header
        status, answer = raw(server, b"%s /fhir/%s HTTP/1.1\r\n%s\r\n\r\n%s" % (method, path, lines, body))
        assert status < 500 or status == 501, answer


@pytest.mark.parametrize(
    "line",
    [b"GET", b"GET /fhir/Patient", b"GET /fhir/Patient HTTP/9.9", b"\x16\x03\x01\x02\x00\x01",
     b"GET " + b"/" * 70_000 + b" HTTP/1.1",
     b"GET /fhir/\x00 HTTP/1.1", b"GET /fhir/\xff HTTP/1.1", b"GET http://other.example/fhir/Patient HTTP/1.1",
     b"GET /fhir/Patient?\xff=\xff HTTP/1.1", b"GET /fhir/%ff%fe HTTP/1.1", b"GET * HTTP/1.1", b"CONNECT a:1 HTTP/1.1"],
    ids=lambda line: line[:40].decode("latin-1"),
)  # fmt: skip
def test_request_line_junk(server, line):
    status, answer = raw(server, line + b"\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert status < 500 or status in (501, 505), answer


def test_unicode_in_urls_and_values(fhir):
    for number, family in enumerate(
        ["Åsa", "李", "مريم", "O'Neill", 'a"b', "a,b", "a|b", "a$b", "a\\b", "a+b", "a b", "%", "🙂", "e\u0301"]
    ):
        body = {"resourceType": "Patient", "id": f"name-{number}", "name": [{"family": family}]}
        assert fhir.put(f"Patient/name-{number}", body).status == 201
        escaped = family.replace("\\", "\\\\").replace(",", "\\,").replace("|", "\\|").replace("$", "\\$")
        found = fhir.get(f"Patient?family:exact={quote(escaped, safe='')}").json
        assert f"name-{number}" in {entry["resource"]["id"] for entry in found.get("entry", [])}, family
        again = next(link["url"] for link in found["link"] if link["relation"] == "self")
        assert urllib3.request("GET", again).json().get("total") == found["total"], again


# Bundles


def entry(method: str, url: str, resource: Any = None, **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"request": {"method": method, "url": url, **more}}
    return found if resource is None else {**found, "resource": resource}


BROKEN: list[tuple[str, Any, int]] = [
    ("no request", {"resource": PATIENT}, 400),
    ("request is a string", {"request": "POST Patient"}, 400),
    ("entry is a string", "POST Patient", 400),
    ("entry is null", None, 400),
    ("no method", {"request": {"url": "Patient"}, "resource": PATIENT}, 405),
    ("unknown method", entry("BREW", "Patient", PATIENT), 405),
    ("patch that is none", entry("PATCH", "Patient/1", PATIENT), 415),
    ("head of nothing", entry("HEAD", "Patient/nobody"), 404),
    ("no url", {"request": {"method": "POST"}, "resource": PATIENT}, 400),
    ("empty url", entry("POST", "", PATIENT), 400),
    ("url is a number", entry("POST", 1, PATIENT), 400),  # type: ignore[arg-type]  # what is tested
    ("absolute url", entry("GET", "https://elsewhere.example/fhir/Patient/1"), 400),
    ("rooted url", entry("GET", "/fhir/Patient/1"), 400),
    ("url with U+0000", entry("GET", "Patient?name=%00"), 400),
    ("no resource", entry("POST", "Patient"), 400),
    ("resource is a string", entry("POST", "Patient", "Patient"), 400),
    ("unknown type", entry("POST", "Banana", {"resourceType": "Banana"}), 404),
    ("type of the url", entry("POST", "Patient", {"resourceType": "Person"}), 400),
    ("invalid resource", entry("POST", "Patient", {"resourceType": "Patient", "gender": "blue"}), 422),
    ("put without an id", entry("PUT", "Patient", PATIENT), 405),
    ("post with an id", entry("POST", "Patient/1", PATIENT), 405),
    ("another id", entry("PUT", "Patient/one", {**PATIENT, "id": "two"}), 400),
    ("bad id", entry("PUT", "Patient/a%20b", {**PATIENT, "id": "a b"}), 400),
    ("bad id to delete", entry("DELETE", "Patient/a%00b"), 400),
    ("bad ifMatch", entry("PUT", "Patient/one", {**PATIENT, "id": "one"}, ifMatch="banana"), 400),
    ("ifMatch is a number", entry("PUT", "Patient/one", {**PATIENT, "id": "one"}, ifMatch=1), 400),
    ("ifMatch of nothing", entry("PUT", "Patient/absent", {**PATIENT, "id": "absent"}, ifMatch='W/"3"'), 412),
    ("unknown criteria to create", entry("POST", "Patient", PATIENT, ifNoneExist="banana=1"), 400),
    ("unknown criteria to update", entry("PUT", "Patient?banana=1", PATIENT), 400),
    ("no criteria", entry("DELETE", "Patient?"), 400),
]


@pytest.mark.parametrize(("broken", "status"), [pytest.param(e, s, id=name) for name, e, s in BROKEN])
def test_a_batch_answers_each_entry_by_itself(fhir, broken, status):
    good = entry("POST", "Patient", PATIENT)
    before = total(fhir, "Patient")
    answer = fhir.post("", {"resourceType": "Bundle", "type": "batch", "entry": [good, broken, good]})
    assert answer.status == 200, answer
    responses = [each["response"] for each in answer.json["entry"]]
    assert [response["status"][:3] for response in responses] == ["201", str(status), "201"]
    issue = responses[1]["outcome"]["issue"][0]
    assert issue["expression"][0].startswith("Bundle.entry[1]"), issue
    assert total(fhir, "Patient") == before + 2


@pytest.mark.parametrize(("broken", "status"), [pytest.param(e, s, id=name) for name, e, s in BROKEN])
def test_a_transaction_with_a_broken_entry_writes_nothing(fhir, broken, status):
    good = entry("POST", "Patient", PATIENT)
    before = total(fhir, "Patient")
    answer = fhir.post("", {"resourceType": "Bundle", "type": "transaction", "entry": [good, broken, good]})
    refused(answer, status)
    assert any(place.startswith("Bundle.entry[1]") for i in answer.json["issue"] for place in i["expression"])
    assert total(fhir, "Patient") == before


@pytest.mark.parametrize(
    "bundle",
    [
        {"resourceType": "Bundle"},
        {"resourceType": "Bundle", "type": "collection"},
        {"resourceType": "Bundle", "type": "banana"},
        {"resourceType": "Bundle", "type": ["batch"]},
        {"resourceType": "Bundle", "type": "batch", "entry": {}},
        {"resourceType": "Bundle", "type": "batch", "entry": None},
        {"resourceType": "Bundle", "type": "transaction", "entry": "all"},
        {"resourceType": "Patient"},
        {},
    ],
)
def test_what_is_no_batch_or_transaction(fhir, bundle):
    refused(fhir.post("", bundle), 400)


def test_an_empty_bundle_is_answered_empty(fhir):
    for kind in ("batch", "transaction"):
        answer = fhir.post("", {"resourceType": "Bundle", "type": kind})
        assert (answer.status, answer.json["type"], "entry" in answer.json) == (200, f"{kind}-response", False)


def test_a_transaction_that_writes_one_resource_twice_writes_nothing(fhir):
    twice = [entry("PUT", "Patient/twice", {**PATIENT, "id": "twice"})] * 2
    answer = fhir.post("", {"resourceType": "Bundle", "type": "transaction", "entry": twice})
    refused(answer, 422, "duplicate", "Bundle.entry[1].request.url")
    assert fhir.get("Patient/twice").status == 404


def test_a_bundle_with_too_many_entries(fhir):
    entries = [entry("GET", "Patient/x")] * 5001
    refused(
        fhir.post("", {"resourceType": "Bundle", "type": "batch", "entry": entries}), 413, "too-long", "Bundle.entry"
    )


def test_a_transaction_over_several_owners_is_refused_whole(fhir):
    before = total(fhir, "Patient")
    wrong = {**APPOINTMENT, "status": "banana"}
    entries = [entry("POST", "Patient", PATIENT), entry("POST", "Appointment", wrong)]
    answer = fhir.post("", {"resourceType": "Bundle", "type": "transaction", "entry": entries})
    refused(answer, 422, "code-invalid", "Bundle.entry[1].resource.status")
    assert total(fhir, "Patient") == before


def test_a_batch_over_several_owners_is_put_together_in_order(fhir):
    entries = [
        entry("POST", "Patient", PATIENT),
        entry("POST", "Appointment", APPOINTMENT),
        entry("POST", "Banana", {"resourceType": "Banana"}),
        entry("GET", "Appointment?status=nonsense|||"),
        "junk",
        entry("POST", "Flag", {"resourceType": "Flag"}),
        entry("DELETE", "Patient/nobody-here"),
    ]
    answer = fhir.post("", {"resourceType": "Bundle", "type": "batch", "entry": entries})
    statuses = [each["response"]["status"][:3] for each in answer.json["entry"]]
    assert statuses[:3] == ["201", "201", "404"]
    assert statuses[3] in ("200", "400")
    assert statuses[4:] == ["400", "422", "204"]
    assert answer.json["entry"][4]["response"]["outcome"]["issue"][0]["expression"] == ["Bundle.entry[4].request"]


def test_a_conditional_reference_that_matches_none_or_several_writes_nothing(fhir):
    for number in range(2):
        body = {"resourceType": "Practitioner", "id": f"twin-{number}", "identifier": [{"value": "twin"}]}
        assert fhir.put(f"Practitioner/twin-{number}", body).status == 201
    for criteria in ("identifier=nobody-has-this", "identifier=twin", "banana=1", "identifier=%zz%00", ""):
        before = total(fhir, "Patient")
        body = {**PATIENT, "generalPractitioner": [{"reference": f"Practitioner?{criteria}"}]}
        answer = fhir.post(
            "", {"resourceType": "Bundle", "type": "transaction", "entry": [entry("POST", "Patient", body)]}
        )
        assert answer.status in (400, 412), (criteria, answer)
        refused(answer, answer.status)
        assert total(fhir, "Patient") == before


# Several at once


def test_slow_clients_do_not_hold_up_the_others(server, fhir):
    """More clients than the server has threads send their request byte by byte; the others are answered at once."""
    head = (
        b"POST /fhir/Patient HTTP/1.1\r\nHost: x\r\nContent-Type: application/fhir+json\r\nContent-Length: 500\r\n\r\n"
    )
    slow = [socket.create_connection(("127.0.0.1", server.http_port)) for _ in range(32)]
    try:
        for number, connection in enumerate(slow):
            connection.sendall(head[: 20 if number % 2 else len(head)])
        for step in range(10):
            for number, connection in enumerate(slow):
                connection.sendall(head[20 + step : 21 + step] if number % 2 else b"{ "[step % 2 :][:1])
            began = time.monotonic()
            assert fhir.get("Patient?_count=1").status == 200
            assert time.monotonic() - began < 5
    finally:
        for connection in slow:
            connection.close()
    assert fhir.get("Patient?_count=1").status == 200


def test_of_concurrent_updates_with_if_match_one_wins(server, fhir):
    body = {**PATIENT, "id": "contended"}
    fhir.put("Patient/contended", body)
    with ThreadPoolExecutor(10) as pool:
        for _ in range(5):
            etag = fhir.get("Patient/contended").headers["ETag"]
            statuses = sorted(
                pool.map(
                    lambda _, etag=etag: Fhir(fhir.base).put("Patient/contended", body, If_Match=etag).status, range(10)
                )
            )
            assert statuses == [200] + [412] * 9


def test_concurrent_creates_under_one_id_make_one(server, fhir):
    with ThreadPoolExecutor(10) as pool:
        answers = list(
            pool.map(
                lambda _: Fhir(fhir.base).put("Patient/raced", {**PATIENT, "id": "raced"}, If_None_Match="*").status,
                range(10),
            )
        )
    assert sorted(answers) == [201] + [412] * 9


# Fuzz


@pytest.mark.parametrize("seed", [1, 2])
def test_whatever_is_sent_no_fault_and_always_an_outcome(fhir, seed):
    assert fuzz.check_never_a_fault(fhir, seed, seconds=12, requests=3000) > 20


def test_the_same_in_batches(fhir):
    """Mutated requests as entries: the batch is answered whole, each entry by itself."""
    chance = random.Random(3)
    done = 0
    for _ in range(60):
        entries: list[Any] = []
        while len(entries) < 20:
            method, path, _, _ = fuzz.request(chance)
            resource = fuzz.mutated(chance, chance.choice(fuzz.SEEDS))
            one = fuzz.mutated(chance, {"fullUrl": "urn:uuid:1", **entry(method, path, resource)})
            text = json.dumps(one)
            if "\\u0000" not in text and "\\ud800" not in text:  # these spoil the whole body
                entries.append(one)
        answer = fhir.post("", {"resourceType": "Bundle", "type": "batch", "entry": entries})
        assert answer.status == 200, answer
        assert len(answer.json["entry"]) == len(entries)
        assert all(each["response"]["status"][0] in "24" for each in answer.json["entry"]), answer
        done += sum(each["response"]["status"][0] == "2" for each in answer.json["entry"])
    assert done > 20
