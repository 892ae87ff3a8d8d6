"""Going through a QuestionnaireResponse along its form: each of its items with the item of the form that it answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from carethread.core.ports import Resource
from carethread.questionnaires.forms.form import Form, Item


class Answered(NamedTuple):
    """An item of the form, what a response has for it, and where that stands, as a FHIRPath from the response.

    An item that repeats may be answered several times: a group as several of these, a question as several answers.
    """

    item: Item
    given: Resource
    path: str


def walk(form: Form, response: Resource) -> Iterator[Answered]:
    """Each item of a response that stands where the form has it, in the response's order, parents first.

    What the form does not have there is left out, with all that is in it. The response is valid R4. It takes time in
    proportion to the response, and no recursion.
    """
    waiting = _below(response, "QuestionnaireResponse", form, None)
    while waiting:
        answered = waiting.pop()
        yield answered
        item, given, path = answered
        waiting += [
            inner
            for n in reversed(range(len(given.get("answer", ()))))
            for inner in _below(given["answer"][n], f"{path}.answer[{n}]", form, item)
        ]
        waiting += _below(given, path, form, item)


def _below(holder: Resource, path: str, form: Form, parent: Item | None) -> list[Answered]:
    """What is known of an item's or an answer's items, the last first."""
    inner = holder.get("item", ())
    return [
        Answered(item, inner[n], f"{path}.item[{n}]")
        for n in reversed(range(len(inner)))
        if (item := standing(form, inner[n], parent)) is not None
    ]


def standing(form: Form, given: Resource, parent: Item | None) -> Item | None:
    """The item that an item of a response answers, if the form has it there: within `parent`; None: at the top."""
    item = form.items.get(given.get("linkId", ""))
    return item if item is not None and item.parent is parent else None
