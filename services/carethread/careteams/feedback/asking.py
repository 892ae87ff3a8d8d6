"""Feedback is asked of somebody, until when they have time: when it is said, when whoever has it does not take it, and
anew where more is said than was answered.

Asked anew, what was answered before counts no more: neither the resolution nor the message by which the person was to
be told. Both stay in the history. Source: http://hl7.org/fhir/R4/task.html.
"""

from __future__ import annotations

from carethread.careteams.feedback.owning import chain, department_of, owner_of
from carethread.careteams.feedback.terms import (
    DEPARTMENT,
    MARKS,
    NOBODY,
    NOT_TOLD,
    NOTICE,
    OVERDUE,
    RESOLUTION,
    RESOLVED,
    TAKE_BY,
    TOLD,
    UNSENT,
    WAITING,
    WHY_UNTOLD,
    coded,
    outputs,
    state_of,
    terms_of,
    with_output,
    with_state,
)
from carethread.careteams.teams.reading import begins, ref
from carethread.core.clock import instant, period_of
from carethread.core.fhir.elements import with_extensions
from carethread.core.fhir.targets import key_of
from carethread.core.ports import Resource
from carethread.core.service import Unit
from carethread.interactions.standing import here

_MORE = "More was said since: the person is told when that is answered too."


def begun(unit: Unit, task: Resource, last: str = "", *, anew: bool = False) -> Resource:
    """The Task with an owner from now on (whoever comes after `last`), until when they have time, and how it stands.

    Its time begins when it was said, or `anew`: now.
    """
    session, now, base = unit.session, unit.now, unit.base_url
    of = department_of(session, task, now, base)
    if of:
        task = with_extensions(task, {DEPARTMENT: {"valueReference": {"reference": of}}})
    people = chain(session, task, of, now, base)
    whom = people[(people.index(last) + 1) % len(people) if last in people else 0] if people else ""
    terms = terms_of(here(session, key_of(of)) if of else None)
    period = task.get("restriction", {}).get("period", {})
    if anew or not {"start", "end"} <= period.keys():
        since = now if anew else min(now, begins(task["authoredOn"]))
        period = period_of(since, since + terms.close)
    made = with_time(task, now + terms.take)
    made |= {"status": "requested", "owner": owner_of(whom, of), "restriction": {"period": period}}
    return with_state(made, WAITING if whom else NOBODY)


def with_time(task: Resource, until: int) -> Resource:
    """The Task with until when whoever has it takes it; microseconds."""
    return with_extensions(task, {TAKE_BY: {"valueInstant": instant(until)}})


def says_more(before: Resource, after: Resource) -> bool:
    """Whether more is said than what was answered, and the person is not told of yet."""
    kinds = coded(after.get("reasonCode"), MARKS) - coded(before.get("reasonCode"), MARKS)
    return bool(kinds) and state_of(before) in (RESOLVED, NOT_TOLD)


def begun_anew(unit: Unit, task: Resource) -> Resource:
    """The Task as it is when it is first asked, with all of its time; a message that nobody has sent yet is stopped."""
    for each in outputs(task, TOLD):
        message = unit.find(key_of(ref(each, "valueReference", unit.base_url, "Communication") or "/"))
        if message is not None and message["status"] in UNSENT:
            unit.update({**message, "status": "stopped", "statusReason": {"text": _MORE}})
    rest = {name: value for name, value in task.items() if name not in ("executionPeriod", "statusReason")}
    rest = with_output(rest, RESOLUTION, without=(TOLD, NOTICE, WHY_UNTOLD))
    return begun(unit, _with_tags(rest), anew=True)


def with_overdue(task: Resource) -> Resource:
    """The Task with the tag that its time is over."""
    return _with_tags(task, OVERDUE)


def _with_tags(task: Resource, *more: Resource) -> Resource:
    """The Task with these tags of ours, and no others."""
    meta = {name: value for name, value in task.get("meta", {}).items() if name != "tag"}
    tags = [*(each for each in task.get("meta", {}).get("tag", ()) if each != OVERDUE), *more]
    return {**task, "meta": {**meta, **({"tag": tags} if tags else {})}}
