"""Visits that are past and have no outcome: a work list, and what may be said of them by policy.

A visit is `noshow` because a person says so, or because a Schedule's policy does and everything else is ruled out:
nobody checked in, no Encounter belongs to it or covers it, no inpatient stay, and no fault of ours. Whatever is not
ruled out stays on the list, with the reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from carethread.core.clock import instant
from carethread.core.fhir import json
from carethread.core.fhir.elements import keys_at
from carethread.core.fhir.search.dates import date_range, moment
from carethread.core.ports import Resource
from carethread.core.service import Runtime

OPEN = ("booked", "pending", "arrived", "checked-in")
"""Statuses that a past visit should not have any more."""

_INPATIENT = ("IMP", "ACUTE", "NONAC", "OBSENC", "SS")
"""Classes of Encounters with a stay (http://terminology.hl7.org/CodeSystem/v3-ActCode)."""

_RECORDS = "records"
_DAY = 24 * 3_600_000_000


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why a past visit is not called a no-show."""

    code: str
    text: str


def doubts(runtime: Runtime, id_: str, appointment: Resource, slots: list[Resource | None]) -> list[Doubt]:
    """All that speaks against a no-show. Raises Busy while the owner of Encounters is away."""
    return [*_by_itself(appointment, slots), *_by_encounters(runtime, id_, appointment)]


def _by_itself(appointment: Resource, slots: list[Resource | None]) -> Iterator[Doubt]:
    if appointment["status"] in ("arrived", "checked-in"):
        yield Doubt("arrived", "The person came.")
    if appointment["status"] == "pending":
        yield Doubt("unconfirmed", "The visit was never confirmed.")
    if any(slot is None or slot["status"] in ("busy-unavailable", "entered-in-error") for slot in slots):
        yield Doubt("ours", "The slot was closed or taken away: the fault may be ours.")


def _by_encounters(runtime: Runtime, id_: str, appointment: Resource) -> Iterator[Doubt]:
    for _ in runtime.owners.search(_RECORDS, "Encounter", [("appointment", f"Appointment/{id_}")]):
        yield Doubt("encounter", "An Encounter belongs to the visit.")
        return
    start, end = moment(appointment.get("start")), moment(appointment.get("end"))
    patient = next(
        (f"{k}/{i}" for k, i in keys_at(appointment, "participant.actor", runtime.base_url) if k == "Patient"), ""
    )
    if not patient or not start:
        yield Doubt("unknown", "Who was to come, or when, is not known.")
        return
    first, last = instant(start - _DAY)[:10], instant(end + _DAY)[:10]
    near = [("patient", patient), ("date", f"ge{first}"), ("date", f"le{last}")]
    for stored in runtime.owners.search(_RECORDS, "Encounter", near):
        encounter = json.parse_object(stored.body)
        begin, over = _span(encounter)
        if encounter.get("status") in ("cancelled", "entered-in-error") or over < start or begin > end:
            continue
        if encounter.get("class", {}).get("code") in _INPATIENT:
            yield Doubt("inpatient", "The person was in hospital.")
        else:
            yield Doubt("encounter", "There was an Encounter.")
        return


def _span(encounter: Resource) -> tuple[int, int]:
    period = encounter.get("period", {})
    begin, end = date_range(period.get("start", "")), date_range(period.get("end", ""))
    return begin[0] if begin else 0, end[1] if end else 2**62
