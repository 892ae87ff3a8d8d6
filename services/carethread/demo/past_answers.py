"""What people and staff have answered in the past: after visits, about depression, about needs, about being worn out.

Nobody answers what calls for somebody: no thought of self-harm, no complaint, no low score.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from random import Random

from carethread.demo.bookings import EXTENSION, Booking, months_before
from carethread.demo.circumstances import observations
from carethread.demo.departments import DEPARTMENTS, Department
from carethread.demo.fhir import (
    GRAVITY,
    HL7,
    HOUSE,
    ICD10,
    LOINC,
    US_CORE_CATEGORY,
    US_CORE_CONDITION,
    Resource,
    coding,
    concept,
    ref,
    stamp,
)
from carethread.demo.people import Person
from carethread.demo.questionnaires import FREQUENCY, PHQ9, PHQ9_SELF_HARM, PHQ9_TOTAL, Option
from carethread.demo.responses import HOME, Response, questionnaire_responses, scored

ANSWERS = HOUSE + "CodeSystem/questionnaire-answer"
CARE = ("fully", "mostly", "a-little")
AGREED = ("strongly-agree", "agree", "neither", "disagree")
WORN = ("energy", "tired-sometimes", "wearing", "worn-out")

COURSES, COURSE_MONTHS = 5, 27
"""How many begin to be treated for a depression in a month, and since how many months: what became of a course is known
after a year and two months."""

FIVE = {
    "food-insecurity": ("88124-3", "LA19983-8", "No risk"),
    "housing-instability": ("71802-3", "LA31993-1", "I have a steady place to live"),
    "transportation-insecurity": ("93030-5", "LA32-8", "No"),
    "utility-insecurity": ("96779-4", "LA32-8", "No"),
    "intimate-partner-violence": ("95618-5", "LA6270-8", "Never"),
}
"""The domains of social needs: the question's LOINC code, and the answer of who lacks nothing."""


def _of(d: Department) -> list[Resource]:
    return [{"url": EXTENSION + "department", "valueReference": ref("Organization", d.organization)}]


def _coded(code: str) -> Resource:
    return {"valueCoding": coding(ANSWERS, code)}


def _said(form: str, id: str, authored: str, answers: Mapping[str, Resource], d: Department) -> Resource:
    return {
        "resourceType": "QuestionnaireResponse", "id": id, "extension": _of(d),
        "questionnaire": f"{HOUSE}Questionnaire/{form}|1.0.0", "status": "completed",
        "authored": authored,
        "item": [{"linkId": link, "answer": [answer]} for link, answer in answers.items()],
    }  # fmt: skip


def replies(kept: Sequence[Booking], today: date) -> Iterator[Resource]:
    """How people found their visit, whether they were heard in what was decided, and whether they trust us."""
    for each in kept:
        rng = Random(f"past/{each.id}")
        form = rng.choices(("visit-experience", "collaborate", "trust", ""), (0.14, 0.08, 0.08, 0.7))[0]
        if not form or each.person.age < 18 or each.opening.start.date() + timedelta(days=1) >= today:
            continue
        said = _said(
            form,
            f"demo-past-{form}-{each.opening.key}",
            stamp(each.opening.end + timedelta(hours=20)),
            FORMS[form](rng),
            each.opening.clinician.department,
        )
        person = ref("Patient", each.person.id)
        yield {**said, "subject": person, "author": person, "source": person}


def _experience(rng: Random) -> dict[str, Resource]:
    links = ("listened", "explained", "respected", "time")
    care = {link: _coded(rng.choices(CARE, (0.7, 0.22, 0.08))[0]) for link in links}
    overall = rng.choices((10, 9, 8, 7), (4, 3, 2, 1))[0]
    likely = overall if rng.random() < 0.8 else 6
    return {**care, "overall": {"valueInteger": overall}, "recommend": {"valueInteger": likely}}


def _collaborate(rng: Random) -> dict[str, Resource]:
    lowest = rng.choices((9, 8, 6), (0.6, 0.25, 0.15))[0]
    return {link: {"valueInteger": rng.randint(lowest, 9)} for link in ("understand", "listen", "include")}


def _trust(rng: Random) -> dict[str, Resource]:
    links = ("empathy", "communication", "transparency", "honesty")
    return {link: _coded(rng.choices(AGREED, (0.4, 0.4, 0.15, 0.05))[0]) for link in links}


