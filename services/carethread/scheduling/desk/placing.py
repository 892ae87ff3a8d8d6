"""Writing what the desk has made: once, however often it is asked for, and with nothing in its way."""

from __future__ import annotations

from carethread.core.errors import Conflict, Gone, Invalid, Malformed, NotFound
from carethread.core.fhir import json
from carethread.core.fhir.elements import keys_at
from carethread.core.ports import Key, Resource, Stored
from carethread.interactions.writing.check import check_resource
from carethread.interactions.writing.command import Command
from carethread.interactions.writing.conditional import condition_of, match_one
from carethread.interactions.writing.unit import WriteUnit
from carethread.scheduling.conflicts import GONE, Look, Place, by_itself, duplicates, refusal, strangers, taken
from carethread.scheduling.desk.composing import absent, composed, find_places, slot_ids
from carethread.scheduling.desk.overriding import passed_over
from carethread.scheduling.desk.wishes import Wish

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
    key = _known(unit, wish)
    stored = unit.stored(key) if key else None
    if stored is None or stored.deleted:
        return None
    if not key or not (first := unit.session.version(key, 1)) or not _asks_for(unit, wish, json.parse(first.body)):
        raise Invalid(
            f"{TYPE}/{stored.id} has this key or identifier already, for another request; use a new one.",
            code="duplicate",
            expression="Appointment.identifier",
        )
    return stored


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


def _asks_for(unit: WriteUnit, wish: Wish, made: Resource) -> bool:
    """Whether a wish is the one that made this."""
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
    wrong = [*strangers(unit, wish.details, found), *by_itself(unit, made, found), *duplicates(unit, made, id_)]
    if wrong or wish.override:
        wrong += taken(unit, made, id_)
    if wish.override:
        return passed_over(made, wrong, wish.override), found
    if wrong:
        raise refusal(wrong)
    return made, found


def put(unit: WriteUnit, appointment: Resource, id_: str, *, new: bool) -> Stored:
    """Write it. Raises what validation and the rule of Appointments do."""
    check_resource(TYPE, appointment)
    command = Command(TYPE, id_, appointment, fresh=new, verb="POST" if new else "PUT")
    try:
        stored = unit.do(command).stored
    except Conflict as error:
        raise Conflict(issues=[GONE, *error.issues]) from error
    if stored is None:
        raise AssertionError("what is not a delete always leaves a version")
    return stored
