"""Who had an open need and nobody accountable, at any moment of a past day; and how much was looked at for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from carethread.core.ports import Resource
from support.care import OURS, Care, care, part, patient, person_team, practitioner

DAY = "2031-03-03"


@pytest.fixture
def practice(tmp_path: Path, database_url: str) -> Iterator[Care]:
    """Three people and a doctor."""
    with care(tmp_path, database_url, ("records", "careteams")) as made:
        made.tell(practitioner("doctor"), *(patient(name) for name in ("ann", "ben", "cat")))
        yield made


def plan(id_: str, person: str, status: str = "active") -> Resource:
    return {
        "resourceType": "CarePlan", "id": id_, "status": status, "intent": "plan",
        "subject": {"reference": f"Patient/{person}"},
    }  # fmt: skip


def team(person: str, status: str = "active") -> Resource:
    return person_team(f"team-{person}", person, part("Practitioner/doctor"), status=status)


def orphans(practice: Care, query: str = f"start={DAY}&end={DAY}") -> dict[str, list[tuple[str, str, list[str]]]]:
    """The gaps of each person: from when to when, in minutes of the day, and the needs."""
    found = practice.operate("GET", f"CareTeam/$orphans?{query}")
    told: dict[str, list[tuple[str, str, list[str]]]] = {}
    for person in (each["part"] for each in found["parameter"] if each["name"] == "person"):
        name = next(each["valueReference"]["reference"] for each in person if each["name"] == "patient")
        for gap in (each["part"] for each in person if each["name"] == "gap"):
            period = next(each["valuePeriod"] for each in gap if each["name"] == "period")
            needs = [each["valueReference"]["reference"] for each in gap if each["name"] == "need"]
            told.setdefault(name, []).append((period["start"][11:16], period["end"][11:16], needs))
    return told


def counts(practice: Care, query: str = f"start={DAY}&end={DAY}") -> dict[str, int]:
    found = practice.operate("GET", f"CareTeam/$orphans?{query}")
    return {each["name"]: each["valueUnsignedInt"] for each in found["parameter"] if "valueUnsignedInt" in each}


def test_each_gap_is_found_to_the_moment(practice: Care) -> None:
    practice.put(plan("p1", "ann"))  # 08:00
    practice.pass_time(minutes=10)
    practice.put(team("ann"))  # 08:10
    practice.put(plan("p2", "ben"))
    practice.pass_time(minutes=10)
    practice.put(team("ann", "inactive"))  # 08:20
    practice.put(team("cat"))
    practice.put(plan("p3", "cat"))
    practice.pass_time(minutes=10)
    practice.put(plan("p1", "ann", "completed"))  # 08:30
    practice.pass_time(minutes=10)
    practice.put(team("ben"))  # 08:40
    practice.pass_time(days=3)
    assert orphans(practice) == {
        "Patient/ann": [("08:00", "08:10", ["CarePlan/p1"]), ("08:20", "08:30", ["CarePlan/p1"])],
        "Patient/ben": [("08:10", "08:40", ["CarePlan/p2"])],
    }
    assert counts(practice) == {"persons": 3, "needs": 3, "intervals": 3, "accountable-intervals": 3}
    assert orphans(practice, f"start={DAY}T08:05:00Z&end={DAY}T08:12:00Z") == {
        "Patient/ann": [("08:05", "08:10", ["CarePlan/p1"])],
        "Patient/ben": [("08:10", "08:12", ["CarePlan/p2"])],
    }
    assert orphans(practice, "start=2031-03-04&end=2031-03-04") == {}
    assert counts(practice, "start=2031-03-04&end=2031-03-04")["persons"] == 2


@pytest.mark.parametrize(
    ("open_", "closed"),
    [
        ({"resourceType": "Task", "status": "requested", "intent": "order"}, {"status": "completed"}),
        (
            {
                "resourceType": "Flag",
                "status": "active",
                "code": {
                    "coding": [{"system": "https://carethread.dev/fhir/CodeSystem/flag-kind", "code": "high-risk"}]
                },
            },
            {"status": "inactive"},
        ),
        (
            {
                "resourceType": "RiskAssessment",
                "status": "final",
                "prediction": [
                    {
                        "qualitativeRisk": {
                            "coding": [
                                {"system": "http://terminology.hl7.org/CodeSystem/risk-probability", "code": "high"}
                            ]
                        }
                    }
                ],
            },
            {"occurrencePeriod": {"end": "2031-03-03T08:10:00Z"}},
        ),
    ],
)
def test_what_is_a_need(practice: Care, open_: Resource, closed: Resource) -> None:
    whose = {"for" if open_["resourceType"] == "Task" else "subject": {"reference": "Patient/ann"}}
    resource = {**open_, **whose, "id": "n"}
    practice.put(resource)
    practice.pass_time(minutes=10)
    practice.put({**resource, **closed})
    practice.pass_time(minutes=10)
    practice.put(resource)
    practice.pass_time(minutes=10)
    assert practice.ask("DELETE", f"{resource['resourceType']}/n").status in (200, 204)
    practice.pass_time(days=1)
    found = orphans(practice)["Patient/ann"]
    assert [(begin, end) for begin, end, _ in found] == [("08:00", "08:10"), ("08:20", "08:30")]


def test_it_is_told_in_pages(practice: Care) -> None:
    for person in ("ann", "ben", "cat"):
        practice.put(plan(f"p-{person}", person))
    practice.pass_time(days=1)
    first = practice.operate("GET", f"CareTeam/$orphans?start={DAY}&end={DAY}&_count=2")
    (after,) = [each["valueReference"]["reference"] for each in first["parameter"] if each["name"] == "next-after"]
    assert after == "Patient/ben"
    assert list(orphans(practice, f"start={DAY}&end={DAY}&_count=2&after={after}")) == ["Patient/cat"]


def test_merged_people_are_one(practice: Care) -> None:
    practice.put(plan("p1", "ann"))
    practice.put(team("ben"))
    practice.tell(patient("ann", link=[{"other": {"reference": "Patient/ben"}, "type": "replaced-by"}], active=False))
    practice.pass_time(days=1)
    assert orphans(practice) == {}


def test_what_cannot_be_asked(practice: Care) -> None:
    practice.pass_time(days=1)
    for query in [
        "start=x",
        "start=2031-03-04&end=2031-03-03",
        "start=2020-01-01&end=2031-03-03",
        "start=2032-01-01",
        "after=ann",
        "_count=0",
        "who=me",
        f"start={DAY}&start={DAY}",
    ]:
        assert practice.ask("GET", f"CareTeam/$orphans?{query}").status == 400, query


def test_ours_is_a_profile(practice: Care) -> None:
    """A team that an EHR has sent answers for nobody here."""
    practice.put({**team("ann"), "meta": {"profile": [OURS + "care-team"], "source": "urn:ehr:one"}})
    practice.put(plan("p1", "ann"))
    practice.pass_time(days=1)
    assert list(orphans(practice)) == ["Patient/ann"]
