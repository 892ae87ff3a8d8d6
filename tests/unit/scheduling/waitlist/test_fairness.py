"""Groups are compared with the best served; small ones are counted, not judged."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from carethread.core.ports import Resource
from carethread.scheduling.waitlist.fairness import ATTRIBUTES, FEWEST, UNKNOWN, Case, Group, groups

NOW = datetime(2026, 3, 2, tzinfo=UTC)
US = "http://hl7.org/fhir/us/core/StructureDefinition/"


def speaking(language: str, *, preferred: bool = True) -> Resource:
    return {"communication": [{"language": {"coding": [{"code": language}]}, "preferred": preferred}]}


def case(patient: Resource | None = None, *, offered: bool = True, accepted: bool = False, priority: int = 5) -> Case:
    return Case(patient or {}, priority, UNKNOWN, offered, accepted)


def by_language(cases: list[Case]) -> dict[str, Group]:
    return {group.value: group for group in groups(cases, NOW) if group.attribute == "language"}


def test_a_group_under_four_fifths_is_named() -> None:
    english = [case(speaking("en"), offered=number < 8) for number in range(10)]
    spanish = [case(speaking("es"), offered=number < 3) for number in range(5)]
    french = [case(speaking("fr"), offered=number < 4) for number in range(5)]
    found = by_language(english + spanish + french)
    assert (found["en"].share, found["en"].ratio, found["en"].behind) == (0.8, 1.0, False)
    assert (found["es"].share, found["es"].ratio, found["es"].behind) == (0.6, 0.75, True)
    assert not found["fr"].behind


def test_too_few_are_counted_and_not_judged() -> None:
    many = [case(speaking("en")) for _ in range(10)]
    few = [case(speaking("ga"), offered=False) for _ in range(FEWEST - 1)]
    found = by_language(many + few)["ga"]
    assert (found.waited, found.offered, found.behind) == (FEWEST - 1, 0, False)


def test_nobody_was_offered_anything() -> None:
    assert not any(group.behind for group in groups([case(offered=False)] * 10, NOW))
    assert list(groups([], NOW)) == []


@pytest.mark.parametrize(
    ("attribute", "patient", "value"),
    [
        ("language", speaking("es", preferred=False), "es"),
        ("language", {}, UNKNOWN),
        ("age", {"birthDate": "2008-03-03"}, "under 18"),
        ("age", {"birthDate": "2008-03-02"}, "18 to 39"),
        ("age", {"birthDate": "1930"}, "80 and over"),
        ("age", {}, UNKNOWN),
        (
            "race",
            {
                "extension": [
                    {
                        "url": US + "us-core-race",
                        "extension": [{"url": "ombCategory", "valueCoding": {"code": "2028-9", "display": "Asian"}}],
                    }
                ]
            },
            "Asian",
        ),
        ("ethnicity", {}, UNKNOWN),
        (
            "disability",
            {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/patient-disability"}]},
            "stated",
        ),
        ("need", {}, "priority 5"),
        ("insurance", {}, UNKNOWN),
    ],
)
def test_who_someone_is_as_far_as_it_is_known(attribute: str, patient: Resource, value: str) -> None:
    assert ATTRIBUTES[attribute](case(patient), NOW) == value
