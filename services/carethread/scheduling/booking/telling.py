"""What an EHR tells: an Appointment without our profile that says where it comes from (`meta.source`) or is on a
Schedule of which it is the master, and a Slot of such a Schedule.

It is taken as it comes, and refused over nothing that is here; `Schedule/$reconcile` tells where that cannot be.
"""

from __future__ import annotations

from collections.abc import Iterable

from carethread.core.errors import Invalid
from carethread.core.fhir.elements import extension, keys_at
from carethread.core.fhir.validation import validate
from carethread.core.ports import Key, Resource, Session
from carethread.core.service import PROFILES, Unit
from carethread.interactions.standing import present
from carethread.scheduling.availability.template import master_of
from carethread.scheduling.rules import APPOINTMENT, CONFIRM_BY, HOLDING, PASSING, is_ours
from carethread.scheduling.visits.transitions import is_move, lapsed


def is_told(unit: Unit, before: Resource | None, appointment: Resource | None) -> bool:
    """Whether this is told, by an EHR or as history, and not asked of us."""
    if unit.context.backfill:
        return True
    if appointment is None or is_ours(appointment):
        return False
    told = (appointment, before or {})
    return any("source" in each.get("meta", {}) for each in told) or _decides(unit, told)


def carried_on(unit: Unit, before: Resource | None, sent: Resource) -> Resource | None:
    """One of ours as the EHR that decides about it tells of it, if it does: confirmed, moved, arrived.

    It stays ours, and what our extensions say of it stays, so that it is watched and reminded of. None for all else: a
    cancellation and a jump are the EHR's own, and so is what our profile does not allow.
    """
    if before is None or unit.context.backfill or not is_ours(before) or is_ours(sent):
        return None
    if sent["status"] not in HOLDING or not (is_move(before["status"], sent["status"]) or lapsed(before)):
        return None
    if not (extension(before, CONFIRM_BY) or _decides(unit, (before, sent))):
        return None
    passed = {each.get("url") for each in sent.get("extension", ())}
    if not before["status"] == sent["status"] == "pending":
        passed.update(PASSING)
    ours = [each for each in before.get("extension", ()) if each["url"].startswith(PROFILES)]
    kept = [each for each in ours if each["url"] not in passed]
    meta = sent.get("meta", {})
    made: Resource = {**sent, "meta": {**meta, "profile": [*meta.get("profile", ()), APPOINTMENT]}}
    if kept:
        made["extension"] = [*sent.get("extension", ()), *kept]
    return None if any(issue.severity in ("error", "fatal") for issue in validate(made)) else made


def still_ours(before: Resource | None, sent: Resource) -> Resource:
    """One of ours stays ours, also where somebody who does not tell of it leaves our profile out.

    Raises Invalid for what our profile does not allow.
    """
    if before is None or not is_ours(before) or is_ours(sent):
        return sent
    meta = sent.get("meta", {})
    made = {**sent, "meta": {**meta, "profile": [*meta.get("profile", ()), APPOINTMENT]}}
    if issues := [issue for issue in validate(made) if issue.severity in ("error", "fatal")]:
        raise Invalid(issues=issues)
    return made


def _decides(unit: Unit, appointments: Iterable[Resource]) -> bool:
    """Whether an EHR is the master of a Schedule on which one of them is."""
    slots = {key for each in appointments for key in keys_at(each, "slot", unit.base_url) if key[0] == "Slot"}
    if not slots:
        return False
    return any(is_of_ehr(unit.session, slot, unit.base_url) for slot in present(unit.session, slots).values())


def is_of_ehr(session: Session, slot: Resource | None, base_url: str) -> bool:
    """Whether an EHR is the master of the Schedule that a Slot is of."""
    plans: set[Key] = {key for key in keys_at(slot or {}, "schedule", base_url) if key[0] == "Schedule"}
    return any(master_of(schedule) == "ehr" for schedule in present(session, plans).values()) if plans else False
