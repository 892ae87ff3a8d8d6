"""The page at a moment: what was posted laid over the draft, what that comes to, and what is to be said of it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from carethread.core.errors import FhirError, Issue
from carethread.core.ports import Resource
from carethread.questionnaires.answering.judging import disabled, judge
from carethread.questionnaires.filling.blocks import Block
from carethread.questionnaires.filling.complaining import Complaints, complaints
from carethread.questionnaires.filling.drafts import Draft
from carethread.questionnaires.filling.helping import helps
from carethread.questionnaires.filling.laying import Node, lay, walk
from carethread.questionnaires.filling.names import Fields
from carethread.questionnaires.filling.page import Page
from carethread.questionnaires.filling.parts import parts_of
from carethread.questionnaires.filling.reading import Place, Reader, Wish, Wrong
from carethread.questionnaires.filling.showing import Shower
from carethread.questionnaires.filling.words import LANGUAGES, languages, word
from carethread.questionnaires.forms.expressions import expressions_of
from carethread.questionnaires.forms.form import Form
from carethread.questionnaires.rendering.words import Words, said
from carethread.questionnaires.safety.critical import criticals
from carethread.questionnaires.safety.marking import marks_of
from carethread.questionnaires.scoring.calculating import calculated


@dataclass(frozen=True, slots=True)
class Answers:
    """What is answered: the response, what was written that cannot be read, and what is shown more often than it was
    answered."""

    response: Resource
    wrong: tuple[Wrong, ...]
    shown: Mapping[Place, int]


def kept(draft: Draft) -> Answers:
    """What the draft has."""
    return Answers(worked_out(draft.form, draft.response), (), {})


def posted(draft: Draft, fields: Fields, wish: Wish | None = None) -> Answers:
    """The draft with what was posted."""
    got = Reader(draft.form, fields, draft.zone, wish).holder(draft.form.roots, draft.response, ())
    response = {name: value for name, value in draft.response.items() if name != "item"}
    if got.items:
        response["item"] = got.items
    return Answers(worked_out(draft.form, response), tuple(got.wrong), got.shown)


def worked_out(form: Form, response: Resource) -> Resource:
    """The response with its calculated items, as far as they can be worked out."""
    try:
        return calculated(form, response)
    except FhirError:
        return response


def complete(form: Form, answers: Answers, authored: str) -> Resource:
    """The response as it is to be sent: without what is disabled by the other answers."""
    whole = {**answers.response, "status": "completed", "authored": authored}
    off = disabled(form, whole)
    items = _without(whole.get("item", []), "QuestionnaireResponse", off)
    return {**{name: value for name, value in whole.items() if name != "item"}, **({"item": items} if items else {})}


def _without(items: Sequence[Resource], path: str, off: set[tuple[str, str]]) -> list[Resource]:
    """The items that are not off; a group that is empty then is none. It goes as deep as the response."""
    made: list[Resource] = []
    for number, item in enumerate(items):
        if (path, item["linkId"]) in off:
            continue
        where = f"{path}.item[{number}]"
        one = {name: value for name, value in item.items() if name not in ("item", "answer")}
        if inner := _without(item.get("item", ()), where, off):
            one["item"] = inner
        answers = []
        for n, answer in enumerate(item.get("answer", ())):
            bare = {name: value for name, value in answer.items() if name != "item"}
            about = _without(answer.get("item", ()), f"{where}.answer[{n}]", off)
            answers.append({**bare, "item": about} if about else bare)
        if answers:
            one["answer"] = answers
        if "item" in one or answers:
            made.append(one)
    return made


def faults(form: Form, response: Resource, clock: Callable[[], datetime]) -> list[Issue]:
    """What is wrong with a response that is to be sent. Raises BudgetExceeded."""
    return [each for each in judge(form, calculated(form, response), clock) if each.severity in ("error", "fatal")]


def cries(draft: Draft, response: Resource) -> set[tuple[str, str, int]]:
    """The critical answers of a response, to be compared."""
    return {(each.link_id, each.kind, each.place) for each in criticals(draft.form, response)}


def page_of(
    draft: Draft,
    answers: Answers,
    language: str,
    part: int,
    *,
    notice: str = "",
    issues: Sequence[Issue] | None = None,
) -> Page:
    """A part of the form as it is shown. `issues` are those of the response as it would be sent; None where nobody has
    asked for that yet."""
    form = draft.form
    nodes = lay(form, answers.response, answers.shown)
    wrong = complaints(form, nodes, issues or (), answers.wrong, language)
    parts = parts_of(form)
    part = min(max(part, 0), len(parts) - 1)
    here = [node for node in nodes if node.item in parts[part]]
    help_ = helps(form, answers.response, language)
    by_place: dict[Place, list[Wrong]] = {}
    for each in answers.wrong:
        by_place.setdefault(each.place, []).append(each)
    told = _is_told(draft, answers.response)
    shower = Shower(form, language, draft.zone, wrong.at, help_, by_place, answers.shown, told)
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
        helps=help_,
        told=told,
    )


def _is_told(draft: Draft, response: Resource) -> bool:
    """Whether what is critical in a response is stored, so that somebody is called."""
    return draft.is_kept and not draft.unwritten and cries(draft, response) <= cries(draft, draft.response)


def parts_with(form: Form, nodes: Sequence[Node], wrong: Complaints) -> list[int]:
    """The parts in which something is wrong."""
    places = set(wrong.at)
    return [
        number
        for number, part in enumerate(parts_of(form))
        if any(node.place in places for node in walk([each for each in nodes if each.item in part]))
    ]


def laid(draft: Draft, answers: Answers) -> list[Node]:
    return lay(draft.form, answers.response, answers.shown)


def _title(form: Form, language: str) -> Words:
    words = said(form.raw, "title", language, str(form.raw.get("language", "")))
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
