"""An offer on the entry itself: `waitlist` becomes `pending` with the slot, and `waitlist` again when it is not taken.

So one entry has one offer at a time: of two freed slots, one person never has both.
"""

from __future__ import annotations

from typing import Any

from carethread.core.clock import instant
from carethread.core.fhir.elements import extension
from carethread.core.ports import Resource
from carethread.scheduling.rules import APPOINTMENT, HELD_FROM, HOLD_UNTIL, OFFER
from carethread.scheduling.waitlist.entries import DECLINED
from carethread.scheduling.waitlist.leaving import Freed
from carethread.scheduling.waitlist.waited import WAITED, first_offered


def is_offer(appointment: Resource | None) -> bool:
    return appointment is not None and appointment["status"] == "pending" and bool(extension(appointment, OFFER))


def offered(entry: Resource, freed: Freed, now: int, until: int, since: int) -> Resource:
    """The entry with the offer of what was freed, until then; it keeps since when its person waits, and when somebody
    first had an offer for them. Moments are microseconds."""
    mark = {"url": OFFER, "valueInstant": instant(now)}
    there = {participant.get("actor", {}).get("reference") for participant in entry.get("participant", ())}
    added = [
        {"extension": [mark], "actor": {"reference": person}, "required": "required", "status": "tentative"}
        for person in freed.people
        if person not in there
    ]
    profiles = [*entry.get("meta", {}).get("profile", ())]
    return {
        **entry,
        "meta": {**entry.get("meta", {}), "profile": [*profiles, *([] if APPOINTMENT in profiles else [APPOINTMENT])]},
        "extension": [
            *(each for each in _others(entry) if each.get("url") != WAITED),
            first_offered(entry, since, now),
            mark,
            {"url": HOLD_UNTIL, "valueInstant": instant(until)},
            {"url": HELD_FROM, "valuePositiveInt": int(entry["meta"]["versionId"])},
        ],
        "status": "pending",
        "start": freed.start,
        "end": freed.end,
        "slot": [{"reference": f"Slot/{slot}"} for slot in freed.slots],
        "participant": [*entry.get("participant", ()), *added],
    }


def accepted(offer: Resource) -> Resource:
    """The offer, booked; it still has the mark of the entry that it was, until nobody has to be asked."""
    people = [{**_unmarked(each), "status": "accepted"} for each in offer["participant"]]
    mark = [each for each in offer["extension"] if each.get("url") == HELD_FROM]
    return {**_without(offer, [*_others(offer), *mark]), "status": "booked", "participant": people}


def withdrawn(offer: Resource, *, refused: bool) -> Resource:
    """The entry as it was before the offer; what was refused is not offered to this person again."""
    kept = {name: value for name, value in offer.items() if name not in ("slot", "start", "end", "minutesDuration")}
    refusals = [{"url": DECLINED, "valueReference": slot} for slot in offer.get("slot", ())] if refused else []
    people = [each for each in offer.get("participant", ()) if not extension(each, OFFER)]
    return {**_without(kept, [*_others(offer), *refusals]), "status": "waitlist", "participant": people}


def _others(appointment: Resource) -> list[dict[str, Any]]:
    """The extensions that are not of an offer."""
    return [each for each in appointment.get("extension", ()) if each.get("url") not in (OFFER, HOLD_UNTIL, HELD_FROM)]


def _without(element: dict[str, Any], extensions: list[dict[str, Any]]) -> dict[str, Any]:
    """The element with these extensions; an empty array is no FHIR."""
    rest = {name: value for name, value in element.items() if name != "extension"}
    return {**rest, "extension": extensions} if extensions else rest


def _unmarked(participant: dict[str, Any]) -> dict[str, Any]:
    return _without(participant, [each for each in participant.get("extension", ()) if each.get("url") != OFFER])
