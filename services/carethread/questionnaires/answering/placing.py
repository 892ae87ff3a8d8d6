"""A response laid upon its form: what there is of each item, where, and what stands where the form has nothing.

Source: http://hl7.org/fhir/R4/questionnaireresponse.html#notes. A group is there as often as it was answered; a
question once, with several answers, each of which holds the items that are asked about it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from carethread.core.fhir.validation.report import shown
from carethread.core.ports import Resource
from carethread.questionnaires.answering.report import Report
from carethread.questionnaires.forms.form import Form, Item
from carethread.questionnaires.forms.values import typed_value

_UNANSWERED = ("group", "display", "question")

_STEP = re.compile(r"\.(item|answer)\[(\d+)\]")


class Answer(NamedTuple):
    """One answer's value, of FHIR type `kind`."""

    kind: str
    value: Any
    path: str


@dataclass(slots=True, eq=False)
class Entry:
    """One item of a response, within what it stands in. `holders` are what other items may stand in: the group itself,
    or each answer."""

    item: Item
    given: Resource
    path: str
    within: Holder
    answers: list[Answer] = field(default_factory=list)
    holders: list[Holder] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Holder:
    """Where items stand: the response, a group, an answer. `entry` is whose it is, None for the response.

    `off` are the linkIds of the form's items here that are disabled.
    """

    given: Resource
    path: str
    parent: Holder | None
    entry: Entry | None
    found: dict[str, list[Entry]] = field(default_factory=dict)
    off: set[str] = field(default_factory=set)

    def entries(self, link: str) -> Sequence[Entry]:
        """What there is of an item, unless it is disabled."""
        return () if link in self.off else self.found.get(link, ())


Holders = Mapping[str, list[Holder]]
"""By the linkId of the item that they are of, empty for the response itself; in document order."""


def placed(form: Form, response: Resource, report: Report) -> Holders:
    """All that holds items. What has no place in the form is reported, and left out with all that is in it."""
    root = Holder(response, "QuestionnaireResponse", None, None)
    holders: dict[str, list[Holder]] = {"": [root]}
    waiting = [root]
    while waiting:
        holder = waiting.pop()
        inner: list[Holder] = []
        for entry in _entries(holder, form, report):
            holder.found.setdefault(entry.item.link_id, []).append(entry)
            holders.setdefault(entry.item.link_id, []).extend(entry.holders)
            inner += [each for each in entry.holders if "item" in each.given]
        waiting += reversed(inner)
    return holders


def _entries(holder: Holder, form: Form, report: Report) -> list[Entry]:
    """The items in a holder that the form has there, in order."""
    parent = holder.entry.item if holder.entry else None
    found: list[Entry] = []
    last = -1
    for number, given in enumerate(holder.given.get("item", ())):
        path = f"{holder.path}.item[{number}]"
        item = form.items.get(given.get("linkId", ""))
        if item is None:
            told = f"The form has no item '{shown(given.get('linkId', ''))}'."
            report.add("not-found", f"{path}.linkId", told)
        elif item.parent is not parent:
            report.add("structure", path, _misplaced(item))
        else:
            if item.place < last:
                told = f"The item '{item.link_id}' is not in the form's order: it stands before the one here before it."
                report.add("structure", path, told)
            last = max(last, item.place)
            found.append(_entry(item, given, path, holder, report))
    return found


def _misplaced(item: Item) -> str:
    if item.parent is None:
        return f"The item '{item.link_id}' stands at the top of the form, not within another item."
    where = "within the item" if item.parent.type in _UNANSWERED else "within an answer of the item"
    return f"The item '{item.link_id}' stands {where} '{item.parent.link_id}'."


def _entry(item: Item, given: Resource, path: str, holder: Holder, report: Report) -> Entry:
    entry = Entry(item, given, path, holder)
    answers = given.get("answer", ())
    if item.type in _UNANSWERED:
        if answers:
            told = f"The item '{item.link_id}' is of type {item.type}, which has no answers."
            report.add("structure", f"{path}.answer", told)
        entry.holders.append(Holder(given, path, holder, entry))
        return entry
    if "item" in given:
        told = f"What is asked about an answer stands within it: move the items into '{item.link_id}'.answer."
        report.add("structure", f"{path}.item", told)
    for number, answer in enumerate(answers):
        kind, value = typed_value(answer)
        where = f"{path}.answer[{number}]"
        if kind:
            entry.answers.append(Answer(kind, value, where))
        entry.holders.append(Holder(answer, where, holder, entry))
    return entry


def as_sent(path: str | None, made: Resource, sent: Resource) -> str | None:
    """Where a place in a response is in what was sent, to which `made` has more items, such as calculated ones; of what
    is in none of those that were sent, where it would stand."""
    root = "QuestionnaireResponse"
    if path is None or not path.startswith(root):
        return path
    found, end = root, len(root)
    while step := _STEP.match(path, end):
        name, number = step[1], int(step[2])
        there, here = made[name], sent.get(name, ())
        if name == "item":
            same = [n for n, each in enumerate(here) if each.get("linkId") == there[number].get("linkId")]
            before = sum(each.get("linkId") == there[number].get("linkId") for each in there[:number])
            here_number = same[before] if before < len(same) else len(here)
        else:
            here_number = number
        if here_number >= len(here):
            return found
        found, end = f"{found}.{name}[{here_number}]", step.end()
        made, sent = there[number], here[here_number]
    return found + path[end:]
