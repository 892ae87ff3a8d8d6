"""What a write of a call means, whoever sends it: a new one gets somebody who is called, at once.

It stays a call until a person whom we know says that they see to it; silence is no answer, and nobody declines it. Who
sees to it says in the end what was done.
"""

from __future__ import annotations

from carethread.careteams.alerting.call import (
    NEXT,
    OPEN,
    OVER,
    SEEN,
    called,
    calling,
    is_call,
    is_open,
    of_department,
    standing,
)
from carethread.careteams.alerting.chain import next_of
from carethread.careteams.handing.fitness import refuse_who_is_not_here
from carethread.careteams.history import is_history
from carethread.careteams.teams.reading import ref
from carethread.core.clock import instant
from carethread.core.errors import Conflict, Invalid
from carethread.core.fhir.elements import keys_at
from carethread.core.ports import Resource
from carethread.core.service import Ruling, Unit
from carethread.interactions.standing import here

_STAYS = ("priority", "focus", "encounter", "reasonReference", "authoredOn")


def call_written(unit: Unit, before: Resource | None, after: Resource | None, id_: str) -> Ruling:
    """Call somebody, or judge a step of who is called.

    Raises Conflict for what is over, Invalid for a step that cannot be taken, or for somebody who cannot take it.
    """
    if after is None or not is_call(after) or is_history(unit.context, before, after, is_call):
        return Ruling()
    return Ruling(resource=standing(_judged(unit, before, after), unit.base_url))


def _judged(unit: Unit, before: Resource | None, after: Resource) -> Resource:
    if before is None or not is_call(before):
        if after["status"] not in OPEN:
            _refuse_status("It begins with the status requested.")
        return _called_already(unit, after) or _called(unit, after, "")
    _refuse_jump(before, after)
    after = _kept(before, after)
    if is_open(after):
        return _still_open(unit, before, after)
    if after["status"] != "cancelled" and (is_open(before) or before.get("owner") != after.get("owner")):
        _refuse_nobody(unit, after)
    if after["status"] in OVER and before["status"] not in OVER:
        _refuse_no_word(after)
    return _dated(unit, before, after)


def _called_already(unit: Unit, task: Resource) -> Resource | None:
    """The Task, over at once, where it is part of a call that is open still; None where somebody has to be called."""
    before = (here(unit.session, key) for key in keys_at(task, "partOf", unit.base_url) if key[0] == "Task")
    if not any(is_call(each) and is_open(each) for each in before if each):
        return None
    told = {"status": "cancelled", "statusReason": {"text": "Somebody is called to it already."}}
    return {**task, **told, "executionPeriod": {"end": instant(unit.now)}}


def _called(unit: Unit, task: Resource, last: str) -> Resource:
    """The Task with who is called after somebody; empty: nobody was."""
    now, base = unit.now, unit.base_url
    found = next_of(unit.session, task, last, now, base)
    begun = {**of_department(task, found.of), "authoredOn": task.get("authoredOn", instant(now))}
    return calling(begun, found.owner, now, anew=True)


def _still_open(unit: Unit, before: Resource, after: Resource) -> Resource:
    """Who gives it back has the next called; whoever is named by hand has their time."""
    base = unit.base_url
    if not is_open(before):
        period = {name: value for name, value in after.get("executionPeriod", {}).items() if name != "start"}
        rest = {name: value for name, value in after.items() if name != "executionPeriod"}
        return _called(unit, {**rest, **({"executionPeriod": period} if period else {})}, called(before, base))
    if ref(before, "owner", base) != ref(after, "owner", base):
        _refuse_nobody(unit, after)
        return {**calling(after, called(after, base), unit.now), "status": after["status"]}
    return after


def _kept(before: Resource, after: Resource) -> Resource:
    """The Task with what stays, also where it was left out: what it is about, its labels, and until when, which is
    nobody's to say but ours. Raises Invalid where something else is said."""
    for name in _STAYS:
        if name in before and after.get(name, before[name]) != before[name]:
            raise Invalid("This stays as it was.", code="business-rule", expression=f"Task.{name}")
    kept = {name: before[name] for name in (*_STAYS, "restriction") if name in before}
    labels, meta = before.get("meta", {}).get("security", []), after.get("meta", {})
    security = [*meta.get("security", ()), *(each for each in labels if each not in meta.get("security", ()))]
    return {**after, **({"meta": {**meta, "security": security}} if security else {}), **kept}


def _refuse_jump(before: Resource, after: Resource) -> None:
    was, becomes = before["status"], after["status"]
    if was == becomes:
        return
    if was not in NEXT:
        raise Conflict(f"This call is over: it was {was}.", expression="Task.status")
    if becomes not in NEXT[was]:
        allowed = ", ".join(each for each in NEXT[was] if each != was)
        _refuse_status(f"It is {was}, and can become {allowed}; whoever cannot see to it names somebody else as owner.")


def _refuse_status(said: str) -> None:
    raise Invalid(said, code="business-rule", expression="Task.status")


def _refuse_nobody(unit: Unit, task: Resource) -> None:
    """Raise Invalid where who sees to it, or is called by hand, is no person, is not known here, or has left."""
    whom = called(task, unit.base_url)
    if not whom:
        said = "owner says who sees to it: a Practitioner or a PractitionerRole."
        raise Invalid(said, code="business-rule", expression="Task.owner")
    refuse_who_is_not_here(unit, whom, unit.now, "Name somebody who does.")


def _refuse_no_word(task: Resource) -> None:
    said = task.get("statusReason", {})
    if not (said.get("text") or said.get("coding")):
        text = "Who ends it says what was done, or why nothing has to be."
        raise Invalid(text, code="required", expression="Task.statusReason")


def _dated(unit: Unit, before: Resource, after: Resource) -> Resource:
    """The Task with when somebody said that they see to it, and when it was over, as it happens here."""
    was, dates = before.get("executionPeriod", {}), {}
    if after["status"] in SEEN or (after["status"] == "completed" and is_open(before)):
        dates["start"] = was.get("start") or instant(unit.now)
    elif "start" in was:
        dates["start"] = was["start"]
    if after["status"] in OVER:
        dates["end"] = was.get("end") or instant(unit.now)
    period = {**after.get("executionPeriod", {}), **dates}
    return {**after, "executionPeriod": period} if period else after
