"""A small practice that has some of everything that measures count: thirty people of two departments, who differ in
age, sex, language, insurance and need, with what has happened to them from March 2029 to March 2030.

All of it follows from a person's number, so that it is the same each time. Moments are before `support.facts.NOW`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from support.measures.forms import FORM, FOUR
from support.measures.needs_made import DOMAINS
from support.measures.plain import CODES, GRAVITY, TIMEZONE
from support.viewing import coded, parts, told

Resource = dict[str, Any]

FIRST, LAST = date(2029, 3, 1), date(2030, 3, 31)
PEOPLE = range(30)

_ZONES = {"ward": "Europe/Berlin", "clinic": "America/New_York"}
_BEGIN = datetime(2029, 11, 5, 9, tzinfo=UTC)
_V3 = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
_LANGUAGES = ("de-CH", "en", "tr", "")
_BORN = ("1938-03-01", "1950-07-12", "1971-02-28", "1999-12-31", "2015-05-05", "")
_INSURED = ("PUBLICPOL", "HMO", "")


def practice() -> list[Resource]:
    """Every resource, in no order."""
    return [*_places(), *(each for number in PEOPLE for each in _of_one(number)), *_staff()]


def _at(number: int, days: int = 0, **more: int) -> str:
    """A moment of a person's, so many days after they came first."""
    return f"{_BEGIN + timedelta(days=4 * number % 60 + days, **more):%Y-%m-%dT%H:%M:%S.000Z}"


def _ref(reference: str) -> Resource:
    return {"reference": reference}


def _of(items: Sequence[Any], number: int) -> Any:
    return items[number % len(items)]


def _department(number: int) -> list[Resource]:
    """A few are of none."""
    return [told("department", valueReference=_ref(f"Organization/{_of(list(_ZONES), number)}"))] if number % 9 else []


def _places() -> Iterator[Resource]:
    for name, zone in _ZONES.items():
        extension = [{"url": TIMEZONE, "valueCode": zone}]
        yield {"resourceType": "Organization", "id": name, "name": name.title(), "extension": extension}
    nurse = {"practitioner": _ref("Practitioner/nurse"), "organization": _ref("Organization/ward")}
    yield {"resourceType": "PractitionerRole", "id": "nurse", **nurse}
    yield {"resourceType": "Schedule", "id": "s", "extension": _department(1), "actor": [_ref("Practitioner/nurse")]}
    for day in range(5):
        start = f"2030-03-{19 + day}T09:00:00.000Z"
        slot = {"schedule": _ref("Schedule/s"), "status": "busy" if day == 1 else "free", "start": start}
        yield {"resourceType": "Slot", "id": f"t{day}", **slot, "end": start.replace("09:00", "09:20")}


def _of_one(number: int) -> Iterator[Resource]:
    who = _ref(f"Patient/p{number}")
    for made in (_person, _visits, _stays, _answers, _course, _needs, _care, _medication, _messages):
        for each in made(number, who):
            yield {name: value for name, value in each.items() if value not in ("", [], {})}


def _person(number: int, who: Resource) -> Iterator[Resource]:
    language = _of(_LANGUAGES, number)
    yield {
        "resourceType": "Patient",
        "id": f"p{number}",
        "gender": _of(("female", "male", "female", "other", ""), number),
        "birthDate": _of(_BORN, number),
        "communication": [{"language": coded("urn:ietf:bcp:47", language)}] if language else [],
        "managingOrganization": _ref("Organization/ward"),
        "deceasedDateTime": "2030-03-10T12:00:00.000Z" if number == 29 else "",
    }
    if kind := _of(_INSURED, number):
        yield {"resourceType": "Coverage", "id": f"c{number}", "status": "active", "beneficiary": who,
               "type": coded(_V3, kind), "payor": [_ref("Organization/payer")]}  # fmt: skip


