"""Second computations of what comes of asking and of saying: response rate, and loops of feedback."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from support.measures.forms import department
from support.measures.plain import (
    CODES,
    NOW,
    Practice,
    Unit,
    code_in,
    extended,
    first_code,
    id_of,
    moment,
    observed,
    proportion,
    standing,
)


def response_rate(practice: Practice) -> Iterator[Unit]:
    for each in practice.of("QuestionnaireResponse"):
        terms = {part["url"]: part for part in extended(each, "assignment").get("extension", ())}
        asked = moment(terms.get("asked", {}).get("valueInstant"))
        if asked is None or each["status"] == "entered-in-error":
            continue
        person = practice.person(each.get("subject"))
        expires = moment(terms["expires"]["valueInstant"])
        assert expires is not None
        is_open = expires > NOW
        is_whole = each["status"] in ("completed", "amended")
        died = practice.died(person, department(practice, each))
        gone = died < expires if isinstance(died, datetime) else died
        populations = proportion(
            not is_open, is_whole, exclusion=gone and not is_whole, own=["open"] if is_open else []
        )
        name = f"QuestionnaireResponse/{each['id']}"
        yield Unit(name, person, asked, department(practice, each), (populations,))


def feedback(practice: Practice) -> Iterator[Unit]:
    for task in practice.of("Task"):
        if code_in(task.get("code"), CODES + "careteam-task") != "feedback" or task["status"] == "entered-in-error":
            continue
        terms = task.get("restriction", {}).get("period", {})
        at = standing(terms.get("start") or task["authoredOn"])
        assert at is not None
        due = moment(terms.get("end"), last=True) or at + timedelta(days=7)
        response = practice.get("QuestionnaireResponse", id_of(task.get("focus"), "QuestionnaireResponse"))
        told = task["status"] == "completed" and first_code(task.get("businessStatus")) in ("told", "told-openly")
        own = ["withdrawn"] if task["status"] == "cancelled" else ["open"] if due > NOW else []
        closed = standing(task.get("executionPeriod", {}).get("end")) if task["status"] == "completed" else None
        days = (closed - at).total_seconds() / 86400 if closed and not own else None
        where = practice.department(task) or department(practice, response)
        where = where or practice.department({}, task.get("owner"))
        groups = (proportion(not own, told, own=own), observed(days))
        yield Unit(f"Task/{task['id']}", practice.person(task.get("for")), at, where, groups)
