"""`$accountable` and `$gaps` on both databases: who answers, whom to call after, and what teams lack."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from carethread.core.ports import Resource
from support.care import OURS, Care, care, department_team, organization, part, patient, person_team, practitioner, role

ONE, TWO, THREE = "PractitionerRole/r-one", "PractitionerRole/r-two", "PractitionerRole/r-three"


@pytest.fixture
def practice(tmp_path: Path, database_url: str) -> Iterator[Care]:
    with care(tmp_path, database_url, ("records", "careteams")) as made:
        made.tell(organization("eyes"), patient("ann"))
        for name in ("one", "two", "three", "head"):
            made.tell(practitioner(name), role(f"r-{name}", name, "eyes"))
        yield made


def answered(practice: Care, path: str = "Patient/ann/$accountable") -> dict[str, object]:
    """The parameters by name; of those that repeat, a list."""
    found: dict[str, object] = {}
    for each in practice.operate("GET", path)["parameter"]:
        value = {p["name"]: told(p) for p in each["part"]} if "part" in each else told(each)
        found[each["name"]] = [*found.get(each["name"], []), value] if each["name"] == "then" else value  # type: ignore[misc]
    return found


def told(parameter: Resource) -> object:
    value = next(value for name, value in parameter.items() if name.startswith("value"))
    return value["reference"] if isinstance(value, dict) else value


def test_who_answers_and_whom_to_call_after(practice: Care) -> None:
    practice.put(department_team("house", "house", part("Practitioner/head")))
    on_duty = part(THREE, "on-call", start="2031-03-03", end="2031-03-04")
    practice.put(department_team("eyes", "eyes", part(TWO), on_duty, up="CareTeam/house"))
    practice.pass_time(seconds=30)
    lead = part(ONE, "accountable", start="2031-03-01", until=practice.at(hours=9), backup="Practitioner/two")
    parts = (lead, part(TWO, "coordinator", "navigator"))
    practice.put(person_team("a", "ann", *parts, department="eyes"))
    assert answered(practice) == {
        "patient": "Patient/ann",
        "at": "2031-03-03T08:00:30.000Z",
        "accountable": {
            "member": ONE,
            "practitioner": "Practitioner/one",
            "team": "CareTeam/a",
            "department": "Organization/eyes",
            "since": "2031-03-03T08:00:30.000Z",
            "until": "2031-03-03T17:00:30.000Z",
        },
        "backup": "Practitioner/two",
        "then": ["Practitioner/two", THREE, "Practitioner/head"],
        "coordinator": TWO,
        "navigator": TWO,
    }


def test_who_leads_is_not_called_after_in_another_role(practice: Care) -> None:
    practice.put(department_team("eyes", "eyes", part("Practitioner/two"), part("Practitioner/one", "on-call")))
    practice.put(person_team("a", "ann", part(ONE), department="eyes"))
    assert answered(practice)["then"] == ["Practitioner/two"]


@pytest.mark.parametrize(
    ("change", "gap"), [({"deceasedBoolean": True}, "deceased"), ({"active": False}, "inactive-patient")]
)
def test_who_is_cared_for_no_more_is_told_of(practice: Care, change: dict[str, object], gap: str) -> None:
    practice.put(person_team("a", "ann", part(ONE)))
    assert "gap" not in answered(practice)
    practice.pass_time(hours=1)
    practice.tell(patient("ann", **change))
    assert answered(practice)["gap"] == gap
    assert "gap" not in answered(practice, "Patient/ann/$accountable?at=2031-03-03T08:30:00Z")


def test_who_answered_then(practice: Care) -> None:
    practice.put(person_team("a", "ann", part(ONE)))
    practice.pass_time(hours=2)
    practice.put(person_team("a", "ann", part(TWO)))
    then = answered(practice, "Patient/ann/$accountable?at=2031-03-03T09:00:00Z")
    assert then["accountable"] == {
        "member": ONE, "practitioner": "Practitioner/one", "team": "CareTeam/a",
        "since": "2031-03-03T08:00:00.000Z", "until": "2031-03-03T10:00:00.000Z",
    }  # fmt: skip
    assert "accountable" not in answered(practice, "Patient/ann/$accountable?at=2030")
    assert answered(practice, "Patient/ann/$accountable?at=2040")["accountable"]["member"] == TWO  # type: ignore[index]


@pytest.mark.parametrize(
    ("lead", "behind"),
    [
        ("Organization/eyes", "Practitioner/three"),
        ("CareTeam/eyes", "Practitioner/two"),
        ("Organization/other", None),
        ("CareTeam/circle", None),
        ("CareTeam/none", None),
        ("PractitionerRole/none", None),
        ("Practitioner/none", "Practitioner/none"),
    ],
)
def test_the_person_behind_a_member(practice: Care, lead: str, behind: str | None) -> None:
    practice.put(department_team("eyes", "eyes", part("Practitioner/two"), part(THREE, "on-call")))
    practice.put(department_team("circle", "round", part("CareTeam/square")), backfill=True)
    practice.put(department_team("square", "square", part("Organization/round")), backfill=True)
    practice.put(person_team("a", "ann", part(lead)), backfill=True)
    assert answered(practice)["accountable"].get("practitioner") == behind  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("path", "status", "expression"),
    [
        ("Patient/ann/$accountable?at=soon", 400, "at"),
        ("Patient/ann/$accountable?at=2031&at=2032", 400, "at"),
        ("Patient/ann/$accountable?when=2031", 400, "when"),
        ("Patient/nobody/$accountable", 404, None),
        ("Patient/no_id/$accountable", 404, None),
        ("CareTeam/$gaps?_count=0", 400, "_count"),
        ("CareTeam/$gaps?_count=501", 400, "_count"),
        ("CareTeam/$gaps?department=a/b/c", 400, "department"),
        ("CareTeam/$gaps?department=a&department=b", 400, "department"),
        ("CareTeam/$gaps?_cursor=nowhere", 400, "_cursor"),
        ("CareTeam/$gaps?team=a", 400, "team"),
    ],
)
def test_what_cannot_be_asked(practice: Care, path: str, status: int, expression: str | None) -> None:
    found, issues = practice.refusal("GET", path)
    assert found == status
    assert issues[0].get("expression") == ([expression] if expression else None)


def test_who_is_not_copied_yet_is_asked_for(practice: Care) -> None:
    practice.put(patient("new"))
    assert answered(practice, "Patient/new/$accountable")["patient"] == "Patient/new"
    assert practice.ask("DELETE", "Patient/new", service="records").status == 204
    assert practice.ask("GET", "Patient/new/$accountable").status == 404


def ehr(id_: str, *parts: Resource, person: str = "ann", **members: object) -> Resource:
    made = person_team(id_, person, *parts, department="eyes", **{"meta": {"source": "urn:ehr"}, **members})
    return {name: value for name, value in made.items() if value is not None}


NAMED = {"member": {"reference": ONE}}
COORDINATOR = part(ONE, "coordinator")

GAPS: dict[str, tuple[Resource, list[tuple[str, str]]]] = {
    "nothing": (ehr("a", part(ONE)), []),
    "no lead": (ehr("a", part(ONE, "navigator")), [("no-lead", "participant")]),
    "two leads": (ehr("a", part(ONE), part(TWO)), [("two-leads", "participant[1]")]),
    "two coordinators": (ehr("a", part(ONE), COORDINATOR, COORDINATOR), [("two-coordinators", "participant[2]")]),
    "no role": (ehr("a", part(ONE), NAMED), [("no-role", "participant[1].role")]),
    "unknown": (ehr("a", part("Practitioner/none")), [("unknown-member", "participant[0].member")]),
    "nobody": (
        ehr("a", part(ONE), {"role": [{"text": "Nurse"}]}),
        [("unknown-member", "participant[1].member")],
    ),
    "inactive": (ehr("a", part("Practitioner/left")), [("inactive-member", "participant[0].member")]),
    "long gone": (ehr("a", part(ONE), part("Practitioner/left", "navigator", end="2031-01-01")), []),
    "a relative": (ehr("a", part(ONE), part("RelatedPerson/sister", "navigator")), []),
    "ended": (ehr("a", part(ONE), period={"end": "2031-02"}), [("ended", "period"), ("no-lead", "participant")]),
    "died": (ehr("a", part(ONE), person="died"), [("deceased", "subject")]),
    "merged": (ehr("a", part(ONE), person="merged"), [("merged", "subject")]),
    "not in use": (ehr("a", part(ONE), person="unused"), [("inactive-patient", "subject")]),
    "no person": (ehr("a", part(ONE), subject=None), [("unknown-patient", "subject")]),
    "no such person": (ehr("a", part(ONE), person="none"), [("unknown-patient", "subject")]),
    "no department": (ehr("a", part(ONE), managingOrganization=None), [("no-department", "managingOrganization")]),
}


def listed(practice: Care, query: str = "") -> dict[str, list[tuple[str, str]]]:
    parameters = practice.operate("GET", f"CareTeam/$gaps{query}")["parameter"]
    return {
        str(told(each["part"][0])): [
            (str(told(gap["part"][0])), str(told(gap["part"][1])).removeprefix("CareTeam."))
            for gap in each["part"]
            if gap["name"] == "gap"
        ]
        for each in parameters
        if each["name"] == "team"
    }


def test_gaps(practice: Care) -> None:
    """Of each team what it lacks, and nothing else."""
    practice.tell(
        practitioner("left", active=False),
        patient("died", deceasedBoolean=True),
        patient("unused", active=False),
        patient("merged", active=False, link=[{"type": "replaced-by", "other": {"reference": "Patient/ann"}}]),
    )
    for number, (team, _) in enumerate(GAPS.values()):
        practice.put({**team, "id": f"g{number:02}"})
    assert listed(practice) == {
        f"CareTeam/g{number:02}": lacking for number, (_, lacking) in enumerate(GAPS.values()) if lacking
    }


def test_gaps_of_a_department_in_pages(practice: Care) -> None:
    for number in range(7):
        practice.put({**ehr("a", part(ONE, "navigator")), "id": f"t{number}"})
    practice.put(ehr("u", participant=None, managingOrganization=[{"reference": "Organization/ears"}]))
    assert list(listed(practice, "?department=Organization/ears")) == ["CareTeam/u"]
    assert len(listed(practice, "?department=eyes&_count=500")) == 7
    found: list[str] = []
    after = ""
    while True:
        answer = practice.operate("GET", f"CareTeam/$gaps?_count=3{after}")["parameter"]
        found += [str(told(each["part"][0])) for each in answer if each["name"] == "team"]
        following = [told(each) for each in answer if each["name"] == "next"]
        if not following:
            break
        after = f"&_cursor={following[0]}"
    assert found == [*(f"CareTeam/t{number}" for number in range(7)), "CareTeam/u"]


def test_a_department_team_is_listed_too(practice: Care) -> None:
    meta = {"source": "urn:ehr", "profile": [OURS + "department-team"]}
    practice.put({**department_team("d", "eyes", part("Practitioner/none")), "meta": meta})
    assert listed(practice) == {"CareTeam/d": [("unknown-member", "participant[0].member")]}
