"""What the person has answered before: to the same question of this form or of another, while that is still valid.

A form says by the extension `answer-validity` of ours how long answers hold, for itself or for an item and all below.
Two questions are the same where they have a `code` or the `definition` in common, and in one form by their linkId.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

from carethread.core.clock import instant
from carethread.core.context import Context, restrict
from carethread.core.errors import Invalid
from carethread.core.fhir import json
from carethread.core.fhir.elements import extension
from carethread.core.fhir.search import parse_query
from carethread.core.fhir.search.dates import moment
from carethread.core.ports import Resource, Session
from carethread.core.service import PROFILES, Runtime
from carethread.questionnaires.answering.walking import walk
from carethread.questionnaires.forms.finding import answered
from carethread.questionnaires.forms.form import Form, Item
from carethread.questionnaires.forms.values import typed_value
from carethread.questionnaires.populating.known import Known, asked_once, length
from carethread.questionnaires.populating.person import Person
from carethread.questionnaires.scoring.calculating import CALCULATED

VALIDITY = PROFILES + "answer-validity"

MOST_RESPONSES = 50
"""How many of a person's responses are looked at, the newest."""

_TYPE = "QuestionnaireResponse"
_SAID = "completed,amended"


def validities(form: Form) -> dict[Item, int]:
    """The questions that earlier answers may stand for, with the microseconds that these are valid. Pure."""
    held: dict[Item | None, int] = {None: _validity(form.raw, 0)}
    for item in form.items.values():
        held[item] = _validity(item.raw, held[item.parent])
    return {item: held[item] for item in asked_once(form) if held[item] and _is_asked(item)}


def _is_asked(item: Item) -> bool:
    """Whether somebody answers it: what is worked out is worked out anew."""
    return not item.read_only and not item.extension(CALCULATED)


def _validity(element: Resource, inherited: int) -> int:
    said = extension(element, VALIDITY)
    return (length(said.get("valueDuration", {})) or 0) if said else inherited


def earlier(runtime: Runtime, form: Form, person: Person, now: int, context: Context) -> dict[Item, Known]:
    """What the person has answered before that is valid now. Raises Busy."""
    valid = validities(form)
    if not valid or not person.reference:
        return {}

    def work(session: Session) -> dict[Item, Known]:
        asked = [
            ("subject", person.reference),
            ("status", _SAID),
            ("authored", f"ge{instant(now - max(valid.values()))}"),
            ("_sort", "-authored"),
        ]
        query = restrict(parse_query(_TYPE, asked, base=runtime.base_url), context)
        said = [{"id": one.id, **json.restore(one.body)} for one in session.search(query, MOST_RESPONSES).matches]
        return last_said(form, valid, with_forms(session, said), now)

    return runtime.store.snapshot(work)


def with_forms(session: Session, responses: Iterable[Resource]) -> Iterator[tuple[Resource, Form]]:
    """The responses with what they answer, where that is still known."""
    known: dict[str, Form | None] = {}
    for each in responses:
        canonical = each.get("questionnaire", "")
        if canonical not in known or canonical.startswith("#"):
            try:
                known[canonical] = answered(session, each)
            except Invalid:
                known[canonical] = None
        if (form := known[canonical]) is not None:
            yield each, form


def last_said(
    form: Form, valid: Mapping[Item, int], said: Iterable[tuple[Resource, Form]], now: int
) -> dict[Item, Known]:
    """For each question what was answered last, of responses with the newest first. Pure."""
    found: dict[Item, Known] = {}
    for response, other in said:
        if len(found) == len(valid):
            break
        at, same = moment(response.get("authored")), _same(form, other)
        mine: dict[Item, Known] = {}
        for item, given, _ in walk(other, response):
            values = [typed for each in given.get("answer", ()) if (typed := typed_value(each))[0]]
            for one in same.get(item, ()) if values else ():
                if one in valid and one not in found and at >= now - valid[one]:
                    mine.setdefault(one, Known(values, f"{_TYPE}/{response['id']}"))
        found |= mine
    return found


def _same(form: Form, other: Form) -> dict[Item, list[Item]]:
    """The questions of another form, or of a version of this one, that questions of this form ask again."""
    mine = {name: item for item, name in _named(form).items()} if form.url and form.url == other.url else {}
    if mine:
        return {item: [mine[name]] for item, name in _named(other).items() if name in mine}
    codes, others = _told_apart(form), _told_apart(other)
    found: dict[Item, list[Item]] = {}
    for name, item in others.items():
        if name in codes:
            found.setdefault(item, []).append(codes[name])
    return found


def _named(form: Form) -> dict[Item, str]:
    return {item: item.link_id for item in asked_once(form)}


@lru_cache(maxsize=256)
def _told_apart(form: Form) -> Mapping[str, Item]:
    """The questions of a form by their codes and definitions; what several have tells of none which is meant."""
    found: dict[str, list[Item]] = {}
    for item in asked_once(form):
        codes = [f"{each.get('system', '')}|{each['code']}" for each in item.codes if "code" in each]
        for name in {*codes, *([item.definition] if item.definition else ())}:
            found.setdefault(name, []).append(item)
    return {name: items[0] for name, items in found.items() if len(items) == 1}
