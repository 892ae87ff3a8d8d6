"""Gaps in care by the shipped measures, each beside the second computation of its measure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from functools import partial
from itertools import chain
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carethread.core.ports import Request, Response
from carethread.core.ports.analytics import Answer
from carethread.metrics.explaining.gaps import CARE_GAP
from support.facts import Filled
from support.measures import (
    asked,
    care_team_accountability,
    courses,
    hand_off_closure,
    plan_adherence,
    risk_to_first_contact,
    social_need_help,
    social_need_screening,
    treatment_adherence,
)
from support.measures.care_made import contacts, flags, hand_offs, plans, teams
from support.measures.needs_made import dispenses, needs, screenings, visits
from support.measures.plain import CODES, Practice, Unit
from support.measures.surrounding import FIRST, LAST, PEOPLE, surroundings
from support.measuring import Metrics, body
from support.viewing import coded

Resource = dict[str, Any]
Again = Callable[[Practice], Iterable[Unit]]

AUTUMN = date(2029, 11, 1)
OUT = {"denominator-exclusion", "denominator-exception", "numerator"}


def told(opened: Metrics, resources: Iterable[Resource], name: str, who: str, first: date = FIRST) -> str:
    """The state of a person's gap in a measure, until the last day; empty without one."""
    opened.facts.resources.clear()
    opened.facts.tell(*resources)
    period = {"periodStart": f"{first}", "periodEnd": f"{LAST}"}
    answer = opened.ask("Measure/$care-gaps", **period, subject=f"Patient/{who}", measure=f"Measure/{name}")
    assert answer.status == 200, answer.body
    issues = [each["resource"] for each in body(answer)["entry"] if each["resource"]["resourceType"] == "DetectedIssue"]
    states = [each["modifierExtension"][0]["valueCodeableConcept"]["coding"][0]["code"] for each in issues]
    return "".join(states)


def expected(units: Iterable[Unit], place: int, who: str | None) -> str:
    """The same from the units of the second computation: all of these measures want more."""
    inside = [unit.groups[place][0] for unit in units if unit.subject == who]
    missed = [each for each in inside if "denominator" in each and not each & OUT]
    reached = [each for each in inside if "numerator" in each]
    return "open-gap" if missed else "closed-gap" if reached else ""


def several(made: Any, prefix: str, most: int) -> st.SearchStrategy[list[Resource]]:
    one = st.tuples(*(made(f"{prefix}{number}") for number in range(most)))
    return one.map(lambda all_: list(chain.from_iterable(each if isinstance(each, list) else [each] for each in all_)))


@dataclass(frozen=True)
class Case:
    """A measure, its group that tells the gap, what a practice has beside people, and the second computation."""

    name: str
    place: int
    made: tuple[st.SearchStrategy[list[Resource]], ...]
    again: Again
    first: date = FIRST


