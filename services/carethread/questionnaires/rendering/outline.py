"""A response as an outline that is ready to be written: what was asked and what was said, in order. Pure.

Whom it is for decides what is in it. Staff see all: hidden items, such as totals, what a score means, and what was left
unanswered. The person sees what they were asked and said. What the form does not have is told too, by its own words,
for nothing that somebody said is to get lost.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from carethread.core.ports import Resource
from carethread.questionnaires.answering.judging import disabled
from carethread.questionnaires.forms.form import Form, Item
from carethread.questionnaires.rendering.values import Tongue, moment, value_of
from carethread.questionnaires.rendering.words import Words, label, said
from carethread.questionnaires.scoring.scores import results

PATIENT, STAFF = "patient", "staff"
AUDIENCES = (STAFF, PATIENT)


class Said(NamedTuple):
    """One answer, and what was asked about it."""

    words: Words
    within: tuple[Block, ...] = ()


class Block(NamedTuple):
    """What stands in the outline: `kind` group (a heading over `within`), question (`said`), or note (just its text).

    `meaning` is what the value of a score means; a question with no answers was not answered.
    """

    kind: str
    text: Words
    within: tuple[Block, ...] = ()
    said: tuple[Said, ...] = ()
    meaning: Words | None = None


class Outline(NamedTuple):
    """A response: its title, what is to be known before it is read, facts about it, and what is in it.

    `language` is the one it is written in, as far as there are texts in it.
    """

    title: Words
    language: str
    notes: tuple[Words, ...]
    facts: tuple[tuple[Words, Words], ...]
    blocks: tuple[Block, ...]


def outline(
    form: Form, response: Resource, *, audience: str = STAFF, language: str = "", unanswered: bool | None = None
) -> Outline:
    """The outline of a response that is valid R4, in a language (that of the response or form where it is empty).

    `unanswered`: whether it is said of a question that it was not answered; None: to staff.
    """
    own, other = form.raw.get("language", ""), response.get("language", "")
    whole = _with_groups(form.roots, response)
    wanted = language or other or own or "en"
    tongue = Tongue(wanted, own, other)
    staff = audience == STAFF
    writer = _Writer(
        form,
        tongue,
        staff,
        staff if unanswered is None else unanswered,
        disabled(form, whole),
        dict(_meanings(form, response, tongue)) if staff else {},
    )
    title = said(form.raw, "title", wanted, own)
    return Outline(
        title if title.text else label("answers", wanted),
        wanted,
        tuple(_notes(response, wanted)),
        tuple(_facts(response, wanted)),
        tuple(writer.below(whole, "QuestionnaireResponse", form.roots)),
    )


def _notes(response: Resource, language: str) -> Iterator[Words]:
    if response.get("status") not in (None, "completed"):
        yield label(response["status"], language)


def _facts(response: Resource, language: str) -> Iterator[tuple[Words, Words]]:
    if "authored" in response:
        yield label("authored", language), Words(moment(response["authored"]))
    if author := response.get("author", {}).get("display"):
        yield label("author", language), Words(author)


def _meanings(form: Form, response: Resource, tongue: Tongue) -> Iterator[tuple[str, Words]]:
    """What the scores mean, by the linkId of the item that each stands in."""
    for each in results(form, response):
        band = each.score.band(each.value) if each.value is not None else None
        if band:
            words = said(band, "display", tongue.wanted, tongue.form)
            yield each.score.total.link_id, words if words.text else Words(str(band.get("code", "")))


@dataclass(frozen=True, slots=True)
class _Writer:
    """What holds for all of a response. It goes as deep as the form and the response, whose nesting is bounded."""

    form: Form
    tongue: Tongue
    staff: bool
    unanswered: bool
    off: set[tuple[str, str]]
    meanings: Mapping[str, Words]

    def below(self, holder: Resource, path: str, expected: tuple[Item, ...]) -> Iterator[Block]:
        """What stands in the response, a group or an answer: the form's items in its order, then what else there is."""
        found: dict[str, list[tuple[str, Resource]]] = {}
        for number, given in enumerate(holder.get("item", ())):
            found.setdefault(given.get("linkId", ""), []).append((f"{path}.item[{number}]", given))
        for item in expected:
            there = found.pop(item.link_id, [])
            if item.hidden and not self.staff:
                continue
            if not there and (path, item.link_id) not in self.off:
                yield from self._absent(item)
            for where, given in there:
                if (path, item.link_id) not in self.off or _is_answered(given):
                    yield from self._item(item, given, where)
        for link, each in found.items():
            elsewhere = self.form.items.get(link)
            if self.staff or not _is_hidden(elsewhere):
                for where, given in each:
                    yield from self._item(elsewhere, given, where)

    def _absent(self, item: Item) -> Iterator[Block]:
        """What there is nothing of: a note, which nobody answers, or a question that was passed over."""
        if _is_hidden(item):
            return
        if item.type == "display":
            yield from _note(self._text(item, {}))
        elif item.type not in ("group", "question"):
            yield from self._passed_over(item, self._text(item, {}))

    def _passed_over(self, item: Item | None, text: Words) -> Iterator[Block]:
        if self.unanswered and not (item and item.read_only):
            yield Block("question", text)

    def _item(self, item: Item | None, given: Resource, path: str) -> Iterator[Block]:
        text, children = self._text(item, given), item.children if item else ()
        answers = given.get("answer", ())
        if item and item.type == "display":
            yield from _note(text)
        elif (item and item.type == "group") or not answers:
            inner = tuple(self.below(given, path, children))
            if inner or (item and item.type == "group"):
                yield from _group(text, inner)
            else:
                yield from self._passed_over(item, text)
        else:
            told = [self._answer(item, answer, f"{path}.answer[{n}]") for n, answer in enumerate(answers)]
            known = tuple(each for each in told if each is not None)
            meaning = self.meanings.get(item.link_id) if item and known else None
            if known:
                yield Block("question", text, said=known, meaning=meaning)
            else:
                yield from self._passed_over(item, text)

    def _answer(self, item: Item | None, answer: Resource, path: str) -> Said | None:
        words = value_of(answer, item, self.tongue)
        within = tuple(self.below(answer, path, item.children if item else ()))
        if words is None and not within:
            return None
        return Said(words or label("unanswered", self.tongue.wanted), within)

    def _text(self, item: Item | None, given: Resource) -> Words:
        """What was asked, with the number that the form gives it; the linkId where there are no words."""
        words = said(item.raw, "text", self.tongue.wanted, self.tongue.form) if item else Words("")
        if not words.text:
            words = said(given, "text", self.tongue.wanted, self.tongue.response)
        prefix = item.raw.get("prefix", "") if item else ""
        if not words.text and not (item and item.type in ("group", "display")):
            words = Words(str(given.get("linkId") or (item.link_id if item else "")))
        return Words(f"{prefix} {words.text}".strip(), words.language)


