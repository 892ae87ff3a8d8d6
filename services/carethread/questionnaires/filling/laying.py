"""A response laid out as the page shows it: each item where it stands, what was answered, what is off. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from carethread.core.ports import Resource
from carethread.questionnaires.answering.judging import disabled
from carethread.questionnaires.filling.choices import choices_of, slots
from carethread.questionnaires.filling.controls import NONE, SOME, aside, control_of, is_open
from carethread.questionnaires.filling.names import Where
from carethread.questionnaires.filling.reading import Numbers, Place
from carethread.questionnaires.forms.form import Form, Item
from carethread.questionnaires.forms.values import typed_value


class Within(NamedTuple):
    """An occurrence of a group, or an answer: its number, the answer (empty for an occurrence), and what is in it."""

    number: int
    answer: Resource
    nodes: list[Node]
    path: str


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """One item where it stands: `where` is that of what it stands in, and `around` the path of that; `path` is its own,
    empty where the response has nothing of it. `control` is by what it is answered; `off`: it is disabled."""

    item: Item
    where: Where
    path: str
    around: str
    control: str
    off: bool
    within: list[Within]

    @property
    def place(self) -> Place:
        return Place(self.where, self.item.link_id)

    @property
    def answers(self) -> list[Resource]:
        return [each.answer for each in self.within if each.answer]

    @property
    def is_asked(self) -> bool:
        """Whether it is a question that can be answered on the page."""
        return self.control not in ("group", "display", NONE) and is_open(self.item)


def lay(form: Form, response: Resource, numbers: Numbers) -> list[Node]:
    """The form's items with what a response has of each, by the numbers under which it stands on the page: those that
    are given, else from 0 on. It goes as deep as the form, and the response is as deep."""
    layer = _Layer(form, numbers)
    whole = layer.roomy(form.roots, response, ())
    return list(layer.below(form.roots, whole, "QuestionnaireResponse", (), disabled(form, whole)))


def walk(nodes: Sequence[Node], *, off: bool = False) -> Iterator[Node]:
    """All nodes in document order, without those that are off and what is in them unless `off`."""
    waiting = list(reversed(nodes))
    while waiting:
        node = waiting.pop()
        if node.off and not off:
            continue
        yield node
        waiting += [inner for each in reversed(node.within) for inner in reversed(each.nodes)]


@dataclass(frozen=True, slots=True)
class _Layer:
    form: Form
    given: Numbers

    def roomy(self, expected: Sequence[Item], holder: Resource, where: Where) -> Resource:
        """The response, a group or an answer with every group in it that the page shows, each behind all that is there:
        so what is there keeps its path."""
        known = {item.link_id: item for item in expected}
        counts = Counter(given["linkId"] for given in holder.get("item", ()))
        numbers = {item.link_id: self._groups(item, where, counts[item.link_id]) for item in expected}
        seen: Counter[str] = Counter()
        made: list[Resource] = []
        for given in holder.get("item", ()):
            link = given["linkId"]
            number = numbers[link][seen[link]] if numbers.get(link) else 0
            made.append(self._inside(known.get(link), given, where, number))
            seen[link] += 1
        for item in expected:
            more = numbers[item.link_id][counts[item.link_id] :]
            made += [self.roomy(item.children, {"linkId": item.link_id}, (*where, number)) for number in more]
        return {**holder, "item": made} if made else holder

    def _groups(self, item: Item, where: Where, count: int) -> Sequence[int]:
        """The numbers of a group's occurrences, of which the response has so many; none of what is no group."""
        if item.type != "group":
            return ()
        given = self.given.get(Place(where, item.link_id), ()) if item.repeats else ()
        return given if len(given) >= max(1, count) else range(max(1, count))

    def _inside(self, item: Item | None, given: Resource, where: Where, number: int) -> Resource:
        if item is None:
            return given
        if item.type == "group":
            return self.roomy(item.children, given, (*where, number))
        if not item.children or "answer" not in given:
            return given
        answers = given["answer"]
        numbers = self._numbers(item, answers, where)
        return {
            **given,
            "answer": [self.roomy(item.children, each, (*where, n)) for n, each in zip(numbers, answers, strict=True)],
        }

    def below(
        self, expected: Sequence[Item], holder: Resource, path: str, where: Where, off: set[tuple[str, str]]
    ) -> Iterator[Node]:
        """The nodes of what stands in the response, a group or an answer."""
        found: dict[str, list[tuple[str, Resource]]] = {}
        for number, given in enumerate(holder.get("item", ())):
            found.setdefault(given["linkId"], []).append((f"{path}.item[{number}]", given))
        for item in expected:
            if item.hidden or aside(item):
                continue
            there = found.get(item.link_id, [])
            within = [
                Within(number, answer, list(self.below(item.children, inner, at, (*where, number), off)), at)
                for number, answer, inner, at in self._within(item, there, where)
            ]
            first = there[0][0] if there else ""
            control = control_of(item, self.form)
            yield Node(item, where, first, path, control, (path, item.link_id) in off, within)

    def _within(
        self, item: Item, there: Sequence[tuple[str, Resource]], where: Where
    ) -> list[tuple[int, Resource, Resource, str]]:
        """The occurrences of a group as they stand on the page, or the answers to a question: number, answer, what
        holds items, and its path."""
        if item.type == "group":
            numbers = self._groups(item, where, len(there))
            return sorted(
                ((number, {}, given, path) for number, (path, given) in zip(numbers, there, strict=True)),
                key=lambda each: each[0],
            )
        if not there:
            return []
        path, given = there[0]
        answers = given.get("answer", [])
        numbers = self._numbers(item, answers, where)
        return [
            (number, each, each, f"{path}.answer[{n}]")
            for n, (number, each) in enumerate(zip(numbers, answers, strict=True))
        ]

    def _numbers(self, item: Item, answers: Sequence[Resource], where: Where) -> Sequence[int]:
        """Under which numbers stands what is asked about each answer."""
        if control_of(item, self.form) != SOME:
            given = self.given.get(Place(where, item.link_id), ())
            return given[: len(answers)] if len(given) >= len(answers) else range(len(answers))
        return slots(choices_of(item, self.form), [typed_value(each) for each in answers])
