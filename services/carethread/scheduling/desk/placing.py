"""Writing what the desk has made: once, however often it is asked for, and with nothing in its way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from carethread.core.errors import Conflict, Gone, Invalid, Malformed, NotFound
from carethread.core.fhir import json
from carethread.core.fhir.elements import keys_at, without_extensions
from carethread.core.ports import Key, Resource, Stored
from carethread.interactions.operations.once import ASKED
from carethread.interactions.writing.check import check_resource
from carethread.interactions.writing.command import Command
from carethread.interactions.writing.conditional import condition_of, match_one
from carethread.interactions.writing.unit import WriteUnit
from carethread.scheduling.booking.aliases import locked
from carethread.scheduling.booking.conflicting import GONE, refusal
from carethread.scheduling.booking.conflicts import Look, Place, by_itself, duplicates, strangers, taken
from carethread.scheduling.booking.occupancy import taken_anew
from carethread.scheduling.booking.people import PATIENT
from carethread.scheduling.desk.composing import absent, composed, find_places, slot_ids
from carethread.scheduling.desk.overriding import passed_over
from carethread.scheduling.desk.wishes import Wish
from carethread.scheduling.rules import OVERRIDE, overridden, takers
from carethread.scheduling.waitlist.offers import is_offer

TYPE = "Appointment"


def standing(unit: WriteUnit, id_: str) -> Resource:
    """An Appointment that is here, locked. Raises NotFound or Gone."""
    found = unit.find((TYPE, id_))
    if found is None:
        if unit.stored((TYPE, id_)):
            raise Gone(f"{TYPE}/{id_} is deleted.")
        raise NotFound(f"{TYPE}/{id_} is not known here.")
    return found


def kept(unit: WriteUnit, id_: str) -> Stored:
    """An Appointment of the transaction, as it is stored."""
    stored = unit.stored((TYPE, id_))
    if stored is None:
        raise NotFound(f"{TYPE}/{id_} is not known here.")
    return stored


def repeated(unit: WriteUnit, wish: Wish) -> Stored | None:
    """What the same request has made before, told by the id or by an identifier of the wish.

    Raises Invalid where something else was asked for under it.
    """
    if wish.id:  # who comes at the same time with it waits, and then finds what was made
        unit.session.lock([lock_of(wish.id)])
    key = _known(unit, wish)
    stored = unit.stored(key) if key else None
    if stored is None or stored.deleted:
        return None
    told = unit.session.claimed(ASKED, [stored.id]).get(stored.id)
    if told != wish.asked if told else not _asks_for(unit, wish, stored):
        raise _for_another(stored.id)
    return stored


def begun(unit: WriteUnit, wish: Wish) -> str:
    """The id of the new Appointment that a wish makes; its key or identifier is for this request from now on.

    Raises Invalid where it was for another, whose Appointment is deleted.
    """
    id_ = wish.id or unit.context.new_id()
    again = wish.asked and (wish.id or wish.details.get("identifier"))
    if again and unit.session.claim(ASKED, id_, wish.asked) != wish.asked:
        raise _for_another(id_)
    return id_


def _for_another(id_: str) -> Invalid:
    text = f"{TYPE}/{id_} has this key or identifier already, for another request; use a new one."
    return Invalid(text, code="duplicate", expression="Appointment.identifier")


def lock_of(id_: str) -> str:
    """The name under which those wait for each other who would make the same Appointment."""
    return f"{TYPE} {id_}"


def _known(unit: WriteUnit, wish: Wish) -> Key | None:
    if wish.id and unit.stored((TYPE, wish.id)):
        return TYPE, wish.id
    tokens = [
        f"{_escaped(each['system'])}|{_escaped(each['value'])}"
        for each in wish.details.get("identifier", ())
        if each.get("system") and each.get("value")
    ]
    if not tokens:
        return None
    return match_one(unit.session, condition_of(unit.runtime, TYPE, [("identifier", ",".join(tokens))], unit.context))


def _escaped(text: str) -> str:
    return "".join("\\" + char if char in "\\,|$" else char for char in text)


def _asks_for(unit: WriteUnit, wish: Wish, stored: Stored) -> bool:
    """Whether a wish may be the one that made this, of which no fingerprint is kept."""
    first = unit.session.version((TYPE, stored.id), 1)
    if first is None or first.deleted:
        return False
    made = json.parse(first.body)
    people = set(keys_at(made, "participant.actor", unit.base_url))
    asked = {("Patient", id_) for id_ in wish.patients}
    return sorted(wanted_slots(unit, wish, None)) == sorted(slot_ids(unit, made)) and asked <= people


def wanted_slots(look: Look, wish: Wish, before: Resource | None) -> list[str]:
    """The ids of the Slots that are wished for. Raises Malformed where there is none."""
    found = list(dict.fromkeys(wish.slots)) or slot_ids(look, wish.details) or slot_ids(look, before or {})
    if not found:
        raise Malformed(
            "Say which Slots are wanted: slot, or an Appointment that names some.", code="required", expression="slot"
        )
    return found


def refuse_others(unit: WriteUnit, wish: Wish, before: Resource) -> None:
    """Raise Invalid where what is kept for somebody would become another's, or an offer be of other Slots."""
    if before["status"] != "pending":
        return
    theirs = _patients(unit, before)
    others = ({*wish.patients} | _patients(unit, wish.details)) - theirs
    if theirs and others and not others.issubset(unit.session.kin(theirs)):
        text = "It is kept for another patient; choose other Slots for this one."
        raise Invalid(text, code="business-rule", expression="patient")
    if is_offer(before) and sorted(wanted_slots(unit, wish, before)) != sorted(slot_ids(unit, before)):
        text = "An offer is of its own Slots; $release it, and book others by themselves."
        raise Invalid(text, code="business-rule", expression="slot")


