"""Called off and booked again: of a person who calls off one visit and comes to another of the same month both are
counted, each for itself, and a slot that is free again is offered. Both computations say so."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from carethread.metrics.evaluating.counting import score
from support.facts import facts_of
from support.measured import counted, known
from support.measures import visits
from support.measures.comparing import agree
from support.measures.plain import NOW, Practice

Resource = dict[str, Any]
MARCH = date(2029, 3, 1), date(2029, 3, 31)
OURS = "https://carethread.dev/fhir/StructureDefinition/"
ANN = {"resourceType": "Patient", "id": "ann"}


def visit(id_: str, status: str, day: int, booked: str, *marks: Resource, **more: Any) -> Resource:
    """A visit of a morning in March, and when it was booked."""
    return {
        "resourceType": "Appointment",
        "id": id_,
        "status": status,
        "start": f"2029-03-{day:02}T09:00:00Z",
        "end": f"2029-03-{day:02}T09:20:00Z",
        "created": f"{booked}T09:00:00Z",
        "extension": list(marks),
        "participant": [{"actor": {"reference": "Patient/ann"}, "status": "accepted"}],
        **more,
    }


def called_off(*, by: str = "patient", late: bool) -> list[Resource]:
    return [
        {"url": f"{OURS}cancelled-by", "valueCode": by},
        {"url": f"{OURS}late-cancellation", "valueBoolean": late},
    ]


LATE, EARLY = called_off(late=True), called_off(late=False)
BY_US = called_off(by="provider", late=False)


def told(name: str, resources: list[Resource], second: Any) -> list[tuple[dict[str, int], float | None]]:
    """What is counted of each group, where both computations agree on each unit."""
    resources = [ANN, *resources]
    agree(name, resources, *MARCH, second(Practice(resources)))
    with facts_of(resources) as facts:
        found = [each.whole for each in counted(facts, name, *MARCH)]
    groups = zip(known(name).groups, found, strict=True)
    return [({key: n for key, n in cell.counts.items() if n}, score(group, cell)) for group, cell in groups]


@pytest.mark.parametrize(
    ("marks", "then", "rate", "late"),
    [
        (LATE, "fulfilled", ({"initial-population": 1, "denominator": 1}, 0), (2, 1, 0.5)),
        (LATE, "noshow", ({"initial-population": 1, "denominator": 1, "numerator": 1}, 1), (2, 1, 0.5)),
        (EARLY, "fulfilled", ({"initial-population": 1, "denominator": 1}, 0), (2, 0, 0)),
        (EARLY, "noshow", ({"initial-population": 1, "denominator": 1, "numerator": 1}, 1), (2, 0, 0)),
        (BY_US, "fulfilled", ({"initial-population": 1, "denominator": 1}, 0), (1, 0, 0)),
        (LATE, "booked", ({"initial-population": 1, "unresolved": 1}, None), (1, 1, 1)),
    ],
    ids=["late-came", "late-missed", "early-came", "early-missed", "by-us-came", "late-open"],
)
def test_what_was_called_off_is_not_missed_and_counts_beside_what_was_booked_for_it(
    marks: list[Resource], then: str, rate: tuple[dict[str, int], float | None], late: tuple[int, int, float]
) -> None:
    both = [visit("first", "cancelled", 5, "2029-02-01", *marks), visit("second", then, 12, "2029-03-04")]
    assert told("no-show-rate", both, visits.no_show) == [rate]
    ((counts, found),) = told("late-cancellation-rate", both, visits.late_cancellation)
    assert counts["initial-population"] == 2
    assert (counts["denominator"], counts.get("numerator", 0), found) == late


def test_called_off_twice_is_twice_called_off() -> None:
    some = [
        visit("first", "cancelled", 5, "2029-02-01", *LATE),
        visit("second", "cancelled", 12, "2029-03-04", *LATE),
        visit("third", "fulfilled", 19, "2029-03-11"),
    ]
    assert told("no-show-rate", some, visits.no_show) == [({"initial-population": 1, "denominator": 1}, 0)]
    ((counts, found),) = told("late-cancellation-rate", some, visits.late_cancellation)
    assert (counts["denominator"], counts["numerator"]) == (3, 2)
    assert found == pytest.approx(2 / 3)


def test_who_books_again_into_another_month_is_counted_in_each_for_what_was_in_it() -> None:
    some = [
        visit("first", "cancelled", 30, "2029-02-01", *LATE),
        {**visit("second", "noshow", 1, "2029-03-29"), "start": "2029-04-02T09:00:00Z", "end": "2029-04-02T09:20:00Z"},
    ]
    assert told("no-show-rate", some, visits.no_show) == [({}, None)]
    ((counts, found),) = told("late-cancellation-rate", some, visits.late_cancellation)
    assert (counts["denominator"], counts["numerator"], found) == (1, 1, 1)


@pytest.mark.parametrize("since", ["", "2029-02-01"], ids=["booked-anew", "waits-since"])
def test_the_wait_is_that_of_the_visit_which_stands(since: str) -> None:
    """From when it was booked; where its entry on the wait-list says since when the person has waited, from then."""
    waited = {"url": f"{OURS}waited", "extension": [{"url": "since", "valueInstant": f"{since}T09:00:00Z"}]}
    some = [
        visit("first", "cancelled", 5, "2029-02-01", *LATE),
        visit("second", "fulfilled", 12, "2029-03-04", *([waited] if since else [])),
    ]
    (asked, _) = told("waiting-time", some, visits.waiting_time)
    assert asked[0]["measure-population"] == 1
    assert asked[1] == (39 if since else 8)


def calendar(*states: str) -> list[Resource]:
    """A clinician's slots of the next days, one each day."""
    schedule = {"resourceType": "Schedule", "id": "gp", "active": True, "actor": [{"reference": "Practitioner/gp"}]}
    slots = [
        {"resourceType": "Slot", "id": f"s{n}", "schedule": {"reference": "Schedule/gp"}, "status": state}
        | {"start": _at(n), "end": _at(n, minutes=20)}
        for n, state in enumerate(states, start=1)
    ]
    return [schedule, *slots]


def _at(days: int, minutes: int = 0) -> str:
    at: datetime = NOW + timedelta(days=days, minutes=minutes)
    return at.isoformat()


def test_a_slot_that_is_free_again_is_the_third_and_that_which_is_taken_instead_is_not() -> None:
    """Ann has the slot of the second day, calls that off and takes that of the fourth, whether her visits are told
    before or after the slots."""
    days = NOW.date(), NOW.date()
    for states, expected in [
        (["free", "busy", "free", "free", "free"], 4),  # before
        (["free", "free", "free", "free", "free"], 3),  # called off
        (["free", "free", "free", "busy", "free"], 3),  # and booked again
        (["free", "free", "busy", "free", "free"], 4),  # or for the third
        (["free", "busy", "free", "busy", "busy"], None),  # or beside what others have
    ]:
        gone = visit("first", "cancelled", 5, "2029-02-01", *LATE, slot=[{"reference": "Slot/s2"}])
        taken = visit("second", "booked", 12, "2029-03-04", slot=[{"reference": "Slot/s4"}])
        for resources in ([*calendar(*states), gone, taken], [taken, gone, *calendar(*states)]):
            agree("third-next-available", resources, *days, visits.third_next_available(Practice(resources)))
            with facts_of(resources) as facts:
                (found,) = counted(facts, "third-next-available", *days)
            assert found.whole.value == expected
