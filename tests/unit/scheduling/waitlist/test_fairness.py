"""Groups are compared with the best served; small ones are counted, not judged."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from carethread.core.few import is_few
from carethread.core.ports import Resource
from carethread.scheduling.waitlist.fairness import ATTRIBUTES, FEWEST, UNKNOWN, Case, Group, groups

NOW = datetime(2026, 3, 2, tzinfo=UTC)
US = "http://hl7.org/fhir/us/core/StructureDefinition/"


def speaking(language: str, *, preferred: bool = True) -> Resource:
    return {"communication": [{"language": {"coding": [{"code": language}]}, "preferred": preferred}]}


def case(
    patient: Resource | None = None, *, offered: bool = True, accepted: bool = False, priority: int = 5, who: str = ""
) -> Case:
    return Case(who, patient or {}, priority, UNKNOWN, offered, accepted)


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


WAYS = [(False, False), (True, False), (True, True)]


@given(
    st.dictionaries(
        st.sampled_from(["en", "es", "fr", "ru"]),
        st.lists(st.sampled_from([0, 0, 1, 5, 10, 11, 12, 30]), min_size=3, max_size=3),
        min_size=1,
    ),
    st.booleans(),
)
@example({"en": [30, 30, 0], "es": [14, 12, 0], "ru": [1, 0, 0]}, False)
def test_of_few_people_no_group_is_told_nor_follows(numbers: dict[str, list[int]], shared: bool) -> None:
    """Of all attributes the sums are alike, so that what is masked of one is together nobody or many, of each way."""
    cases = [
        case(speaking(language), offered=offered, accepted=accepted, who=f"{'' if shared else language}{i}")
        for language, several in numbers.items()
        for (offered, accepted), number in zip(WAYS, several, strict=True)
        for i in range(number)
    ]
    found = list(groups(cases, NOW, masks=True))
    kept = {group.value for group in found if group.attribute == "language" and group.masked}
    is_whole_told = not any(group.masked for group in found if group.attribute == "ethnicity")
    for way in WAYS:
        people = {
            language: {
                each.person
                for each in cases
                if each.patient == speaking(language) and (each.offered, each.accepted) == way
            }
            for language in numbers
        }
        assert not any(is_few(len(people[language])) for language in numbers.keys() - kept)
        assert not is_whole_told or not is_few(len(set().union(*(people[language] for language in kept))))


def test_what_is_not_told_is_not_what_others_are_compared_with() -> None:
    cases = [case(speaking("en"), offered=i < 20, who=f"en{i}") for i in range(40)]
    cases += [case(speaking("ru"), who=f"ru{i}") for i in range(6)]
    cases += [case(speaking("es"), offered=i < 15, who=f"es{i}") for i in range(30)]
    found = {group.value: group for group in groups(cases, NOW, masks=True) if group.attribute == "language"}
    assert {value for value, group in found.items() if group.masked} == {"ru", "es"}
    assert (found["en"].ratio, found["en"].behind) == (1.0, False)


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
