"""The form that grows within a response to an adaptive one: of the whole form, the items that were handed out so far.

It is the same whenever it is made of the same items, so what somebody has changed in it shows. Source:
http://hl7.org/fhir/uv/sdc/StructureDefinition-sdc-questionnaire-adapt.html.
"""

from __future__ import annotations

from collections.abc import Set
from functools import lru_cache
from typing import Any

from carethread.core.fhir.elements import without_extensions
from carethread.core.ports import Resource
from carethread.questionnaires.answering.enabling import meets
from carethread.questionnaires.forms.expressions import CONSTRAINTS, ENABLE, SDC
from carethread.questionnaires.forms.form import Form, Item, read
from carethread.questionnaires.forms.limits import MIN_OCCURS

ADAPTIVE = SDC + "questionnaireAdaptive"

_OTHERS = frozenset(
    {"resourceType", "id", "meta", "implicitRules", "text", "contained", "url", "version", "derivedFrom", "item"}
)
"""What the growing form does not have of the whole: it is no form of its own that could be found."""


def is_adaptive(form: Form) -> bool:
    """Whether a form is asked one question after the other, here or by another server."""
    said = (each for each in form.raw.get("extension", ()) if each.get("url") == ADAPTIVE)
    return any(each.get("valueBoolean") or "valueUrl" in each for each in said)


def is_hidden(item: Item) -> bool:
    """Whether an item, or one that it stands in, is hidden."""
    around: Item | None = item
    while around is not None and not around.hidden:
        around = around.parent
    return around is not None


def is_asked(item: Item) -> bool:
    """Whether it is a question that somebody is to answer."""
    return item.type not in ("group", "display", "question") and not item.read_only and not is_hidden(item)


def is_conditional(item: Item) -> bool:
    """Whether it depends on answers that it is asked: on conditions, or on an answer that it stands in."""
    around: Item | None = item
    while around is not None:
        parent = around.parent
        if around.enable_when or around.extension(ENABLE) or (parent and parent.type != "group"):
            return True
        around = parent
    return False


def grown(form: Form, links: Set[str], id_: str) -> Resource:
    """The form so far: the items of these linkIds, which have those around them among them."""
    known = {name: value for name, value in form.raw.items() if name not in _OTHERS}
    titled = {"title": form.title or form.raw.get("name") or form.url} | known
    made = {"resourceType": "Questionnaire", "id": id_, **titled, "derivedFrom": [form.canonical]}
    items = handed(form, links)
    return {**made, "item": items} if items else made


def handed(form: Form, links: Set[str]) -> list[Resource]:
    """The items as they are handed out."""
    return _items(form.roots, links)


def _items(expected: tuple[Item, ...], links: Set[str]) -> list[Resource]:
    return [_handed(item, links) for item in expected if item.link_id in links]


def _handed(item: Item, links: Set[str]) -> Resource:
    left_out = ("item", "enableWhen", "enableBehavior")
    made = {name: value for name, value in item.raw.items() if name not in left_out}
    made |= _conditions(item, links)
    inner = _items(item.children, links)
    return {**made, "item": inner} if inner else made


def _conditions(item: Item, links: Set[str]) -> Resource:
    """The conditions on questions that were handed out. Of another one, which nobody answers, it is known what it says:
    where all are needed it is met, for the item is here."""
    asked = [each.question in links for each in item.enable_when]
    if item.any_enables and any(meets(each, ()) for each in item.enable_when if each.question not in links):
        return {}
    kept = [raw for raw, known in zip(item.raw.get("enableWhen", ()), asked, strict=True) if known]
    if not kept:
        return {}
    behaviour = {"enableBehavior": item.raw["enableBehavior"]} if "enableBehavior" in item.raw else {}
    return {"enableWhen": kept, **behaviour}


@lru_cache(maxsize=256)
def whole(form: Form, links: frozenset[str]) -> Form:
    """What was handed out as a form by itself, with the value sets that the whole form contains."""
    return read(_readable(form, handed(form, links)))


@lru_cache(maxsize=256)
def unfinished(form: Form, links: frozenset[str]) -> Form:
    """The same as it is to be kept to on the way: what is asked of a group, or of all answers, is asked at the end."""
    return read(_readable(form, [_lenient(each) for each in handed(form, links)], CONSTRAINTS))


def _readable(form: Form, items: list[Resource], without: tuple[str, ...] = ()) -> Resource:
    made: dict[str, Any] = {**without_extensions(form.raw, without), "item": items}
    return made if items else {name: value for name, value in made.items() if name != "item"}


def _lenient(raw: Resource) -> Resource:
    is_group = raw["type"] == "group"
    made = without_extensions(raw, (*CONSTRAINTS, MIN_OCCURS) if is_group else CONSTRAINTS)
    if is_group:
        made["required"] = False
    inner = [_lenient(each) for each in raw.get("item", ())]
    return {**made, "item": inner} if inner else made
