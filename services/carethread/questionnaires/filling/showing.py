"""The questions as the templates write them: what is asked, what stands there, what is said beside it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from carethread.core.fhir.elements import extension
from carethread.core.ports import Resource
from carethread.questionnaires.filling import limits
from carethread.questionnaires.filling.blocks import Block, Field, Line, Occurrence, Option
from carethread.questionnaires.filling.choices import Choice, choices_of, units_of
from carethread.questionnaires.filling.controls import LIST, ONE, SOME, aside, is_chosen, is_open, marked
from carethread.questionnaires.filling.helping import Help
from carethread.questionnaires.filling.keeping import fields_of
from carethread.questionnaires.filling.laying import Node, Within, walk
from carethread.questionnaires.filling.names import (
    ASKED,
    DAY,
    GROUP,
    MONTH,
    OTHER,
    TIME,
    UNIT,
    VALUE,
    YEAR,
    Name,
    Where,
)
from carethread.questionnaires.filling.reading import ANOTHER, Numbers, Place, Wrong, free, others
from carethread.questionnaires.filling.values import PARTS, Written, written
from carethread.questionnaires.filling.words import word
from carethread.questionnaires.forms.comparing import key as key_of
from carethread.questionnaires.forms.expressions import CORE
from carethread.questionnaires.forms.form import Form, Item
from carethread.questionnaires.forms.values import typed_value
from carethread.questionnaires.populating.marks import INITIAL, PREFILLED, RESPONSE
from carethread.questionnaires.rendering.values import Tongue, value_of
from carethread.questionnaires.rendering.words import Words, said
from carethread.questionnaires.safety.reaching import Reached

_LABELS = {YEAR: "year", MONTH: "month", DAY: "day", TIME: "time", VALUE: "number", UNIT: "unit"}
_MODES = {"integer": "numeric", "decimal": "decimal", "quantity": "decimal", "url": "url"}
_NUMERIC = ("numeric", "decimal")
_ORIENTATION, _FORMAT = CORE + "questionnaire-choiceOrientation", CORE + "entryFormat"
_DATES = {"en": (MONTH, DAY, YEAR), "es": (DAY, MONTH, YEAR)}


@dataclass(frozen=True, slots=True)
class Shower:
    """What holds for the whole page. It goes as deep as the form."""

    form: Form
    language: str
    zone: ZoneInfo
    complaints: Mapping[Place, str]
    helps: Sequence[Help]
    wrong: Mapping[Place, Sequence[Wrong]]
    numbers: Numbers
    told: Reached

    def blocks(self, nodes: Sequence[Node], level: int) -> tuple[Block, ...]:
        return tuple(block for node in nodes for block in self._block(node, level))

    def _block(self, node: Node, level: int) -> Iterator[Block]:
        if node.off:
            kept = tuple(fields_of([node], self.form, self.zone))
            if kept:
                yield Block("aside", _id(node, "k"), Words(""), kept=kept)
        elif node.item.type == "display":
            yield Block("note", _id(node), self._text(node.item))
        elif node.item.type == "group":
            yield self._group(node, level)
        elif not is_open(node.item):
            told = tuple(each for answer in node.answers if (each := self._told(node.item, answer)))
            if told:
                yield Block("output", _id(node), self._text(node.item), output=told)
        elif node.is_asked:
            yield self._question(node, level)
        else:
            told = tuple(each for answer in node.answers if (each := self._told(node.item, answer)))
            yield Block(
                "none", _id(node), self._text(node.item), output=told, error=self.complaints.get(node.place, "")
            )

    def _group(self, node: Node, level: int) -> Block:
        item, id_ = node.item, _id(node)
        text = self._text(item)
        inner = min(level + 1, 6) if text.text else level
        several = item.repeats
        occurrences = tuple(
            Occurrence(
                f"{id_}-{each.number}",
                str(Name(GROUP, (*node.where, each.number), item.link_id)),
                word("of-group", self.language, text=text.text or word("entry", self.language), number=ordinal),
                _wish("remove", (*node.where, each.number), item) if several and _is_there(node, each) else "",
                word("remove-group", self.language, number=ordinal, text=text.text),
                self.blocks(each.nodes, min(inner + several, 6)),
            )
            for ordinal, each in enumerate(node.within, 1)
        )
        return Block(
            "group",
            id_,
            text,
            level,
            focus=id_,
            hints=tuple(self._hints(item)),
            error=self.complaints.get(node.place, ""),
            occurrences=occurrences,
            add=_wish("add", node.where, item) if several else "",
            add_label=word("add-group", self.language, text=text.text or word("entry", self.language)),
            several=several,
        )

    def _question(self, node: Node, level: int) -> Block:
        item, id_ = node.item, _id(node)
        asked = Block(
            node.control,
            id_,
            self._text(item),
            level,
            mark=str(Name(ASKED, node.where, item.link_id)),
            name=str(Name(VALUE, node.where, item.link_id)),
            required=item.required,
            hints=tuple(self._hints(item)),
            ends=tuple(self._ends(item)),
            error=self.complaints.get(node.place, ""),
            prefilled=self._prefilled(node.answers),
            help=tuple(each for each in self.helps if item.link_id in each.links),
            told=self.told,
        )
        if is_chosen(node.control):
            return self._choice(node, asked)
        lines = tuple(self._lines(node, level))
        return replace(
            asked,
            kind="written",
            focus=lines[0].fields[0].id,
            lines=lines,
            add=_wish("add", node.where, item) if item.repeats else "",
            add_label=f"{word('add', self.language)}: {asked.text.text}",
            several=item.repeats,
        )

    def _choice(self, node: Node, asked: Block) -> Block:
        """What is chosen. What is asked about an answer stands under its box, or below all where there is one."""
        item = node.item
        choices = choices_of(item, self.form)
        chosen = {key_of(*typed_value(each)) for each in node.answers}
        within = {each.number: each for each in node.within}
        options: list[Option] = []
        for number, each in enumerate([*choices, *others(item, choices, node.answers)]):
            is_on = key_of(each.kind, each.value) in chosen
            about = within.get(number) if node.control == SOME and is_on else None
            inner = self.blocks(about.nodes, asked.level) if about else ()
            options.append(Option(f"{asked.id}-{number}", each.key, self._choice_text(each), is_on, inner))
        apart = free(item, choices, node.answers)
        other, other_option = self._other(node, asked, str(apart["valueString"]) if apart else "")
        if node.control == ONE and not item.required and node.answers and other is None:
            options.append(Option(f"{asked.id}-n", "", Words(word("none", self.language)), chosen=False))
        last = node.within[-1] if node.within and (apart is not None or node.control != SOME) else None
        under = self.blocks(last.nodes, asked.level) if last else ()
        return replace(
            asked,
            focus=asked.id if node.control == LIST else options[0].id,
            options=tuple(options),
            other=other,
            other_option=other_option,
            in_row=item.extension(_ORIENTATION).get("valueCode") == "horizontal",
            lines=(Line((), within=under),) if under else (),
            several=node.control == SOME,
        )

    def _other(self, node: Node, asked: Block, text: str) -> tuple[Field | None, Option | None]:
        """What can be written instead of chosen, and what is chosen for that."""
        if node.item.type != "open-choice":
            return None, None
        name = str(Name(OTHER, node.where, node.item.link_id))
        field = Field(f"{asked.id}-ot", name, "line", word("other-text", self.language), text)
        return field, Option(f"{asked.id}-o", ANOTHER, Words(word("other", self.language)), bool(text))

    def _lines(self, node: Node, level: int) -> Iterator[Line]:
        """The answers that are written, those that cannot be read, and room for more."""
        told: dict[int, tuple[Written, Within | None]] = {}
        for each in node.within:
            there = written(node.item.type, each.answer, self.zone)
            if there is not None:
                told[each.number] = there, each
        told |= {each.number: (each.fields, None) for each in self.wrong.get(node.place, ())}
        kept = {each.number for each in node.within}
        told |= {number: ({}, None) for number in self.numbers.get(node.place, ()) if number not in told.keys() | kept}
        if not told:
            told[max(kept, default=-1) + 1] = {}, None
        lines = sorted(told.items())[: None if node.item.repeats else 1]
        for ordinal, (number, (there, within)) in enumerate(lines, 1):
            fields = tuple(self._fields(node, number, ordinal, there))
            removable = node.item.repeats and len(lines) > 1
            yield Line(
                fields,
                _wish("remove", (*node.where, number), node.item) if removable else "",
                word("remove-answer", self.language, number=ordinal, text=self._text(node.item).text),
                self.blocks(within.nodes, level) if within else (),
            )

    def _fields(self, node: Node, number: int, ordinal: int, there: Written) -> Iterator[Field]:
        item, id_ = node.item, _id(node)
        parts = PARTS[item.type]
        if YEAR in parts:
            parts = (*_DATES["es" if self.language.startswith("es") else "en"], *parts[3:])
        units = units_of(item, self.form)
        for part in parts:
            name = str(Name(part, (*node.where, number), item.link_id))
            own = f"{id_}-{part}{number}"
            label = word(_LABELS[part], self.language) if len(parts) > 1 else ""
            if item.repeats:
                text = word("answer", self.language, text=self._text(item).text, number=ordinal)
                label = f"{text}, {label}" if label else text
            value = there.get(part, "")
            if part == UNIT and len(units) == 1 and not value.strip("|"):
                value = units[0].key
            if part == UNIT and units:
                options = tuple(Option("", each.key, self._choice_text(each), each.key == value) for each in units)
                if value and value not in {each.key for each in units}:
                    options = (*options, Option("", value, Words(value.strip("|")), chosen=True))
                yield Field(own, name, "unit" if len(options) == 1 else "list", label, value, options=options)
            else:
                digits = part in (YEAR, MONTH, DAY)
                mode = "numeric" if digits else _MODES.get(item.type, "") if part == VALUE else ""
                width = "narrow" if digits else "medium" if part in (TIME, UNIT) or mode in _NUMERIC else ""
                yield Field(own, name, "box" if item.type == "text" else "line", label, value, mode, width)

    def _text(self, item: Item) -> Words:
        words = self.said(item.raw, "text")
        prefix = item.raw.get("prefix", "")
        return Words(f"{prefix} {words.text}".strip(), words.language)

    def said(self, element: Resource, name: str) -> Words:
        """A text of the form in the page's language, as far as it has it."""
        return said(element, name, self.language, str(self.form.raw.get("language", "")))

    def _choice_text(self, choice: Choice) -> Words:
        if choice.kind == "boolean":
            return Words(word("yes" if choice.value else "no", self.language))
        words = self.said(choice.told, choice.member) if choice.member in choice.told else Words("")
        return words if words.text else Words(choice.key.strip("=|"))

    def _told(self, item: Item, answer: Resource) -> Words | None:
        return value_of(answer, item, Tongue(self.language, str(self.form.raw.get("language", "")), ""))

    def _hints(self, item: Item) -> Iterator[Words]:
        for each in item.children:
            if aside(each) and aside(each) not in ("lower", "upper") and not each.hidden:
                yield self.said(each.raw, "text")
        if told := extension(item.raw, _FORMAT).get("valueString"):
            yield Words(str(told))
        if item.type in ("date", "dateTime"):
            yield Words(word("date-hint", self.language))
        if item.type in ("time", "dateTime"):
            yield Words(word("time-hint", self.language) + (self._clock() if item.type == "dateTime" else ""))
        if told := limits.told(item, self.language, before=True):
            yield Words(told)

    def _clock(self) -> str:
        """By whose clock a time is: that of the person's zone, which goes by a place."""
        place = self.zone.key.rpartition("/")[2].replace("_", " ")
        return f" ({word('clock', self.language, place=place)})"

    def _ends(self, item: Item) -> Iterator[Words]:
        """What the ends of a scale mean."""
        for end in ("lower", "upper"):
            for each in item.children:
                if end in marked(each):
                    yield self.said(each.raw, "text")

    def _prefilled(self, answers: Sequence[Resource]) -> str:
        for answer in answers:
            by = extension(extension(answer, PREFILLED), "by").get("valueCode")
            if by and by != INITIAL:
                return word("prefilled-response" if by == RESPONSE else "prefilled-record", self.language)
        return ""


def _is_there(node: Node, within: Within) -> bool:
    """Whether there is something to remove: one of several, or the only one, and something is answered in it."""
    return len(node.within) > 1 or any(each.answers for each in walk(within.nodes))


def _id(node: Node, kind: str = "q") -> str:
    return f"{kind}{node.item.place}" + "".join(f"-{number}" for number in node.where)


def _wish(what: str, where: Where, item: Item) -> str:
    return f"{what}:{'.'.join(map(str, where))}:{item.link_id}"
