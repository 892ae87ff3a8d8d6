"""What a no-show score rests on: the person's own past visits, and what the owner of Conditions knows of transport."""

from __future__ import annotations

from carethread.core.clock import instant
from carethread.core.fhir import json
from carethread.core.fhir.elements import keys_at
from carethread.core.fhir.search import parse_query
from carethread.core.fhir.search.dates import date_range, moment
from carethread.core.ports import Resource, Session, Stored
from carethread.core.service import Runtime
from carethread.scheduling.noshow.scoring import Facts

_RECORDS = "records"
_LAST = 10
"""Past visits that count."""

_KNOWN = "arrived,checked-in,fulfilled,noshow"
"""Statuses of which it is known whether the person came."""

_TRANSPORT = "transportation-insecurity,http://hl7.org/fhir/sid/icd-10-cm|Z59.82"


def facts_of(runtime: Runtime, stored: Stored, appointment: Resource, now: int) -> Facts:
    """The facts of one Appointment at `now` (microseconds). Raises Busy while the owner of Conditions is away."""
    patients = [f"{kind}/{id_}" for kind, id_ in keys_at(appointment, "participant.actor", runtime.base_url)]
    patient = next((each for each in patients if each.startswith("Patient/")), "")
    start = moment(appointment.get("start"))
    created = date_range(appointment.get("created", ""))
    booked = created[0] if created else stored.updated
    if not patient:
        return Facts(booked, start)
    past = min(start, now)

    def seen(session: Session) -> tuple[int, int, bool, int]:
        return *_seen(session, patient, stored.id, start), _unresolved(session, patient, past)

    visits, missed, confirmed, unresolved = runtime.store.snapshot(seen)
    return Facts(booked, start, visits, missed, _transport(runtime, patient), confirmed, unresolved)


def _unresolved(session: Session, patient: str, past: int) -> int:
    """How many visits before have no outcome: neither missed nor kept."""
    params = [("patient", patient), ("status", "booked,pending"), ("date", f"lt{instant(past)}")]
    return session.count(parse_query("Appointment", params))


def _seen(session: Session, patient: str, id_: str, start: int) -> tuple[int, int, bool]:
    """How many visits there were before, how many of them were missed, and whether this one is confirmed."""
    past = parse_query("Appointment", [("patient", patient), ("status", _KNOWN), ("_sort", "-date")])
    found = [json.parse_object(each.body) for each in session.search(past, _LAST + 1).matches if each.id != id_]
    before = [each for each in found if moment(each.get("start")) < start][:_LAST]
    missed = sum(each["status"] == "noshow" for each in before)
    answers = [("appointment", f"Appointment/{id_}"), ("actor", patient), ("part-status", "accepted")]
    confirmed = session.count(parse_query("AppointmentResponse", answers), 1) > 0
    return len(before), missed, confirmed


def _transport(runtime: Runtime, patient: str) -> list[str]:
    """The Conditions that name a lack of transport: by category (SDOH Clinical Care) or by code (ICD-10-CM Z59.82)."""
    named = {
        (each.type, each.id)
        for param in ("category", "code")
        for each in runtime.owners.search(
            _RECORDS, "Condition", [("patient", patient), (param, _TRANSPORT), ("clinical-status", "active")]
        )
    }
    return [f"{kind}/{id_}" for kind, id_ in sorted(named)]
