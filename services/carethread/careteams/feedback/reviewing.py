"""The themes of a department are looked at together, regularly: a Task with the counts of a while and what has changed
since the one before, which is over with a decision; what is changed is told openly, by a notice.

How often is data (extension `feedback-terms`). The timer of a department begins with its first feedback, and rests
while there is none. The Task has no comment and names nobody; small counts are not told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from carethread.careteams.feedback.figures import SAID
from carethread.careteams.feedback.looking import standing
from carethread.careteams.feedback.owning import chain, owner_of
from carethread.careteams.feedback.reporting import figures_within, report, themes_within
from carethread.careteams.feedback.resolving import STAFF, one_of, words
from carethread.careteams.feedback.terms import (
    CHANGED,
    CODE,
    DECISION,
    DECISIONS,
    DEPARTMENT,
    NOTICE,
    PARTS,
    REVIEW,
    REVIEWING,
    THEMES,
    coded,
    concept,
    is_of,
    outputs,
    terms_of,
    with_output,
)
from carethread.careteams.feedback.themes import ALL, Themes, changes, counted
from carethread.careteams.knowing import refuse_unknown_people
from carethread.careteams.notices.notice import is_notice
from carethread.careteams.tasks import OPEN, asked
from carethread.careteams.teams.reading import ends, ref
from carethread.core.clock import instant, period_of
from carethread.core.context import Context, authorize
from carethread.core.errors import Conflict, Gone, Invalid, NotFound
from carethread.core.fhir.targets import key_of
from carethread.core.moments import DAY
from carethread.core.ports import Resource, Session, Timer
from carethread.core.service import Call, Ruling, Runtime, TimerHandler, Unit
from carethread.interactions.operations.given import Given
from carethread.interactions.operations.once import derived
from carethread.interactions.requesting import request
from carethread.interactions.standing import here
from carethread.interactions.writing.command import Command
from carethread.interactions.writing.unit import WriteUnit

TAKES = ("by", "decision", "words", "notice")

DECISION_CODES = (CHANGED, "watch", "nothing-to-change")
"""Codes of `DECISIONS`."""

PERIOD, COUNT, CHANGE = "period", "count", "change"
"""What the Task has as input (Task.input.type, codes of `PARTS`), beside the counts of all comments (`Themes.counts`);
of counts and changes the theme stands beside it."""


def is_review(task: Resource | None) -> bool:
    """Whether a Task is a look at the themes of a department."""
    return is_of(task, REVIEW)


def review_due(runtime: Runtime, session: Session, timer: Timer, context: Context) -> None:
    """Have somebody look at the themes of a department since the last time, and report how soon feedback was answered;
    again when the next look is due, as long as there is something."""
    base, department = runtime.base_url, timer.key
    unit = WriteUnit(runtime, session, context)
    now = unit.now
    terms = terms_of(here(session, key_of(department)))
    begin = _last(session, department, base) or timer.due - terms.review - DAY  # it had been said before it came here
    of_now = themes_within(runtime, session, department, begin, now)
    of_before = themes_within(runtime, session, department, begin - terms.review, begin)
    answers = figures_within(runtime, session, department, begin, now, now)
    if (
        not of_now.comments
        and not answers.counts[SAID]
        and not standing(session, CODE, department, ("requested",), base)
    ):
        return
    whom = chain(session, {}, department, now, base)
    unit.update(
        asked(
            derived("Task", f"{REVIEW}/{department}/{timer.due}"),
            REVIEW,
            instant(now),
            priority="routine",
            description="See what people say of their care, decide what follows from it, and tell openly what changes.",
            owner=owner_of(next(iter(whom), ""), department),
            restriction={"period": period_of(now, now + terms.close)},
            extension=[{"url": DEPARTMENT, "valueReference": {"reference": department}}],
            input=list(_inputs(of_now, of_before, begin, now)),
        )
    )
    unit.store()
    request(session, report(answers, department, begin, now, runtime.small_cells), context, new=True)
    session.timers.set(REVIEWING, department, now + terms.review)


def _last(session: Session, department: str, base: str) -> int:
    """Until when the themes were looked at last, in microseconds; 0: never."""
    found = standing(session, REVIEW, department, (*OPEN, "completed"), base)
    periods = (each.get("valuePeriod", {}) for task in found for each in task.get("input", ()))
    return max((ends(each["end"]) for each in periods if "end" in each), default=0)


def _inputs(now: Themes, before: Themes, begin: int, end: int) -> Iterator[dict[str, Any]]:
    yield {"type": concept(PARTS, PERIOD), "valuePeriod": period_of(begin, end)}
    for part, count in now.counts().items():
        yield {"type": concept(PARTS, part), **counted(count, masked=part in now.masked)}
    changed = changes(now, before)
    for code in ALL:
        theme = {"system": THEMES, "code": code}
        if code in now.of or code in now.masked:
            yield {"type": _beside(COUNT, theme), **counted(now.of.get(code, 0), masked=code in now.masked)}
        if code in changed:
            yield {"type": _beside(CHANGE, theme), "valueInteger": changed[code]}


def _beside(part: str, theme: Mapping[str, str]) -> Resource:
    return {"coding": [{"system": PARTS, "code": part}, dict(theme)]}


def review_written(unit: Unit, before: Resource | None, after: Resource | None, id_: str) -> Ruling:
    """It is over with a decision, and where something is changed with the notice that says so. Raises Conflict for one
    that is over, Invalid."""
    if after is None or before is None or not is_review(before):
        return Ruling()
    for name in ("code", "input", "authoredOn"):
        if before.get(name) != after.get(name):
            raise Invalid("This stays as it was.", code="business-rule", expression=f"Task.{name}")
    if before["status"] not in OPEN and before != after:
        raise Conflict(f"This is over: it was {before['status']}.", expression="Task.status")
    if after["status"] == "completed":
        _refuse_undecided(unit, after)
    elif after["status"] not in OPEN:
        raise Invalid("It ends with a decision: completed.", code="business-rule", expression="Task.status")
    return Ruling()


def _refuse_undecided(unit: Unit, task: Resource) -> None:
    said = next(outputs(task, DECISION), {}).get("valueCodeableConcept", {})
    found = coded(said, DECISIONS)
    if not found or not found <= set(DECISION_CODES) or not str(said.get("text", "")).strip():
        text = "What was decided is missing: POST Task/[id]/$close-feedback-review."
        raise Invalid(text, code="required", expression="Task.output")
    named = (ref(each, "valueReference", unit.base_url, "Communication") for each in outputs(task, NOTICE))
    if CHANGED in found and not any(is_notice(unit.find(key_of(each))) for each in named if each):
        text = "What is changed is told openly: send it with Communication/$notice, and name that as notice."
        raise Invalid(text, code="required", expression="Task.output")


def close_review(runtime: Runtime, call: Call, context: Context) -> Resource:
    """Say what was decided. Raises Malformed and Invalid for the parameters, NotFound or Gone, Conflict for a look that
    is over."""
    authorize("update", "Task", context)
    given = Given(call, runtime.base_url, TAKES)
    by = given.needed("by", *STAFF)
    decision = one_of("decision", given.text("decision"), DECISION_CODES, needed=True)
    said = words("words", given.text("words"), needed=True)
    notice = given.reference("notice", "Communication")
    refuse_unknown_people(runtime, [(by, "by")], context)

    def work(session: Session) -> Resource:
        unit = WriteUnit(runtime, session, context)
        task = unit.find(("Task", call.id))
        if task is None:
            where = f"Task/{call.id}"
            raise Gone(f"{where} was deleted.") if unit.stored(("Task", call.id)) else NotFound(f"{where} is not here.")
        if not is_review(task):
            raise Invalid(f"Task/{call.id} is no look at themes.", code="business-rule", expression="Task.code")
        task = with_output(task, DECISION, {"valueCodeableConcept": concept(DECISIONS, decision, said)})
        if notice:
            task = with_output(task, NOTICE, {"valueReference": {"reference": notice}})
        done = {"status": "completed", "owner": {"reference": by}, "executionPeriod": {"end": instant(unit.now)}}
        unit.do(Command("Task", call.id, {**task, **done}))
        unit.store()
        about = {"name": "task", "valueReference": {"reference": f"Task/{call.id}"}}
        return {"resourceType": "Parameters", "parameter": [about, {"name": "status", "valueCode": "completed"}]}

    return runtime.store.transact(work)


TIMERS: Mapping[str, TimerHandler] = {REVIEWING: review_due}
