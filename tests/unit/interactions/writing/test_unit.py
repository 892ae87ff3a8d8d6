"""The pure parts of a write: what is stamped on a resource, which key keeps it in order, where it belongs."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carethread.core.clock import instant
from carethread.core.errors import Invalid, Malformed
from carethread.core.fhir import json
from carethread.core.fhir.search import extract
from carethread.interactions.writing.check import check_resource
from carethread.interactions.writing.department import department_of
from carethread.interactions.writing.version import partition_key, stamped

MOMENT = 1_767_225_600_123_000
STAMP = {"versionId": "3", "lastUpdated": "2026-01-01T00:00:00.123Z"}


@pytest.mark.parametrize(
    "before, names",
    [
        ({"resourceType": "Task", "status": "draft"}, ["resourceType", "id", "meta", "status"]),
        ({"resourceType": "Task", "id": "x", "status": "draft"}, ["resourceType", "id", "meta", "status"]),
        ({"id": "x", "status": "draft", "resourceType": "Task"}, ["id", "meta", "status", "resourceType"]),
        ({"status": "draft", "resourceType": "Task"}, ["status", "resourceType", "id", "meta"]),
        ({"resourceType": "Task", "status": "draft", "meta": {}}, ["resourceType", "id", "status", "meta"]),
        ({"meta": {}, "resourceType": "Task", "id": "x"}, ["meta", "resourceType", "id"]),
    ],
)
def test_id_and_meta_stand_where_the_caller_put_them_or_first(before: dict[str, Any], names: list[str]) -> None:
    after = stamped(before, "t1", 3, MOMENT)
    assert list(after) == names
    assert (after["id"], after["meta"]) == ("t1", STAMP)


def test_of_meta_only_version_and_time_are_ours() -> None:
    meta = {"versionId": "99", "profile": ["p"], "lastUpdated": "1970-01-01T00:00:00Z", "tag": [{"code": "a"}]}
    before: dict[str, Any] = {"resourceType": "Task", "meta": meta}
    after = stamped(before, "t1", 3, MOMENT)["meta"]
    assert after == {**meta, **STAMP}
    assert list(after) == list(meta)
    assert before["meta"]["versionId"] == "99", "what was sent is not changed"


@given(
    st.dictionaries(st.sampled_from(["status", "meta", "id", "code", "extension"]), st.just({}), max_size=5),
    st.integers(1, 9),
)
def test_stamping_again_changes_nothing_else(members: dict[str, Any], version: int) -> None:
    resource = {"resourceType": "Task", **members}
    once = stamped(resource, "t1", version, MOMENT)
    assert json.render(stamped(once, "t1", version, MOMENT)) == json.render(once)
    assert {n: v for n, v in once.items() if n not in ("id", "meta")} == {
        n: v for n, v in resource.items() if n not in ("id", "meta")
    }
    assert instant(MOMENT) == once["meta"]["lastUpdated"]


def patient(id_: str) -> dict[str, str]:
    return {"reference": f"Patient/{id_}"}


@pytest.mark.parametrize(
    "resource, key",
    [
        ({"resourceType": "Patient", "link": [{"other": patient("2")}]}, "Patient/x"),
        ({"resourceType": "Observation", "subject": patient("1")}, "Patient/1"),
        ({"resourceType": "Observation", "subject": {"reference": "Group/1"}}, "Observation/x"),
        ({"resourceType": "Observation", "subject": {"reference": "http://else/fhir/Patient/1"}}, "Observation/x"),
        ({"resourceType": "Observation"}, "Observation/x"),
        ({"resourceType": "Appointment", "participant": [{"actor": patient("1")}]}, "Patient/1"),
        (
            {"resourceType": "Appointment", "participant": [{"actor": patient("1")}, {"actor": patient("1")}]},
            "Patient/1",
        ),
        (
            {"resourceType": "Appointment", "participant": [{"actor": patient("1")}, {"actor": patient("2")}]},
            "Appointment/x",
        ),
        ({"resourceType": "Organization", "name": "A ward"}, "Organization/x"),
    ],
)
def test_the_key_is_the_first_patient_or_the_resource_itself(resource: dict[str, Any], key: str) -> None:
    assert partition_key((resource["resourceType"], "x"), extract(resource)) == key


def test_what_has_no_index_is_keyed_by_itself() -> None:
    assert partition_key(("Observation", "x"), None) == "Observation/x"


def reference(text: str) -> dict[str, str]:
    return {"reference": text}


def belonging(text: str) -> dict[str, Any]:
    url = "https://carethread.dev/fhir/StructureDefinition/department"
    return {"extension": [{"url": url, "valueReference": reference(text)}]}


@pytest.mark.parametrize(
    "resource, department",
    [
        ({"resourceType": "HealthcareService", "providedBy": reference("Organization/d1")}, "d1"),
        ({"resourceType": "HealthcareService", "providedBy": reference("Patient/d1")}, ""),
        ({"resourceType": "PractitionerRole", "organization": reference("Organization/d2")}, "d2"),
        ({"resourceType": "CareTeam", "managingOrganization": [reference("Organization/d3")]}, "d3"),
        ({"resourceType": "Encounter"}, ""),
        ({"resourceType": "Slot", "schedule": reference("Schedule/s1")}, "of Schedule/s1"),
        ({"resourceType": "Slot", "schedule": reference("Schedule/unknown")}, ""),
        (
            {
                "resourceType": "Appointment",
                "slot": [reference("Slot/unknown"), reference("Slot/s2")],
                "participant": [{"actor": reference("Location/l1")}],
            },
            "of Slot/s2",
        ),
        (
            {
                "resourceType": "Appointment",
                "participant": [{"actor": reference("Patient/p1")}, {"actor": reference("PractitionerRole/r1")}],
            },
            "of PractitionerRole/r1",
        ),
        ({"resourceType": "Observation", "subject": reference("Patient/p1")}, ""),
        ({"resourceType": "Observation", **belonging("Organization/d4")}, "d4"),
        (
            {
                "resourceType": "Encounter",
                "serviceProvider": reference("Organization/d5"),
                **belonging("Organization/d6"),
            },
            "d6",
        ),
        ({"resourceType": "Observation", **belonging("Location/l1")}, ""),
        ({"resourceType": "Task", "owner": reference("Organization/d7"), "focus": reference("CareTeam/t1")}, "d7"),
        (
            {"resourceType": "Task", "owner": reference("Practitioner/x"), "focus": reference("CareTeam/t1")},
            "of CareTeam/t1",
        ),
        ({"resourceType": "Flag", "author": reference("PractitionerRole/r1")}, "of PractitionerRole/r1"),
        ({"resourceType": "RiskAssessment", "performer": reference("Organization/d8")}, "d8"),
        (
            {"resourceType": "Communication", "sender": reference("Patient/p"), "basedOn": [reference("Task/t")]},
            "of Task/t",
        ),
    ],
)
def test_the_department_is_named_or_inherited(resource: dict[str, Any], department: str) -> None:
    def known(key: tuple[str, str]) -> str:
        return "" if key[1] == "unknown" else f"of {key[0]}/{key[1]}"

    assert department_of(resource, known) == department


@pytest.mark.parametrize(
    "resource, error, expression",
    [
        ({"resourceType": "Patient"}, Malformed, "Task.resourceType"),
        ({}, Malformed, "Task.resourceType"),
        ({"resourceType": 5}, Malformed, "Task.resourceType"),
        ({"resourceType": "Task", "status": "draft"}, Invalid, "Task.intent"),
    ],
)
def test_what_may_not_be_stored_is_told_with_its_place(
    resource: dict[str, Any], error: type[Malformed | Invalid], expression: str
) -> None:
    with pytest.raises(error) as caught:
        check_resource("Task", resource)
    assert expression in [issue.expression for issue in caught.value.issues]
