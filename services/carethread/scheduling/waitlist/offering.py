"""A freed slot is offered at once: the best of those who wait gets it held, with a deadline, and is told.

Refusal and silence free the slot again, and so lead here again: to the next. The handler of a timer whose key is the
slot; the timer is set by whatever frees the slot, in the same transaction.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC

from carethread.core.clock import instant, to_micros
from carethread.core.context import Context
from carethread.core.errors import FhirError
from carethread.core.fhir import json
from carethread.core.fhir.elements import keys_at
from carethread.core.fhir.search import parse_query
from carethread.core.ports import Resource, Session, Timer
from carethread.core.ports.offers import Offer
from carethread.core.service import Runtime
from carethread.interactions.requesting import request
from carethread.interactions.writing.command import Command
from carethread.interactions.writing.unit import WriteUnit
from carethread.scheduling.availability.reading import template_of
from carethread.scheduling.calendars import kinds
from carethread.scheduling.contacting import medium
from carethread.scheduling.rules import MODALITY, extension, moment
from carethread.scheduling.standing import here
from carethread.scheduling.waitlist.deadlines import deadline
from carethread.scheduling.waitlist.entries import Entry, entry_of, fits
from carethread.scheduling.waitlist.offers import offered
from carethread.scheduling.waitlist.ranking import Ranked, rank

MOST = 2000
"""Entries that are looked at for one slot, those first who have waited longest."""

_AUDITED = 20
"""Places of a ranking that are kept."""

_INTERPRETER = "http://hl7.org/fhir/StructureDefinition/patient-interpreterRequired"


def offer_slot(runtime: Runtime, session: Session, timer: Timer, context: Context) -> None:
    """Offer a slot, if it is still free and ahead, to the first who can have it."""
    unit = WriteUnit(runtime, session, context)
    slot = unit.find(("Slot", timer.key))
    now = to_micros(context.clock())
    if slot is None or slot["status"] != "free" or moment(slot["start"]) <= now:
        return
    schedule = next((unit.find(key) for key in keys_at(slot, "schedule", runtime.base_url)), None)
    if schedule is None or schedule.get("active") is False:
        return
    people = [f"{kind}/{id_}" for kind, id_ in keys_at(schedule, "actor", runtime.base_url)]
    ranking = _ranking(runtime, session, slot, frozenset(people), now)
    for place in ranking:
        until = _deadline(session, place.entry, slot, schedule, now)
        entry = unit.find(("Appointment", place.entry.id))
        if until is None or entry is None or entry["status"] != "waitlist":
            continue
        wanted = offered(entry, slot, people, now, until)
        if isinstance(unit.attempt(Command("Appointment", place.entry.id, wanted)), FhirError):
            continue  # this person has something else at that time
        unit.store()
        audit = json.render({"ranking": [_told(each) for each in ranking[:_AUDITED]], "of": len(ranking)})
        session.offers.put(Offer(place.entry.id, place.entry.patient, timer.key, now, until, audit))
        _tell(session, place.entry, slot, until, context)
        return


def _ranking(runtime: Runtime, session: Session, slot: Resource, people: frozenset[str], now: int) -> list[Ranked]:
    span = moment(slot["start"]), moment(slot["end"])
    of_slot = frozenset(kind for kind in kinds(slot) if not kind.startswith("modality|"))
    asked = _asked(session, slot["id"])
    waiting = (entry for entry in _waiting(runtime, session) if entry.id not in asked)
    entries = [entry for entry in waiting if fits(entry, slot["id"], of_slot, people, span)]
    at_risk = _at_risk(session, sorted({entry.patient for entry in entries}))
    return rank(entries, now, at_risk, str(extension(slot, MODALITY).get("valueCode", "")), people)


def _asked(session: Session, slot: str) -> set[str]:
    """Whose answer or silence has freed the slot again since somebody last had it: it goes to the next."""
    asked: set[str] = set()
    for offer in session.offers.of_slot(slot, 0):
        asked = set() if offer.outcome == "accepted" else asked | {offer.entry}
    return asked


def _waiting(runtime: Runtime, session: Session) -> Iterator[Entry]:
    """Who waits, the longest first by what the store knows."""
    query = parse_query("Appointment", [("status", "waitlist"), ("_sort", "_lastUpdated")])
    for stored in session.search(query, MOST).matches:
        if entry := entry_of(stored, json.parse_object(stored.body), runtime.base_url):
            yield entry


def _at_risk(session: Session, patients: list[str]) -> set[str]:
    """Which of them have an active flag."""
    found: set[str] = set()
    for start in range(0, len(patients), 100):
        query = parse_query("Flag", [("patient", ",".join(patients[start : start + 100]))])
        for stored in session.search(query, MOST).matches:
            flag = json.parse_object(stored.body)
            if flag.get("status") == "active":
                found.update(f"{kind}/{id_}" for kind, id_ in keys_at(flag, "subject"))
    return found


def _deadline(session: Session, entry: Entry, slot: Resource, schedule: Resource, now: int) -> int | None:
    template = template_of(schedule)
    zone = template.zone if template else UTC
    patient = here(session, ("Patient", entry.patient.removeprefix("Patient/"))) or {}
    interpreter = extension(patient, _INTERPRETER).get("valueBoolean") is True
    return deadline(now, moment(slot["start"]), entry.channel, zone, entry.notice, interpreter=interpreter)


def _told(ranked: Ranked) -> Resource:
    """A place in the ranking, without the person: the entry leads to them."""
    return {"entry": ranked.entry.id, "score": ranked.score, "reasons": [asdict(each) for each in ranked.reasons]}


def _tell(session: Session, entry: Entry, slot: Resource, until: int, context: Context) -> None:
    """Have a Communication made, which whoever calls or writes to people takes up."""
    text = f"An earlier time is free: {slot['start']}. It is kept until {instant(until)}."
    communication = {
        "resourceType": "Communication",
        "status": "preparation",
        "category": [{"text": "An offer from the wait-list"}],
        "medium": [medium(entry.channel)],
        "subject": {"reference": entry.patient},
        "about": [{"reference": f"Appointment/{entry.id}"}, {"reference": f"Slot/{slot['id']}"}],
        "recipient": [{"reference": entry.patient}],
        "payload": [{"contentString": text}],
    }
    request(session, communication, context)
