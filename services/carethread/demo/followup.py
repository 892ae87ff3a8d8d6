"""What needs doing and knowing between visits: tasks, flags, consents and messages, each with its cause."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta

from carethread.demo.bookings import Booking
from carethread.demo.careteams import Team, social_workers
from carethread.demo.departments import colleagues
from carethread.demo.directory import PRACTICE
from carethread.demo.fhir import HL7, LOINC, Resource, coding, concept, ref, stamp
from carethread.demo.people import Person
from carethread.demo.questionnaires import PHQ9
from carethread.demo.responses import Response

CALLS, MESSAGES, CONSENTS = 40, 40, 30
"""At most so many calls after a missed visit, messages about a visit, and consents."""


def tasks(all_teams: list[Team], missed: list[Booking], answered: Iterable[Response]) -> Iterator[Resource]:
    """Calls after the latest missed visits, hand-offs to social work, and safety follow-up after a PHQ-9."""
    nurses = colleagues("primary-care")[4:]
    for turn, booking in enumerate(missed[-CALLS:]):
        done = turn % 3 != 0
        yield _task(
            f"demo-task-call-{booking.opening.key}", booking.person, "Call about the missed visit",
            "completed" if done else "requested",
            focus=ref("Appointment", booking.id),
            authored=stamp(booking.opening.end),
            modified=stamp(booking.opening.end + timedelta(hours=2)) if done else None,
            requester=booking.opening.clinician.reference,
            owner=nurses[booking.person.number % len(nurses)].reference,
        )  # fmt: skip
    for team, worker in social_workers(all_teams):
        if team.person.number % 3 == 0:
            yield _task(
                f"demo-task-handoff-{team.person.number:03d}", team.person, "Take over: needs found at intake",
                "in-progress",
                focus=ref("CarePlan", team.plan),
                authored="2025-01-06T09:00:00-08:00",
                requester=team.person.doctor.reference,
                owner=worker.reference,
            )  # fmt: skip
    for r in answered:
        if r.form is PHQ9 and r.self_harm:
            yield _task(
                f"demo-task-safety-{r.id.removeprefix('demo-phq-9-')}", r.person, "Safety follow-up after PHQ-9",
                "completed", priority="urgent",
                focus=ref("QuestionnaireResponse", r.id),
                authored=stamp(r.authored),
                modified=stamp(r.authored + timedelta(hours=3)),
                requester=ref("Organization", PRACTICE),
                owner=r.person.doctor.reference,
            )  # fmt: skip


def _task(
    id: str, p: Person, text: str, status: str, *, focus: Resource, authored: str, requester: Resource, owner: Resource,
    modified: str | None = None, priority: str = "routine",
) -> Resource:  # fmt: skip
    return {
        "resourceType": "Task", "id": id,
        "status": status, "intent": "order", "priority": priority,
        "code": concept("http://hl7.org/fhir/CodeSystem/task-code", "fulfill", "Fulfill the focal request", text=text),
        "description": text,
        "focus": focus,
        "for": p.reference,
        "authoredOn": authored,
        **({"lastModified": modified} if modified else {}),
        "requester": requester,
        "owner": owner,
    }  # fmt: skip


def flags(people: Iterable[Person], answered: Iterable[Response]) -> Iterator[Resource]:
    """Who needs an interpreter, and whose latest PHQ-9 tells of self-harm."""
    for p in people:
        if p.interpreter and p.seen:
            text = f"Interpreter needed: {p.language[1]}"
            yield _flag(f"demo-flag-interpreter-{p.number:03d}", p, ("admin", "Administrative"), text, "2025-01-01")
    latest = {r.person.number: r for r in answered if r.form is PHQ9}
    for number, r in latest.items():
        if r.self_harm:
            text = "Safety: ask about self-harm at each visit"
            yield _flag(f"demo-flag-safety-{number:03d}", r.person, ("safety", "Safety"), text, stamp(r.authored))


def _flag(id: str, p: Person, category: tuple[str, str], text: str, start: str) -> Resource:
    return {
        "resourceType": "Flag", "id": id,
        "status": "active",
        "category": [concept(HL7 + "flag-category", *category)],
        "code": {"text": text},
        "subject": p.reference,
        "period": {"start": start},
        "author": p.doctor.reference,
    }  # fmt: skip


def consents(people: list[Person]) -> Iterator[Resource]:
    """Whether what mental health knows may reach the other departments: most permit it, some do not."""
    treated = [p for p in people if p.seen and p.age >= 18 and {"depression", "anxiety"} & set(p.illnesses)]
    for p in treated[:CONSENTS]:
        yield {
            "resourceType": "Consent", "id": f"demo-consent-{p.number:03d}",
            "status": "active",
            "scope": concept(HL7 + "consentscope", "patient-privacy", "Privacy Consent"),
            "category": [concept(LOINC, "59284-0"), concept(HL7 + "v3-ActCode", "IDSCL", "information disclosure")],
            "patient": p.reference,
            "dateTime": "2025-01-02",
            "performer": [p.reference],
            "organization": [ref("Organization", PRACTICE)],
            "policyRule": concept(HL7 + "consentpolicycodes", "hipaa-auth", "HIPAA Authorization"),
            "provision": {
                "type": "deny" if p.number % 4 == 0 else "permit",
                "securityLabel": [coding(HL7 + "v3-ActCode", "MH", "mental health information sensitivity")],
                "purpose": [coding(HL7 + "v3-ActReason", "TREAT", "treatment")],
            },
        }  # fmt: skip


MEDIA = {"phone": ("PHONE", "telephone"), "email": ("EMAILWRIT", "email"), "sms": ("WRITTEN", "written")}


def communications(kept: list[Booking]) -> Iterator[Resource]:
    """Reminders that went out two days before the latest visits, the way that each person prefers."""
    for b in [b for b in kept if (b.opening.start.date() - b.made).days > 2][-MESSAGES:]:
        yield {
            "resourceType": "Communication", "id": f"demo-reminder-{b.opening.key}",
            "status": "completed",
            "category": [concept(HL7 + "communication-category", "reminder", "Reminder")],
            "medium": [concept(HL7 + "v3-ParticipationMode", *MEDIA[b.person.channel])],
            "subject": b.person.reference,
            "about": [ref("Appointment", b.id)],
            "sent": stamp(b.opening.start - timedelta(days=2)),
            "recipient": [b.person.reference],
            "sender": ref("Organization", PRACTICE),
            "payload": [{"contentString": "Your visit is in two days. Please answer if the time no longer suits."}],
        }  # fmt: skip