def _with_groups(expected: tuple[Item, ...], holder: Resource) -> Resource:
    """A response, a group or an answer in which all groups are there, for it to be decided what is enabled in them."""
    known = {item.link_id: item for item in expected}
    made = [_within(known.get(each.get("linkId", "")), each) for each in holder.get("item", ())]
    there = {each.get("linkId", "") for each in made}
    missing = [each for each in expected if each.type == "group" and each.link_id not in there]
    made += [_with_groups(each.children, {"linkId": each.link_id}) for each in missing]
    return {**holder, "item": made} if made else holder


def _within(item: Item | None, given: Resource) -> Resource:
    if item is None:
        return given
    if item.type == "group":
        return _with_groups(item.children, given)
    answers = [_with_groups(item.children, each) for each in given.get("answer", ())]
    return {**given, "answer": answers} if answers else given


def _is_answered(given: Resource) -> bool:
    """Whether anything is said in an item."""
    return bool(given.get("answer")) or any(_is_answered(each) for each in given.get("item", ()))


def _is_hidden(item: Item | None) -> bool:
    """Whether an item is hidden, or stands in one that is."""
    while item is not None and not item.hidden:
        item = item.parent
    return item is not None


def _note(text: Words) -> Iterator[Block]:
    if text.text:
        yield Block("note", text)


def _group(text: Words, inner: tuple[Block, ...]) -> Iterator[Block]:
    """A group, unless nothing is in it but notes."""
    if any(each.kind != "note" for each in inner):
        yield Block("group", text, within=inner)