def _visits(number: int, who: Resource) -> Iterator[Resource]:
    status = _of(("fulfilled", "fulfilled", "noshow", "cancelled", "booked", "fulfilled", "waitlist"), number)
    participant = [{"actor": each, "status": "accepted"} for each in (who, _ref("Practitioner/nurse"))]
    waited = {"since": _at(number, -20), "offered": _at(number, -9), "booked": _at(number, -8)}
    came = {"arrived": _at(number), "started": _at(number, minutes=number % 40)}
    called_off = [told("cancelled-by", valueCode="patient"), told("late-cancellation", valueBoolean=number % 2 == 0)]
    yield {
        "resourceType": "Appointment",
        "id": f"a{number}",
        "status": status,
        "created": _at(number, -20),
        "start": _at(number),
        "end": _at(number, minutes=20),
        "participant": participant,
        "extension": [
            *_department(number),
            parts("waited", "valueInstant", waited if status != "waitlist" else {"since": waited["since"]}),
            *([parts("visit-times", "valueInstant", came)] if status == "fulfilled" else []),
            *(called_off if status == "cancelled" else []),
        ],
    }


def _stays(number: int, who: Resource) -> Iterator[Resource]:
    """Visits with half a year between them, of which some are followed by another within days; and stays."""
    begun = [("AMB", -150 - 40 * (number % 2)), ("AMB", 0), *([("AMB", 2)] if number % 4 == 0 else [])]
    begun += [("IMP", 10), ("IMP", 25)] if number % 5 == 0 else []
    for turn, (kind, days) in enumerate(begun):
        yield {
            "resourceType": "Encounter",
            "id": f"e{number}-{turn}",
            "status": "finished",
            "class": {"system": _V3, "code": kind},
            "extension": _department(number),
            "subject": who,
            "participant": [{"individual": _ref(f"Practitioner/{_of(('nurse', 'doctor'), number + turn)}")}],
            "reasonCode": [coded("http://hl7.org/fhir/sid/icd-10", "J10.1")],
            "period": {"start": _at(number, days), "end": _at(number, days + 3 * (kind == "IMP"), hours=1)},
        }


def _answers(number: int, who: Resource) -> Iterator[Resource]:
    """What people say in forms, of which some were sent to them; and one of their complaints."""
    experience = dict.fromkeys(FOUR, _of(("fully", "mostly"), number)) | {"overall": 7 + number % 4}
    trust = dict.fromkeys(("empathy", "communication", "transparency", "honesty"), _of(("agree", "neither"), number))
    shared = dict.fromkeys(("understand", "listen", "include"), _of((9, 9, 7), number))
    for form, given in (
        ("visit-experience", experience | {"recommend": 5 + number % 6}),
        ("trust", trust),
        ("collaborate", shared),
    ):
        asked = parts("assignment", "valueInstant", {"asked": _at(number, 1), "expires": _at(number, 15)})
        yield {
            "resourceType": "QuestionnaireResponse",
            "id": f"{form}-{number}",
            "extension": [*_department(number), asked],
            "status": "completed" if number % 3 else "in-progress",
            "questionnaire": f"{FORM}{form}|1.0.0",
            "subject": who,
            "authored": _at(number, 3),
            "item": _items(given),
        }
    states = (("completed", "told"), ("completed", "untold"), ("cancelled", "withdrawn"), ("in-progress", "open"))
    status, state = _of(states, number)
    yield _task(f"feedback-{number}", status, "feedback", who, _department(number)) | {
        "businessStatus": coded(CODES + "feedback-state", state),
        "authoredOn": _at(number, 4),
        "restriction": {"period": {"start": _at(number, 4), "end": _at(number, 11)}},
        "executionPeriod": {"end": _at(number, 9)} if status == "completed" else {},
    }


def _items(given: dict[str, Any]) -> list[Resource]:
    said = {
        name: {"valueInteger": v} if isinstance(v, int) else {"valueCoding": {"code": v}} for name, v in given.items()
    }
    return [{"linkId": name, "answer": [value]} for name, value in said.items()]


