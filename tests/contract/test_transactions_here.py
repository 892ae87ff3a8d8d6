"""Transactions of one service, on real stores: conditions, patches, reads that see the writes, any order of entries."""

from __future__ import annotations

import itertools
import threading
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from carethread.core.fhir import json
from support.owners import Practice, booking, entry, patient, practice, put, settled, slot

POSTGRES = pytest.param("postgres", marks=pytest.mark.servers)
BY_IDENTIFIER = "Patient?identifier=urn:x|1"


@pytest.fixture(params=["sqlite", POSTGRES])
def services(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Practice]:
    database = request.getfixturevalue("postgres_database") if request.param == "postgres" else ""
    with practice(tmp_path, ["records", "scheduling"], postgres=database) as made:
        yield made
        settled(made)


def versions(services: Practice, *paths: str) -> list[str]:
    return [services.read(path)["meta"]["versionId"] for path in paths]


def json_patch(*operations: dict[str, Any]) -> dict[str, Any]:
    data = b64encode(json.render(list(operations))).decode()
    return {"resourceType": "Binary", "contentType": "application/json-patch+json", "data": data}


def test_appointments_swap_their_slots_in_any_order(services: Practice) -> None:
    for id_ in ("s1", "s2"):
        services.ask("PUT", f"Slot/{id_}", slot(id_))
    services.transact(put(booking("a1", "s1")), put(booking("a2", "s2")))
    swaps = [(("a1", "s2"), ("a2", "s1")), (("a2", "s2"), ("a1", "s1"))]
    for number, swap in enumerate(swaps, 2):
        status, answer = services.transact(*(put(booking(*pair)) for pair in swap))
        assert status == 200, answer
        assert versions(services, "Appointment/a1", "Appointment/a2") == [str(number)] * 2
        assert versions(services, "Slot/s1", "Slot/s2") == ["2", "2"], "busy before and after is no change"


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_cancel_and_rebook_in_any_order(services: Practice, order: tuple[int, ...]) -> None:
    services.ask("PUT", "Slot/s1", slot("s1"))
    services.ask("PUT", "Appointment/old", booking("old", "s1"))
    entries = [
        put(booking("old", "s1", status="cancelled"), ifMatch='W/"1"'),
        entry("POST", "Appointment", booking("x", "s1")),
        entry("GET", "Slot/s1"),
    ]
    status, answer = services.transact(*(entries[place] for place in order))
    assert status == 200, answer
    assert answer["entry"][order.index(2)]["resource"]["status"] == "busy"
    assert versions(services, "Slot/s1", "Appointment/old") == ["2", "2"]


def test_a_slot_and_its_booking_may_come_and_go_together(services: Practice) -> None:
    assert services.transact(put(booking("a1", "s1")), put(slot("s1")))[0] == 200
    assert services.read("Slot/s1")["status"] == "busy"
    status, answer = services.transact(entry("DELETE", "Slot/s1"), entry("DELETE", "Appointment/a1"))
    assert status == 200, answer
    assert services.ask("GET", "Slot/s1").status == services.ask("GET", "Appointment/a1").status == 410


def test_two_bookings_of_one_slot_are_refused_whole(services: Practice) -> None:
    services.ask("PUT", "Slot/s1", slot("s1"))
    status, answer = services.transact(put(booking("a1", "s1")), put(booking("a2", "s1")))
    assert (status, answer["issue"][0]["expression"]) == (409, ["Bundle.entry[1].resource.slot[0]"])
    assert services.read("Slot/s1")["status"] == "free"


def test_conditions_name_what_is_written(services: Practice) -> None:
    create = entry("POST", "Patient", patient("1"), ifNoneExist="identifier=urn:x|1")
    first, again = (services.transact(create)[1]["entry"][0]["response"] for _ in range(2))
    assert (first["status"][:3], again["status"][:3]) == ("201", "200")
    assert first["location"] == again["location"]
    active = {**patient("1"), "active": True}
    status, answer = services.transact(entry("PUT", BY_IDENTIFIER, active, ifMatch='W/"1"'))
    assert (status, answer["entry"][0]["response"]["etag"]) == (200, 'W/"2"')
    assert services.transact(entry("PUT", BY_IDENTIFIER, active, ifMatch='W/"1"'))[0] == 412
    patch = json_patch({"op": "replace", "path": "/active", "value": False})
    assert services.transact(entry("PATCH", BY_IDENTIFIER, patch))[0] == 200
    place = first["location"].partition("/_history")[0]
    assert services.read(place)["active"] is False
    assert services.transact(entry("DELETE", BY_IDENTIFIER))[0] == 200
    assert services.ask("GET", place).status == 410
    status, answer = services.transact(entry("DELETE", BY_IDENTIFIER))
    assert (status, answer["entry"][0]["response"]["status"][:3]) == (200, "204")
    status, answer = services.transact(entry("PUT", BY_IDENTIFIER, {**patient("1"), "id": "mine"}))
    assert (status, answer["entry"][0]["response"]["location"]) == (200, "Patient/mine/_history/1")


