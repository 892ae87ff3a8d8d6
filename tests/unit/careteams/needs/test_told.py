"""Which answers tell of a need, as the map says it."""

from __future__ import annotations

from typing import Any

import pytest

from carethread.careteams.needs.told import GRAVITY, categories, category_in, medium_of, told_by
from carethread.core.ports import Resource

LOINC = "http://loinc.org"


def observation(question: str, status: str = "final", **value: Any) -> Resource:
    return {"status": status, "code": {"coding": [{"system": LOINC, "code": question}]}, **value}


def chosen(code: str, system: str = LOINC) -> dict[str, Any]:
    return {"valueCodeableConcept": {"coding": [{"system": system, "code": code}]}}


@pytest.mark.parametrize(
    ("question", "value", "expected"),
    [
        ("93030-5", chosen("LA33-6"), ("transportation-insecurity", "Z59.82")),
        ("96779-4", chosen("LA33-6"), ("utility-insecurity", "Z59.12")),
        ("71802-3", chosen("LA31994-9"), ("housing-instability", "Z59.811")),
        ("71802-3", chosen("LA31995-6"), ("homelessness", "Z59.00")),
        ("88124-3", chosen("LA19952-3"), ("food-insecurity", "Z59.41")),
        ("95618-5", chosen("LA10066-1"), ("intimate-partner-violence", "Z63.8")),
        ("95614-4", {"valueInteger": 11}, ("intimate-partner-violence", "Z63.8")),
        ("95614-4", {"valueQuantity": {"value": 20}}, ("intimate-partner-violence", "Z63.8")),
        ("95614-4", {"valueInteger": 10}, None),
        ("95614-4", {"valueBoolean": True}, None),
        ("95616-9", chosen("LA10066-1"), None),
        ("93030-5", chosen("LA32-8"), None),
        ("93030-5", chosen("LA33-6", "http://example.org"), None),
        ("88122-7", chosen("LA28397-0"), None),
        ("93030-5", {}, None),
        ("44261-6", {"valueInteger": 27}, None),
    ],
)
def test_answers(question: str, value: dict[str, Any], expected: tuple[str, str] | None) -> None:
    told = told_by(observation(question, **value))
    assert (told and (told.category, told.code["coding"][0]["code"])) == expected


@pytest.mark.parametrize("status", ["entered-in-error", "cancelled", "registered", "unknown"])
def test_what_is_not_said_tells_nothing(status: str) -> None:
    assert told_by(observation("93030-5", status, **chosen("LA33-6"))) is None


def test_what_gravity_has_a_snomed_code_for_has_both() -> None:
    told = told_by(observation("88124-3", **chosen("LA19952-3")))
    assert told is not None
    assert [each["code"] for each in told.code["coding"]] == ["Z59.41", "733423003"]


def test_categories() -> None:
    assert len(set(categories())) == len(categories()) == 7
    assert [each for each in categories() if medium_of(each)] == ["intimate-partner-violence"]


def test_the_category_of_a_condition_is_gravitys() -> None:
    other = {"coding": [{"system": GRAVITY, "code": "sdoh-category-unspecified"}]}
    food = {"coding": [{"system": "http://example.org", "code": "x"}, {"system": GRAVITY, "code": "food-insecurity"}]}
    assert category_in({"category": [other, food]}) == "food-insecurity"
    assert category_in({"category": [other]}) == ""
    assert category_in({}) == ""
