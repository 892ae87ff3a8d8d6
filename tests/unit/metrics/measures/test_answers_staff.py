"""What lies on members of staff: caseload and work after hours, against a second computation."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import strategies as st

from carethread.metrics.evaluating.counting import score
from support.facts import facts_of
from support.measured import counted, known
from support.measures import staff
from support.measures.answering import DEPARTMENT, INSTANTS, PRACTICE, Made, both_agree, members, numbered, reference
from support.measures.plain import CODES

FIRST, LAST = date(2030, 3, 1), date(2030, 3, 31)
FACTS = ("caseload", "after-hours-writes", "after-hours-minutes", "open-tasks")
POPULATIONS = "http://terminology.hl7.org/CodeSystem/measure-population"


def _group(fact: str, count: int) -> Made:
    code = {"coding": [{"system": POPULATIONS, "code": "initial-population"}]}
    told = {"coding": [{"system": CODES + "workload-fact", "code": fact}]}
    return {"code": told, "population": [{"code": code, "count": count}]}


def _report(end: str, facts: dict[str, int], **more: object) -> Made:
    return {
        "resourceType": "MeasureReport",
        "status": "complete",
        "type": "individual",
        "measure": staff.WORKLOAD + "|1.0.0",
        "subject": {"reference": "Practitioner/doctor"},
        "period": {"start": "2030-03-01T00:15:00Z", "end": end},
        "group": [_group(*each) for each in facts.items()],
        **more,
    }


@st.composite
def reports(draw: st.DrawFn) -> Made:
    facts = draw(st.fixed_dictionaries({}, optional=dict.fromkeys(FACTS, st.sampled_from([0, 1, 30, 240]))))
    who = reference("Practitioner/doctor", "Practitioner/nurse", "PractitionerRole/role", "PractitionerRole/bare")
    return {
        **_report(draw(INSTANTS), facts),
        "status": draw(st.sampled_from(["complete"] * 6 + ["error", "pending"])),
        "type": draw(st.sampled_from(["individual"] * 6 + ["summary"])),
        "measure": draw(
            st.sampled_from([staff.WORKLOAD + "|1.0.0"] * 6 + [staff.WORKLOAD, staff.WORKLOAD + "-of-others"])
        ),
        "subject": draw(who),
        **draw(members(reporter=reference("Organization/east", "Organization/west"), extension=DEPARTMENT)),
    }


@pytest.mark.parametrize(("name", "again"), [("caseload", staff.caseload), ("after-hours-load", staff.after_hours)])
def test_days_of_staff_are_counted_as_they_are_defined(name, again):
    both_agree(name, reports(), again, FIRST, LAST)


_OF_TIMES = st.sampled_from(
    [("initial-population",), (), ("initial-population", "measure-population"), ("numerator",)]
).map(
    lambda codes: (
        {"population": [{"code": {"coding": [{"code": each}]}, "count": 1} for each in codes]} if codes else {}
    )
)
"""The populations of a group: ours, none, ours and another, or another."""


@st.composite
def times(draw: st.DrawFn) -> Made:
    """A time that somebody took to document, or another report of that measure."""
    day = draw(st.sampled_from(["2030-02-28", "2030-03-01", "2030-03-31", "2030-04-01"]))
    who = [{"type": "Practitioner", "identifier": {"value": each}} for each in "abc"]
    seconds = draw(members(measureScore=st.sampled_from([0, 12, 600]).map(lambda value: {"value": value})))
    code = {"coding": [{"code": draw(st.sampled_from(["seconds"] * 6 + ["seconds-median"]))}]}
    return {
        "resourceType": "MeasureReport",
        "status": draw(st.sampled_from(["complete"] * 4 + ["error"])),
        "type": draw(st.sampled_from(["individual"] * 4 + ["summary"])),
        "measure": draw(st.sampled_from([staff.BURDEN, staff.BURDEN + "|1.0.0", staff.WORKLOAD])),
        "subject": draw(st.sampled_from(who)),
        "period": {"start": day, "end": day},
        "group": [{"code": code, **seconds, **draw(_OF_TIMES)}],
        **draw(members(extension=DEPARTMENT, reporter=reference("Organization/east"))),
    }


def test_times_to_document_are_counted_as_they_are_defined():
    both_agree("documentation-time", times(), staff.documentation, FIRST, LAST)


def test_a_day_belongs_to_the_month_in_which_it_was():
    """Each is counted a quarter of an hour after midnight, where the clocks change too."""
    east = [("2030-02-28T11:15:00Z", False), ("2030-03-01T11:15:00Z", True), ("2030-03-31T11:15:00Z", True),
            ("2030-04-01T11:15:00Z", False)]  # fmt: skip
    west = [("2030-03-01T08:15:00Z", False), ("2030-03-10T08:15:00Z", True), ("2030-03-11T07:15:00Z", True),
            ("2030-04-01T07:15:00Z", True), ("2030-04-02T07:15:00Z", False)]  # fmt: skip
    made = [
        {**_report(end, {"caseload": 10 if within else 1000}), "reporter": {"reference": f"Organization/{where}"}}
        for where, cases in (("east", east), ("west", west)) for end, within in cases
    ]  # fmt: skip
    with facts_of([*PRACTICE, *numbered(made)]) as facts:
        (found,) = counted(facts, "caseload", FIRST, LAST)
    assert found.whole.counts["measure-population"] == 5
    assert score(known("caseload").groups[0], found.whole) == 10


def test_people_are_counted_not_days():
    """So what is told of a member's own days is not told of eleven people."""
    made = [_report(f"2030-03-{day:02}T00:15:00Z", {"after-hours-writes": 5}) for day in range(2, 14)]
    with facts_of([*PRACTICE, *numbered(made)]) as facts:
        writes, visits = counted(facts, "after-hours-load", FIRST, LAST)
    assert (writes.whole.counts["measure-population"], writes.whole.people["measure-population"]) == (12, 1)
    assert visits.whole.counts["measure-population"] == 0
