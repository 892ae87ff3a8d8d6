"""Every owned type of every service answers the same interactions: http://hl7.org/fhir/R4/http.html."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest
import urllib3

from carethread.composition.parts import owners_of_types
from carethread.core.fhir import json as fhir_json
from carethread.core.fhir.search import extract
from carethread.core.fhir.validation import validate
from support.examples import example
from support.fhir import Fhir
from support.processes import CareThread, carethread

TYPES = sorted(owners_of_types())
Resource = dict[str, Any]


@pytest.fixture(scope="module")
def server() -> Iterator[CareThread]:
    with carethread("up") as process:
        yield process


@pytest.fixture
def fhir(server: CareThread) -> Fhir:
    return server.fhir


def without_meta(resource: Resource) -> Resource:
    """The resource without what the server adds."""
    meta = {k: v for k, v in resource.get("meta", {}).items() if k not in ("versionId", "lastUpdated")}
    rest = {name: value for name, value in resource.items() if name not in ("id", "meta")}
    return {**rest, **({"meta": meta} if meta else {})}


def ids(bundle: Resource, mode: str = "match") -> list[str]:
    return [e["resource"]["id"] for e in bundle.get("entry", []) if e["search"]["mode"] == mode]


def link(bundle: Resource, relation: str) -> str | None:
    return next((each["url"] for each in bundle["link"] if each["relation"] == relation), None)


@pytest.mark.parametrize("type_name", TYPES)
def test_the_life_of_a_resource(fhir, type_name):
    body = example(type_name)
    created = fhir.post(type_name, body)
    assert created.status == 201, created
    stored = created.json
    reference = f"{type_name}/{stored['id']}"
    assert created.headers["ETag"] == 'W/"1"'
    assert created.headers["Location"] == f"{fhir.base}/{reference}/_history/1"
    assert stored["meta"]["versionId"] == "1"
    assert without_meta(stored) == without_meta(body)

    read = fhir.get(reference)
    assert (read.status, read.json, read.headers["ETag"]) == (200, stored, 'W/"1"')
    assert read.headers["Last-Modified"] == created.headers["Last-Modified"]
    assert fhir.get(reference, If_None_Match='W/"1"').status == 304
    assert fhir.get(f"{reference}/_history/1").json == stored
    assert fhir.get(f"{reference}/_history/2").status == 404

    changed = {**stored, "language": "de-CH"}
    assert fhir.put(reference, changed, If_Match='W/"7"').status == 412
    updated = fhir.put(reference, changed, If_Match='W/"1"')
    assert (updated.status, updated.headers["ETag"], updated.json["language"]) == (200, 'W/"2"', "de-CH")
    assert fhir.put(reference, changed, If_Match='W/"1"').status == 412
    assert fhir.get(f"{reference}/_history/1").json == stored
    assert fhir.get(f"{reference}/_history/2").json == updated.json

    assert fhir.delete(reference, If_Match='W/"1"').status == 412
    deleted = fhir.delete(reference, If_Match='W/"2"')
    assert (deleted.status, deleted.json) == (204, None)
    assert fhir.get(reference).status == 410
    assert fhir.get(f"{reference}/_history/1").json == stored
    assert fhir.get(f"{reference}/_history/3").status == 410
    assert fhir.delete(reference).status == 204
    assert ids(fhir.get(f"{type_name}?_id={stored['id']}").json) == []

    history = fhir.get(f"{reference}/_history").json
    assert (history["type"], history["total"]) == ("history", 3)
    assert [e["request"]["method"] for e in history["entry"]] == ["DELETE", "PUT", "POST"]
    assert [e.get("resource") for e in history["entry"]] == [None, updated.json, stored]

    back = fhir.put(reference, changed)
    assert (back.status, back.headers["ETag"]) == (201, 'W/"4"')
    assert fhir.get(reference).status == 200


@pytest.mark.parametrize("type_name", TYPES)
def test_searches_of_each_type(fhir, type_name):
    """`_id`, `_lastUpdated`, and the first token, reference, date and string that the resource can be found by."""
    before = datetime.now(UTC).replace(microsecond=0)
    stored = fhir.post(type_name, example(type_name)).json
    wanted = stored["id"]

    def found(query: str) -> list[str]:
        answer = fhir.get(f"{type_name}?{query}", Prefer="handling=strict")
        assert answer.status == 200, answer
        assert answer.json["total"] == len(ids(answer.json)) or link(answer.json, "next")
        return ids(answer.json)

    assert found(f"_id={wanted}") == [wanted]
    assert found(f"_id={wanted},other") == [wanted]
    assert found("_id=nobody") == []
    updated = quote(stored["meta"]["lastUpdated"])
    assert found(f"_id={wanted}&_lastUpdated=eq{updated}") == [wanted]
    assert found(f"_id={wanted}&_lastUpdated=ge{quote(before.isoformat())}") == [wanted]
    assert found(f"_id={wanted}&_lastUpdated=gt{updated}") == []
    assert found(f"_id={wanted}&_lastUpdated=lt2020") == []

    rows = extract(fhir_json.parse(json.dumps(stored).encode()), base=fhir.base)
    token = next((row for row in rows.token if row[2] and not row[0].startswith("_")), None)
    if token:
        param, system, code, _ = token
        exact = quote(f"{system}|{escaped(code)}" if system else escaped(code))
        assert wanted in found(f"{param}={exact}&_count=1000")
        assert wanted not in found(f"{param}:not={exact}&_count=1000")
        if system:
            assert wanted not in found(f"{param}={quote('urn:nowhere|')}{quote(escaped(code))}")
    reference = next((row for row in rows.reference if row[2] and row[1]), None)
    if reference:
        param, target, id_, *_ = reference
        assert wanted in found(f"{param}={target}/{id_}&_count=1000")
        assert wanted not in found(f"{param}={target}/nobody")
    date = next((row for row in rows.date if not row[0].startswith("_") and row[1] > 0), None)
    if date:
        low = quote(datetime.fromtimestamp(date[1] / 1e6, UTC).isoformat())
        assert wanted in found(f"{date[0]}=ge{low}&_count=1000")
        assert wanted not in found(f"{date[0]}=lt1800")
    string = next((row for row in rows.string if not row[0].startswith("_")), None)
    if string:
        param, _, text = string
        assert wanted in found(f"{param}={quote(escaped(text[:30]))}&_count=1000")
        assert wanted in found(f"{param}:exact={quote(escaped(text))}&_count=1000")
        assert wanted not in found(f"{param}=zzzzqqqq")


def escaped(text: str) -> str:
    """A value as FHIR's search writes it: http://hl7.org/fhir/R4/search.html#escaping."""
    return "".join("\\" + char if char in "\\,|$" else char for char in text)


