"""A Questionnaire read once: its items with what they ask, by linkId and in document order.

Source: http://hl7.org/fhir/R4/questionnaire.html. What cannot be read as one is told by `forms.faults`, all of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from carethread.core.errors import Invalid
from carethread.core.fhir.elements import extension
from carethread.core.ports import Resource
from carethread.questionnaires.forms.faults import faults_of
from carethread.questionnaires.forms.values import typed_value

HIDDEN = "http://hl7.org/fhir/StructureDefinition/questionnaire-hidden"
EXCLUSIVE = "http://hl7.org/fhir/StructureDefinition/questionnaire-optionExclusive"

PROFILE = "https://carethread.dev/fhir/StructureDefinition/questionnaire"


class Condition(NamedTuple):
    """One enableWhen: `answer` is of FHIR type `kind`."""

    question: str
    operator: str
    kind: str
    answer: Any


class Option(NamedTuple):
    """One answerOption: its value of FHIR type `kind`, whether it excludes all others, and itself."""

    kind: str
    value: Any
    exclusive: bool
    raw: Resource


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """A group, question or display. `path` is where it stands, `place` which one it is in document order, from 0.

    `any_enables`: one of `enable_when` suffices, else all are needed. `codes` are Codings, `value_set` a canonical,
    `definition` a uri; each empty where there is none. `max_length` is None where there is no limit.
    """

    link_id: str
    type: str
    text: str
    required: bool
    repeats: bool
    read_only: bool
    hidden: bool
    max_length: int | None
    enable_when: tuple[Condition, ...]
    any_enables: bool
    options: tuple[Option, ...]
    value_set: str
    codes: tuple[Resource, ...]
    definition: str
    path: str
    place: int
    raw: Resource = field(repr=False)
    parent: Item | None = field(repr=False)
    children: tuple[Item, ...] = field(default=(), repr=False)

    def extension(self, url: str) -> Mapping[str, Any]:
        """The item's extension of that URL; empty where there is none."""
        return extension(self.raw, url)

    def extensions(self, url: str) -> list[Resource]:
        """All of its extensions of that URL."""
        return [each for each in self.raw.get("extension", ()) if each.get("url") == url]


@dataclass(frozen=True, slots=True, eq=False)
class Form:
    """A Questionnaire. `items` are all of them by linkId, in document order; `roots` those at the top."""

    url: str
    version: str
    status: str
    title: str
    raw: Resource = field(repr=False)
    roots: tuple[Item, ...] = field(repr=False)
    items: Mapping[str, Item] = field(repr=False)

    @property
    def canonical(self) -> str:
        """`url|version`, or only the url where there is no version."""
        return f"{self.url}|{self.version}" if self.version else self.url


def read(questionnaire: Resource) -> Form:
    """The form of a Questionnaire that is valid R4. Raises Invalid with every fault that it has beyond that."""
    if faults := faults_of(questionnaire):
        raise Invalid(issues=faults)
    items = {item.link_id: item for item in _items(questionnaire)}
    children: dict[Item | None, list[Item]] = {}
    for item in items.values():
        children.setdefault(item.parent, []).append(item)
    for item in items.values():
        object.__setattr__(item, "children", tuple(children.get(item, ())))
    return Form(
        url=questionnaire.get("url", ""),
        version=questionnaire.get("version", ""),
        status=questionnaire.get("status", ""),
        title=questionnaire.get("title", ""),
        raw=questionnaire,
        roots=tuple(children.get(None, ())),
        items=items,
    )


def _items(questionnaire: Resource) -> Iterator[Item]:
    """All items in document order, each after its parent, still without children."""
    waiting = _below(questionnaire, "Questionnaire", None)
    place = 0
    while waiting:
        raw, path, parent = waiting.pop()
        item = _item(raw, path, place, parent)
        yield item
        place += 1
        waiting += _below(raw, path, item)


def _below(raw: Resource, path: str, parent: Item | None) -> list[tuple[Resource, str, Item | None]]:
    """What is in an item, the last first."""
    inner = raw.get("item", ())
    return [(inner[n], f"{path}.item[{n}]", parent) for n in reversed(range(len(inner)))]


def _item(raw: Resource, path: str, place: int, parent: Item | None) -> Item:
    return Item(
        link_id=raw["linkId"],
        type=raw["type"],
        text=raw.get("text", ""),
        required=raw.get("required", False),
        repeats=raw.get("repeats", False),
        read_only=raw.get("readOnly", False),
        hidden=bool(extension(raw, HIDDEN).get("valueBoolean")),
        max_length=raw.get("maxLength"),
        enable_when=tuple(_condition(each) for each in raw.get("enableWhen", ())),
        any_enables=raw.get("enableBehavior") == "any",
        options=tuple(_option(each) for each in raw.get("answerOption", ())),
        value_set=raw.get("answerValueSet", ""),
        codes=tuple(raw.get("code", ())),
        definition=raw.get("definition", ""),
        path=path,
        place=place,
        raw=raw,
        parent=parent,
    )


def _condition(raw: Resource) -> Condition:
    kind, answer = typed_value(raw, "answer")
    return Condition(raw["question"], raw["operator"], kind, answer)


def _option(raw: Resource) -> Option:
    kind, value = typed_value(raw, "value")
    return Option(kind, value, bool(extension(raw, EXCLUSIVE).get("valueBoolean")), raw)