FORMS = {"visit-experience": _experience, "collaborate": _collaborate, "trust": _trust}


def pulses(seed: int, first: date, today: date) -> Iterator[Resource]:
    """How worn out staff are: three answers of each department in a month, without a name."""
    month = first
    while month < today:
        for d in DEPARTMENTS:
            rng = Random(f"{seed}/pulse/{d.key}/{month}")
            for turn in range(3):
                day = month + timedelta(days=4 + 8 * turn)
                if day < today:
                    worn = {"worn": _coded(rng.choices(WORN, (0.25, 0.45, 0.2, 0.1))[0])}
                    said = _said("staff-pulse", f"demo-pulse-{d.key}-{day:%Y%m%d}", day.isoformat(), worn, d)
                    yield {**said, "subject": ref("Organization", d.organization)}
        month = months_before(month, -1)


def courses(seed: int, residents: Sequence[Person], today: date) -> Iterator[Resource]:
    """The PHQ-9 as treatment began and a year later: better for most."""
    treated = [p for p in residents if p.seen and p.age >= 18 and {"depression", "anxiety"} & set(p.illnesses)]
    (home,) = (d for d in DEPARTMENTS if d.key == "mental-health")
    answered = []
    for turn in range((COURSE_MONTHS - 13) * COURSES if treated else 0):
        p = treated[turn % len(treated)]
        rng = Random(f"{seed}/course/{turn}")
        begun = months_before(today, COURSE_MONTHS - turn // COURSES) + timedelta(days=3 + 4 * (turn % COURSES))
        later = begun + timedelta(days=366)
        for day, burden in ((begun, 0.75), (later, rng.choice((0.1, 0.3, 0.65)))):
            if day < today:
                answered.append(
                    _calm(replace(scored(PHQ9, p, 0, day, burden, rng), id=f"demo-phq-9-{p.number:03d}-{day:%Y%m%d}"))
                )
    for resource in (*questionnaire_responses(answered), *observations((), answered)):
        yield {**resource, "extension": _of(home)}


def _calm(said: Response) -> Response:
    """The same answers without a thought of self-harm."""
    total, harm = f"/{PHQ9_TOTAL}", said.answers[PHQ9_SELF_HARM]
    left = (said.total or 0) - ((harm.weight or 0) if isinstance(harm, Option) else 0)
    return replace(said, answers={**said.answers, PHQ9_SELF_HARM: FREQUENCY[0], total: left})


def needs(residents: Sequence[Person], first: date, today: date) -> Iterator[Resource]:
    """Who was asked about all of their circumstances, and whose electricity or heating somebody knows is at risk."""
    asked = [p for p in residents if p.seen and p.age >= 18]
    for p in asked:
        day = first + timedelta(days=p.number)
        moment = stamp(datetime.combine(min(day, today - timedelta(days=1)), time(10), HOME))
        if p.number % 4 == 0:
            yield from (_asked(p, domain, moment) for domain in FIVE)
        if "utilities" in p.needs:
            yield _need(p, moment)


def _asked(p: Person, domain: str, moment: str) -> Resource:
    question, answer, display = FIVE[domain]
    return {
        "resourceType": "Observation", "id": f"demo-asked-{p.number:03d}-{domain}", "status": "final",
        "category": [concept(HL7 + "observation-category", "social-history", "Social History"),
                     concept(HL7 + "observation-category", "survey", "Survey"),
                     concept(US_CORE_CATEGORY, "sdoh"), concept(GRAVITY, domain)],
        "code": concept(LOINC, question),
        "subject": p.reference, "effectiveDateTime": moment, "performer": [ref("Patient", p.id)],
        "valueCodeableConcept": {"coding": [coding(LOINC, answer, display)]},
    }  # fmt: skip


def _need(p: Person, moment: str) -> Resource:
    return {
        "resourceType": "Condition", "id": f"demo-condition-{p.number:03d}-utilities",
        "clinicalStatus": concept(HL7 + "condition-clinical", "active"),
        "verificationStatus": concept(HL7 + "condition-ver-status", "confirmed"),
        "category": [concept(US_CORE_CONDITION, "health-concern"), concept(US_CORE_CATEGORY, "sdoh"),
                     concept(GRAVITY, "utility-insecurity")],
        "code": {"coding": [coding(ICD10, "Z59.12", "Inadequate housing utilities")]},
        "subject": p.reference, "recordedDate": moment, "asserter": p.doctor.reference,
    }  # fmt: skip
