"""The months before: told as what is over, enough of it for charts, and one change that is more than chance."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import cache
from itertools import pairwise

import pytest

from carethread.core.fhir.json import render
from carethread.demo import generate, people
from carethread.demo.bookings import SHIFTED, months_before
from carethread.demo.departments import DEPARTMENTS
from carethread.demo.fhir import Resource
from carethread.demo.history import MONTHS, history
from carethread.demo.hours import PAST
from carethread.demo.past_stays import stays
from carethread.demo.questionnaires import PHQ9_SELF_HARM
from carethread.metrics.signals.charts import Sample, chart
from carethread.metrics.signals.rules import holding, signals
from unit.demo.known import SEED, TODAY


@cache
def past(today: date = TODAY) -> Sequence[Resource]:
    return list(history(SEED, today))


def of(type_name: str, today: date = TODAY) -> list[Resource]:
    return [each for each in past(today) if each["resourceType"] == type_name]


def month(resource: Resource) -> str:
    return str(resource["start"][:7])


def test_it_is_the_same_every_time_and_none_of_it_is_of_the_practice_that_stands(practice):
    assert [render(each) for each in history(SEED, TODAY)] == [render(each) for each in past()]
    assert not {(r["resourceType"], r["id"]) for r in practice} & {(r["resourceType"], r["id"]) for r in past()}


def test_nothing_of_it_is_still_to_come_or_to_be_done():
    visits = of("Appointment")
    assert {each["status"] for each in visits} == {"fulfilled", "noshow", "cancelled"}
    assert max(each["start"][:10] for each in visits) < (TODAY - PAST).isoformat()
    assert not any("slot" in each for each in visits)
    assert {each["status"] for each in of("Encounter")} == {"finished"}
    assert max(each["period"]["end"][:10] for each in of("Encounter")) < TODAY.isoformat()
    answers = of("QuestionnaireResponse")
    assert max(each["authored"][:10] for each in answers if each["status"] == "completed") < TODAY.isoformat()
    items = [item for each in answers for item in each.get("item", ()) if item["linkId"] == PHQ9_SELF_HARM]
    assert {item["answer"][0]["valueCoding"]["display"] for item in items} == {"Not at all"}
    overall = [
        i["answer"][0]["valueInteger"] for each in answers for i in each.get("item", ()) if i["linkId"] == "overall"
    ]
    assert min(overall) > 6, "somebody would have to answer it"
    assert {each["status"] for each in (*of("Task"), *of("CarePlan"), *of("MedicationDispense"))} == {
        "completed", "rejected",
    }  # fmt: skip
    assert not {"Flag", "Communication", "CommunicationRequest"} & {each["resourceType"] for each in past()}


def test_where_one_person_is_ill_they_are_in_one_stay_at_a_time():
    ill = [each for each in people.population(SEED) if each.seen and "knee" in each.illnesses][:1]
    told = list(stays(ill, months_before(TODAY, MONTHS), TODAY))
    assert len(told) > MONTHS and len({each["id"] for each in told}) == len(told)
    spans = sorted((each["period"]["start"], each["period"]["end"]) for each in told)
    assert all(end < start for (_, end), (start, _) in pairwise(spans))


def test_each_month_of_each_department_has_visits_that_came_to_something():
    by_month = defaultdict(set)
    for each in of("Appointment"):
        (place,) = (p["actor"]["reference"] for p in each["participant"] if "Location" in str(p.get("actor")))
        by_month[month(each)].add(place)
    first = f"{months_before(TODAY, MONTHS):%Y-%m}"
    assert min(by_month) == first
    assert len(by_month) >= 12
    assert {len(places) for name, places in by_month.items() if name < f"{TODAY - PAST:%Y-%m}"} == {len(DEPARTMENTS)}


def test_who_called_a_visit_off_is_told_and_whether_that_was_late():
    told: Counter[str] = Counter()
    for each in of("Appointment"):
        marks = {e["url"].rsplit("/", 1)[1]: e for e in each.get("extension", ())}
        reason = each.get("cancelationReason", {}).get("coding", [{"code": ""}])[0]["code"]
        assert ("cancelled-by" in marks) is reason.startswith(("pat", "prov"))
        if "late-cancellation" in marks:
            told[f"{reason[:3]} {marks['late-cancellation']['valueBoolean']}"] += 1
        elif reason:
            told[reason[:3]] += 1
    assert {"pat True", "pat False", "pro", "oth"} == set(told)


def test_everybody_is_insured_otherwise_or_not():
    kinds = Counter(each["type"]["coding"][0]["code"] for each in of("Coverage"))
    assert {"HMO", "PPO", "PUBLICPOL"} == set(kinds)
    assert 250 < sum(kinds.values()) < 300


def test_some_come_back_to_hospital_within_a_month():
    stays = defaultdict(list)
    for each in of("Encounter"):
        if each["class"]["code"] == "IMP":
            spans = each["period"]["start"], each["period"]["end"]
            stays[each["subject"]["reference"]].append([datetime.fromisoformat(moment) for moment in spans])
    again = [
        later for spans in stays.values() for _, end in spans for later, _ in spans
        if end < later <= end + timedelta(days=30)
    ]  # fmt: skip
    assert 10 < len(again) < sum(map(len, stays.values())) / 3


def test_staff_answer_without_a_name_and_a_depression_is_asked_about_again_after_a_year():
    pulses = [each for each in of("QuestionnaireResponse") if each["questionnaire"].split("|")[0].endswith("pulse")]
    assert {each["subject"]["reference"].split("/")[0] for each in pulses} == {"Organization"}
    assert not any({"author", "source"} & each.keys() for each in pulses)
    totals = defaultdict(list)
    for each in of("Observation"):
        if "valueInteger" in each:
            totals[each["subject"]["reference"]].append(each["valueInteger"])
    assert sum(len(each) > 1 and each[0] > 9 and min(each[1:]) < 5 for each in totals.values()) > 5


@pytest.mark.parametrize("today", [TODAY, date(2026, 11, 1), date(2027, 2, 27)])
def test_one_department_has_changed_more_than_chance_explains(today):
    seen: dict[str, Counter[str]] = defaultdict(Counter)
    for each in (*generate(SEED, today), *past(today)):
        if each["resourceType"] == "Appointment" and f"demo-location-{SHIFTED}" in str(each["participant"]):
            seen[month(each)][each["status"]] += 1
    months = [f"{months_before(today, n):%Y-%m}" for n in range(MONTHS, 0, -1)]
    sizes = [seen[name]["fulfilled"] + seen[name]["noshow"] for name in months]
    assert min(sizes) > 10
    made = chart("p", [Sample(seen[name]["noshow"] / size, size) for name, size in zip(months, sizes, strict=True)])
    assert made is not None
    (found,) = (each for each in signals(made) if holding(made, each))
    assert found.side == "above"
