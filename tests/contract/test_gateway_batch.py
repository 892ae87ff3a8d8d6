"""A batch at the gateway: each entry is answered as if it came alone, whichever services it concerns."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from carethread.core.fhir import json
from support.owners import Practice, booking, entry, patient, practice, put, slot, team


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Practice]:
    with practice(_folder(tmp_path_factory)) as made:
        assert made.ask("PUT", "Patient/1", {**patient("1"), "id": "1"}).status == 201
        assert made.ask("PUT", "Slot/s1", slot("s1")).status == 201
        visit = booking("a1", "s1")
        visit["participant"] = [{"actor": {"reference": "Patient/1"}, "status": "accepted"}]
        assert made.ask("PUT", "Appointment/a1", visit).status == 201
        assert made.ask("PUT", "CareTeam/t1", {**team("Patient/1"), "id": "t1"}).status == 201
        yield made


def _folder(factory: pytest.TempPathFactory) -> Path:
    return factory.mktemp("batch")


def ask(services: Practice, *entries: dict[str, Any]) -> list[dict[str, Any]]:
    bundle = {"resourceType": "Bundle", "type": "batch", "entry": list(entries)}
    response = services.ask("POST", "", bundle)
    assert response.status == 200, response.body
    answers: list[dict[str, Any]] = json.parse_object(response.body)["entry"]
    return answers


def listed(bundle: dict[str, Any]) -> list[str]:
    return sorted(f"{e['resource']['resourceType']}/{e['resource']['id']}" for e in bundle.get("entry", []))


@pytest.mark.parametrize(
    "url",
    [
        "Patient/1/$everything",
        "Patient/1/*",
        "Patient/1/Appointment",
        "_history",
        "Patient?_has:Appointment:patient:status=booked",
        "Appointment?patient.identifier=1&_include=Appointment:patient",
        "?_type=Patient,CareTeam",
        "Slot/s1",
    ],
)
def test_a_read_finds_inside_a_batch_what_it_finds_outside(services: Practice, url: str) -> None:
    alone = services.read(url)
    (answer,) = ask(services, entry("GET", url))
    assert answer["response"]["status"] == "200"
    assert answer["resource"]["resourceType"] == alone["resourceType"]
    assert listed(answer["resource"]) == listed(alone)


def test_reads_and_writes_of_several_services_keep_their_places(services: Practice) -> None:
    refused = {**team("Patient/1"), "id": "t2", "status": "none"}
    answers = ask(
        services,
        entry("GET", "CareTeam/t1"),
        put({**patient("2"), "id": "2"}),
        put(refused),
        entry("GET", "Patient/nobody"),
        entry("GET", "metadata"),
        entry("DELETE", "Slot/nothing"),
    )
    assert [each["response"]["status"][:3] for each in answers] == ["200", "201", "422", "404", "200", "204"]
    assert answers[2]["response"]["outcome"]["issue"][0]["expression"] == ["Bundle.entry[2].resource.status"]
    assert answers[3]["response"]["outcome"]["issue"][0]["expression"] == ["Bundle.entry[3]"]


def test_an_empty_batch_is_answered(services: Practice) -> None:
    response = services.ask("POST", "", {"resourceType": "Bundle", "type": "batch"})
    assert (response.status, json.parse_object(response.body)["type"]) == (200, "batch-response")


@pytest.mark.parametrize("url", ["Patient/1/$everything", "Patient/1/*", "_history", "metadata", "?_type=Patient"])
def test_a_transaction_refuses_a_read_of_several_services(services: Practice, url: str) -> None:
    status, outcome = services.transact(put({**patient("3"), "id": "3"}), entry("GET", url))
    assert status == 405
    assert outcome["issue"][0]["expression"] == ["Bundle.entry[1].request.url"]
    assert services.ask("GET", "Patient/3").status == 404


def _alone(services: Practice, criteria: str, visit: dict[str, Any]) -> str:
    response = services.ask("POST", "Appointment", visit, if_none_exist=criteria)
    return response.headers["Location"].partition("/_history")[0].rpartition("/fhir/")[2]


def _in_bundle(kind: str) -> Any:
    def ask_so(services: Practice, criteria: str, visit: dict[str, Any]) -> str:
        bundle: dict[str, Any] = {"resourceType": "Bundle", "type": kind}
        bundle["entry"] = [entry("POST", "Appointment", visit, ifNoneExist=criteria)]
        response = services.ask("POST", "", bundle)
        assert response.status == 200, response.body
        location: str = json.parse_object(response.body)["entry"][0]["response"]["location"]
        return location.partition("/_history")[0]

    return ask_so


@pytest.mark.parametrize(
    "way", [_alone, _in_bundle("batch"), _in_bundle("transaction")], ids=["alone", "batch", "transaction"]
)
def test_criteria_that_lead_to_another_service_are_asked_of_it(way: Any, tmp_path: Path) -> None:
    """The mirror has not the patient yet, and a duplicate would be made if it alone were asked."""
    with practice(tmp_path) as services:
        assert services.ask("PUT", "Patient/9", {**patient("9"), "id": "9"}).status == 201
        assert services.ask("PUT", "Slot/s9", slot("s9")).status == 201
        visit = booking("a9", "s9")
        visit["participant"] = [{"actor": {"reference": "Patient/9"}, "status": "accepted"}]
        assert services.ask("PUT", "Appointment/a9", visit).status == 201
        identifier = patient("9")["identifier"][0]["value"]
        again = {name: value for name, value in visit.items() if name not in ("id", "slot")}
        assert way(services, f"patient.identifier={identifier}", again) == "Appointment/a9"


@pytest.mark.parametrize("more", ["", "&_id:missing=false"], ids=["the same", "another spelling"])
def test_two_entries_that_may_make_the_same_are_refused(tmp_path: Path, more: str) -> None:
    with practice(tmp_path) as services:
        first = entry("POST", "Patient", patient("d"), ifNoneExist="identifier=urn:d|1")
        second = entry("POST", "Patient", patient("d"), ifNoneExist=f"identifier=urn:d|1{more}")
        status, outcome = services.transact(first, second)
        assert status == 422
        assert outcome["issue"][0]["code"] == "duplicate"
        assert services.read("Patient").get("total") == 0


@pytest.mark.parametrize("criteria", ["_sort=family", "_count=1", "", "identifier=a&_include=Patient:link"])
def test_a_conditional_reference_says_only_which_is_meant(services: Practice, criteria: str) -> None:
    who = {"reference": f"Patient?{criteria}"}
    linked = {**team("Patient/1"), "subject": who}
    status, outcome = services.transact(entry("POST", "CareTeam", linked))
    assert status == 400, outcome
    assert outcome["issue"][0]["expression"] == ["Bundle.entry[0]"]


def test_what_is_no_resource_is_refused_in_a_batch(services: Practice) -> None:
    (answer,) = ask(services, entry("GET", "$part/none"))
    assert answer["response"]["status"] == "406"
