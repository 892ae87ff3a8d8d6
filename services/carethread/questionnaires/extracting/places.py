"""A response as a tree of what answers the items of its form, each with a name of its place.

The name is the same whatever stands beside it: of groups that repeat it counts, of several answers to one question it
says the answer, so that the same answers in another order are the same. It is what the ids follow from of all that is
extracted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from carethread.core.fhir import json
from carethread.core.ports import Resource
from carethread.questionnaires.answering.walking import standing
from carethread.questionnaires.forms.form import Form, Item
from carethread.questionnaires.forms.values import VALUES, typed_value


@dataclass(slots=True, eq=False)
class Answer:
    """One answer: its value of FHIR type `kind`, and the items inside it."""

    kind: str
    value: Any
    raw: Resource
    place: str
    path: str
    below: list[Given] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Given:
    """One item of a response: what it answers, where it stands (`path`, a FHIRPath), its place, and its answers."""

    item: Item
    raw: Resource
    place: str
    path: str
    answers: list[Answer] = field(default_factory=list)
    below: list[Given] = field(default_factory=list)

    @property
    def children(self) -> Iterator[Given]:
        """All items below, those inside answers too."""
        yield from self.below
        for answer in self.answers:
            yield from answer.below

    @property
    def answered(self) -> bool:
        """Whether anything is answered here or below; as deep as the form at most."""
        return any(answer.kind for answer in self.answers) or any(each.answered for each in self.children)


def placed(form: Form, response: Resource) -> list[Given]:
    """The items at the top of a response that the form has there, with all that is below them.

    What the form does not have there is left out. It goes as deep as the form does, which is bounded.
    """
    return _below(response, "QuestionnaireResponse", form, None, "")


def _below(holder: Resource, path: str, form: Form, parent: Item | None, place: str) -> list[Given]:
    counts: Counter[str] = Counter()
    found = []
    for number, raw in enumerate(holder.get("item", ())):
        item = standing(form, raw, parent)
        if item is None:
            continue
        turn = counts[item.link_id]
        counts[item.link_id] += 1
        inner = f"{place}/{turn}" if turn else place
        given = Given(item, raw, inner, f"{path}.item[{number}]")
        given.answers = list(_answers(given, form))
        given.below = _below(raw, given.path, form, item, inner)
        found.append(given)
    return found


def _answers(given: Given, form: Form) -> Iterator[Answer]:
    raws = given.raw.get("answer", ())
    several = given.item.repeats or len(raws) > 1
    for number, raw in enumerate(raws):
        kind, value = typed_value(raw)
        place = f"{given.place}/{_said(raw)}" if several else given.place
        path = f"{given.path}.answer[{number}]"
        below = _below(raw, path, form, given.item, place) if "item" in raw else []
        yield Answer(kind, value, raw, place, path, below)


def _said(raw: Resource) -> str:
    """An answer, in a few letters."""
    value = {name: each for name, each in raw.items() if name in VALUES}
    return sha256(json.render(_sorted(value))).hexdigest()[:16]


def _sorted(value: Any) -> Any:
    """A JSON value whose members are in order of their names; a data type is not deep."""
    if isinstance(value, dict):
        return {name: _sorted(value[name]) for name in sorted(value)}
    return [_sorted(each) for each in value] if isinstance(value, list) else value
