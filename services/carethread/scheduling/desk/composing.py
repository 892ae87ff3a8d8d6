"""An Appointment made of a wish: its time and people are those of its Slots and their Schedules. Nothing is decided.

Elements as IHE's scheduling profile has them: https://profiles.ihe.net/ITI/Scheduling/StructureDefinition/ihe-sched-appt.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from carethread.core.clock import instant, to_micros
from carethread.core.errors import Invalid
from carethread.core.fhir import json
from carethread.core.fhir.elements import extension, keys_at, with_extensions, without_extensions
from carethread.core.fhir.search.dates import moment
from carethread.core.moments import refuse_untold
from carethread.core.ports import Key, Resource
from carethread.scheduling.booking.conflicting import Conflicting
from carethread.scheduling.booking.conflicts import Look, Place
from carethread.scheduling.booking.remembering import waits_again
from carethread.scheduling.desk.wishes import Wish
from carethread.scheduling.joining import common, distinct
from carethread.scheduling.rules import APPOINTMENT, CANCELLED_BY, DESK_MARKS, LATE, MODALITY, SLOT_MODALITY

NOWHERE: Key = ("Schedule", "")
"""The Schedule of a Slot that names none of ours."""

_MINUTE = 60_000_000
_OF_SLOTS = ("serviceCategory", "serviceType", "specialty")
_OURS = ("resourceType", "id", "meta", "status", "slot", "created")
"""What a wish's details do not decide."""
_OUR_MARKS = (*DESK_MARKS, CANCELLED_BY, LATE)
"""Nor do they decide these extensions."""


def find_places(look: Look, ids: Sequence[str]) -> list[Place]:
    """Those of the Slots that are here, in order of time."""
    slots = {
        key: json.parse(stored.body)
        for key, stored in look.read([("Slot", id_) for id_ in ids]).items()
        if not stored.deleted
    }
    plans = {key: next(iter(keys_at(slot, "schedule", look.base_url)), NOWHERE) for key, slot in slots.items()}
    schedules = look.read(plans.values())
    found = []
    for key, slot in slots.items():
        schedule = schedules.get(plans[key])
        found.append(Place(slot, schedule.body if schedule and not schedule.deleted else None, plans[key]))
    return sorted(found, key=lambda place: (moment(place.slot["start"]), place.slot["id"]))


def absent(ids: Sequence[str], found: Iterable[Place]) -> list[Conflicting]:
    """The Slots that are not here."""
    here = {place.slot["id"] for place in found}
    return [
        Conflicting("unknown", f"Slot/{id_} is not here; choose one that is.", f"Appointment.slot[{number}]")
        for number, id_ in enumerate(ids)
        if id_ not in here
    ]


def slot_ids(look: Look, appointment: Mapping[str, Any]) -> list[str]:
    """The ids of the Slots that an Appointment names."""
    return [id_ for kind, id_ in keys_at(dict(appointment), "slot", look.base_url) if kind == "Slot"]


def composed(look: Look, wish: Wish, before: Resource | None, found: Sequence[Place]) -> Resource:
    """The Appointment that is wished for over these Slots, without a status of its own, in place of one that stands.

    Raises Invalid where the Slots have no time in common, or there is a gap between those of one Schedule.
    """
    begin, end = _time(found)
    made: Resource = {"resourceType": "Appointment", **(before or {})}
    made |= {name: value for name, value in wish.details.items() if name not in _OURS}
    if "extension" in wish.details:
        kept = [each for each in (before or {}).get("extension", ()) if each.get("url") in _OUR_MARKS]
        said = without_extensions({"extension": wish.details["extension"]}, _OUR_MARKS).get("extension", [])
        made.pop("extension", None)
        if kept or said:
            made["extension"] = [*kept, *said]
    profiles = [*(before or wish.details).get("meta", {}).get("profile", ())]
    if tags := wish.details.get("meta", {}).get("tag"):
        made["meta"] = {**made.get("meta", {}), "tag": tags}
    made["meta"] = {**made.get("meta", {}), "profile": [*profiles, *([] if APPOINTMENT in profiles else [APPOINTMENT])]}
    for name in _OF_SLOTS:
        if name not in made and (said := distinct(each for place in found for each in place.slot.get(name, ()))):
            made[name] = said
    if "appointmentType" not in made and (kinds := distinct(place.slot.get("appointmentType") for place in found)):
        made["appointmentType"] = kinds[0]
    made = _met(made, found)
    if wish.comment:
        made["comment"] = wish.comment
    if not ("start" in wish.details and "end" in wish.details):
        stays = before is not None and _lies_within(look, before, found, begin, end)
        made["start"], made["end"] = (before["start"], before["end"]) if before and stays else _instants(begin, end)
    refuse_untold(made)
    if minutes := (moment(made["end"]) - moment(made["start"])) // _MINUTE:
        made["minutesDuration"] = minutes
    made["slot"] = [{"reference": f"Slot/{place.slot['id']}"} for place in found]
    made.setdefault("created", instant(to_micros(look.context.clock())))
    made["participant"] = _people(look, made.get("participant", ()), found, wish)
    waits = before is not None and (before["status"] == "waitlist" or waits_again(before))
    if not waits or "requestedPeriod" not in made:  # what somebody who waits asks for stays
        made["requestedPeriod"] = [{"start": made["start"], "end": made["end"]}]
    return made


