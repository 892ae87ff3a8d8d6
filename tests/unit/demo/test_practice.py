"""The set as a whole: the same every time, whole in itself, valid R4, and of the size that was promised."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carethread.core.fhir.json import render
from carethread.core.fhir.validation import validate
from carethread.demo import generate
from carethread.demo.history import history
from unit.demo.known import SEED, TODAY


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, member in value.items():
            if name == "reference":
                yield member
            else:
                yield from _references(member)
    elif isinstance(value, list):
        for member in value:
            yield from _references(member)


def test_the_same_seed_and_day_give_the_same_bytes(practice):
    assert [render(r) for r in generate(SEED, TODAY)] == [render(r) for r in practice]


def test_another_seed_gives_other_people(practice, of_type):
    others = [r for r in generate(SEED + 1, TODAY) if r["resourceType"] == "Patient"]
    assert others != of_type("Patient")
    assert [r["id"] for r in others] == [r["id"] for r in of_type("Patient")]


def test_what_it_holds(practice):
    counts = Counter(r["resourceType"] for r in practice)
    assert counts["Organization"] == 6
    assert counts["Practitioner"] == counts["PractitionerRole"] == counts["Schedule"] == 20
    assert counts["Patient"] == 300
    assert counts["HealthcareService"] == counts["Location"] == 5
    assert (counts["CareTeam"], counts["CarePlan"]) == (66, 60), "six of them of departments"
    assert counts["Questionnaire"] == 4
    assert counts["Slot"] > 3000
    assert 1800 < counts["Appointment"] < 2300
    assert min(counts[name] for name in ("Goal", "Task", "Flag", "Consent", "Communication", "RelatedPerson")) >= 20
    assert min(counts[name] for name in ("QuestionnaireResponse", "Observation", "Condition")) >= 300


@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 10**6), today=st.dates(date(2025, 6, 1), date(2035, 1, 1)))
def test_every_seed_and_day_is_whole_valid_and_small_enough(seed, today):
    seen: set[str] = set()
    issues = []
    for resource in (*generate(seed, today), *history(seed, today)):
        name = f"{resource['resourceType']}/{resource['id']}"
        assert re.fullmatch(r"[A-Za-z0-9\-.]{1,64}", resource["id"])
        assert name not in seen, f"{name} comes twice"
        missing = [reference for reference in _references(resource) if reference not in seen]
        assert not missing, f"{name} refers to {missing}, which has not come before it"
        seen.add(name)
        found = (issue for issue in validate(resource) if issue.severity == "error")
        issues += [(name, issue.expression, issue.diagnostics) for issue in found]
    assert not issues
    assert len(seen) <= 16_500


def test_a_day_later_the_same_practice_has_moved_on(practice):
    before = {(r["resourceType"], r["id"]): r for r in practice}
    after = {(r["resourceType"], r["id"]): r for r in generate(SEED, TODAY + timedelta(days=1))}
    moves = Counter(
        (before[key]["status"], after[key]["status"])
        for key in before.keys() & after.keys()
        if key[0] == "Appointment" and before[key] != after[key]
    )
    assert moves[("booked", "fulfilled")] > 10
    assert {was for was, _ in moves} == {"booked"}
    assert all(before[key] == after[key] for key in before.keys() & after.keys() if key[0] in ("Patient", "Slot"))
    lost = [key for key in before.keys() - after.keys() if key[0] in ("Patient", "CareTeam", "Condition")]
    assert not lost


def test_a_second_library_reads_every_type(practice):
    resources = pytest.importorskip("fhir.resources.R4B")
    sample: dict[str, list[dict[str, Any]]] = {}
    for resource in practice:
        sample.setdefault(resource["resourceType"], []).append(resource)
    for type_name, of_one_type in sample.items():
        model = resources.get_fhir_model_class(type_name)
        for resource in of_one_type[:: max(1, len(of_one_type) // 20)]:
            model.model_validate(resource)


def test_everyone_is_marked_as_test_data(of_type):
    for type_name in ("Patient", "Practitioner", "RelatedPerson", "Organization"):
        assert all(r["meta"]["tag"][0]["code"] == "HTEST" for r in of_type(type_name))


def test_names_are_unmistakably_made_up(of_type):
    made_up = re.compile(r"(Demo|Sample|Mock|Trial|Fable|Story)[a-z]+")
    for type_name in ("Patient", "Practitioner", "RelatedPerson"):
        assert all(made_up.fullmatch(r["name"][0]["family"]) for r in of_type(type_name))
    telecoms = [t for r in of_type("Patient") for t in r["telecom"]]
    assert all("-555-01" in t["value"] or t["value"].endswith("@example.org") for t in telecoms)