def _task(id_: str, status: str, code: str, who: Resource, marks: list[Resource]) -> Resource:
    return {
        "resourceType": "Task", "id": id_, "extension": marks, "status": status, "intent": "order", "for": who,
        "code": coded(CODES + "careteam-task", code), "owner": _ref("PractitionerRole/nurse"),
    }  # fmt: skip


def _course(number: int, who: Resource) -> Iterator[Resource]:
    """Totals of the PHQ-9, a year apart."""
    for day, total in (("2028-12-20", 20), ("2029-12-20", _of((3, 8, 15), number)))[: 1 + bool(number % 5)]:
        yield {
            "resourceType": "Observation", "id": f"phq-{number}-{day}", "status": "final", "subject": who,
            "category": [coded("urn:x", "survey")], "code": coded("http://loinc.org", "44261-6"),
            "effectiveDateTime": f"{day}T08:00:00.000Z", "valueInteger": total,
        }  # fmt: skip


def _needs(number: int, who: Resource) -> Iterator[Resource]:
    """Two of three were asked; every fourth has a need, and some of these got help."""
    for place, domain in enumerate(DOMAINS if number % 3 else ()):
        yield {
            "resourceType": "Observation", "id": f"need-{number}-{place}", "status": "final", "subject": who,
            "category": [coded("urn:x", "survey"), coded(GRAVITY, domain)], "effectiveDateTime": _at(number, -3),
            "code": coded("http://loinc.org", "88124-3"), "valueCodeableConcept": coded("http://loinc.org", "LA33-6"),
        }  # fmt: skip
    if number % 4:
        return
    need, consent = f"n{number}", f"n{number}-yes"
    yield {
        "resourceType": "Condition", "id": need, "category": [coded(GRAVITY, "food-insecurity")], "subject": who,
        "verificationStatus": coded("urn:verified", "confirmed"), "recordedDate": _at(number),
        "encounter": _ref(f"Encounter/e{number}-1"),
    }  # fmt: skip
    data = [{"meaning": "instance", "reference": _ref(f"Condition/{need}")}]
    yield {"resourceType": "Consent", "id": consent, "status": "active", "dateTime": _at(number, 1),
           "provision": {"type": "permit" if number % 8 else "deny", "data": data}}  # fmt: skip
    yield _task(f"{need}-help", "completed", "need-referral", who, []) | {
        "authoredOn": _at(number, 2),
        "input": [{"type": {"text": "Consent"}, "valueReference": _ref(f"Consent/{consent}")}],
        "output": [{"type": {"text": "x"}, "valueCodeableConcept": coded(CODES + "referral-outcome", "need-met")}],
    }


def _care(number: int, who: Resource) -> Iterator[Resource]:
    """A hand-off; a plan with what was done of it; a risk, of which they hear soon or not; who answers for them."""
    marks = _department(number)
    status = _of(("completed", "accepted", "rejected", "requested"), number)
    answered = {"start": _at(number, 1)} if status in ("completed", "accepted") else {}
    yield _task(
        f"h{number}", status, "", who, [*marks, told("result-by", valueInstant=_at(number, 2 + number % 3))]
    ) | {
        "code": coded(CODES + "hand-off-kind", "care"),
        "authoredOn": _at(number),
        "restriction": {"period": {"start": _at(number), "end": _at(number, 2)}},
        "executionPeriod": answered | ({"end": _at(number, 3)} if status == "completed" else {}),
    }
    timing = {"repeat": {"frequency": 1, "period": 1, "periodUnit": "wk"}}
    done = {"extension": [told("progress-done", valueBoolean=True)], "text": "Done."}
    progress = [{"time": _at(number, 1 + 7 * week), **done} for week in range(number % 4)]
    yield {
        "resourceType": "CarePlan", "id": f"plan-{number}", "status": "active", "intent": "plan", "subject": who,
        "extension": marks, "period": {"start": _at(number)}, "careTeam": [_ref(f"CareTeam/team-{number}")],
        "activity": [{"progress": progress, "detail": {"status": "in-progress", "scheduledTiming": timing}}],
    }  # fmt: skip
    member = {"role": [coded(CODES + "care-team-role", "accountable")], "member": _ref("PractitionerRole/nurse")}
    yield {
        "resourceType": "CareTeam", "id": f"team-{number}", "status": "active", "subject": who,
        "managingOrganization": [_ref("Organization/ward")], "participant": [member] if number % 2 else [],
    }  # fmt: skip
    yield {"resourceType": "Flag", "id": f"f{number}", "extension": marks, "status": "active", "subject": who,
           "code": coded(CODES + "flag-kind", "high-risk"), "period": {"start": _at(number)}}  # fmt: skip
    yield _task(f"contact-{number}", "completed", "outreach", who, marks) | {
        "businessStatus": coded(CODES + "outreach-outcome", _of(("reached", "not-reached"), number)),
        "executionPeriod": {"end": _at(number, number % 4)},
    }


