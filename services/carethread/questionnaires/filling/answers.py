"""What is answered at a moment: what was posted laid over the draft, what that comes to, and what is wrong. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from carethread.core.errors import FhirError, Issue
from carethread.core.ports import Resource
from carethread.questionnaires.answering.judging import disabled, judge
from carethread.questionnaires.filling.blocks import Block
from carethread.questionnaires.filling.complaining import Complaints, complaints
from carethread.questionnaires.filling.drafts import Draft
from carethread.questionnaires.filling.helping import Help, helps
from carethread.questionnaires.filling.laying import Node, lay, walk
from carethread.questionnaires.filling.names import Fields
from carethread.questionnaires.filling.page import Page
from carethread.questionnaires.filling.parts import parts_of
from carethread.questionnaires.filling.reading import Numbers, Place, Reader, Wish, Wrong
from carethread.questionnaires.filling.showing import Shower
from carethread.questionnaires.filling.words import LANGUAGES, languages, word
from carethread.questionnaires.forms.expressions import expressions_of
from carethread.questionnaires.forms.form import Form, Item
from carethread.questionnaires.rendering.days import day
from carethread.questionnaires.rendering.titles import title_for_people
from carethread.questionnaires.rendering.words import Words
from carethread.questionnaires.safety.critical import criticals
from carethread.questionnaires.safety.marking import marks_of
from carethread.questionnaires.safety.reaching import Reached
from carethread.questionnaires.scoring.calculating import calculated


@dataclass(frozen=True, slots=True)
class Answers:
    """What is answered: the response, what was written that cannot be read, and what is shown under which numbers."""

    response: Resource
    wrong: tuple[Wrong, ...] = ()
    numbers: Numbers = field(default_factory=dict)


class Complete(NamedTuple):
    """A response as it is to be sent, and where each of its items and answers is in the one that is shown, by path."""

    response: Resource
    paths: Mapping[str, str]

    def shown(self, issues: Sequence[Issue]) -> list[Issue]:
        """Issues of it with the places where the page has what they are about."""
        return [replace(each, expression=self._shown(each.expression or "")) for each in issues]

    def _shown(self, path: str) -> str:
        known, rest = path, ""
        while known not in self.paths:
            known, mark, last = known.rpartition(".")
            if not mark:
                return path
            rest = f".{last}{rest}"
        return self.paths[known] + rest


def kept(draft: Draft) -> Answers:
    """What the draft has."""
    return Answers(worked_out(draft.form, draft.response))


def posted(draft: Draft, fields: Fields, wish: Wish | None = None) -> Answers:
    """The draft with what was posted."""
    got = Reader(draft.form, fields, draft.zone, wish).holder(draft.form.roots, draft.response, ())
    response = {name: value for name, value in draft.response.items() if name != "item"}
    if got.items:
        response["item"] = got.items
    return Answers(worked_out(draft.form, response), tuple(got.wrong), got.numbers)


def renumbered(form: Form, answers: Answers) -> Answers:
    """The same by the numbers that things have once the response is stored."""

    def moved(place: Place) -> Place:
        around: list[Item] = []
        above = form.items[place.link_id].parent
        while above is not None:
            around.append(above)
            above = above.parent
        where = (
            _rank(answers.numbers, Place(place.where[:level], item.link_id), place.where[level])
            for level, item in enumerate(reversed(around))
        )
        return Place(tuple(where), place.link_id)

    wrong = (each._replace(place=moved(each.place), number=_rank(answers.numbers, *each[:2])) for each in answers.wrong)
    return replace(
        answers,
        wrong=tuple(wrong),
        numbers={moved(place): range(len(numbers)) for place, numbers in answers.numbers.items()},
    )


def _rank(numbers: Numbers, place: Place, number: int) -> int:
    there = numbers.get(place, ())
    return there.index(number) if number in there else number


def worked_out(form: Form, response: Resource) -> Resource:
    """The response with its calculated items, as far as they can be worked out."""
    try:
        return calculated(form, response)
    except FhirError:
        return response


def complete(form: Form, answers: Answers, authored: str) -> Complete:
    """The response as it is to be sent: without what is disabled by the other answers."""
    whole = {**answers.response, "status": "completed", "authored": authored}
    root = "QuestionnaireResponse"
    paths = {root: root}
    items = _without(whole.get("item", []), (root, root), disabled(form, whole), paths)
    bare = {name: value for name, value in whole.items() if name != "item"}
    return Complete({**bare, **({"item": items} if items else {})}, paths)


def _without(
    items: Sequence[Resource], within: tuple[str, str], off: set[tuple[str, str]], paths: dict[str, str]
) -> list[Resource]:
    """The items that are not off; a group that is empty then is none. `within` is the path of what they stand in, as it
    is sent and as it is shown. It goes as deep as the response."""
    made: list[Resource] = []
    for number, item in enumerate(items):
        if (within[1], item["linkId"]) in off:
            continue
        at = f"{within[0]}.item[{len(made)}]", f"{within[1]}.item[{number}]"
        one = {name: value for name, value in item.items() if name not in ("item", "answer")}
        if inner := _without(item.get("item", ()), at, off, paths):
            one["item"] = inner
        answers = []
        for n, answer in enumerate(item.get("answer", ())):
            inside = f"{at[0]}.answer[{n}]", f"{at[1]}.answer[{n}]"
            bare = {name: value for name, value in answer.items() if name != "item"}
            about = _without(answer.get("item", ()), inside, off, paths)
            answers.append({**bare, "item": about} if about else bare)
            paths[inside[0]] = inside[1]
        if answers:
            one["answer"] = answers
        if "item" in one or answers:
            made.append(one)
            paths[at[0]] = at[1]
    return made


def faults(form: Form, response: Resource, clock: Callable[[], datetime]) -> list[Issue]:
    """What is wrong with a response that is to be sent. Raises BudgetExceeded."""
    return [each for each in judge(form, calculated(form, response), clock) if each.severity in ("error", "fatal")]


def cries(draft: Draft, response: Resource) -> set[tuple[str, str, int, Decimal]]:
    """The critical answers of a response and how bad each is, to be compared."""
    return {(each.link_id, each.kind, each.place, each.level) for each in criticals(draft.form, response)}


def page_of(
    draft: Draft,
    answers: Answers,
    language: str,
    part: int,
    *,
    notice: str = "",
    issues: Sequence[Issue] | None = None,
    told: Reached = "",
    lost: Sequence[Help] = (),
    asking: str = "",
    moved: bool = False,
) -> Page:
    """A part of the form as it is shown. `issues` are those of the response as it would be sent, by their places in
    `answers`; None where nobody has asked for that yet. `told`, `lost`, `asking` and `moved` are as in `Page`."""
    form = draft.form
    nodes = lay(form, answers.response, answers.numbers)
    wrong = complaints(form, nodes, issues or (), answers.wrong, language)
    parts = parts_of(form)
    part = min(max(part, 0), len(parts) - 1)
    here = [node for node in nodes if node.item in parts[part]]
    help_ = helps(form, answers.response, language)
    by_place: dict[Place, list[Wrong]] = {}
    for each in answers.wrong:
        by_place.setdefault(each.place, []).append(each)
    shower = Shower(form, language, draft.zone, wrong.at, help_, by_place, answers.numbers, told)
    blocks = shower.blocks(here, 2)
    asked = [node for node in walk(nodes) if node.is_asked]
    return Page(
        language=language,
        languages=[(each, LANGUAGES.get(each.partition("-")[0], each)) for each in languages(form)],
        title=_title(form, language),
        part=part,
        parts=parts,
        blocks=blocks,
        answered=sum(bool(node.answers) for node in asked),
        asked=len(asked),
        version=draft.version,
        kept=draft.is_kept,
        live=is_live(form),
        checked=issues is not None,
        notice=notice,
        complaints=[*_summary(blocks), *(("", "", each) for each in wrong.general)],
        elsewhere=[n for n in parts_with(form, nodes, wrong) if n != part],
        helps=[each for each in help_ if each.words not in {one.words for one in lost}],
        lost=lost,
        told=told,
        asking=asking,
        until=day(draft.until, language) if draft.until else "",
        moved=moved,
    )


def lost(draft: Draft, answers: Answers, language: str) -> list[Help]:
    """The help for what is critical in answers, and not so in the draft."""
    links = {link for link, *_ in cries(draft, answers.response) - cries(draft, draft.response)}
    return [each for each in helps(draft.form, answers.response, language) if each.links & links]


def is_raised(draft: Draft, response: Resource) -> bool:
    """Whether there is anything critical in a response, and it is stored, so that somebody is called."""
    critical = cries(draft, response)
    return bool(critical) and draft.is_kept and not draft.unwritten and critical <= cries(draft, draft.response)


def parts_with(form: Form, nodes: Sequence[Node], wrong: Complaints) -> list[int]:
    """The parts in which something is wrong."""
    places = set(wrong.at)
    return [
        number
        for number, part in enumerate(parts_of(form))
        if any(node.place in places for node in walk([each for each in nodes if each.item in part]))
    ]


def laid(draft: Draft, answers: Answers) -> list[Node]:
    return lay(draft.form, answers.response, answers.numbers)


def _title(form: Form, language: str) -> Words:
    words = title_for_people(form.raw, language)
    return words if words.text else Words(word("title", language))


def _summary(blocks: Sequence[Block]) -> list[tuple[str, str, str]]:
    """What is wrong in the questions that are shown, in their order."""
    found: list[tuple[str, str, str]] = []
    waiting = list(reversed(blocks))
    while waiting:
        block = waiting.pop()
        if block.error:
            found.append((block.focus or f"{block.id}-b", block.text.text, block.error))
        waiting += reversed(block.inner)
    return found


@lru_cache(maxsize=256)
def is_live(form: Form) -> bool:
    """Whether anything on the page follows from answers: what is asked, what is worked out, or that help is needed."""
    return any(
        item.enable_when
        or any(marks_of(element) for element in (item.raw, *(option.raw for option in item.options)))
        or bool(list(expressions_of(item.raw, item.path)))
        or (item.type != "group" and any(child.type != "display" for child in item.children))
        for item in form.items.values()
    )
