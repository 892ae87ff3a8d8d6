"""Answered questionnaires, each answer drawn from what the person lives with.

Items of one instrument correlate because they share the person's mood or worry; the second PHQ-9 of somebody in
treatment is mostly better than the first; feedback depends on the clinician, and on whether the visit was in the
person's language.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

from carethread.demo.bookings import Booking
from carethread.demo.departments import DEPARTMENTS
from carethread.demo.fhir import Resource, ref, stamp
from carethread.demo.people import Person
from carethread.demo.questionnaires import (
    DIFFICULTY,
    FEEDBACK,
    FREQUENCY,
    GAD7,
    GAD7_TOTAL,
    INTAKE,
    LIVING,
    OFTEN,
    PHQ9,
    PHQ9_SELF_HARM,
    PHQ9_TOTAL,
    YES_NO,
    Form,
    Option,
)

SCREENED, SURVEYED, ANSWERS_FEEDBACK, DECLINES = 0.45, 0.12, 0.07, 0.04
"""Shares: adults with a social-needs intake, other adults with a PHQ-9, visits with feedback, questions declined."""

HOME = ZoneInfo(DEPARTMENTS[0].zone)


@dataclass(frozen=True, slots=True)
class Response:
    """One answered form. `answers` is by linkId; `found` and `declined` are social needs, of an intake only."""

    id: str
    form: Form
    person: Person
    authored: datetime
    answers: Mapping[str, Option | int]
    found: frozenset[str] = field(default_factory=frozenset)
    declined: frozenset[str] = field(default_factory=frozenset)

    @property
    def total(self) -> int | None:
        """The sum of the weighted answers, where the form has a total score."""
        link = {PHQ9.key: PHQ9_TOTAL, GAD7.key: GAD7_TOTAL}.get(self.form.key)
        score = self.answers[f"/{link}"] if link else None
        return score if isinstance(score, int) else None

    @property
    def self_harm(self) -> bool:
        """Whether PHQ-9's ninth item has any answer but `Not at all`, which calls for follow-up whatever the total."""
        return self.answers.get(PHQ9_SELF_HARM, FREQUENCY[0]) != FREQUENCY[0]


def responses(seed: int, today: date, people: list[Person], kept: Iterable[Booking]) -> Iterator[Response]:
    """Intakes, PHQ-9 and GAD-7 from the six weeks before this one, and feedback on the fulfilled visits in `kept`."""
    monday = today - timedelta(days=today.weekday())
    for p in people:
        if not p.seen or p.age < 18:
            continue
        rng = Random(f"{seed}/answers/{p.number}")
        if rng.random() < SCREENED:
            yield _intake(p, monday, rng)
        treated = "depression" in p.illnesses or "anxiety" in p.illnesses
        if treated:
            relief = rng.betavariate(3, 3) * 0.7
            yield scored(PHQ9, p, 1, monday - timedelta(days=38), p.mood + 0.15, rng)
            yield scored(PHQ9, p, 2, monday - timedelta(days=10), (p.mood + 0.15) * (1 - relief), rng)
            yield scored(GAD7, p, 1, monday - timedelta(days=38), p.worry + 0.12, rng)
        elif rng.random() < SURVEYED:
            yield scored(PHQ9, p, 1, monday - timedelta(days=24), p.mood, rng)
    for booking in kept:
        rng = Random(f"{seed}/feedback/{booking.id}")
        day = booking.opening.start.date() + timedelta(days=1)
        if day < today and rng.random() < ANSWERS_FEEDBACK:
            yield _feedback(seed, booking, day, rng)


def _intake(p: Person, monday: date, rng: Random) -> Response:
    declined = frozenset(need for need in ("housing", "food", "transport", "utilities") if rng.random() < DECLINES)
    answers: dict[str, Option | int] = {}
    if "housing" not in declined:
        answers["/71802-3"] = rng.choice(LIVING[1:]) if "housing" in p.needs else LIVING[0]
    if "food" not in declined:
        answers["/88122-7"] = rng.choice(OFTEN[:2]) if "food" in p.needs else OFTEN[2]
        answers["/88123-5"] = rng.choice(OFTEN[:3]) if "food" in p.needs else OFTEN[2]
    if "transport" not in declined:
        answers["/93030-5"] = YES_NO["transport" not in p.needs]
    if "utilities" not in declined:
        answers["/96779-4"] = YES_NO["utilities" not in p.needs]
    authored = _at(monday - timedelta(days=30), p)
    return Response(f"demo-intake-{p.number:03d}", INTAKE, p, authored, answers, p.needs - declined, declined)


def scored(form: Form, p: Person, turn: int, day: date, burden: float, rng: Random) -> Response:
    """The `turn`th answers of a person to an instrument with a total; `burden` is from 0 to 1, higher is worse."""
    answers: dict[str, Option | int] = {}
    total = 0
    for question in form.questions:
        if question.options == FREQUENCY:
            rare = 1.4 if question.link == PHQ9_SELF_HARM else 0.0
            score = min(3, max(0, round(rng.gauss(3 * burden - rare, 0.5))))
            answers[question.link] = FREQUENCY[score]
            total += score
        elif question.options == DIFFICULTY and total:
            answers[question.link] = DIFFICULTY[min(3, total // 7)]
        elif question.read_only:
            answers[question.link] = total
    return Response(f"demo-{form.key}-{p.number:03d}-{turn}", form, p, _at(day, p), answers)


def _feedback(seed: int, booking: Booking, day: date, rng: Random) -> Response:
    p, clinician = booking.person, booking.opening.clinician
    manner = Random(f"{seed}/manner/{clinician.number}").gauss(3.2, 0.35)
    felt = manner + rng.gauss(0, 0.5) - (0.6 if p.interpreter else 0) - 0.4 * p.mood
    ease = felt - (1.0 if "transport" in p.needs else 0)
    answers: dict[str, Option | int] = {}
    for question in FEEDBACK.questions:
        level = ease if question.link == "easy" else felt
        if question.required or rng.random() >= DECLINES:
            answers[question.link] = question.options[min(4, max(0, round(rng.gauss(level, 0.4))))]
    return Response(f"demo-feedback-{booking.opening.key}", FEEDBACK, p, _at(day, p), answers)


def _at(day: date, p: Person) -> datetime:
    return datetime.combine(day, time(8 + p.number % 11, p.number * 7 % 60), HOME)


def questionnaire_responses(answered: Iterable[Response]) -> Iterator[Resource]:
    """The QuestionnaireResponse resources, each answered by the patient, all of them adults."""
    for r in answered:
        yield {
            "resourceType": "QuestionnaireResponse", "id": r.id,
            "questionnaire": f"{r.form.url}|1.0.0",
            "status": "completed",
            "subject": r.person.reference,
            "authored": stamp(r.authored),
            "author": ref("Patient", r.person.id),
            "source": ref("Patient", r.person.id),
            "item": [
                {"linkId": q.link, "text": q.text, "answer": [_answer(r.answers[q.link])]}
                for q in r.form.questions if q.link in r.answers
            ],
        }  # fmt: skip


def _answer(answer: Option | int) -> Resource:
    return {"valueInteger": answer} if isinstance(answer, int) else {"valueCoding": answer.coding}
