"""What a write of feedback to be answered means, whoever sends it: a new one gets its owner at once, and it is over
only with a resolution, once the person was told, or with the reason why they are not.

Who was told is a Communication that the service made for it (`proving`) and that is completed; of feedback without a
name it is a notice. What is said later on has it begin anew, also while the person is not told yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from carethread.careteams.feedback.asking import begun, begun_anew, says_more, with_time
from carethread.careteams.feedback.owning import department_of, is_concerned, is_person
from carethread.careteams.feedback.proving import is_telling
from carethread.careteams.feedback.terms import (
    ANSWER,
    CHANGED,
    DEPARTMENT,
    MARKS,
    NOT_TOLD,
    NOTICE,
    OUTCOMES,
    OVERDUE,
    RESOLUTION,
    RESOLVED,
    TAKE_BY,
    TAKEN,
    TOLD,
    TOLD_OPENLY,
    UNTOLD,
    WAITING,
    WHY_UNTOLD,
    WITHDRAWN,
    WITHDRAWN_WHY,
    coded,
    is_of,
    outputs,
    state_of,
    terms_of,
    with_state,
)
from carethread.careteams.handing.fitness import refuse_who_is_not_here
from carethread.careteams.history import is_history
from carethread.careteams.notices.notice import is_notice
from carethread.careteams.risk.feedback import RATED
from carethread.careteams.teams.people import persons
from carethread.careteams.teams.reading import ref
from carethread.core.clock import instant
from carethread.core.errors import Conflict, Invalid
from carethread.core.fhir.elements import keys_at
from carethread.core.fhir.targets import key_of
from carethread.core.ports import Resource
from carethread.core.service import Ruling, Unit
from carethread.interactions.standing import here

OPEN, BUSY, OVER = ("requested", "received"), ("accepted", "in-progress", "on-hold"), ("completed", "cancelled")
"""Statuses: nobody has taken it; somebody sees to it; nobody has to any more."""

NEXT: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(OPEN, (*OPEN, "accepted", "in-progress", *OVER)),
    **dict.fromkeys(BUSY, ("requested", *BUSY, *OVER)),
    **dict.fromkeys(OVER, ("requested",)),
}
"""What may follow a status. `requested` again: it is given back, or there is more to answer."""

_MARKS = (TAKE_BY, RATED)
"""Extensions that are ours to say."""

_STAYS = ("code", "focus", "encounter", "authoredOn")


def is_answered(task: Resource | None) -> bool:
    """Whether a Task is feedback that somebody answers."""
    return is_of(task, ANSWER)


def feedback_written(unit: Unit, before: Resource | None, after: Resource | None, id_: str) -> Ruling:
    """Give it an owner, or judge a step of whoever has it.

    Raises Conflict for what is over, Invalid for a step that cannot be taken, for somebody who cannot take it, and for
    an end of which the person does not learn.
    """
    if after is None or not (is_answered(before) or is_answered(after)):
        return Ruling()
    if is_history(unit.context, before, after, is_answered):
        return Ruling()
    _refuse_forged(unit, before, after)
    if before is None or not is_answered(before):
        if after["status"] not in OPEN:
            raise _wrong("It begins with the status requested.")
        return Ruling(resource=begun(unit, {**after, "authoredOn": after.get("authoredOn", instant(unit.now))}))
    _refuse_jump(before, after)
    after = _kept(before, after)
    if says_more(before, after) and after["status"] not in OVER:
        return Ruling(resource=begun_anew(unit, after))
    if after["status"] in OPEN:
        return Ruling(resource=_still_open(unit, before, after))
    if after["status"] == "cancelled":
        return Ruling(resource=_cancelled(unit, before, after))
    _refuse_owner(unit, before, after)
    if after["status"] == "completed":
        after = _closed(unit, after)
    elif state_of(after) not in (RESOLVED, NOT_TOLD):
        after = with_state(after, TAKEN)
    return Ruling(resource=_dated(unit, before, after))


def _still_open(unit: Unit, before: Resource, after: Resource) -> Resource:
    """Who gives it back has the next asked; what was answered already begins anew; who is named by hand has it."""
    base = unit.base_url
    if before["status"] in OVER or state_of(before) == RESOLVED:
        return begun_anew(unit, after)
    if before["status"] not in OPEN:
        rest = {name: value for name, value in after.items() if name not in ("executionPeriod", "statusReason")}
        return begun(unit, rest, ref(before, "owner", base))
    if ref(before, "owner", base) == ref(after, "owner", base):
        return {**after, "owner": before["owner"]}
    _refuse_owner(unit, before, after)
    of = department_of(unit.session, after, unit.now, base)
    terms = terms_of(here(unit.session, key_of(of)) if of else None)
    return with_state(with_time(after, unit.now + terms.take), WAITING)


def _kept(before: Resource, after: Resource) -> Resource:
    """The Task with what stays, also where it was left out, and with all that was said it is about; what says how it
    stands is ours to say. Raises Invalid where something else is said."""
    for name in _STAYS:
        if name in before and after.get(name, before[name]) != before[name]:
            raise Invalid("This stays as it was.", code="business-rule", expression=f"Task.{name}")
    kept = {name: before[name] for name in (*_STAYS, "restriction", "businessStatus") if name in before}
    said = {name: value for name, value in after.items() if name not in ("restriction", "businessStatus")}
    made: Resource = {**said, **kept}
    made.setdefault("output", before.get("output", []))
    made["meta"] = _meta(before.get("meta", {}), after.get("meta", {}))
    ours = [each for each in before.get("extension", ()) if each["url"] in _MARKS]
    made["extension"] = [*ours, *(each for each in after.get("extension", ()) if each["url"] not in _MARKS)]
    if DEPARTMENT not in {each["url"] for each in made["extension"]}:
        made["extension"] += [each for each in before.get("extension", ()) if each["url"] == DEPARTMENT]
    kinds = coded(before.get("reasonCode"), MARKS) | coded(after.get("reasonCode"), MARKS)
    made["reasonCode"] = {"coding": [{"system": MARKS, "code": each} for each in sorted(kinds)]} if kinds else {}
    return {name: value for name, value in made.items() if value or name not in ("output", "extension", "reasonCode")}


def _meta(was: Resource, is_: Resource) -> Resource:
    """The labels that it had stay, and so does that it was late; it becomes no EHR's."""
    security, tags = is_.get("security", []), [each for each in is_.get("tag", ()) if each != OVERDUE]
    security = [*security, *(each for each in was.get("security", ()) if each not in security)]
    tags += [each for each in was.get("tag", ()) if each == OVERDUE]
    made = {**is_, "security": security, "tag": tags, "source": ""}
    return {name: value for name, value in made.items() if value or name not in ("security", "tag", "source")}