def _met(made: Resource, found: Sequence[Place]) -> Resource:
    """With the modality that is asked for, else that of these Slots, whatever that of earlier ones was."""
    given = extension(made, MODALITY).get("valueCode")
    if given and given != extension(made, SLOT_MODALITY).get("valueCode"):
        return without_extensions(made, (SLOT_MODALITY,))
    made = without_extensions(made, (MODALITY, SLOT_MODALITY))
    offered = {
        each.get("valueCode")
        for place in found
        for each in place.slot.get("extension", ())
        if each.get("url") == MODALITY
    }
    if len(offered) != 1:
        return made
    value = {"valueCode": offered.pop()}
    return with_extensions(made, {MODALITY: value, SLOT_MODALITY: value})


def _lies_within(look: Look, before: Resource, found: Sequence[Place], begin: int, end: int) -> bool:
    """Whether it has these Slots already, and a part of their time."""
    same = sorted(slot_ids(look, before)) == sorted(place.slot["id"] for place in found)
    return same and begin <= moment(before.get("start")) < moment(before.get("end")) <= end


def _instants(begin: int, end: int) -> tuple[str, str]:
    return instant(begin), instant(end)


def _time(found: Sequence[Place]) -> tuple[int, int]:
    spans: dict[Key, list[tuple[int, int]]] = {}
    for place in found:
        spans.setdefault(place.key, []).append((moment(place.slot["start"]), moment(place.slot["end"])))
    for each in spans.values():
        if any(before[1] != after[0] for before, after in pairwise(each)):
            raise Invalid(
                "The Slots of one Schedule follow each other without a gap; book the others by themselves.",
                code="business-rule",
                expression="Appointment.slot",
            )
    begin, end = common(spans)
    if begin >= end:
        raise Invalid(
            "The Slots have no time in common; choose some that have.",
            code="business-rule",
            expression="Appointment.slot",
        )
    return begin, end


def _people(look: Look, there: Sequence[Resource], found: Sequence[Place], wish: Wish) -> list[Resource]:
    """The participants with the patients and those whose Schedules the Slots are of, each once.

    None of these comes only if they like, or to be told: they are needed, whatever the wish says. Only a patient who
    said no before stays away.
    """
    base = look.base_url
    added: list[Resource] = [{"reference": f"Patient/{id_}"} for id_ in wish.patients]
    added += [actor for place in found for actor in place.actors]
    needed = set(keys_at({"actor": added}, "actor", base))
    people: list[Resource] = []
    for each in there:
        keys = keys_at(each, "actor", base)
        if needed.intersection(keys):
            people.append({**each, "required": "required", "status": "needs-action"})
        elif any(kind == "Patient" for kind, _ in keys):
            away = each.get("status") == "declined" and "participant" not in wish.details
            people.append({**each, "required": "required", **({} if away else {"status": "needs-action"})})
        else:
            people.append(each)
    known = set(keys_at({"participant": people}, "participant.actor", base))
    for actor in added:
        keys = keys_at({"actor": actor}, "actor", base)
        if not known.issuperset(keys) or (not keys and all(each.get("actor") != actor for each in people)):
            people.append({"actor": actor, "required": "required", "status": "needs-action"})
            known.update(keys)
    return people


def without_actors(look: Look, appointment: Resource, found: Iterable[Place]) -> Resource:
    """The Appointment without those who took part because the Slots were of their Schedules."""
    gone = {key for place in found for key in keys_at({"actor": place.actors}, "actor", look.base_url)}
    people = [
        each
        for each in appointment.get("participant", ())
        if not gone.intersection(keys_at(each, "actor", look.base_url))
    ]
    return {**appointment, "participant": people}
