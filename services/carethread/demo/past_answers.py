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
from carethread.demo.past_visits import checked
from carethread.demo.people import Person
from carethread.demo.questionnaires import FREQUENCY, PHQ9, PHQ9_SELF_HARM, PHQ9_TOTAL, Option
from carethread.demo.responses import HOME, Response, questionnaire_responses, scored
from carethread.demo.turns import Turns, chosen, happens

SDC = "http://hl7.org/fhir/uv/sdc/CodeSystem/temp"
ANSWERS = HOUSE + "CodeSystem/questionnaire-answer"
ASKED = "visit-experience"
FORM_SHARES = {ASKED: 0.14, "collaborate": 0.08, "trust": 0.08, "": 0.7}
"""Which form is answered after a visit of the past; one of them is given by name."""

UNANSWERED = 0.07
"""The share of visits without an answer after which somebody was asked."""

TIME_TO_ANSWER = timedelta(days=14)

CARE = {"fully": 0.7, "mostly": 0.22, "a-little": 0.08}
AGREED = {"strongly-agree": 0.4, "agree": 0.4, "neither": 0.15, "disagree": 0.05}
WORN = {"energy": 0.25, "tired-sometimes": 0.45, "wearing": 0.2, "worn-out": 0.1}

COURSES, COURSE_MONTHS = 5, 27
"""How many begin to be treated for a depression in a month, and since how many months: what became of a course is known
after a year and two months."""

ASKED_ONE_IN = 8
"""Of the people so many are asked as one."""

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
    turns = Turns()
    for each in kept:
        d, day = each.opening.clinician.department, each.opening.start.date()
        if each.person.age < 18 or day + timedelta(days=1) >= today:
            continue
        turn = turns.next(day, d.key)
        form = chosen(FORM_SHARES, turn, f"form {d.key}")
        if not form and day + TIME_TO_ANSWER < today and happens(UNANSWERED, turn, f"unanswered {d.key}"):
            yield _given(each) | {"status": "stopped"}
        elif form == ASKED:
            yield _given(each, FORMS[form](turns.next(day, (form, d.key)), f"{form} {d.key}"))
        elif form in FORMS:
            yield _reply(form, each, FORMS[form](turns.next(day, (form, d.key)), f"{form} {d.key}"))


def _reply(form: str, b: Booking, answers: Mapping[str, Resource]) -> Resource:
    id_, authored = f"demo-past-{form}-{b.opening.key}", stamp(b.opening.end + timedelta(hours=20))
    person = ref("Patient", b.person.id)
    return {
        **_said(form, id_, authored, answers, b.opening.clinician.department),
        "subject": person, "author": person, "source": person,
    }  # fmt: skip


def _given(b: Booking, answers: Mapping[str, Resource] | None = None) -> Resource:
    """The reply of somebody who was asked for it by name; without answers as it stands when the time is over."""
    p, d, asked = b.person, b.opening.clinician.department, b.opening.end + timedelta(hours=1)
    parts = (
        ("task", "valueReference", ref("Task", asking_id(d, asked.date()))),
        ("recipient", "valueReference", ref("Patient", p.id)),
        ("asked", "valueInstant", stamp(asked)),
        ("expires", "valueInstant", stamp(asked + TIME_TO_ANSWER)),
        ("language", "valueCode", p.language[0]),
        ("channel", "valueCode", p.channel),
        ("zone", "valueCode", d.zone),
        ("prefill", "valueBoolean", False),
    )
    given = {"url": EXTENSION + "assignment", "extension": [{"url": url, name: value} for url, name, value in parts]}
    reply = _reply(ASKED, b, answers or {})
    if answers is None:
        reply = {name: value for name, value in reply.items() if name not in ("item", "authored", "author", "source")}
    return {**reply, "extension": [*reply["extension"], given]}


def asking(first: date, today: date) -> Iterator[Resource]:
    """That each department asked whom it saw in a month: the Tasks that replies name."""
    month = first
    while month < today:
        for d in DEPARTMENTS:
            yield {
                "resourceType": "Task", "id": asking_id(d, month), "extension": _of(d),
                "status": "completed", "intent": "order",
                "code": concept(SDC, "complete-questionnaire", text="Fill in a form"),
                "description": "Ask whom we see this month how their visit was",
                "authoredOn": month.isoformat(),
                "owner": ref("Organization", d.organization, d.name),
            }  # fmt: skip
        month = months_before(month, -1)


def asking_id(d: Department, day: date) -> str:
    """The id of the Task by which a department asks in a month."""
    return f"demo-asking-{d.key}-{day:%Y%m}"


def _experience(turn: int, what: str) -> dict[str, Resource]:
    links = ("listened", "explained", "respected", "time")
    care = {link: _coded(chosen(CARE, turn, f"{what} {link}")) for link in links}
    overall = chosen({10: 0.4, 9: 0.3, 8: 0.2, 7: 0.1}, turn, f"{what} overall")
    likely = 6 if happens(0.2, turn, f"{what} recommend") else overall
    return {**care, "overall": {"valueInteger": overall}, "recommend": {"valueInteger": likely}}


def _collaborate(turn: int, what: str) -> dict[str, Resource]:
    lowest = chosen({9: 0.6, 8: 0.25, 6: 0.15}, turn, what)
    return {link: {"valueInteger": min(9, lowest + i)} for i, link in enumerate(("understand", "listen", "include"))}


def _trust(turn: int, what: str) -> dict[str, Resource]:
    links = ("empathy", "communication", "transparency", "honesty")
    return {link: _coded(chosen(AGREED, turn, f"{what} {link}")) for link in links}


FORMS = {"visit-experience": _experience, "collaborate": _collaborate, "trust": _trust}


def pulses(first: date, today: date) -> Iterator[Resource]:
    """How worn out staff are: three answers of each department in a month, without a name."""
    turns, month = Turns(), first
    while month < today:
        for d in DEPARTMENTS:
            for turn in range(3):
                day = month + timedelta(days=4 + 8 * turn)
                if day < today:
                    worn = {"worn": _coded(chosen(WORN, turns.next(day, d.key), f"pulse {d.key}"))}
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
        for day, burden in ((begun, 0.75), (later, (0.1, 0.65, 0.3)[turn % 3])):
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
    """Who was asked about all of their circumstances at their check-up, and whose electricity or heating is at risk."""
    asked = [p for p in residents if p.seen and p.age >= 18]
    for p in asked:
        day = first + timedelta(days=p.number)
        moment = stamp(datetime.combine(min(day, today - timedelta(days=1)), time(10), HOME))
        if p.number % ASKED_ONE_IN == 0:
            for when in checked(p, first, today):
                yield from (_asked(p, domain, when) for domain in FIVE)
        if "utilities" in p.needs:
            yield _need(p, moment)


def _asked(p: Person, domain: str, when: datetime) -> Resource:
    question, answer, display = FIVE[domain]
    return {
        "resourceType": "Observation", "id": f"demo-asked-{p.number:03d}-{when:%Y%m}-{domain}", "status": "final",
        "category": [concept(HL7 + "observation-category", "social-history", "Social History"),
                     concept(HL7 + "observation-category", "survey", "Survey"),
                     concept(US_CORE_CATEGORY, "sdoh"), concept(GRAVITY, domain)],
        "code": concept(LOINC, question),
        "subject": p.reference, "effectiveDateTime": stamp(when), "performer": [ref("Patient", p.id)],
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
