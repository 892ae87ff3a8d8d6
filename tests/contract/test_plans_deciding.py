"""`$shared-decision`: what is decided with a person is theirs, is replaced and never changed, and has a Provenance."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from carethread.core.fhir import json
from carethread.core.ports import Resource
from support.care import Care, care, patient, practitioner

NAMES = ("records", "careteams")
URL = "Patient/ann/$shared-decision"
ROLE_CODE = "http://terminology.hl7.org/CodeSystem/v3-RoleCode"


def related(id_: str, code: str, of: str) -> Resource:
    relationship = [{"coding": [{"system": ROLE_CODE, "code": code}]}]
    return {
        "resourceType": "RelatedPerson", "id": id_, "active": True, "patient": {"reference": f"Patient/{of}"},
        "relationship": relationship,
    }  # fmt: skip


@pytest.fixture
def practice(tmp_path: Path, database_url: str) -> Iterator[Care]:
    """An adult and a child, with their mothers."""
    with care(tmp_path, database_url, NAMES) as made:
        made.tell(patient("ann", birthDate="1970-01-01"), patient("kid", birthDate="2025-01-01"), practitioner("lee"))
        made.tell(related("anns-mother", "MTH", "ann"), related("kids-mother", "MTH", "kid"))
        made.tell(patient("late", deceasedBoolean=True))
        yield made


def text(name: str, value: str) -> Resource:
    return {"name": name, "valueString": value}


def refer(name: str, value: str) -> Resource:
    return {"name": name, "valueReference": {"reference": value}}


def option(said: str, *more: Resource) -> Resource:
    return {"name": "option", "part": [text("text", said), *more]}


OPTIONS = [
    option("Talking", text("explained", "Takes longer"), {"name": "chosen", "valueBoolean": True}),
    option("Pills", {"name": "aid", "valueUri": "https://example.org/aid"}),
]
BY = [refer("by", "Patient/ann"), refer("by", "Practitioner/lee")]
DECISION = [text("decision", "Talking for three months"), text("preference", "I would rather talk"), *OPTIONS, *BY]


def body(*parts: Resource) -> Resource:
    return {"resourceType": "Parameters", "parameter": list(parts)}


def provenances(practice: Care) -> list[Resource]:
    practice.send()
    return practice.found("Provenance")


def test_it_is_stored_with_the_person_as_author(practice: Care) -> None:
    made = practice.operate("POST", URL, *DECISION, text("topic", "Low mood"), refer("about", "Condition/mood"))
    assert practice.read(f"Communication/{made['id']}") == made
    assert (made["sender"]["reference"], made["topic"]["text"]) == ("Patient/ann", "Low mood")
    assert made["sent"] == "2031-03-03T08:00:00.000Z"
    (proof,) = provenances(practice)
    assert proof["target"] == [{"reference": f"Communication/{made['id']}/_history/1"}]
    agents = [(each["type"]["coding"][0]["code"], each["who"]["reference"]) for each in proof["agent"]]
    assert agents == [("author", "Patient/ann"), ("verifier", "Practitioner/lee")]


def test_a_later_one_replaces_it_once(practice: Care) -> None:
    first = practice.operate("POST", URL, *DECISION)
    again = [*DECISION, refer("replaces", f"Communication/{first['id']}")]
    second = practice.operate("POST", URL, *again)
    assert second["inResponseTo"] == [{"reference": f"Communication/{first['id']}"}]
    status, issues = practice.refusal("POST", URL, body(*again))
    assert (status, issues[0]["code"]) == (409, "conflict")
    assert f"Communication/{second['id']}" in issues[0]["diagnostics"]
    assert practice.read(f"Communication/{first['id']}")["meta"]["versionId"] == "1"
    revised = [each["entity"] for each in provenances(practice) if "entity" in each]
    assert revised == [[{"role": "revision", "what": {"reference": f"Communication/{first['id']}"}}]]


def test_of_several_replacements_at_once_one_wins(practice: Care) -> None:
    first = practice.operate("POST", URL, *DECISION)
    asked = body(*DECISION, refer("replaces", f"Communication/{first['id']}"))
    statuses: list[int] = []
    threads = [Thread(target=lambda: statuses.append(practice.ask("POST", URL, asked).status)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200, 409, 409, 409]


def test_with_an_idempotency_key_it_is_done_once(practice: Care) -> None:
    made = [practice.operate("POST", URL, *DECISION, Idempotency_Key="one") for _ in range(2)]
    assert made[0] == made[1]
    assert len(provenances(practice)) == 1
    status, issues = practice.refusal(
        "POST", URL, body(*DECISION, text("topic", "x")), headers={"Idempotency-Key": "one"}
    )
    assert (status, issues[0]["code"]) == (409, "conflict")


def test_who_may_answer_for_a_person(practice: Care) -> None:
    mothers = refer("by", "RelatedPerson/kids-mother")
    parts = [text("decision", "x"), text("preference", "y"), *OPTIONS, mothers]
    made = practice.operate(
        "POST", "Patient/kid/$shared-decision", *parts, refer("author", "RelatedPerson/kids-mother")
    )
    assert made["sender"]["reference"] == "RelatedPerson/kids-mother"
    (proof,) = provenances(practice)
    assert proof["agent"][0]["onBehalfOf"] == {"reference": "Patient/kid"}
    for author, path in (("anns-mother", URL), ("kids-mother", URL)):
        status, issues = practice.refusal("POST", path, body(*DECISION, refer("author", f"RelatedPerson/{author}")))
        assert (status, issues[0]["expression"]) == (403, ["author"])


def test_declined_to_say(practice: Care) -> None:
    parts = [each for each in DECISION if each["name"] != "preference"]
    made = practice.operate("POST", URL, *parts, text("declined", "Wanted to think first"))
    said = next(each for each in made["extension"] if each["url"].endswith("/decision"))
    assert {"url": "declined", "valueString": "Wanted to think first"} in said["extension"]


def without(name: str) -> list[Resource]:
    return [each for each in DECISION if each["name"] != name]


OTHER = {"resourceType": "Communication", "id": "other", "status": "completed"}
FUTURE = {"name": "sent", "valueDateTime": "2031-04-01T08:00:00Z"}
REFUSED: dict[str, tuple[list[Resource], int, str]] = {
    "no preference": (without("preference"), 422, "preference"),
    "both": ([*DECISION, text("declined", "x")], 422, "preference"),
    "blank": ([*without("preference"), text("preference", " ")], 422, "preference"),
    "no decision": (without("decision"), 400, "decision"),
    "nobody": (without("by"), 400, "by"),
    "no options": (without("option"), 422, "option"),
    "one option": ([*without("option"), OPTIONS[0]], 422, "option"),
    "option without text": ([*DECISION, {"name": "option", "part": [text("explained", "x")]}], 400, "Parameters"),
    "option with more": ([*DECISION, option("x", text("colour", "red"))], 400, "Parameters"),
    "aid is no uri": ([*DECISION, option("x", text("aid", "red"))], 400, "Parameters"),
    "two chosen": ([*DECISION, OPTIONS[0]], 422, "Communication"),
    "another's": ([*DECISION, refer("author", "Patient/kid")], 400, "author"),
    "unknown relative": ([*DECISION, refer("author", "RelatedPerson/none")], 422, "author"),
    "future": ([*DECISION, FUTURE], 422, "sent"),
    "replaces nothing": ([*DECISION, refer("replaces", "Communication/none")], 422, "replaces"),
    "replaces another thing": ([*DECISION, refer("replaces", "Communication/other")], 422, "replaces"),
    "unknown": ([*DECISION, text("colour", "red")], 400, "colour"),
}


def test_what_is_refused(practice: Care) -> None:
    practice.put(OTHER)
    for name, (parts, status, where) in REFUSED.items():
        found, issues = practice.refusal("POST", URL, body(*parts))
        assert (name, found, issues[0]["expression"][0].split(".")[0]) == (name, status, where), json.render(issues)
    assert len(practice.found("Communication")) == 1


CHANGED: dict[str, tuple[Resource, str]] = {
    "other words": ({"payload": [{"contentString": "Pills"}]}, "payload"),
    "another person": ({"subject": {"reference": "Patient/kid"}}, "subject"),
    "no profile": ({"meta": {"versionId": "1"}}, "meta"),
    "one more note": ({"note": [{"text": "Pills after all"}]}, "note"),
    "another status": ({"status": "stopped"}, "status"),
}


def test_what_was_decided_stays(practice: Care) -> None:
    made = practice.operate("POST", URL, *DECISION)
    path = f"Communication/{made['id']}"
    for name, (members, where) in CHANGED.items():
        status, issues = practice.refusal("PUT", path, {**made, **members})
        assert (name, status, issues[0]["expression"]) == (name, 409, [f"Communication.{where}"])
    patch = [{"op": "replace", "path": "/payload/0/contentString", "value": "Pills"}]
    json_patch = {"content-type": "application/json-patch+json"}
    assert practice.ask("PATCH", path, patch, headers=json_patch).status == 409
    assert practice.ask("DELETE", path).status == 409
    assert practice.read(path) == made
    wrong = {**made, "status": "entered-in-error"}
    assert practice.put(wrong)["status"] == "entered-in-error"
    assert practice.refusal("PUT", path, made)[0] == 409, "it is not right again"


def test_a_plain_write_replaces_no_decision(practice: Care) -> None:
    made = practice.operate("POST", URL, *DECISION)
    forged = {**made, "id": "forged", "inResponseTo": [{"reference": f"Communication/{made['id']}"}]}
    bare = {name: value for name, value in forged.items() if name != "id"}
    plain = {**forged, "id": "plain", "meta": {"tag": [{"code": "x"}]}}
    practice.put(plain)
    for method, path, body in (
        ("PUT", "Communication/forged", forged),
        ("POST", "Communication", bare),
        ("PUT", "Communication/plain", {**plain, "meta": made["meta"]}),
    ):
        status, issues = practice.refusal(method, path, body)
        assert (status, issues[0]["expression"]) == (422, ["Communication.inResponseTo"]), (method, path)
    practice.put({**forged, "id": "history"}, backfill=True)
    again = [*DECISION, refer("replaces", f"Communication/{made['id']}")]
    told = practice.ask("POST", URL, {"resourceType": "Parameters", "parameter": again})
    assert told.status == 409 and b"Communication/history" in told.body, "history has replaced it already"


def test_a_decision_that_an_ehr_sends_is_kept_as_it_was_sent(practice: Care) -> None:
    made = practice.operate("POST", URL, *DECISION)
    theirs = {**made, "id": "theirs", "meta": {**made["meta"], "source": "urn:ehr"}}
    practice.put(theirs)
    changed = {**theirs, "payload": [{"contentString": "Pills"}]}
    assert practice.put(changed)["payload"] == [{"contentString": "Pills"}]


def test_people_with_whom_nothing_is_decided(practice: Care) -> None:
    for person in ("late", "none"):
        status, issues = practice.refusal("POST", f"Patient/{person}/$shared-decision", body(*DECISION))
        assert (person, status, issues[0]["expression"]) == (person, 422, ["Patient"])


def test_who_answers_for_somebody_may_name_them_by_a_whole_url(practice: Care) -> None:
    whole = {"reference": f"{practice.runtime.base_url}/Patient/kid"}
    practice.tell({**related("kids-father", "FTH", "kid"), "patient": whole})
    by = [refer("by", "RelatedPerson/kids-father"), refer("by", "Practitioner/lee")]
    made = practice.operate(
        "POST", "Patient/kid/$shared-decision",
        *(each for each in DECISION if each["name"] != "by"), *by, refer("author", "RelatedPerson/kids-father"),
    )  # fmt: skip
    assert made["sender"]["reference"] == "RelatedPerson/kids-father"
