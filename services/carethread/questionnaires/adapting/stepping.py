"""One step of an adaptive form: the answers so far in, the next question out, or the whole, completed. Pure.

The next question is the first in document order that is enabled and was not asked. Displays and what nobody may write
come along in their turn, hidden items once they have a value, such as a score. All of it follows from the form and the
answers, so nothing is kept between the steps. Source: http://hl7.org/fhir/uv/sdc/adaptive.html.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Set
from dataclasses import replace
from datetime import datetime
from math import inf
from typing import NamedTuple

from carethread.core.errors import Invalid, Issue
from carethread.core.ports import Resource
from carethread.questionnaires.adapting.growing import is_asked, is_hidden, unfinished, whole
from carethread.questionnaires.adapting.laying import There, laid
from carethread.questionnaires.answering.judging import judge
from carethread.questionnaires.forms.form import Form, Item
from carethread.questionnaires.scoring.calculating import calculate

Clock = Callable[[], datetime]

_STEP = re.compile(r"\.(item|answer)\[(\d+)\]")


class Step(NamedTuple):
    """The linkIds of what was handed out by now, the items of the response, and whether nothing is left to ask."""

    links: frozenset[str]
    items: list[Resource]
    done: bool


def step(form: Form, links: frozenset[str], response: Resource, clock: Clock) -> Step:
    """The next step of a response to which the items of these linkIds were handed out.

    Raises Invalid with all that is wrong with the answers so far, and at the end with the whole; BudgetExceeded.
    """
    so_far = unfinished(form, links)
    _refuse(judge(so_far, response, clock))  # which is a draft: whether each answer is one, and in its place
    answers = _answers(form, response, clock)
    told = {**answers, "status": "completed", "item": _told(answers["item"], links)}
    _refuse(
        [replace(each, expression=_sent(each.expression or "", told, response)) for each in judge(so_far, told, clock)]
    )
    there = There(form, answers)
    asked = {link for link in links if is_asked(form.items[link])} & there.open
    left = _coming(form, asked, there)
    handed = _handed(form, {*asked, left.link_id} if left else asked, there, done=left is None)
    made = Step(handed, _kept(there.root, handed), done=left is None)
    if made.done:
        given = {**response, "status": "completed", "item": made.items}
        _refuse(judge(whole(form, handed), given, clock))
    return made


def _refuse(issues: list[Issue]) -> None:
    wrong = [each for each in issues if each.severity in ("error", "fatal")]
    if wrong:
        raise Invalid(issues=wrong)


def _told(items: list[Resource], links: Set[str]) -> list[Resource]:
    """Of these items those that were handed out."""
    return [_within(each, links) for each in items if each["linkId"] in links]


def _within(holder: Resource, links: Set[str]) -> Resource:
    made = dict(holder)
    if "item" in holder:
        made["item"] = _told(holder["item"], links)
    if "answer" in holder:
        made["answer"] = [_within(each, links) for each in holder["answer"]]
    return made


def _sent(path: str, told: Resource, sent: Resource) -> str:
    """Where a place of what was laid out is in what was sent; what it stands in where it was not sent."""
    where = "QuestionnaireResponse"
    end = path.removeprefix(where)
    while found := _STEP.match(end):
        name, number = found[1], int(found[2])
        inner, there = told[name], sent.get(name, [])
        if name == "item":
            link = inner[number]["linkId"]
            turn = sum(each["linkId"] == link for each in inner[:number])
            same = [n for n, each in enumerate(there) if each["linkId"] == link]
            if turn >= len(same):
                return where
            told, number = inner[number], same[turn]
        else:
            told = inner[number]
        sent, where, end = there[number], f"{where}.{name}[{number}]", end[found.end() :]
    return where + end


def coming(form: Form, links: Set[str], response: Resource, clock: Clock) -> Item | None:
    """The question that comes next where the items of these linkIds were handed out; None where all were asked."""
    return _coming(form, links, There(form, _answers(form, response, clock)))


def _answers(form: Form, response: Resource, clock: Clock) -> Resource:
    return calculate(form, {**response, "item": laid(form.roots, response)}, clock=clock).response


def _coming(form: Form, asked: Set[str], there: There) -> Item | None:
    waiting = (each for each in form.items.values() if each.link_id in there.open and each.link_id not in asked)
    return next((each for each in waiting if is_asked(each)), None)


def _handed(form: Form, questions: Set[str], there: There, *, done: bool) -> frozenset[str]:
    """These questions, what comes along with them, and the groups around it all."""
    last = inf if done else max((form.items[link].place for link in questions), default=-1)
    found = set(questions)
    for item in form.items.values():
        if item.link_id not in there.open or item.type == "group" or is_asked(item):
            continue
        parent = item.parent.link_id if item.parent and item.parent.type != "group" else None
        if parent is not None and parent not in found:
            continue
        if is_hidden(item):
            if item.link_id in there.valued:
                found.add(item.link_id)
        elif item.place < last or (parent is not None and item.type == "display"):
            found.add(item.link_id)
    for link in list(found):
        around = form.items[link].parent
        while around is not None and around.link_id not in found:
            found.add(around.link_id)
            around = around.parent
    return frozenset(found)


def _kept(items: list[Resource], links: Set[str]) -> list[Resource]:
    """Of these items those that were handed out and say something."""
    made: list[Resource] = []
    for each in items:
        if each["linkId"] not in links:
            continue
        one = {name: value for name, value in each.items() if name not in ("item", "answer")}
        if answers := [_answer(answer, links) for answer in each.get("answer", ())]:
            made.append({**one, "answer": answers})
        elif inner := _kept(each.get("item", []), links):
            made.append({**one, "item": inner})
    return made


def _answer(answer: Resource, links: Set[str]) -> Resource:
    one = {name: value for name, value in answer.items() if name != "item"}
    inner = _kept(answer.get("item", []), links)
    return {**one, "item": inner} if inner else one
