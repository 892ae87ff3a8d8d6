"""The RESTful API as requests and responses: conditions, patches, preferences, what is not allowed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from carethread.adapters.sql.store.store import SqlStore
from carethread.core.context import Context
from carethread.core.fhir import json
from carethread.core.ports import Request, Response
from carethread.core.service import Runtime
from carethread.interactions.rest.exchange import finished
from carethread.interactions.rest.handling import handle
from support.stores import open_store, runtime, service_of

JSON_PATCH = "application/json-patch+json"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    opened = open_store(f"sqlite:///{tmp_path}/store.db")
    yield opened
    opened.close()


@pytest.fixture
def records(store: SqlStore) -> Runtime:
    return runtime(store, service_of("Patient", "Observation"))


def ask(records: Runtime, method: str, path: str, body: Any = None, **headers: str) -> Response:
    """One request; `path` with its query, header names with `_` for `-`."""
    path, _, query = path.partition("?")
    pairs = [tuple(pair.split("=", 1)) for pair in query.split("&")] if query else []
    sent = {name.lower().replace("_", "-"): value for name, value in headers.items()}
    if body is not None:
        sent = {"content-type": "application/fhir+json", **sent}
    content = body if isinstance(body, bytes) else b"" if body is None else json.render(body)
    request = Request(method, path, pairs, sent, content)  # type: ignore[arg-type]
    return finished(request, handle(records, request, Context()))


def said(response: Response) -> Any:
    return json.parse(response.body)


def issue(response: Response) -> Any:
    return said(response)["issue"][0]


def patient(number: str = "a", **more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "identifier": [{"system": "urn:mrn", "value": number}], **more}


def stored(records: Runtime, id_: str = "p", **more: Any) -> Any:
    return said(ask(records, "PUT", f"Patient/{id_}", patient(id=id_, **more)))


CRITERIA = "identifier=urn:mrn|a"


def test_conditional_create(records: Runtime) -> None:
    made = ask(records, "POST", "Patient", patient(), If_None_Exist=CRITERIA)
    assert made.status == 201
    again = ask(records, "POST", "Patient", patient(active=True), If_None_Exist=CRITERIA)
    assert (again.status, again.body) == (200, made.body)
    assert again.headers["ETag"] == 'W/"1"'
    assert again.headers["Location"] == made.headers["Location"]
    ask(records, "POST", "Patient", patient())
    several = ask(records, "POST", "Patient", patient(), If_None_Exist=CRITERIA)
    assert (several.status, issue(several)["code"]) == (412, "multiple-matches")
    for criteria in ("", "colour=red", "_count=1", f"Observation?{CRITERIA}"):
        assert ask(records, "POST", "Patient", patient(), If_None_Exist=criteria).status == 400


@pytest.mark.parametrize("prefix", ["?", "Patient?", "https://care.example/fhir/Patient?"])
def test_criteria_may_be_a_whole_url(records: Runtime, prefix: str) -> None:
    made = ask(records, "POST", "Patient", patient(), If_None_Exist=CRITERIA)
    again = ask(records, "POST", "Patient", patient(), If_None_Exist=prefix + CRITERIA)
    assert (again.status, again.body) == (200, made.body)


def test_a_create_with_criteria_in_its_url_is_conditional_too(records: Runtime) -> None:
    made = ask(records, "POST", f"Patient?{CRITERIA}", patient())
    assert made.status == 201
    again = ask(records, "POST", f"Patient?{CRITERIA}&_format=json", patient())
    assert (again.status, again.body) == (200, made.body)
    assert ask(records, "POST", f"Patient?{CRITERIA}", patient(), If_None_Exist=CRITERIA).status == 400


def test_conditional_update_patch_and_delete(records: Runtime) -> None:
    url = f"Patient?{CRITERIA}"
    patch = [{"op": "add", "path": "/active", "value": True}]
    assert ask(records, "PATCH", url, patch, content_type=JSON_PATCH).status == 404
    assert ask(records, "DELETE", url).status == 204
    made = ask(records, "PUT", f"{url}&_format=json", patient())
    assert made.status == 201
    changed = ask(records, "PUT", url, patient(gender="female"), If_Match='W/"1"')
    assert (changed.status, changed.headers["ETag"]) == (200, 'W/"2"')
    assert said(changed)["id"] == said(made)["id"]
    patched = ask(records, "PATCH", url, patch, content_type=JSON_PATCH)
    assert (patched.status, said(patched)["active"]) == (200, True)
    assert ask(records, "PUT", url, patient(), If_Match='W/"1"').status == 412
    assert ask(records, "PUT", url, patient(), If_None_Match="*").status == 412
    assert ask(records, "DELETE", url, If_Match='W/"1"').status == 412
    gone = ask(records, "DELETE", url)
    assert (gone.status, gone.headers["ETag"]) == (204, 'W/"4"')
    for _ in range(2):
        ask(records, "POST", "Patient", patient())
    for method, body in (("PUT", patient()), ("DELETE", None), ("PATCH", patch)):
        several = ask(records, method, url, body, **({"content_type": JSON_PATCH} if method == "PATCH" else {}))
        assert (several.status, issue(several)["code"]) == (412, "multiple-matches")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("query", ["", "?colour=red", "?_count=1", "?_format=json"])
def test_criteria_that_would_mean_too_much_are_refused(records: Runtime, method: str, query: str) -> None:
    stored(records)
    assert ask(records, method, f"Patient{query}", patient() if method == "PUT" else None).status == 400


def test_a_patch_keeps_what_it_does_not_name(records: Runtime) -> None:
    body = (
        b'{"resourceType":"Observation","id":"o","status":"final","code":{"text":"x"},"valueQuantity":{"value":1.10}}'
    )
    assert ask(records, "PUT", "Observation/o", body).status == 201
    patched = ask(
        records,
        "PATCH",
        "Observation/o",
        [
            {"op": "test", "path": "/status", "value": "final"},
            {"op": "replace", "path": "/status", "value": "amended"},
        ],
        content_type=JSON_PATCH,
        If_Match='W/"1"',
    )
    assert patched.status == 200
    assert b'"status":"amended","code":{"text":"x"},"valueQuantity":{"value":1.10}' in patched.body
    assert patched.headers["ETag"] == 'W/"2"'
    assert patched.headers["Location"].endswith("Observation/o/_history/2")
    newest = said(ask(records, "GET", "Observation/o/_history"))["entry"][0]
    assert newest["request"] == {"method": "PATCH", "url": "Observation/o"}


@pytest.mark.parametrize("media", ["application/merge-patch+json", "application/json"])
def test_a_merge_patch(records: Runtime, media: str) -> None:
    stored(records, gender="male", active=True, maritalStatus={"text": "x", "coding": [{"code": "M"}]})
    change = {"gender": "female", "active": None, "maritalStatus": {"text": "y"}}
    patched = said(ask(records, "PATCH", "Patient/p", change, content_type=media))
    assert (patched["gender"], "active" in patched) == ("female", False)
    assert patched["maritalStatus"] == {"text": "y", "coding": [{"code": "M"}]}
    assert ask(records, "PATCH", "Patient/p", {"gender": "mauve"}, content_type=media).status == 422
    assert ask(records, "PATCH", "Patient/p", {"id": "q"}, content_type=media).status == 422
    assert ask(records, "PATCH", "Patient/p", "x", content_type=media).status == 400


def test_what_only_says_that_it_is_json_is_told_by_its_shape(records: Runtime) -> None:
    stored(records, gender="male")
    for change in (
        [{"op": "replace", "path": "/gender", "value": "female"}],
        fhir_patch("replace", "Patient.gender", valueCode="other"),
    ):
        assert ask(records, "PATCH", "Patient/p", change, content_type="application/json").status == 200
    assert said(ask(records, "GET", "Patient/p"))["gender"] == "other"


def fhir_patch(kind: str, path: str, **value: Any) -> dict[str, Any]:
    parts: list[Any] = [{"name": "type", "valueCode": kind}, {"name": "path", "valueString": path}]
    if value:
        parts.append({"name": "value", **value})
    return {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": parts}]}


def test_a_fhirpath_patch(records: Runtime) -> None:
    stored(records, gender="male")
    change = fhir_patch("replace", "Patient.gender", valueCode="female")
    patched = ask(records, "PATCH", "Patient/p", change)
    assert (patched.status, said(patched)["gender"]) == (200, "female")
    wrong = ask(records, "PATCH", "Patient/p", fhir_patch("replace", "Patient.gender", valueCode="mauve"))
    assert (wrong.status, issue(wrong)["expression"]) == (422, ["Patient.gender"])
    misfit = ask(records, "PATCH", "Patient/p", fhir_patch("replace", "Patient.birthDate", valueDate="1980-01-01"))
    assert (misfit.status, issue(misfit)["expression"]) == (422, ["Patient.birthDate"])
    for bad in ({"resourceType": "Patient"}, {"resourceType": "Parameters", "parameter": [{}]}):
        assert ask(records, "PATCH", "Patient/p", bad).status in (400, 422)


@pytest.mark.parametrize(
    ("operation", "status", "where"),
    [
        ({"op": "test", "path": "/gender", "value": "female"}, 422, "Patient.gender"),
        ({"op": "remove", "path": "/name"}, 422, "Patient.name"),
        ({"op": "replace", "path": "/id", "value": "q"}, 422, "Patient.id"),
        ({"op": "remove", "path": "/id"}, 422, "Patient.id"),
        ({"op": "replace", "path": "/resourceType", "value": "Group"}, 400, "Patient.resourceType"),
        ({"op": "add", "path": "/colour", "value": "red"}, 422, "Patient.colour"),
        ({"op": "add", "path": "/name", "value": []}, 422, "Patient.name"),
        ({"op": "add", "path": "name", "value": []}, 400, None),
    ],
)
def test_a_patch_that_is_refused_changes_nothing(records: Runtime, operation: Any, status: int, where: str) -> None:
    stored(records, gender="male")
    refused = ask(records, "PATCH", "Patient/p", [operation], content_type=JSON_PATCH)
    assert refused.status == status, refused.body
    assert issue(refused).get("expression") == ([where] if where else None)
    assert said(ask(records, "GET", "Patient/p"))["meta"]["versionId"] == "1"


def test_a_patch_cannot_choose_the_version(records: Runtime) -> None:
    stored(records)
    meta = [{"op": "add", "path": "/meta/versionId", "value": "77"}, {"op": "remove", "path": "/meta/lastUpdated"}]
    patched = said(ask(records, "PATCH", "Patient/p", meta, content_type=JSON_PATCH))
    assert patched["meta"]["versionId"] == "2"
    assert "lastUpdated" in patched["meta"]


def test_a_patch_of_what_is_not_there(records: Runtime) -> None:
    stored(records)
    ask(records, "DELETE", "Patient/p")
    for id_, status in (("p", 410), ("q", 404), ("a b", 400)):
        assert ask(records, "PATCH", f"Patient/{id_}", [], content_type=JSON_PATCH).status == status


@pytest.mark.parametrize("media", ["application/xml-patch+xml", "application/json-patch", "text/plain", ""])
def test_a_patch_in_another_language(records: Runtime, media: str) -> None:
    refused = ask(records, "PATCH", "Patient/p", b"x", content_type=media)
    assert refused.status == 415
    assert JSON_PATCH in refused.headers["Accept-Patch"]


def test_sixteen_patches_at_once_are_all_kept(records: Runtime) -> None:
    stored(records)

    def add(number: int) -> None:
        value = {"system": "urn:x", "value": str(number)}
        operation = {"op": "add", "path": "/identifier/-", "value": value}
        assert ask(records, "PATCH", "Patient/p", [operation], content_type=JSON_PATCH).status == 200

    threads = [threading.Thread(target=add, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = said(ask(records, "GET", "Patient/p"))
    assert {each["value"] for each in found["identifier"]} == {"a", *map(str, range(16))}
    assert found["meta"]["versionId"] == "17"


DIV = '<div xmlns="http://www.w3.org/1999/xhtml">Male</div>'


@pytest.mark.parametrize(("status", "kept"), [("generated", False), ("extensions", False)])
def test_a_narrative_does_not_tell_what_was_before_the_patch(records: Runtime, status: str, kept: bool) -> None:
    stored(records, gender="male", text={"status": status, "div": DIV})
    same = [{"op": "add", "path": "/meta/tag", "value": [{"code": "x"}]}]
    assert "text" in said(ask(records, "PATCH", "Patient/p", same, content_type=JSON_PATCH))
    change = [{"op": "replace", "path": "/gender", "value": "female"}]
    assert ("text" in said(ask(records, "PATCH", "Patient/p", change, content_type=JSON_PATCH))) is kept


def test_a_narrative_that_says_more_is_not_dropped_unseen(records: Runtime) -> None:
    stored(records, gender="male", text={"status": "additional", "div": DIV})
    change = [{"op": "replace", "path": "/gender", "value": "female"}]
    refused = ask(records, "PATCH", "Patient/p", change, content_type=JSON_PATCH)
    assert (refused.status, issue(refused)["expression"]) == (422, ["Patient.text"])
    told = [*change, {"op": "replace", "path": "/text/div", "value": DIV.replace("Male", "Female")}]
    assert "Female" in said(ask(records, "PATCH", "Patient/p", told, content_type=JSON_PATCH))["text"]["div"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"If_None_Match": 'W/"1"'}, 304),
        ({"If_None_Match": '"1"'}, 304),
        ({"If_None_Match": 'W/"7", W/"1"'}, 304),
        ({"If_None_Match": "*"}, 304),
        ({"If_None_Match": 'W/"2"'}, 200),
        ({"If_None_Match": 'W/"11"'}, 200),
        ({"If_Modified_Since": "Fri, 01 Jan 2100 00:00:00 GMT"}, 304),
        ({"If_Modified_Since": "Sat, 01 Jan 2000 00:00:00 GMT"}, 200),
        ({"If_Modified_Since": "yesterday"}, 200),
        ({"If_None_Match": 'W/"2"', "If_Modified_Since": "Fri, 01 Jan 2100 00:00:00 GMT"}, 200),
    ],
)
def test_conditional_read(records: Runtime, headers: dict[str, str], status: int) -> None:
    stored(records)
    for path in ("Patient/p", "Patient/p/_history/1"):
        found = ask(records, "GET", path, **headers)
        assert found.status == status
        assert found.headers["ETag"] == 'W/"1"'
        assert (found.body == b"") is (status == 304)


def test_a_read_since_its_own_last_modified_is_not_modified(records: Runtime) -> None:
    stored(records)
    when = ask(records, "GET", "Patient/p").headers["Last-Modified"]
    assert ask(records, "GET", "Patient/p", If_Modified_Since=when).status == 304


def test_part_of_a_resource_and_lines(records: Runtime) -> None:
    stored(records, gender="male", maritalStatus={"text": "x"})
    summary = said(ask(records, "GET", "Patient/p?_summary=true"))
    assert "maritalStatus" not in summary
    assert summary["meta"]["tag"][0]["code"] == "SUBSETTED"
    assert "gender" not in said(ask(records, "GET", "Patient/p?_elements=identifier"))
    assert ask(records, "GET", "Patient/p?_summary=count").status == 400
    pretty = ask(records, "GET", "Patient/p?_pretty=true")
    assert pretty.body.startswith(b'{\n  "resourceType": "Patient"')
    assert said(pretty) == said(ask(records, "GET", "Patient/p"))


@pytest.mark.parametrize(
    ("query", "accept", "status"),
    [
        ("_format=json", "application/fhir+xml", 200),
        ("_format=application/fhir json", "*/*", 200),
        ("_format=xml", "*/*", 406),
        ("_format=application/fhir+xml", "application/fhir+json", 406),
        ("", "application/fhir+xml", 406),
        ("", "application/fhir+xml, application/fhir+json;q=0.5", 200),
        ("", "application/fhir+json;q=0", 406),
        ("", "application/fhir+json; fhirVersion=4.0", 200),
        ("", "application/fhir+json; fhirVersion=3.0", 406),
        ("", "text/html, */*;q=0.1", 200),
    ],
)
def test_negotiation(records: Runtime, query: str, accept: str, status: int) -> None:
    stored(records)
    assert ask(records, "GET", f"Patient/p?{query}" if query else "Patient/p", accept=accept).status == status


@pytest.mark.parametrize("media", ["application/fhir+xml", "text/plain", "", "application/fhir+json; fhirVersion=5.0"])
def test_a_body_of_another_kind(records: Runtime, media: str) -> None:
    refused = ask(records, "POST", "Patient", patient(), content_type=media)
    assert refused.status == 415
    assert "application/fhir+json" in refused.headers["Accept"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "Patient", patient()),
        ("PUT", "Patient/p", patient(id="p")),
        ("PUT", f"Patient?{CRITERIA}", patient()),
        ("PATCH", "Patient/p", []),
        ("DELETE", "Patient/p", None),
    ],
)
def test_preferences_of_every_write(records: Runtime, method: str, path: str, body: Any) -> None:
    def write(**prefer: str) -> Response:
        stored(records)
        media = {"content_type": JSON_PATCH} if method == "PATCH" else {}
        return ask(records, method, path, body, **media, **prefer)

    minimal = write(Prefer="return=minimal")
    assert (minimal.body, "ETag" in minimal.headers) == (b"", True)
    outcome = write(Prefer="respond-async, return=OperationOutcome")
    assert said(outcome)["resourceType"] == "OperationOutcome"
    assert outcome.status == (201 if method == "POST" else 200)
    whole = write(Prefer="return=representation")
    if method == "DELETE":
        assert (whole.status, whole.body) == (204, b"")
    else:
        assert said(whole)["resourceType"] == "Patient"
        assert whole.headers["Content-Location"] == whole.headers["Location"]
        assert minimal.headers["Location"].startswith("https://care.example/fhir/Patient/")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "Patient/p", "GET, PUT, PATCH, DELETE, HEAD, OPTIONS"),
        ("PUT", "Patient/p/_history/1", "GET, HEAD, OPTIONS"),
        ("DELETE", "Patient/_history", "GET, HEAD, OPTIONS"),
        ("DELETE", "metadata", "GET, HEAD, OPTIONS"),
        ("GET", "Patient/_search", "POST, OPTIONS"),
        ("PUT", "", "GET, POST, HEAD, OPTIONS"),
    ],
)
def test_what_is_not_allowed_says_what_is(records: Runtime, method: str, path: str, allowed: str) -> None:
    refused = ask(records, method, path)
    assert (refused.status, refused.headers["Allow"]) == (405, allowed)
    options = ask(records, "OPTIONS", path)
    assert (options.status, options.headers["Allow"], options.body) == (204, allowed, b"")


def test_options_of_nothing(records: Runtime) -> None:
    assert ask(records, "OPTIONS", "Banana/1").status == 404


@pytest.mark.parametrize(
    ("method", "path", "header"),
    [
        ("POST", "Patient", "If_Match"),
        ("POST", "Patient", "If_None_Match"),
        ("PUT", "Patient/p", "If_None_Exist"),
        ("DELETE", "Patient/p", "If_None_Match"),
        ("PATCH", "Patient/p", "If_None_Match"),
        ("DELETE", "Patient/p", "If_None_Exist"),
    ],
)
def test_a_condition_that_a_write_cannot_honour_is_refused(
    records: Runtime, method: str, path: str, header: str
) -> None:
    stored(records)
    refused = ask(records, method, path, patient(id="p"), **{header: "*"})
    assert refused.status == 400
    assert header.replace("_", "-") in issue(refused)["diagnostics"]


@pytest.mark.parametrize("if_match", ["*", 'W/"1"', '"1"', 'W/"5", W/"1"'])
def test_if_match_takes_several_forms(records: Runtime, if_match: str) -> None:
    stored(records)
    assert ask(records, "PUT", "Patient/p", patient(id="p"), If_Match=if_match).status == 200


@pytest.mark.parametrize(("if_match", "status"), [('W/"2"', 412), ('"x"', 412), ("1", 400), ("", 400), ('W/"1', 400)])
def test_an_if_match_that_does_not_hold_or_is_none(records: Runtime, if_match: str, status: int) -> None:
    stored(records)
    for method in ("PUT", "PATCH", "DELETE"):
        media = {"content_type": JSON_PATCH} if method == "PATCH" else {}
        body = [] if method == "PATCH" else patient(id="p")
        assert ask(records, method, "Patient/p", body, **media, If_Match=if_match).status == status
    assert ask(records, "PUT", "Patient/new", patient(id="new"), If_Match="*").status == 412


def test_the_metadata_have_an_etag(records: Runtime) -> None:
    first = ask(records, "GET", "metadata")
    assert ask(records, "GET", "metadata", If_None_Match=first.headers["ETag"]).status == 304
    assert ask(records, "GET", "metadata", If_None_Match='W/"1"').status == 200


def test_the_metadata_in_part(records: Runtime) -> None:
    whole = ask(records, "GET", "metadata")
    part = ask(records, "GET", "metadata?_summary=true")
    assert part.status == 200
    assert len(part.body) * 4 < len(whole.body)
    assert said(part)["fhirVersion"] == "4.0.1"
    assert said(part)["meta"]["tag"][0]["code"] == "SUBSETTED"
    assert part.headers["ETag"] != whole.headers["ETag"]
    assert "rest" not in said(ask(records, "GET", "metadata?_elements=software"))
    assert ask(records, "GET", "metadata?_summary=much").status == 400


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("Foo/1", "at 'Foo'"),
        ("patient/x", "Did you mean 'Patient'?"),
        ("Parameters/1", "Parameters resources are not stored"),
        ("OperationOutcome", "OperationOutcome resources are not stored"),
        ("Slot/1", "Slot is not kept by records"),
        ("\x1f" * 500, "at '\\x1f"),
    ],
)
def test_a_path_that_leads_nowhere_is_named(records: Runtime, path: str, words: str) -> None:
    for method in ("GET", "POST"):
        answer = ask(records, method, path, patient() if method == "POST" else None)
        assert answer.status in (404, 405), answer.body
        if answer.status == 404:
            assert words in issue(answer)["diagnostics"]
            assert len(issue(answer)["diagnostics"]) < 250


def test_what_is_missing_or_of_another_type_is_said(records: Runtime) -> None:
    stored(records)
    assert 'add "id": "p"' in issue(ask(records, "PUT", "Patient/p", patient()))["diagnostics"]
    assert "it is 'q'" in issue(ask(records, "PUT", "Patient/p", patient(id="q")))["diagnostics"]
    patched = ask(records, "PATCH", "Patient/p", patient(id="p"))
    assert (patched.status, issue(patched)["expression"]) == (400, ["Parameters.resourceType"])
    assert all(word in issue(patched)["diagnostics"] for word in ("FHIRPath Patch", JSON_PATCH, "merge-patch"))


def test_a_code_is_named_and_what_may_be_a_sentence_is_not(records: Runtime) -> None:
    for gender, named in (("femal", True), ("made up words", False), ("x" * 41, False)):
        refused = issue(ask(records, "POST", "Patient", patient(gender=gender)))
        assert refused["expression"] == ["Patient.gender"]
        assert (f"'{gender}'" in refused["diagnostics"]) is named


def test_the_histories_over_rest(records: Runtime) -> None:
    stored(records)
    stored(records)
    for path in ("_history", "Patient/_history", "Patient/p/_history"):
        page = said(ask(records, "GET", path))
        assert (page["type"], len(page["entry"])) == ("history", 2)
    assert said(ask(records, "GET", "Observation/_history")).get("entry") is None
    assert ask(records, "GET", "Patient//_history").status == 404
    assert ask(records, "GET", "Patient/_history?_colour=red", Prefer="handling=strict").status == 400


def test_within_a_transaction_only_an_instance_has_a_history(records: Runtime) -> None:
    stored(records)

    def read(url: str) -> Response:
        write = {"resource": patient(id="p"), "request": {"method": "PUT", "url": "Patient/p"}}
        entries = [write, {"request": {"method": "GET", "url": url}}]
        return ask(records, "POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": entries})

    assert len(said(read("Patient/p/_history"))["entry"][1]["resource"]["entry"]) == 2
    refused = read("Patient/_history")
    assert (refused.status, issue(refused)["code"]) == (405, "not-supported")