CASES = [
    Case("hand-off-closure", 2, (several(hand_offs, "h", 10),), hand_off_closure.units),
    Case("plan-adherence", 0, (several(plans, "p", 3),), plan_adherence.units),
    Case("risk-to-first-contact", 1, (several(flags, "f", 6), several(contacts, "c", 6)), risk_to_first_contact.units),
    Case(
        "care-team-accountability",
        0,
        (several(plans, "p", 3), several(teams, "t", 3)),
        care_team_accountability.units,
        date(2030, 1, 1),
    ),
    Case(
        "social-need-screening",
        0,
        (several(visits, "v", 4), several(screenings, "s", 4)),
        social_need_screening.units,
    ),
    Case("social-need-help", 0, (several(visits, "v", 2), several(needs, "n", 6)), social_need_help.units),
    Case(
        "treatment-adherence",
        0,
        (several(partial(dispenses, first=AUTUMN), "d", 10),),
        lambda practice: treatment_adherence.units(practice, AUTUMN, LAST),
        AUTUMN,
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_gap_is_open_where_the_second_computation_misses_something(opened: Metrics, case: Case) -> None:
    found = set()

    @settings(max_examples=12, deadline=None)
    @given(surroundings(), st.tuples(*case.made), st.randoms(use_true_random=False))
    def agree(around: list[Resource], made: tuple[list[Resource], ...], chance: Random) -> None:
        resources = [*around, *chain.from_iterable(made)]
        practice = Practice(resources)
        units = practice.within(case.again(practice), case.first, LAST)
        counted = {unit.subject for unit in units if "denominator" in unit.groups[case.place][0]} - {None}
        who = chance.choice(sorted(filter(None, counted)) or PEOPLE)
        wanted = expected(units, case.place, practice.survivor(who))
        assert told(opened, resources, case.name, who, case.first) == wanted
        found.add(wanted)

    for _ in range(5):
        agree()
        if found - {""}:
            return
    pytest.fail("in sixty practices nobody was counted")


def person(id_: str) -> Resource:
    return {"resourceType": "Patient", "id": id_, "birthDate": "1970-01-01"}


def total(id_: str, at: str, number: int) -> Resource:
    return {
        "resourceType": "Observation", "id": id_, "status": "final", "category": [{"coding": [{"code": "survey"}]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": "44261-6"}]}, "effectiveDateTime": at,
        "valueInteger": number, "subject": {"reference": "Patient/ann"},
    }  # fmt: skip


def feedback(status: str, state: str) -> Resource:
    return {
        "resourceType": "Task", "id": "said", "status": status, "for": {"reference": "Patient/ann"},
        "code": coded(CODES + "careteam-task", "feedback"), "businessStatus": coded(CODES + "feedback-state", state),
        "executionPeriod": {"start": "2030-03-02T08:00:00Z", "end": "2030-03-04T08:00:00Z"},
        "authoredOn": "2030-03-02T08:00:00Z",
    }  # fmt: skip


BEGAN = total("first", "2029-01-03T08:00:00Z", 20)
AGAIN = "2030-01-05T08:00:00Z"


@pytest.mark.parametrize(
    ("name", "made", "again", "wanted"),
    [
        ("phq-9-remission", [BEGAN], courses.remission, "open-gap"),
        ("phq-9-remission", [BEGAN, total("last", AGAIN, 8)], courses.remission, "open-gap"),
        ("phq-9-remission", [BEGAN, total("last", AGAIN, 4)], courses.remission, "closed-gap"),
        ("phq-9-response", [BEGAN, total("last", AGAIN, 11)], courses.response, "open-gap"),
        ("phq-9-response", [BEGAN, total("last", AGAIN, 10)], courses.response, "closed-gap"),
        ("feedback-loop-closure", [feedback("completed", "untold")], asked.feedback, "open-gap"),
        ("feedback-loop-closure", [feedback("completed", "told")], asked.feedback, "closed-gap"),
        ("feedback-loop-closure", [feedback("cancelled", "withdrawn")], asked.feedback, ""),
    ],
)
def test_gaps_of_courses_and_of_feedback(
    opened: Metrics, name: str, made: list[Resource], again: Again, wanted: str
) -> None:
    resources = [person("ann"), *made]
    practice = Practice(resources)
    units = practice.within(again(practice), AUTUMN, LAST)
    assert told(opened, resources, name, "ann", AUTUMN) == expected(units, 0, "ann") == wanted


def test_every_measure_that_tells_a_gap_is_proven_here() -> None:
    folder = Path(__file__).parents[2] / "fhir_profiles" / "measures"
    marked = {path.stem for path in folder.glob("*.json") if CARE_GAP in path.read_text("utf-8")}
    assert marked == {case.name for case in CASES} | {"phq-9-remission", "phq-9-response", "feedback-loop-closure"}


def test_the_person_and_the_zones_are_asked_for_once(opened: Metrics, monkeypatch: pytest.MonkeyPatch) -> None:
    opened.facts.resources.clear()
    opened.facts.tell(person("ann"), BEGAN)
    asked: list[str] = []
    call, query = opened.records.call, Filled.query

    def called(service: str, request: Request) -> Response:
        asked.append(request.path)
        return call(service, request)

    def queried(self: Filled, sql: str, *more: Any) -> Answer:
        asked.append("zones" if sql.startswith("SELECT zone") else "")
        return query(self, sql, *more)

    monkeypatch.setattr(opened.records, "call", called)
    monkeypatch.setattr(Filled, "query", queried)
    params = {"periodStart": f"{AUTUMN}", "periodEnd": f"{LAST}", "subject": "Patient/ann", "topic": "depression"}
    answer = body(opened.ask("Measure/$care-gaps", **params))
    assert len(answer["entry"][0]["resource"]["section"]) == 2
    assert [asked.count(each) for each in ("Patient/ann", "zones")] == [1, 1]


def test_a_topic_asks_for_all_of_its_measures(opened: Metrics) -> None:
    opened.facts.resources.clear()
    opened.facts.tell(person("ann"), BEGAN, total("last", AGAIN, 8))
    params = {"periodStart": f"{AUTUMN}", "periodEnd": f"{LAST}", "subject": "Patient/ann", "topic": "depression"}
    answer = body(opened.ask("Measure/$care-gaps", **params))
    titles = {each["title"]: each for each in answer["entry"][0]["resource"]["section"]}
    assert titles.keys() == {"Remission of depression at 12 months", "Response of depression at 12 months"}
