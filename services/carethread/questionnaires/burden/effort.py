"""What it took to answer a form, by the versions of the response that were saved. Pure.

| fact | is |
|---|---|
| worked | the time between saves that changed something, without pauses: a gap that is longer than the form allows is none of it, for nobody knows who was there. It begins with the first version; of what was assigned, with the first that has an item |
| given | answers of the version that completes it, without those that are worked out |
| prefilled | answers that were marked as filled in before somebody answered, in whatever version |
| changed | those of them that the version that completes it does not have any more, or not with the mark |

Nothing but saves is looked at: no keystroke, no mouse, no screen. So `worked` is the least that it can have been, and 0
where nothing is known: of what came complete at once nobody can say whether a hand or a machine has written it.
Source of the marks: `populating.marks`.
"""  # noqa: E501 - a table

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from carethread.core.fhir import json
from carethread.core.fhir.elements import extension
from carethread.core.ports import Resource
from carethread.core.service import PROFILES
from carethread.questionnaires.assigning.assignment import ASSIGNMENT
from carethread.questionnaires.forms.form import Form
from carethread.questionnaires.populating.known import length
from carethread.questionnaires.populating.marks import PREFILLED
from carethread.questionnaires.scoring.calculating import CALCULATED

LONGEST_PAUSE = PROFILES + "longest-pause"
"""The extension of a Questionnaire that says how long a gap between two saves may be."""

PAUSE = 300_000_000
"""The longest gap where the form does not say it: 5 minutes, in microseconds. There is no agreed length: see the review
https://doi.org/10.1093/jamia/ocz196."""


class Save(NamedTuple):
    """A version of a response, and when it was stored, in microseconds."""

    at: int
    response: Resource


class Work(NamedTuple):
    """See the table above; lengths are microseconds."""

    worked: int
    given: int
    prefilled: int
    changed: int


def begun(response: Resource) -> bool:
    """Whether somebody has begun by this version: a draft that waits for them, and has no item, is none."""
    return "item" in response or not extension(response, ASSIGNMENT)


def pause_of(form: Form) -> int:
    """How long a gap between two saves may be, in microseconds."""
    said = extension(form.raw, LONGEST_PAUSE).get("valueDuration")
    return (length(said) if said else None) or PAUSE


def work(form: Form, saves: Sequence[Save]) -> Work:
    """What it took by the versions of a response, oldest first; the last one completes it."""
    first = next((n for n, each in enumerate(saves) if begun(each.response)), len(saves) - 1)
    given, marks = answers(form, saves[-1].response)
    most = marks
    for each in saves[:-1]:
        most = most | answers(form, each.response)[1]
    return Work(
        worked=_worked(saves[first:], pause_of(form)),
        given=given,
        prefilled=most.total(),
        changed=(most - marks).total(),
    )


def _worked(saves: Sequence[Save], pause: int) -> int:
    last, total = saves[0].at, 0
    for before, after in pairwise(saves):
        if any(before.response.get(name) != after.response.get(name) for name in ("item", "status")):
            if 0 < after.at - last <= pause:
                total += after.at - last
            last = after.at
    return total


def answers(form: Form, response: Resource) -> tuple[int, Counter[tuple[str, bytes]]]:
    """How many answers somebody gives, and those that are marked as prefilled: the question with the value."""
    asked, given, marks = _asked(form), 0, Counter[tuple[str, bytes]]()
    for link_id, answer in _all(response):
        if link_id in asked and (value := {name: answer[name] for name in answer if name.startswith("value")}):
            given += 1
            if extension(answer, PREFILLED):
                marks[link_id, json.render(value)] += 1
    return given, marks


@lru_cache(maxsize=256)
def _asked(form: Form) -> frozenset[str]:
    """The questions that somebody answers: what is worked out is not among them."""
    return frozenset(
        link_id for link_id, item in form.items.items() if not item.read_only and not item.extension(CALCULATED)
    )


def _all(response: Resource) -> Iterator[tuple[str, Resource]]:
    """Each answer of a response with the linkId of its question, however deep."""
    waiting = list(response.get("item", ()))
    while waiting:
        item = waiting.pop()
        waiting += item.get("item", ())
        for answer in item.get("answer", ()):
            yield item.get("linkId", ""), answer
            waiting += answer.get("item", ())
