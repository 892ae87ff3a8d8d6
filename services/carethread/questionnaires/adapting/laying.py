"""A response to an adaptive form laid out on the whole form, so that it is known what is enabled where. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from carethread.core.ports import Resource
from carethread.questionnaires.adapting.growing import is_asked
from carethread.questionnaires.answering.judging import disabled
from carethread.questionnaires.forms.form import Form, Item
from carethread.questionnaires.scoring.calculating import CALCULATED


def laid(expected: tuple[Item, ...], holder: Resource) -> list[Resource]:
    """The items of a response, with all groups there, so that what stands in them is decided about too. What is worked
    out is taken out, to be worked out anew; what is fixed is as the form has it."""
    found: dict[str, list[Resource]] = {}
    for each in holder.get("item", ()):
        found.setdefault(each.get("linkId", ""), []).append(each)
    made: list[Resource] = []
    for item in expected:
        given = found.get(item.link_id, [])
        if item.type == "group":
            made += [{**each, "item": laid(item.children, each)} for each in given or [_named(item)]]
        elif is_asked(item) or not (item.extension(CALCULATED) or item.raw.get("initial")):
            made += [{**each, **_inner(item, each)} for each in given]
        elif not item.extension(CALCULATED):
            made.append({**_named(item), "answer": [_value(each) for each in item.raw["initial"]]})
    return made


def _inner(item: Item, given: Resource) -> Resource:
    if "answer" not in given or not item.children:
        return {}
    return {"answer": [{**each, "item": laid(item.children, each)} for each in given["answer"]]}


def _named(item: Item) -> Resource:
    return {"linkId": item.link_id, **({"text": item.text} if item.text else {})}


def _value(initial: Resource) -> Resource:
    return {name: value for name, value in initial.items() if name.lstrip("_").startswith("value")}


class There:
    """A response as it is laid out: what of the form is enabled somewhere in it, and what has an answer."""

    def __init__(self, form: Form, response: Resource) -> None:
        self.open: set[str] = set()
        self.valued: set[str] = set()
        self._off = disabled(form, response)
        self.root = list(self._enabled(form.roots, response, "QuestionnaireResponse"))

    def _enabled(self, expected: tuple[Item, ...], holder: Resource, path: str) -> Iterator[Resource]:
        """What is enabled of what stands in the response, a group or an answer."""
        found: dict[str, list[tuple[str, Resource]]] = {}
        for number, each in enumerate(holder.get("item", ())):
            found.setdefault(each.get("linkId", ""), []).append((f"{path}.item[{number}]", each))
        for item in expected:
            if (path, item.link_id) in self._off:
                continue
            self.open.add(item.link_id)
            if item.type != "group":  # what is told beside a question is told with it
                self.open |= {each.link_id for each in item.children if each.type == "display"}
            for where, given in found.get(item.link_id, ()):
                yield self._within(item, given, where)

    def _within(self, item: Item, given: Resource, path: str) -> Resource:
        if item.type == "group":
            return {**given, "item": list(self._enabled(item.children, given, path))}
        if "answer" not in given:
            return given
        self.valued.add(item.link_id)
        answers = [
            {**each, "item": list(self._enabled(item.children, each, f"{path}.answer[{n}]"))}
            for n, each in enumerate(given["answer"])
        ]
        return {**given, "answer": answers}