def _refuse_forged(unit: Unit, before: Resource | None, after: Resource) -> None:
    """Raise Invalid where somebody says by hand which message tells the person."""
    stands = list(outputs(before, TOLD)) if before and is_answered(before) else []
    if not unit.own and "output" in after and list(outputs(after, TOLD)) != stands:
        raise _wrong("The message that tells somebody is made by POST Task/[id]/$resolve-feedback.", "Task.output")


def _refuse_jump(before: Resource, after: Resource) -> None:
    was, becomes = before["status"], after["status"]
    if was == becomes and was not in OVER:
        return
    if was == becomes or becomes not in NEXT.get(was, ()):
        if was in OVER:
            raise Conflict(f"This is over: it was {was}. Set it to requested to begin again.", expression="Task.status")
        allowed = ", ".join(each for each in NEXT[was] if each != was)
        raise _wrong(f"It is {was}, and can become {allowed}; whoever cannot see to it names another as owner.")


def _wrong(said: str, where: str = "Task.status", code: str = "business-rule") -> Invalid:
    return Invalid(said, code=code, expression=where)


def _refuse_owner(unit: Unit, before: Resource, after: Resource) -> None:
    """Raise Invalid where who has it is no person, is not here, or is one whom it is about."""
    if before["status"] not in OPEN and before.get("owner") == after.get("owner"):
        return
    if not is_person(after, unit.base_url):
        raise _wrong("owner says who sees to it: a Practitioner or a PractitionerRole.", "Task.owner")
    whom = ref(after, "owner", unit.base_url)
    refuse_who_is_not_here(unit, whom, unit.now, "Name somebody who does.")
    if is_concerned(unit.session, after, whom, unit.now, unit.base_url):
        raise _wrong("Who it is about does not answer it; name somebody else.", "Task.owner")