def test_patches_of_both_languages(services: Practice) -> None:
    for id_ in ("p1", "p2"):
        services.ask("PUT", f"Patient/{id_}", {**patient(id_), "id": id_})
    parts = [
        {"name": "type", "valueCode": "add"},
        {"name": "path", "valueString": "Patient"},
        {"name": "name", "valueString": "birthDate"},
        {"name": "value", "valueDate": "1970-01-01"},
    ]
    parameters = {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": parts}]}
    status, answer = services.transact(
        entry("PATCH", "Patient/p1", json_patch({"op": "add", "path": "/birthDate", "value": "1970-01-01"})),
        entry("PATCH", "Patient/p2", parameters),
        prefer="return=representation",
    )
    assert status == 200, answer
    assert [each["resource"]["birthDate"] for each in answer["entry"]] == ["1970-01-01"] * 2


@pytest.mark.parametrize(
    "patch, status, expression",
    [
        (json_patch({"op": "test", "path": "/id", "value": "other"}), 422, "Bundle.entry[1]"),
        ({"resourceType": "Binary", "contentType": "text/plain", "data": ""}, 415,
         "Bundle.entry[1].resource.contentType"),
        ({"resourceType": "Binary", "contentType": "application/json-patch+json", "data": "?"}, 422,
         "Bundle.entry[1].resource.data"),
        ({"resourceType": "Binary", "contentType": {}, "data": "?"}, 415, "Bundle.entry[1].resource.contentType"),
        ({"resourceType": "Patient"}, 415, "Bundle.entry[1].resource.contentType"),
        (json_patch({"op": "add", "path": "/gender", "value": "blue"}), 422, "Bundle.entry[1].resource.gender"),
    ],
)  # fmt: skip
def test_a_patch_that_does_not_fit_leaves_nothing(
    services: Practice, patch: dict[str, Any], status: int, expression: str
) -> None:
    services.ask("PUT", "Patient/p1", {**patient("p1"), "id": "p1"})
    found, answer = services.transact(entry("POST", "Patient", patient("1")), entry("PATCH", "Patient/p1", patch))
    assert found == status, answer
    assert answer["issue"][0]["expression"][0].startswith(expression), answer
    assert services.read(BY_IDENTIFIER)["total"] == 0


def test_reads_see_the_writes_and_one_that_fails_undoes_them(services: Practice) -> None:
    made = put({**patient("1"), "id": "p1"})
    reads = [entry("GET", BY_IDENTIFIER), entry("GET", "Patient/p1"), entry("HEAD", "Patient/p1")]
    status, answer = services.transact(*reads, entry("GET", "Patient/absent"), made)
    assert (status, answer["issue"][0]["expression"]) == (404, ["Bundle.entry[3]"])
    assert services.ask("GET", "Patient/p1").status == 404
    status, answer = services.transact(*reads, made)
    assert status == 200, answer
    found, read, head, _ = answer["entry"]
    assert (found["resource"]["total"], read["resource"]["id"]) == (1, "p1")
    assert (head["response"]["status"], "resource" in head) == ("200", False)
    status, answer = services.transact(entry("GET", "Patient/p1", ifNoneMatch='W/"1"'))
    assert (status, answer["entry"][0]["response"]["status"], "resource" in answer["entry"][0]) == (200, "304", False)


def test_many_with_the_same_criteria_make_one(services: Practice) -> None:
    statuses: list[int] = []
    create = entry("POST", "Patient", patient("1"), ifNoneExist="identifier=urn:x|1")
    seen = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
    visit = entry("POST", "Observation", {**seen, "subject": {"reference": BY_IDENTIFIER}})
    threads = [threading.Thread(target=lambda: statuses.append(services.transact(create, visit)[0])) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert statuses == [200] * 6
    one = services.read(BY_IDENTIFIER)
    assert one["total"] == 1
    assert services.read(f"Observation?subject=Patient/{one['entry'][0]['resource']['id']}")["total"] == 6


def test_preferences_shape_the_entries(services: Practice) -> None:
    writes = [entry("POST", "Patient", patient("1")), entry("DELETE", "Patient/absent")]
    whole = services.transact(*writes, prefer="return=representation")[1]["entry"]
    told = services.transact(*writes, prefer="return=OperationOutcome")[1]["entry"]
    least = services.transact(*writes)[1]["entry"]
    assert [set(each[0]) for each in (whole, told, least)] == [{"resource", "response"}, {"response"}, {"response"}]
    assert whole[0]["resource"]["identifier"] == patient("1")["identifier"]
    assert told[0]["response"]["outcome"]["issue"][0]["severity"] == "information"
    assert "outcome" not in least[0]["response"]