def test_every_kind_of_parameter_was_met():
    """The search test skips no kind over all types."""
    kinds = {"token": 0, "reference": 0, "date": 0, "string": 0}
    for type_name in TYPES:
        rows = extract(fhir_json.parse(json.dumps(example(type_name)).encode()))
        for kind in kinds:
            kinds[kind] += any(not row[0].startswith("_") for row in getattr(rows, kind))
    assert kinds["token"] > 90, kinds
    assert min(kinds.values()) > 20, kinds


@pytest.fixture(scope="module")
def people(server: CareThread) -> list[str]:
    """Forty people with one general practitioner in four."""
    fhir = server.fhir
    for number in range(4):
        doctor = {"resourceType": "Practitioner", "id": f"gp-{number}", "name": [{"family": f"Doctor{number}"}]}
        assert fhir.put(f"Practitioner/gp-{number}", doctor).status == 201
    made = []
    for number in range(40):
        body: Resource = {
            "resourceType": "Patient",
            "id": f"person-{number:02}",
            "identifier": [{"system": "urn:example:people", "value": f"P-{number}"}],
            "name": [{"family": f"Person{number % 7}", "given": [f"G{number:02}"]}],
            "birthDate": f"19{50 + number % 10}-01-{1 + number % 28:02}",
            "gender": "female" if number % 2 else "male",
            "generalPractitioner": [{"reference": f"Practitioner/gp-{number % 4}"}],
        }
        assert fhir.put(f"Patient/{body['id']}", body).status == 201
        made.append(body["id"])
    return made


MINE = "identifier=urn:example:people%7C"


def pages(fhir: Fhir, path: str, between: Callable[[], None] = lambda: None) -> list[Resource]:
    """All pages of a search, following `next`; something may happen between two pages."""
    found = [fhir.get(path).json]
    while following := link(found[-1], "next"):
        between()
        found.append(urllib3.request("GET", following).json())
        assert found[-1]["resourceType"] == "Bundle", found[-1]
    return found


