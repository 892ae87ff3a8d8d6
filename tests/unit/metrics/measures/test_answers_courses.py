"""Remission and response of depression: the SQL against a second computation on generated courses."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import strategies as st

from carethread.metrics.evaluating.counting import score
from support.facts import facts_of
from support.measured import counted, known, units_of
from support.measures import courses
from support.measures.answering import DEPARTMENT, PERSON, PRACTICE, VISIT, Made, both_agree, members, reference

FIRST, LAST = date(2029, 11, 1), date(2030, 3, 31)

LOINC = "http://loinc.org"
LOCAL = {"system": "urn:of-the-house", "code": "PHQ"}
EXAM = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "exam"}]}
TOTALS = st.sampled_from([27, 20, 10, 9, 5, 4, 0])
# now is 2030-03-17T17:46:40Z; the days to look of 2029-01-15 are over with 2030-03-16
AT = st.sampled_from(
    [
        "2028-12-31T23:30:00Z", "2029-01-01T00:30:00+13:00", "2029-01-01", "2029-01-15T08:00:00Z",
        "2029-01-16T08:00:00Z",
        "2028-02-29T09:00:00Z", "2028-11-20T10:00:00Z", "2029-03-01T06:00:00Z", "2028-11-01T03:00:00Z",
        "2029-09-21T23:00:00Z", "2029-09-22T00:00:00Z", "2029-11-20T08:00:00Z", "2030-01-19T23:59:59Z",
        "2030-01-20T00:00:00Z", "2030-03-16T23:59:59Z", "2030-03-17T00:00:00Z", "2029-11-16T07:00:00Z",
        "2029-11-15T23:00:00Z",
    ]
)  # fmt: skip
RESPONSES: list[Made] = [
    {"resourceType": "QuestionnaireResponse", "id": "said", "status": "completed",
     "extension": [{"url": "https://carethread.dev/fhir/StructureDefinition/department",
                    "valueReference": {"reference": "Organization/east"}}]}
]  # fmt: skip


def _effective(at: str) -> st.SearchStrategy[Made]:
    """When a total holds, in each way that FHIR has."""
    others: list[Made] = [
        {"effectiveInstant": at}, {"effectivePeriod": {"start": at}}, {"effectiveTiming": {"event": [at]}},
        {"issued": at},
    ]  # fmt: skip
    return st.sampled_from([{"effectiveDateTime": at}] * 4 + others)


@st.composite
def totals(draw: st.DrawFn) -> Made:
    """A total of the PHQ-9, or something that is none."""
    total = draw(TOTALS)
    value: Made = draw(st.sampled_from([{"valueInteger": total}, {"valueQuantity": {"value": total}}, {}]))
    coding = {"system": LOINC, "code": draw(st.sampled_from(["44261-6"] * 6 + ["89204-2", "70274-6"]))}
    return {
        "resourceType": "Observation",
        "status": draw(st.sampled_from(["final"] * 6 + ["amended", "corrected", "entered-in-error", "preliminary"])),
        **draw(st.sampled_from([{"category": [{"coding": [{"code": "survey"}]}]}, {"category": [EXAM]}, {}])),
        "code": {
            "coding": draw(
                st.sampled_from([[coding], [coding], [LOCAL, coding], [LOCAL, {**coding, "system": "urn:x"}]])
            )
        },
        **draw(AT.filter(lambda text: len(text) > 10).flatmap(_effective)),
        **value,
        "subject": draw(PERSON),
        **draw(
            members(
                encounter=VISIT,
                extension=DEPARTMENT,
                derivedFrom=reference("QuestionnaireResponse/said").map(lambda each: [each]),
            )
        ),
    }


CODES = st.sampled_from(
    [("http://hl7.org/fhir/sid/icd-10-cm", "F31.9"), ("http://hl7.org/fhir/sid/icd-10", "F20"),
     ("http://fhir.de/CodeSystem/bfarm/icd-10-gm", "F60.31"), ("http://hl7.org/fhir/sid/icd-10-cm", "F60.5"),
     ("http://hl7.org/fhir/sid/icd-10-cm", "Z51.5"), ("http://hl7.org/fhir/sid/icd-10-cm", "F32.1"),
     ("http://hl7.org/fhir/sid/icd-10-cm", "F603"), ("urn:oid:2.16.840.1.113883.6.90", "F31.9"),
     ("urn:oid:2.16.840.1.113883.6.96", "13746004"), ("http://snomed.info/sct", "13746004"),
     ("http://snomed.info/sct", "370143000"), (LOINC, "F31.9")]
)  # fmt: skip


@st.composite
def conditions(draw: st.DrawFn) -> Made:
    codes = draw(st.lists(CODES, min_size=1, max_size=2))
    sure = draw(st.sampled_from(["confirmed", "confirmed", "provisional", "refuted", "differential", ""]))
    return {
        "resourceType": "Condition",
        "subject": draw(reference("Patient/one", "Patient/merged")),
        "code": {"coding": [{"system": system, "code": code} for system, code in codes]},
        **draw(
            AT.flatmap(
                lambda at: st.sampled_from(
                    [{"onsetDateTime": at}, {"onsetPeriod": {"start": at}}, {"recordedDate": at}]
                )
            )
        ),
        **({"verificationStatus": {"coding": [{"code": sure}]}} if sure else {}),
    }


@pytest.mark.parametrize(
    ("name", "again"), [("phq-9-remission", courses.remission), ("phq-9-response", courses.response)]
)
def test_courses_are_counted_as_they_are_defined(name, again):
    both_agree(name, st.one_of(totals(), totals(), totals(), conditions()), again, FIRST, LAST, RESPONSES)


def _total(id_: str, at: str, total: float, who: str = "one") -> Made:
    return {
        "resourceType": "Observation",
        "id": id_,
        "status": "final",
        "category": [{"coding": [{"code": "survey"}]}],
        "code": {"coding": [{"system": LOINC, "code": "44261-6"}]},
        "effectiveDateTime": at,
        "valueInteger": total,
        "subject": {"reference": f"Patient/{who}"},
    }


def _told(*made: Made) -> tuple[dict[str, int], float | None, float | None]:
    with facts_of([*PRACTICE, *made]) as facts:
        (remission,), (response,) = (counted(facts, f"phq-9-{n}", FIRST, LAST) for n in ("remission", "response"))
    group = known("phq-9-remission").groups[0]
    return dict(remission.whole.counts), score(group, remission.whole), score(group, response.whole)


@pytest.mark.parametrize(
    ("last", "remission", "response"), [(4, 1.0, 1.0), (5, 0.0, 1.0), (10, 0.0, 1.0), (11, 0.0, 0.0), (None, 0.0, 0.0)]
)
def test_half_is_a_response_and_less_than_five_a_remission(last: Any, remission, response):
    later = [_total("b", "2029-12-01T08:00:00Z", last)] if last is not None else []
    counts, *shares = _told(_total("a", "2029-01-10T08:00:00Z", 20), *later)
    assert shares == [remission, response]
    assert counts["unmeasured"] == (last is None)


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"category": [EXAM]},
        {"code": {"coding": [LOCAL, {"system": LOINC, "code": "44261-6"}]}},
    ],
)
def test_a_total_is_one_whatever_its_category_and_wherever_its_loinc_code(more):
    total = {name: value for name, value in _total("a", "2029-01-10T08:00:00Z", 20).items() if name != "category"}
    counts, *_ = _told(total | more)
    assert (counts["denominator"], counts["unmeasured"]) == (1, 1)


def test_the_latest_counts_and_who_is_merged_is_one_person():
    made = [_total("a", "2029-01-10T08:00:00Z", 20), _total("b", "2029-03-10T08:00:00Z", 24, "merged"),
            _total("c", "2029-12-01T08:00:00Z", 2), _total("d", "2030-02-01T08:00:00Z", 12, "merged")]  # fmt: skip
    counts, remission, response = _told(*made)
    assert (counts["denominator"], remission, response) == (1, 0.0, 0.0)


def test_while_the_days_to_look_are_not_over_a_course_is_open():
    counts, remission, _ = _told(_total("a", "2029-02-10T08:00:00Z", 20), _total("b", "2030-01-10T08:00:00Z", 2))
    assert (counts["initial-population"], counts["open"], counts["denominator"], remission) == (1, 1, 0, None)


def test_a_course_shows_its_totals():
    made = [_total("a", "2029-01-10T08:00:00Z", 20), _total("b", "2029-12-01T08:00:00Z", 2)]
    with facts_of([*PRACTICE, *made]) as facts:
        (unit,) = units_of(facts, "phq-9-response", FIRST, LAST)
    assert (unit["first_total"], unit["last_total"], str(unit["at"])) == (20, 2, "2030-01-10 08:00:00")
