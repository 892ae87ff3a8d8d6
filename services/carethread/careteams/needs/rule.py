"""What a write of a Task about a need means, whoever sends it.

Who is asked for help answers by it, and says in the end what came of it; what somebody of the care team has to do ends
by the operation that does it. Neither is made by a plain write: it rests on what the person has said.
Source: http://hl7.org/fhir/us/sdoh-clinicalcare (status of TaskForReferralManagement).
"""

from __future__ import annotations

from collections.abc import Mapping

from carethread.careteams.history import is_history
from carethread.careteams.needs.need import of_resource
from carethread.careteams.needs.shapes import OUTCOMES, REFERRAL, UNANSWERED, code, outcome_of
from carethread.careteams.needs.yes import why_not
from carethread.careteams.tasks import OPEN
from carethread.core.clock import instant
from carethread.core.errors import Conflict, Invalid
from carethread.core.fhir.profiles.library import packaged
from carethread.core.ports import Resource
from carethread.core.service import Ruling, Unit

OVER = ("completed", "failed", "rejected", "cancelled", "entered-in-error")

NEXT: Mapping[str, tuple[str, ...]] = {
    "requested": ("accepted", "in-progress", "rejected", "completed", "failed", "cancelled"),
    "accepted": ("in-progress", "on-hold", "completed", "failed", "cancelled"),
    "in-progress": ("on-hold", "completed", "failed", "cancelled"),
    "on-hold": ("in-progress", "completed", "failed", "cancelled"),
}
"""What may follow a status of a referral; what is over stays as it is."""

_GOES_ON = ("accepted", "in-progress")
"""Statuses at which who was asked does something for the person, or is about to."""

_STAYS = ("focus", "reasonReference", "authoredOn", "requester", "input", "intent")
_BY: Mapping[str, str] = {
    "confirm-need": "$judge-need",
    "review-need": "$judge-need",
    "offer-help": "$offer-help",
    "arrange-help": "$refer",
}


def need_written(unit: Unit, before: Resource | None, after: Resource | None, id_: str) -> Ruling:
    """Judge a step of a Task about a need.

    Raises Invalid for what is not made so, or a step that cannot be taken; Conflict for what is over.
    """
    if unit.own or after is None or not (code(before) or code(after)) or is_history(unit.context, before, after, _ours):
        return Ruling()
    if before is None or code(before) != code(after):
        said = "A Task about a need follows from what was said; it is made by $judge-need, $offer-help and $refer."
        raise Invalid(said, code="business-rule", expression="Task.code")
    after = _kept(before, after)
    if code(before) == REFERRAL:
        _refuse_step(before, after)
        _refuse_unconsented(unit, before, after)
        if before.get("owner") != after.get("owner"):
            said = "Who is asked stays, for the person has consented to them; refer to somebody else with $refer."
            raise Invalid(said, code="business-rule", expression="Task.owner")
    elif before["status"] not in OPEN and before["status"] != after["status"]:
        raise Conflict(f"This is over: it was {before['status']}.", expression="Task.status")
    elif after["status"] not in OPEN and before["status"] in OPEN and code(before) != UNANSWERED:
        said = f"It is done by {_BY[code(before)]} of the Condition that is its focus."
        raise Invalid(said, code="business-rule", expression="Task.status")
    return Ruling(resource={**after, "lastModified": instant(unit.now)})


def _ours(task: Resource | None) -> bool:
    return bool(code(task))


def _kept(before: Resource, after: Resource) -> Resource:
    """The Task with what stays, also where it was left out. Raises Invalid where something else is said."""
    for name in _STAYS:
        if name in before and after.get(name, before[name]) != before[name]:
            raise Invalid("This stays as it was.", code="business-rule", expression=f"Task.{name}")
    kept = {name: before[name] for name in _STAYS if name in before}
    restriction = after.get("restriction", before.get("restriction"))
    was, meta = before.get("meta", {}), after.get("meta", {})
    labels = {name: _both(was[name], meta.get(name)) for name in ("profile", "security") if name in was}
    return {**after, **kept, **({"restriction": restriction} if restriction else {}), "meta": {**meta, **labels}}


def _both(before: list[object] | None, after: list[object] | None) -> list[object]:
    return [*(before or ()), *(each for each in after or () if each not in (before or ()))]


def _refuse_step(before: Resource, after: Resource) -> None:
    was, becomes = before["status"], after["status"]
    if was in OVER:
        if was != becomes or outcome_of(before) != outcome_of(after):
            raise Conflict(f"This referral is over: it was {was}.", expression="Task.status")
        return
    if was != becomes and becomes not in NEXT[was]:
        said = f"It is {was}, and can become {', '.join(NEXT[was])}."
        raise Invalid(said, code="business-rule", expression="Task.status")
    if becomes in ("rejected", "failed", "cancelled") and not _why(after):
        raise Invalid("Say why (statusReason).", code="required", expression="Task.statusReason")
    if becomes == "completed":
        known = outcomes()
        if outcome_of(after) not in known:
            said = f"output says what came of it, a code of {OUTCOMES}: {', '.join(known)}."
            raise Invalid(said, code="required", expression="Task.output")


def _refuse_unconsented(unit: Unit, before: Resource, after: Resource) -> None:
    """Nobody goes on with what the person does not want of them any more; what came of it they can still say."""
    if after["status"] not in _GOES_ON or after["status"] == before["status"]:
        return
    need = of_resource(unit.session, f"Task/{before['id']}")
    if need and (why := why_not(unit, need, before)):
        said = f"{why} Go on no further; say what came of it (completed, rejected, failed or cancelled)."
        raise Conflict(said, expression="Task.status")


def _why(task: Resource) -> bool:
    said = task.get("statusReason", {})
    return bool(said.get("text") or said.get("coding"))


def outcomes() -> list[str]:
    """The codes of what can come of a referral."""
    return [each["code"] for each in (packaged().find("CodeSystem", OUTCOMES) or {}).get("concept", ())]