@pytest.mark.parametrize(
    "sort",
    [
        "",
        "_sort=birthdate",
        "_sort=-birthdate",
        "_sort=family,-given",
        "_sort=-_lastUpdated",
        "_sort=_id",
        "_sort=gender,birthdate,-_id",
    ],
)
@pytest.mark.parametrize("size", [1, 7, 40])
def test_pages_hold_each_match_once_in_order(fhir, people, sort, size):
    whole = ids(fhir.get(f"Patient?{MINE}&_count=1000&{sort}").json)
    assert sorted(whole) == people
    found = pages(fhir, f"Patient?{MINE}&_count={size}&{sort}")
    assert [id_ for page in found for id_ in ids(page)] == whole
    assert [page.get("total") for page in found] == ([40] if len(found) == 1 else [None] * len(found))
    assert all(len(page["entry"]) == size for page in found[:-1])


def test_sorting_is_by_value(fhir, people):
    def sorted_by(sort: str) -> list[Resource]:
        return [e["resource"] for e in fhir.get(f"Patient?{MINE}&_count=100&_sort={sort}").json["entry"]]

    births = [p["birthDate"] for p in sorted_by("birthdate")]
    assert births == sorted(births)
    assert [p["birthDate"] for p in sorted_by("-birthdate")] == sorted(births, reverse=True)
    names = [(p["name"][0]["family"], p["name"][0]["given"][0]) for p in sorted_by("family,-given")]
    assert [family for family, _ in names] == sorted(family for family, _ in names)
    for family in {family for family, _ in names}:
        given = [g for f, g in names if f == family]
        assert given == sorted(given, reverse=True)
    updated = [p["meta"]["lastUpdated"] for p in sorted_by("_lastUpdated")]
    assert updated == sorted(updated)


@pytest.mark.parametrize(
    "sort",
    ["", "&_sort=birthdate", "&_sort=-birthdate", "&_sort=family", "&_sort=-_lastUpdated", "&_sort=_lastUpdated"],
)
def test_pages_stay_stable_while_rows_are_added_and_taken(fhir, sort):
    """What is there from first to last page is seen exactly once, whatever comes and goes meanwhile."""
    mark = "urn:example:stable" + quote(sort.replace("&_sort=", "-"))
    made = 0

    def add(birth: str, family: str) -> str:
        nonlocal made
        made += 1
        body = {
            "resourceType": "Patient",
            "identifier": [{"system": mark, "value": str(made)}],
            "birthDate": birth,
            "name": [{"family": family}],
        }
        answer = fhir.post("Patient", body)
        assert answer.status == 201
        id_: str = answer.json["id"]
        return id_

    staying = {add(f"1950-01-{1 + number:02}", f"M{number % 3}") for number in range(21)}
    passing = [add("1940-01-01", "A"), add("1960-01-01", "Z"), add("1950-01-10", "M1")]

    def disturb() -> None:
        for birth, family in (("1930-01-01", "A"), ("1950-01-11", "M1"), ("1990-01-01", "Z")):
            add(birth, family)
        if passing:
            assert fhir.delete(f"Patient/{passing.pop()}").status == 204

    found = pages(fhir, f"Patient?identifier={mark}%7C&_count=5{sort}", disturb)
    seen = [id_ for page in found[:30] for id_ in ids(page)]
    assert len(seen) == len(set(seen))
    assert staying <= set(seen)


def test_the_history_of_one_instance_is_paged(fhir):
    for number in range(7):
        body = {"resourceType": "Patient", "id": "long-life", "multipleBirthInteger": number + 1}
        fhir.put("Patient/long-life", body)
    found = [fhir.get("Patient/long-life/_history?_count=3").json]
    while following := link(found[-1], "next"):
        found.append(urllib3.request("GET", following).json())
    versions = [e["resource"]["meta"]["versionId"] for page in found for e in page["entry"]]
    assert versions == ["7", "6", "5", "4", "3", "2", "1"]
    assert {page["total"] for page in found} == {7}


def test_counting_only(fhir, people):
    for query in ("_summary=count", "_count=0"):
        answer = fhir.get(f"Patient?{MINE}&{query}").json
        assert (answer["total"], "entry" in answer, link(answer, "next")) == (40, False, None)


def test_includes_and_chains(fhir, people):
    found = fhir.get(f"Patient?{MINE}&_include=Patient:general-practitioner&_count=10&_sort=_id").json
    assert ids(found) == people[:10]
    assert sorted(ids(found, "include")) == ["gp-0", "gp-1", "gp-2", "gp-3"]
    narrowed = fhir.get("Patient?_id=person-01&_include=Patient:general-practitioner:Practitioner").json
    assert ids(narrowed, "include") == ["gp-1"]
    assert ids(fhir.get("Patient?_id=person-01&_include=Patient:organization").json, "include") == []
    for chain in ("general-practitioner.name=Doctor2", "general-practitioner:Practitioner.family=doctor2"):
        chained = fhir.get(f"Patient?{MINE}&{chain}&_count=100").json
        assert sorted(ids(chained)) == people[2::4]
    both = fhir.get(f"Patient?{MINE}&general-practitioner.name=Doctor2&gender=female").json
    assert ids(both) == []
    assert ids(fhir.get(f"Patient?{MINE}&general-practitioner.name=Nobody").json) == []
    assert ids(fhir.get(f"Patient?{MINE}&general-practitioner=Practitioner/gp-3&_count=50").json) != []


