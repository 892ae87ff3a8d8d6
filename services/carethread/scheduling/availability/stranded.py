"""Bookings that no longer fit the hours of their Schedule, and the Task that asks somebody to see to each.

It is read from the template and the calendar as they are, so it is true whenever it is asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from carethread.core.context import Context
from carethread.core.fhir import json
from carethread.core.fhir.elements import extension
from carethread.core.ports import Opening, Resource, Session, Stored
from carethread.core.ports.calendar import FOREVER
from carethread.scheduling.availability.expanding import outside, rule_at, slot_id
from carethread.scheduling.availability.reading import template_of
from carethread.scheduling.availability.template import Rule, Template, master_of
from carethread.scheduling.rebooking.tasks import ask_to_rebook
from carethread.scheduling.rules import PLACE

REASONS = {
    "hours": "It lies outside the hours that the schedule has now.",
    "absence": "Who or what the schedule is of is away.",
    "holiday": "It is a holiday.",
    "period": "It lies outside the schedule's planning horizon.",
    "closed": "The schedule is not active any more.",
    "service": "The hours are for other services now.",
    "modality": "The hours are for other ways to meet now.",
    "place": "The hours are at another place now.",
}
"""Codes of `https://carethread.dev/fhir/CodeSystem/stranded-reason`."""

_REASON = "https://carethread.dev/fhir/CodeSystem/stranded-reason"


@dataclass(frozen=True, slots=True)
class Stranded:
    """An Appointment (its id) whose slot does not fit any more; moments in microseconds."""

    appointment: str
    slot: str
    begin: int
    end: int
    reason: str


def stranded_among(session: Session, schedule: Stored | None, there: Sequence[Opening]) -> list[Stranded]:
    """Those who are booked, for good, into slots of a Schedule that do not fit it.

    What an EHR decides on is not judged. Of a slot that the template has not made, only what concerns the day is.
    """
    body = json.restore(schedule.body) if schedule and not schedule.deleted else None
    if body and master_of(body) == "ehr":
        return []
    template = template_of(body) if body else None
    if body and body.get("active", True) and template is None:
        return []
    open_ = template if body and body.get("active", True) else None
    there = [slot for slot in there if slot.status != "free" or slot.capacity > 1]
    reasons = {slot.slot: (slot, why) for slot in there if (why := _reason(open_, body, slot))}
    if open_ and any(rule.place for rule in open_.rules):
        rest = {slot.slot: slot for slot in there if slot.slot not in reasons}
        reasons |= {slot.slot: (slot, "place") for slot in _moved(session, open_, rest)}
    taken = session.calendar.busy([f"Slot/{id_}" for id_ in reasons], 0, FOREVER)
    found = []
    for busy in taken:
        if busy.until == 0:
            slot, reason = reasons[busy.actor.removeprefix("Slot/")]
            found.append(Stranded(busy.appointment, slot.slot, slot.begin, slot.end, reason))
    return found


def _reason(template: Template | None, schedule: Resource | None, slot: Opening) -> str:
    if template is None or schedule is None:
        return "closed"
    why = outside(template, slot.begin, slot.end)
    if slot.slot != slot_id(slot.schedule, slot.begin):
        return why if why in ("absence", "holiday") else ""
    rule = rule_at(template, slot.begin)
    return why or (_unlike(rule, schedule, slot) if rule else "hours")


def _unlike(rule: Rule, schedule: Resource, slot: Opening) -> str:
    """What of the rule the slot does not have, by its kinds, where both say something."""
    kinds = slot.kinds.split()
    services = rule.service_types or schedule.get("serviceType", ())
    codings = [coding for concept in services for coding in concept.get("coding", ())]
    offers = {
        "service": [f"{coding.get('system', '')}|{coding.get('code', '')}" for coding in codings],
        "modality": [f"modality|{modality}" for modality in rule.modalities],
    }
    for what, allowed in offers.items():
        said = [kind for kind in kinds if "|" in kind and _kind(kind) == what]
        if allowed and said and not set(allowed) & set(said):
            return what
    return ""


def _kind(kind: str) -> str:
    return "modality" if kind.startswith("modality|") else "service"


def _moved(session: Session, template: Template, there: Mapping[str, Opening]) -> Iterator[Opening]:
    """The slots that are at another place than the hours are."""
    for (_, id_), stored in session.current([("Slot", id_) for id_ in there]).items():
        rule = rule_at(template, there[id_].begin)
        place = extension(json.restore(stored.body), PLACE).get("valueReference", {}).get("reference")
        if rule and rule.place and place and place != rule.place.get("reference"):
            yield there[id_]


def ask_for(session: Session, stranded: Sequence[Stranded], base_url: str, context: Context) -> None:
    """Have a Task made for each, once, however often this is called while it stays as it is."""
    reasons = {each.appointment: each.reason for each in stranded}
    for (_, id_), stored in sorted(session.current([("Appointment", id_) for id_ in reasons]).items()):
        if not stored.deleted:
            code = reasons[id_]
            why = {"coding": [{"system": _REASON, "code": code}], "text": REASONS[code]}
            ask_to_rebook(session, stored, json.restore(stored.body), why, base_url, context)
