"""What was posted, laid over the draft as it is kept: the draft with the answers that are written on the page. Pure.

Only what was on the page is changed, and only as the form takes it: an option that the form does not have, or a field
of what nobody may write, is nothing. What is written and is no answer of its type is given back, to be shown again.
What nobody has changed stays as it was, with all that stands in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from zoneinfo import ZoneInfo

from carethread.core.ports import Resource
from carethread.questionnaires.filling.choices import Choice, choice, choices_of, slots, units_of
from carethread.questionnaires.filling.controls import NONE, SOME, control_of, is_chosen, is_open
from carethread.questionnaires.filling.names import ASKED, OTHER, VALUE, Fields, Where
from carethread.questionnaires.filling.values import PARTS, Unreadable, Written, cleaned, read, same, written
from carethread.questionnaires.forms.comparing import key as key_of
from carethread.questionnaires.forms.form import Form, Item
from carethread.questionnaires.forms.values import typed_value

ANOTHER = "other:"
"""The key of what is written instead of chosen."""

MOST = 200
"""Occurrences of a group, or answers to a question, beyond which the page adds none."""


class Place(NamedTuple):
    """A group or question where it stands: `where` is that of what it stands in."""

    where: Where
    link_id: str


class Wrong(NamedTuple):
    """What was written and cannot be read, in the answer of this number to a question, and why (a text of `words`)."""

    place: Place
    number: int
    fields: Written
    code: str


class Wish(NamedTuple):
    """What somebody wants more or less of: `add` (an answer, an occurrence) or `remove` that of a number."""

    what: str
    place: Place
    number: int = 0


Numbers = Mapping[Place, Sequence[int]]
"""Under which numbers the occurrences of a group, or the answers to a question, stand on the page: first those that the
response has, in its order, then those that are empty. One that the draft has goes by its number there, whatever else is
taken away or left empty; so nobody's answers come to stand in another's place. A new one has a higher number."""


@dataclass(slots=True)
class Got:
    """What was read: items, what is wrong, and what each place shows."""

    items: list[Resource] = field(default_factory=list)
    wrong: list[Wrong] = field(default_factory=list)
    numbers: dict[Place, list[int]] = field(default_factory=dict)

    def take(self, other: Got) -> None:
        """What was read of an occurrence or answer, but for its items."""
        self.wrong += other.wrong
        self.numbers |= other.numbers


@dataclass(frozen=True, slots=True)
class Reader:
    """What holds for all of a reading. It goes as deep as the form, whose nesting is bounded."""

    form: Form
    fields: Fields
    zone: ZoneInfo
    wish: Wish | None = None

    def holder(self, expected: Sequence[Item], given: Resource, where: Where) -> Got:
        """The items of the response, a group or an answer."""
        got = Got()
        kept: dict[str, list[Resource]] = {}
        for each in given.get("item", ()):
            kept.setdefault(each["linkId"], []).append(each)
        for item in expected:
            before = kept.pop(item.link_id, [])
            if item.hidden or not is_open(item):
                got.items += before
            elif item.type == "group":
                self._group(item, before, where, got)
            else:
                self._question(item, before, where, got)
        got.items += [each for some in kept.values() for each in some]
        return got

    def _group(self, item: Item, before: list[Resource], where: Where, got: Got) -> None:
        numbers = list(self.fields.occurrences(where, item.link_id)) if item.repeats else [0]
        if not numbers:
            got.items += before
            return
        place = Place(where, item.link_id)
        there: list[int] = []
        empty: list[int] = []
        for number in self._wanted(numbers, place, len(before)):
            given = before[number] if number < len(before) else {"linkId": item.link_id}
            inner = self.holder(item.children, given, (*where, number))
            got.take(inner)
            if inner.items:
                got.items.append({**given, "item": inner.items})
            (there if inner.items else empty).append(number)
        if item.repeats:
            got.numbers[place] = self._room(place, [*there, *empty], numbers, len(before))
        else:
            got.items += before[1:]

    def _wanted(self, numbers: Sequence[int], place: Place, before: int) -> list[int]:
        """The numbers that stay: all that the draft has unless they are removed, and so many new ones."""
        stay = [number for number in numbers if self.wish != Wish("remove", place, number)]
        new = [number for number in stay if number >= before]
        return [number for number in stay if number < before] + new[: max(0, MOST - (len(stay) - len(new)))]

    def _room(self, place: Place, shown: list[int], posted: Sequence[int], before: int) -> list[int]:
        """What a place shows, at least one, and one more where that is wished."""
        more = not shown or (self.wish == Wish("add", place) and len(shown) < MOST)
        return [*shown, max([*posted, before - 1]) + 1] if more else shown

    def _question(self, item: Item, before: list[Resource], where: Where, got: Got) -> None:
        control = control_of(item, self.form)
        if control == NONE or not self.fields.has(ASKED, where, item.link_id):
            got.items += before
            return
        given = before[0] if before else {"linkId": item.link_id}
        answers = list(given.get("answer", ()))
        if is_chosen(control):
            found = self._chosen(item, control, answers, where)
        else:
            found = self._written(item, answers, where, got)
        made: list[Resource] = []
        for number, answer in found:
            inner = self.holder(item.children, answer, (*where, number)) if item.children else Got()
            got.take(inner)
            bare = {name: value for name, value in answer.items() if name != "item"}
            made.append({**bare, "item": inner.items} if inner.items else bare)
        if made:
            got.items.append({**given, "answer": made})
        got.items += before[1:]

    def _chosen(self, item: Item, control: str, before: list[Resource], where: Where) -> list[tuple[int, Resource]]:
        """The answers that are chosen, each with the number under which what is asked about it stands."""
        choices = list(choices_of(item, self.form))
        offered = [*choices, *others(item, choices, before)]
        known = {each.key: each for each in offered}
        keys = list(dict.fromkeys(self.fields.all(VALUE, where, item.link_id)))
        other = cleaned(VALUE, "string", self.fields.one(OTHER, where, item.link_id))
        written_in = free(item, choices, before)
        chosen = [known[each] for each in keys if each in known]
        free_text = bool(other) and item.type == "open-choice" and (ANOTHER in keys or control == SOME or not chosen)
        if control != SOME:
            chosen = [] if free_text else chosen[:1]
        wanted = {key_of(each.kind, each.value) for each in chosen}
        kept: list[Resource] = []
        for answer in before:
            kind, value = typed_value(answer)
            is_free = written_in is not None and answer is written_in
            if kind and (key_of(kind, value) in wanted or (is_free and free_text and _line(value) == other)):
                kept.append(answer)
        there = {key_of(*typed_value(each)) for each in kept}
        new = [each.answer for each in offered if key_of(each.kind, each.value) in wanted - there]
        if free_text and not any(each is written_in for each in kept):
            new.append({"valueString": other})
        made = [*kept, *new]
        if control != SOME:
            made = made[:1]
            return [(0, {**_about(before), **each}) for each in made] if made else []
        return list(zip(slots(choices, [typed_value(each) for each in made]), made, strict=True))

    def _written(self, item: Item, before: list[Resource], where: Where, got: Got) -> list[tuple[int, Resource]]:
        place = Place(where, item.link_id)
        units = units_of(item, self.form)
        numbers = list(self.fields.answers(where, item.link_id))[: None if item.repeats else 1]
        told = [written(item.type, each, self.zone) for each in before]
        made = [(number, before[number]) for number, each in enumerate(told) if each is None]  # they have no fields
        empty: list[int] = []
        for number in self._wanted(numbers, place, len(before)):
            old, there = (before[number], told[number]) if number < len(before) else ({}, {})
            if there is None:
                continue
            fields = {part: self.fields.one(part, (*where, number), item.link_id) for part in PARTS[item.type]}
            if old and same(item.type, there, fields):
                made.append((number, old))
                continue
            try:
                value = read(item.type, fields, self.zone, units)
            except Unreadable as error:
                got.wrong.append(Wrong(place, number, fields, error.code))
                value = None
            if value is not None:
                made.append((number, {**_about([old]), f"value{value[0][0].upper()}{value[0][1:]}": value[1]}))
            else:
                empty.append(number)
        made.sort(key=lambda each: each[0])
        if item.repeats:
            shown = [*(number for number, _ in made), *empty]
            got.numbers[place] = self._room(place, shown, numbers, len(before))
        return made


def free(item: Item, choices: Sequence[Choice], answers: Sequence[Resource]) -> Resource | None:
    """The answer that was written instead of chosen; None where there is none."""
    if item.type != "open-choice":
        return None
    keys = {key_of(each.kind, each.value) for each in choices}
    return next((a for a in answers if "valueString" in a and key_of("string", a["valueString"]) not in keys), None)


def others(item: Item, choices: Sequence[Choice], answers: Sequence[Resource]) -> list[Choice]:
    """What was answered and cannot be chosen, nor stands in the field for what is written: it is shown, and stays
    unless somebody takes it away."""
    keys = {key_of(each.kind, each.value) for each in choices}
    apart = free(item, choices, answers)
    found: dict[str, Choice] = {}
    for answer in answers:
        kind, value = typed_value(answer)
        if kind and answer is not apart and key_of(kind, value) not in keys:
            made = choice(kind, value, value if isinstance(value, dict) else answer)
            found[f"={made.key}"] = made._replace(key=f"={made.key}")
    return list(found.values())


def _line(text: object) -> str:
    return cleaned(VALUE, "string", str(text))


def _about(answers: Sequence[Resource]) -> Resource:
    """What is asked about an answer, and goes on with it when it is changed."""
    first = answers[0] if answers else {}
    return {"item": first["item"]} if "item" in first else {}


def asked_for(text: str) -> Wish | None:
    """The wish that a button says, `add:0:pain` or `remove:0.2:pain`; None for another button."""
    what, _, rest = text.partition(":")
    place, _, link = rest.partition(":")
    numbers = place.split(".") if place else []
    if what not in ("add", "remove") or len(numbers) > 64 or not all(n.isascii() and n.isdigit() for n in numbers):
        return None
    where = tuple(int(n[:6]) for n in numbers)
    if what == "add":
        return Wish("add", Place(where, link))
    return Wish("remove", Place(where[:-1], link), where[-1]) if where else None