def test_a_search_by_post_is_the_search_by_get(fhir, people):
    query = f"{MINE}&gender=female&_sort=-birthdate&_count=5"
    form = fhir.send("POST", "Patient/_search", query, headers={"Content_Type": "application/x-www-form-urlencoded"})
    assert form.json == fhir.get(f"Patient?{query}").json
    mixed = fhir.send(
        "POST",
        f"Patient/_search?{MINE}",
        "gender=female",
        headers={"Content_Type": "application/x-www-form-urlencoded"},
    )
    assert mixed.json["total"] == 20


def test_metadata_is_valid_and_lists_each_type(fhir):
    answer = fhir.get("metadata")
    assert answer.status == 200
    statement = answer.json
    assert [issue for issue in validate(statement) if issue.severity in ("error", "fatal")] == []
    listed = {resource["type"]: resource for resource in statement["rest"][0]["resource"]}
    assert sorted(listed) == TYPES
    for resource in listed.values():
        codes = {interaction["code"] for interaction in resource["interaction"]}
        assert {"read", "vread", "create", "update", "delete", "history-instance", "search-type"} <= codes
    assert statement["implementation"]["url"] == fhir.base
    assert statement["fhirVersion"] == "4.0.1"


BODY = (
    b'{"valueQuantity":{"unit":"kg","value":1.10},"resourceType":"Observation","code":{"text":"x"},"status":"final",'
    b'"component":[{"code":{"text":"a"},"valueQuantity":{"value":1e2}},{"code":{"text":"b"},"valueQuantity":{"value":-0.0}},'
    b'{"code":{"text":"c"},"valueQuantity":{"value":0.000000000000000000010}},'
    b'{"code":{"text":"d"},"valueQuantity":{"value":123456789012345678901234567890.123456789}}],'
    b'"note":[{"text":"\xc3\xa5 \\ud83d\\ude42 \\u2028 \\/ \\t"}]}'
)


def exact(server: CareThread, method: str, path: str, body: bytes | None = None) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", server.http_port)
    connection.request(method, f"/fhir/{path}", body, {"Content-Type": "application/fhir+json"})
    read = connection.getresponse().read()
    connection.close()
    return read


def test_number_text_and_member_order_survive(server, fhir):
    made = exact(server, "POST", "Observation", BODY)
    id_ = json.loads(made)["id"]
    reads = [
        made,
        exact(server, "GET", f"Observation/{id_}"),
        exact(server, "GET", f"Observation/{id_}/_history/1"),
        exact(server, "GET", f"Observation/{id_}/_history"),
        exact(server, "GET", f"Observation?_id={id_}"),
        exact(server, "PUT", f"Observation/{id_}", made),
    ]
    for read in reads:
        for text in (b'"value":1.10}', b'"value":1e2}', b'"value":-0.0}', b'"value":0.000000000000000000010}',
                     b'"value":123456789012345678901234567890.123456789}'):  # fmt: skip
            assert text in read, (text, read)
    sent = json.loads(BODY)
    got = json.loads(made)
    assert [name for name in got if name not in ("id", "meta")] == list(sent)
    assert list(got["valueQuantity"]) == ["unit", "value"]
    assert got["note"] == sent["note"]


def test_what_an_answer_returns_is_what_was_preferred(fhir):
    body = {"resourceType": "Patient"}
    whole = fhir.post("Patient", body)
    assert whole.json["resourceType"] == "Patient"
    minimal = fhir.post("Patient", body, Prefer="return=minimal")
    assert (minimal.status, minimal.json) == (201, None)
    assert minimal.headers["Location"]
    outcome = fhir.post("Patient", body, Prefer="return=OperationOutcome")
    assert (outcome.status, outcome.json["resourceType"]) == (201, "OperationOutcome")
    assert validate(outcome.json) == [] or all(i.severity != "error" for i in validate(outcome.json))