def _medication(number: int, who: Resource) -> Iterator[Resource]:
    for turn, days in enumerate((0, 40, 80)[: 1 + number % 3]):
        yield {
            "resourceType": "MedicationDispense", "id": f"d{number}-{turn}", "status": "completed", "subject": who,
            "medicationCodeableConcept": coded("urn:atc", "C10AA01"), "whenHandedOver": _at(number % 3, days),
            "daysSupply": {"value": 40, "code": "d"},
        }  # fmt: skip


def _messages(number: int, who: Resource) -> Iterator[Resource]:
    asked = {"resourceType": "CommunicationRequest", "id": f"m{number}", "status": "completed", "subject": who,
             "extension": _department(number), "authoredOn": _at(number), "recipient": [who]}  # fmt: skip
    yield asked
    yield {"resourceType": "Communication", "id": f"m{number}-sent", "recipient": [who],
           "status": "completed" if number % 5 else "not-done",
           "basedOn": [_ref(f"CommunicationRequest/m{number}")]}  # fmt: skip


def _staff() -> Iterator[Resource]:
    """What lies on members of staff, and how they are; neither says who."""
    for number in range(16):
        day = f"{FIRST + timedelta(days=7 * number)}"
        where, worn = _of(list(_ZONES), number), _of(("energy", "worn-out", "tired-sometimes"), number)
        yield {
            "resourceType": "QuestionnaireResponse", "id": f"pulse-{number}", "status": "completed", "authored": day,
            "questionnaire": FORM + "staff-pulse|1.0.0", "subject": _ref(f"Organization/{where}"),
            "item": _items({"worn": worn}),
        }  # fmt: skip
        counts = {"caseload": number, "after-hours-writes": number % 5, "after-hours-minutes": 3 * number}
        counted = [_group(code, {"count": count}) for code, count in counts.items()]
        subject = {"subject": _ref("Practitioner/nurse")}
        yield _report(f"workload-{number}", "workload", day, counted) | subject
        seconds = _group("seconds", {}) | {"measureScore": {"value": 60 + number}}
        named = {"subject": {"type": "Practitioner", "identifier": {"value": _of("abc", number)}}}
        yield _report(f"burden-{number}", "documentation-burden", day, [seconds]) | named


def _group(code: str, population: Resource) -> Resource:
    kind = coded("http://terminology.hl7.org/CodeSystem/measure-population", "initial-population")
    return {"code": coded("urn:x", code), "population": [{"code": kind, **population}]}


def _report(id_: str, measure: str, day: str, groups: list[Resource]) -> Resource:
    return {
        "resourceType": "MeasureReport", "id": id_, "status": "complete", "type": "individual",
        "measure": f"https://carethread.dev/fhir/Measure/{measure}|1.0.0", "date": f"{day}T23:00:00Z",
        "extension": _department(1), "period": {"start": day, "end": f"{day}T23:59:59Z"}, "group": groups,
    }  # fmt: skip
