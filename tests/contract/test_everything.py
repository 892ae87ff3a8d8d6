"""$everything of a Patient, in one service and through the gateway: each resource once, whatever the page size."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

import pytest

from support.practice import Practice, practice_at
from support.stores import BASE


def everything(practice: Practice, query: str = "", *, service: str = "") -> list[tuple[str, str]]:
    """(mode, Type/id) of all pages; `_count` is kept."""
    found: list[tuple[str, str]] = []
    url: str | None = "Patient/a/$everything" + (f"?{query}" if query else "")
    count = int(dict(parse_qsl(query)).get("_count", 50))
    while url:
        answer = practice.ask(url, service=service)
        assert answer.status == 200, answer.body
        bundle = json.loads(answer.body)
        entries = bundle.get("entry", [])
        assert (bundle["type"], len(entries) <= count) == ("searchset", True)
        for each in entries:
            where = f"{each['resource']['resourceType']}/{each['resource']['id']}"
            assert each["fullUrl"] == f"{BASE}/{where}"
            found.append((each["search"]["mode"], where))
        url = next((link["url"] for link in bundle["link"] if link["relation"] == "next"), None)
    return found


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Practice]:
    """A practice that nobody changes."""
    with_files = practice_at(f"sqlite:///{tmp_path_factory.mktemp('everything')}")
    with_files.put(*RESOURCES)
    with_files.delete("Observation/deleted")
    with_files.delete("Practitioner/deleted")
    yield with_files
    with_files.close()


@pytest.fixture
def practice(database_url: str) -> Iterator[Practice]:
    """An empty practice on each kind of database."""
    made = practice_at(database_url.removesuffix("/store.db"))
    yield made
    made.close()


def observation(id_: str, day: str, performer: str = "Practitioner/seen", patient: str = "a") -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": id_,
        "status": "final",
        "code": {"text": "pulse"},
        "subject": {"reference": f"Patient/{patient}"},
        "performer": [{"reference": performer}],
        "encounter": {"reference": "Encounter/e"},
        **({"effectiveDateTime": day} if day else {}),
    }


RESOURCES: list[dict[str, Any]] = [
    {"resourceType": "Organization", "id": "clinic", "name": "made up"},
    {"resourceType": "Organization", "id": "unrelated", "name": "made up"},
    *({"resourceType": "Practitioner", "id": id_} for id_ in ("seen", "booked", "deleted", "of-b")),
    {"resourceType": "Patient", "id": "a", "managingOrganization": {"reference": "Organization/clinic"}},
    {"resourceType": "Patient", "id": "b"},
    {
        "resourceType": "Encounter",
        "id": "e",
        "status": "finished",
        "class": {"code": "AMB"},
        "subject": {"reference": "Patient/a"},
        "period": {"start": "2025-03-01", "end": "2025-03-04"},
    },
    observation("march", "2025-03-02"),
    observation("june", "2025-06-02"),
    observation("undated", "", "Practitioner/deleted"),
    observation("deleted", "2025-03-02"),
    observation("of-b", "2025-03-02", "Practitioner/of-b", "b"),
    {
        "resourceType": "AllergyIntolerance",
        "id": "nuts",
        "clinicalStatus": {
            "coding": [
                {"system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "code": "active"}
            ]
        },
        "patient": {"reference": "Patient/a"},
        "recordedDate": "2001",
    },
    {
        "resourceType": "Slot",
        "id": "s",
        "schedule": {"reference": "Schedule/x"},
        "status": "free",
        "start": "2025-06-05T09:00:00Z",
        "end": "2025-06-05T09:15:00Z",
    },
    {
        "resourceType": "Appointment",
        "id": "visit",
        "status": "booked",
        "slot": [{"reference": "Slot/s"}],
        "start": "2025-06-05T09:00:00Z",
        "end": "2025-06-05T09:15:00Z",
        "participant": [
            {"actor": {"reference": f"{who}"}, "status": "accepted"}
            for who in ("Patient/a", "Patient/b", "Practitioner/booked", "Practitioner/seen")
        ],
    },
    {
        "resourceType": "AppointmentResponse",
        "id": "yes",
        "appointment": {"reference": "Appointment/visit"},
        "actor": {"reference": "Patient/a"},
        "participantStatus": "accepted",
    },
]

MEMBERS = [
    "Patient/a", "Encounter/e", "Observation/march", "Observation/june", "Observation/undated",
    "AllergyIntolerance/nuts", "Appointment/visit", "AppointmentResponse/yes",
]  # fmt: skip
SHARED = ["Organization/clinic", "Practitioner/booked", "Practitioner/seen", "Slot/s"]
WHOLE = [("match", where) for where in MEMBERS] + [("include", where) for where in SHARED]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 7, 8, 9, 11, 12, 13, 50])
def test_pages_of_any_size_join_to_everything_once(filled: Practice, count: int) -> None:
    assert everything(filled, f"_count={count}") == WHOLE


def test_what_is_in_it_reads_as_it_is_stored(filled: Practice) -> None:
    bundle = json.loads(filled.ask("Patient/a/$everything").body)
    for each in bundle["entry"]:
        assert each["resource"] == json.loads(filled.ask(each["fullUrl"]).body)
    assert bundle["link"] == [{"relation": "self", "url": f"{BASE}/Patient/a/$everything"}]


def test_one_service_alone_answers_what_it_has(filled: Practice) -> None:
    assert everything(filled, service="scheduling", query="_count=2") == [
        ("match", "Appointment/visit"),
        ("match", "AppointmentResponse/yes"),
        ("include", "Slot/s"),
    ]
    assert [where for _, where in everything(filled, service="records")] == [
        *MEMBERS[:6], "Organization/clinic", "Practitioner/seen",
    ]  # fmt: skip


def test_both_databases_give_the_same(practice: Practice) -> None:
    practice.put(*RESOURCES)
    practice.delete("Observation/deleted")
    practice.delete("Practitioner/deleted")
    assert everything(practice, "_count=3") == WHOLE
    narrowed = everything(practice, "start=2025-03-03&end=2025-06-02&_type=Observation,Encounter,Practitioner")
    assert [where for _, where in narrowed] == [
        "Encounter/e", "Observation/june", "Observation/undated", "Practitioner/seen",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("query", "members", "shared"),
    [
        ("start=2025-06-05", [0, 4, 5, 6, 7], SHARED),
        ("end=2025-03", [0, 1, 2, 4, 5, 7], ["Organization/clinic", "Practitioner/seen"]),
        ("start=2025-03-02&end=2025-03-02", [0, 1, 2, 4, 5, 7], ["Organization/clinic", "Practitioner/seen"]),
        ("start=2025-03-05&end=2025-05", [0, 4, 5, 7], ["Organization/clinic"]),
    ],
)
def test_care_dates(filled: Practice, query: str, members: list[int], shared: list[str]) -> None:
    """What has no care date comes always."""
    found = everything(filled, query)
    assert [where for mode, where in found if mode == "match"] == [MEMBERS[number] for number in members]
    assert [where for mode, where in found if mode == "include"] == shared


def test_only_the_types_that_are_asked_for(filled: Practice) -> None:
    assert everything(filled, "_type=Slot,Appointment") == [("match", "Appointment/visit"), ("include", "Slot/s")]
    assert everything(filled, "_type=Organization") == [("include", "Organization/clinic")]
    assert everything(filled, "_type=Medication") == []


def test_only_what_has_changed_since(practice: Practice) -> None:
    practice.put(*RESOURCES)
    moment = practice.now.isoformat().replace("+00:00", "Z")
    assert everything(practice, f"_since={moment}") == []
    practice.put(observation("march", "2025-03-09"), {"resourceType": "Practitioner", "id": "booked", "active": True})
    assert everything(practice, f"_since={moment}") == [
        ("match", "Observation/march"),
        ("include", "Practitioner/booked"),
    ]


def test_by_post_with_parameters(filled: Practice) -> None:
    asked = {
        "resourceType": "Parameters",
        "parameter": [{"name": "_type", "valueCode": "Observation"}, {"name": "_count", "valueInteger": 2}],
    }
    bundle = json.loads(filled.ask("Patient/a/$everything", asked).body)
    assert [each["resource"]["id"] for each in bundle["entry"]] == ["march", "june"]
    (following,) = [link["url"] for link in bundle["link"] if link["relation"] == "next"]
    assert [each["resource"]["id"] for each in json.loads(filled.ask(following).body)["entry"]] == ["undated"]


def test_a_patient_who_is_not_there(practice: Practice) -> None:
    practice.put({"resourceType": "Patient", "id": "gone"})
    practice.delete("Patient/gone")
    for service in ("", "records"):
        assert practice.ask("Patient/gone/$everything", service=service).status == 410
        assert practice.ask("Patient/none/$everything", service=service).status == 404
        assert practice.ask("Patient/a_b/$everything", service=service).status == 404


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("start=soon", "start"),
        ("start=2026-01-02&end=2026-01-01", "end"),
        ("_since=soon", "_since"),
        ("_type=Pacient", "_type"),
        ("_count=-1", "_count"),
        ("_count=1&_count=2", "_count"),
        ("_summary=true", "_summary"),
        ("_cursor=x", "_cursor"),
        ("_cursor=WzEsMiwzXQ", "_cursor"),
        ("_cursor=WzAsLTEsIiIsIiJd", "_cursor"),
    ],
)
def test_a_wrong_parameter_says_what_is_wrong(filled: Practice, query: str, said: str) -> None:
    for service in ("", "records"):
        answer = filled.ask(f"Patient/a/$everything?{query}", service=service)
        assert (answer.status, json.loads(answer.body)["issue"][0]["expression"]) == (400, [said])


def test_only_patients_have_it(filled: Practice) -> None:
    assert filled.ask("Observation/march/$everything").status == 404
    assert filled.ask("Patient/$everything").status == 404


def test_a_place_of_any_length_is_read(filled: Practice) -> None:
    def found(after: str) -> list[Any]:
        headers = {"x-carethread-part": "members", "x-carethread-after": after}
        answer = filled.ask("Patient/a/$everything", service="records", headers=headers)
        assert answer.status == 200, answer.body
        entries: list[Any] = json.loads(answer.body).get("entry", [])
        return entries

    assert found("0")
    assert found("9" * 18) == found("9" * 5000) == []