def _patients(unit: WriteUnit, appointment: Mapping[str, Any]) -> set[str]:
    named = keys_at(dict(appointment), "participant.actor", unit.base_url)
    return {id_ for kind, id_ in named if kind == PATIENT}


def drafted(unit: WriteUnit, wish: Wish, before: Resource | None, id_: str) -> tuple[Resource, list[Place]]:
    """The Appointment that is wished for, in place of one that stands, and where it takes place.

    Raises Conflict or Invalid with all that is in its way, unless that may be and is passed over: then it says so.
    """
    wanted = wanted_slots(unit, wish, before)
    unit.load(("Slot", slot) for slot in wanted)
    found = find_places(unit, wanted)
    if missing := absent(wanted, found):
        raise refusal(missing)
    made = composed(unit, wish, before, found)
    locked(unit.session, takers(made, unit.base_url), unit.base_url)
    wrong = [*strangers(unit, wish.details, found), *by_itself(unit, made, found), *duplicates(unit, made, id_, found)]
    wrong += taken(unit, made, id_)
    if before and not taken_anew(before, made, unit.base_url):
        wrong = [each for each in wrong if each.kind not in overridden(before)]
    else:
        made = without_extensions(made, (OVERRIDE,))
    if wish.override:
        return passed_over(made, wrong, wish.override), found
    if wrong:
        raise refusal(wrong)
    return made, found


def put(unit: WriteUnit, appointment: Resource, id_: str, *, new: bool) -> Stored:
    """Write it. Raises what validation and the rule of Appointments do."""
    check_resource(TYPE, appointment)
    command = Command(TYPE, id_, appointment, fresh=new, verb="POST" if new else "PUT", own=True)
    try:
        stored = unit.do(command).stored
    except Conflict as error:
        raise Conflict(issues=[GONE, *error.issues]) from error
    if stored is None:
        raise AssertionError("what is not a delete always leaves a version")
    return stored