@pytest.mark.parametrize(
    "path",
    [
        "Patient?_count=3",
        "Patient/long-life/_history",
        "Appointment",
        "Patient?_summary=count",
        "Observation?_include=Observation:subject",
    ],
)
def test_answers_are_valid_bundles(fhir, path):
    bundle = fhir.get(path).json
    assert [issue for issue in validate(bundle) if issue.severity in ("error", "fatal")] == []


@pytest.mark.parametrize("kind", ["batch", "transaction"])
def test_a_bundle_writes_and_reads(fhir, kind):
    body = {"resourceType": "Patient", "active": True}
    keep, drop = (fhir.post("Patient", body).json for _ in range(2))
    bundle = {
        "resourceType": "Bundle",
        "type": kind,
        "entry": [
            {"request": {"method": "GET", "url": f"Patient/{keep['id']}"}},
            {"resource": body, "request": {"method": "POST", "url": "Patient"}},
            {
                "resource": {**keep, "active": False},
                "request": {"method": "PUT", "url": f"Patient/{keep['id']}", "ifMatch": 'W/"1"'},
            },
            {"request": {"method": "DELETE", "url": f"Patient/{drop['id']}"}},
            {"request": {"method": "GET", "url": f"Patient?_id={keep['id']}&_summary=count"}},
        ],
    }
    answer = fhir.post("", bundle)
    assert answer.status == 200, answer
    assert answer.json["type"] == f"{kind}-response"
    assert [e["response"]["status"][:3] for e in answer.json["entry"]] == ["200", "201", "200", "204", "200"]
    assert answer.json["entry"][1]["response"]["location"].endswith("/_history/1")
    assert answer.json["entry"][2]["response"]["etag"] == 'W/"2"'
    assert answer.json["entry"][4]["resource"]["total"] == 1
    assert fhir.get(f"Patient/{keep['id']}").json["active"] is False
    assert fhir.get(f"Patient/{drop['id']}").status == 410
    if kind == "transaction":
        assert answer.json["entry"][0]["resource"]["active"] is False  # reads come last


def test_a_transaction_resolves_its_own_and_conditional_references(fhir):
    fhir.put(
        "Organization/known",
        {
            "resourceType": "Organization",
            "id": "known",
            "identifier": [{"system": "urn:example:o", "value": "1"}],
            "name": "x",
        },
    )
    who, what = "urn:uuid:5f1d8c1e-0000-4000-8000-00000000000a", "urn:uuid:5f1d8c1e-0000-4000-8000-00000000000b"
    patient = {
        "resourceType": "Patient",
        "managingOrganization": {"reference": "Organization?identifier=urn:example:o|1"},
    }
    observation = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "x"},
        "subject": {"reference": who},
    }
    entries = [
        {"fullUrl": what, "resource": observation, "request": {"method": "POST", "url": "Observation"}},
        {"fullUrl": who, "resource": patient, "request": {"method": "POST", "url": "Patient"}},
    ]
    answer = fhir.post("", {"resourceType": "Bundle", "type": "transaction", "entry": entries})
    assert answer.status == 200, answer
    made = [e["response"]["location"].split("/_history")[0] for e in answer.json["entry"]]
    assert fhir.get(made[0]).json["subject"] == {"reference": made[1]}
    assert fhir.get(made[1]).json["managingOrganization"] == {"reference": "Organization/known"}


def test_a_transaction_may_span_services(fhir):
    who = "urn:uuid:5f1d8c1e-0000-4000-8000-00000000000c"
    team = {"resourceType": "CareTeam", "status": "active", "subject": {"reference": who}}
    goal = {"resourceType": "Goal", "lifecycleStatus": "active", "description": {"text": "x"}}
    entries = [
        {"resource": team, "request": {"method": "POST", "url": "CareTeam"}},
        {"fullUrl": who, "resource": {"resourceType": "Patient"}, "request": {"method": "POST", "url": "Patient"}},
        {
            "resource": {**goal, "subject": {"reference": "Patient?identifier=urn:example:nobody|1"}},
            "request": {"method": "POST", "url": "Goal"},
        },
    ]
    refused = fhir.post("", {"resourceType": "Bundle", "type": "transaction", "entry": entries})
    assert (refused.status, refused.json["issue"][0]["expression"]) == (412, ["Bundle.entry[2]"])
    answer = fhir.post("", {"resourceType": "Bundle", "type": "transaction", "entry": entries[:2]})
    assert answer.status == 200, answer
    made = [e["response"]["location"].split("/_history")[0] for e in answer.json["entry"]]
    assert fhir.get(made[0]).json["subject"] == {"reference": made[1]}
    assert fhir.get(made[1]).status == 200