def _cancelled(unit: Unit, before: Resource, after: Resource) -> Resource:
    why = coded(after.get("statusReason"), UNTOLD)
    if why.isdisjoint(WITHDRAWN_WHY):
        allowed = ", ".join(WITHDRAWN_WHY)
        said = f"It is cancelled where there is nothing to answer: give one of {allowed} (feedback-untold)."
        raise _wrong(said, "Task.statusReason", "required")
    return _dated(unit, before, with_state(after, WITHDRAWN))


def _closed(unit: Unit, task: Resource) -> Resource:
    """The Task with how it ended. Raises Invalid where that is not said, or the person does not learn of it."""
    resolved = next(outputs(task, RESOLUTION), {}).get("valueCodeableConcept", {})
    if not coded(resolved, OUTCOMES) or not str(resolved.get("text", "")).strip():
        raise _wrong("What came of it is missing: POST Task/[id]/$resolve-feedback.", "Task.output", "required")
    return with_state(task, how_told(unit, task))


def how_told(unit: Unit, task: Resource) -> str:
    """In which way somebody was told: the state. Raises Invalid where nobody was, and nothing says why not."""
    told = [ref(each, "valueReference", unit.base_url, "Communication") for each in outputs(task, TOLD)]
    if told and ref(task, "for", unit.base_url):
        for each in filter(None, told):
            message = unit.find(key_of(each))
            if message is not None and is_told(unit, message, task):
                return TOLD
    openly = [ref(each, "valueReference", unit.base_url, "Communication") for each in outputs(task, NOTICE)]
    if not ref(task, "for", unit.base_url) and any(is_notice(unit.find(key_of(each))) for each in openly if each):
        return TOLD_OPENLY
    untold = {code for each in outputs(task, WHY_UNTOLD) for code in coded(each.get("valueCodeableConcept"), UNTOLD)}
    if untold and not _owes_notice(task):
        return WHY_UNTOLD
    said = "It is over once the person was told, or with why they are not: POST Task/[id]/$resolve-feedback."
    if not ref(task, "for", unit.base_url):
        said = "Nobody can be told of it by name: tell openly what was changed ($notice), and name that."
    raise _wrong(said, "Task.output", "required")


def _owes_notice(task: Resource) -> bool:
    """Whether something was changed by what was said without a name; that is told openly."""
    resolved = next(outputs(task, RESOLUTION), {}).get("valueCodeableConcept", {})
    return "for" not in task and CHANGED in coded(resolved, OUTCOMES)


def is_told(unit: Unit, message: Resource, task: Resource) -> bool:
    """Whether a message is the one that was made for a Task, and has reached the person."""
    made = message["status"] == "completed" and is_telling(unit.session, message["id"], task)
    return made and _reaches(unit, message, task)


def _reaches(unit: Unit, communication: Resource, task: Resource) -> bool:
    """Whether a Communication is to the person whom a Task is for, under whichever of their ids."""
    them = set(persons(unit.session, ref(task, "for", unit.base_url), unit.base_url))
    return not them.isdisjoint(f"{kind}/{id_}" for kind, id_ in keys_at(communication, "recipient", unit.base_url))


def _dated(unit: Unit, before: Resource, after: Resource) -> Resource:
    """The Task with when somebody took it, and when it was over, as it happens here; then it is overdue no more."""
    was: dict[str, Any] = before.get("executionPeriod", {})
    dates: dict[str, Any] = {}
    if after["status"] in BUSY or after["status"] == "completed":
        dates["start"] = was.get("start") or instant(unit.now)
    elif "start" in was:
        dates["start"] = was["start"]
    if after["status"] in OVER:
        dates["end"] = was.get("end") or instant(unit.now)
    return {**after, "executionPeriod": dates} if dates else after
