"""What a form's definitions point to that it does not have: the items that a score is made of, or that an expression
looks for by their linkIds; the template that its answers are to be filled into. Pure.

A form with such a slip can be answered, and what was meant is missing without a word: it is not published. Of a modular
form, or a part of one, it is judged once it is assembled. An expression that sees more than the response (a launch
context, what a query finds) may mean the items of another form.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import lru_cache

from carethread.core.errors import FhirError, Issue
from carethread.core.fhir.elements import extension, objects
from carethread.core.fhir.fhirpath.parser import parse
from carethread.core.fhir.fhirpath.syntax import Binary, Literal, Member, Node, Variable, children
from carethread.core.fhir.validation.report import shown
from carethread.core.ports import Resource
from carethread.questionnaires.expressions.variables import RESERVED, VARIABLE
from carethread.questionnaires.extracting.marks import (
    DEFINITION_VALUE,
    TEMPLATE_BUNDLE,
    TEMPLATE_CONTEXT,
    TEMPLATE_VALUE,
    marked,
    templates,
    values,
)
from carethread.questionnaires.forms.expressions import FHIRPATH, SDC, expressions_of
from carethread.questionnaires.forms.form import Form
from carethread.questionnaires.scoring.scores import SCORE

_MODULAR = (SDC + "subQuestionnaire", SDC + "assemble-expectation", SDC + "assembleContext")
_NO_NUMBER = frozenset(
    {"attachment", "date", "dateTime", "display", "group", "reference", "string", "text", "time", "url"}
)


def adrift(form: Form) -> list[Issue]:
    """Everything that points to nothing, each with its place."""
    elements = [("Questionnaire", form.raw), *((item.path, item.raw) for item in form.items.values())]
    if any(extension(raw, url) for _, raw in elements for url in _MODULAR):
        return []
    found = list(_scores(form))
    own = _own_names(elements)
    for path, raw in elements:
        for text, where, what in _looks(path, raw):
            missing = [link for link in _links(text, own) if link not in form.items]
            found += [_no_item(f"This {what}", link, where) for link in missing]
        found += _templates(form, path, raw)
    for number, contained in enumerate(form.raw.get("contained", ())):
        texts = {str(mark["valueString"]) for mark in objects(contained) if _is_filled(mark)}
        missing = [link for text in sorted(texts) for link in _links(text, own) if link not in form.items]
        found += [_no_item("This template", link, f"Questionnaire.contained[{number}]") for link in missing]
    return found


def _no_item(what: str, link: str, where: str) -> Issue:
    told = f"{what} names the linkId '{shown(link)}', which no item of the form has; name one that it has."
    return Issue("not-found", told, where)


def _scores(form: Form) -> Iterator[Issue]:
    for number, said in enumerate(form.raw.get("extension", ())):
        if said.get("url") != SCORE:
            continue
        for place, part in enumerate(said.get("extension", ())):
            link, where = part.get("valueString"), f"Questionnaire.extension[{number}].extension[{place}].value"
            if part.get("url") in ("total", "item") and link is not None:
                item = form.items.get(link)
                if item is None:
                    yield _no_item(f"The score's {part['url']}", link, where)
                elif item.type in _NO_NUMBER:
                    told = f"'{shown(link)}' is a {item.type}, which has no number; a score's {part['url']} has one."
                    yield Issue("business-rule", told, where)


def _looks(path: str, raw: Resource) -> Iterator[tuple[str, str, str]]:
    """The FHIRPath expressions of an element: the text, where it stands, and by which extension."""
    for each in expressions_of(raw, path):
        if each.language == FHIRPATH:
            yield each.text, each.path, each.url.rpartition("/")[2].removeprefix("sdc-questionnaire-")
    if marked(raw, DEFINITION_VALUE):
        for value in values(raw):
            if value.expression:
                yield value.expression, f"{path}.extension", "definitionExtractValue"


def _own_names(elements: list[tuple[str, Resource]]) -> frozenset[str]:
    """The names that stand for something of the response, or of the form: what all else rests on is not."""
    own = RESERVED
    for path, raw in elements:
        for each in expressions_of(raw, path):
            named = extension(raw, VARIABLE) and each.url == VARIABLE
            if named and each.language == FHIRPATH and _tree(each.text) and _seen(each.text) <= own:
                own = own | {_name(raw, each.path)}
    return own


def _name(raw: Resource, path: str) -> str:
    number = int(path.rpartition("[")[2].rstrip("]"))
    return str(raw["extension"][number].get("valueExpression", {}).get("name", ""))


def _links(text: str, own: Collection[str]) -> list[str]:
    """The linkIds that an expression looks for; none where it sees more than the response and the form."""
    if not _seen(text) <= frozenset(own):
        return []
    found: dict[str, None] = {}
    for node in _tree(text):
        if isinstance(node, Binary) and node.operator in ("=", "~"):
            for one, other in ((node.left, node.right), (node.right, node.left)):
                if isinstance(one, Member) and one.name == "linkId" and isinstance(other, Literal):
                    found |= {each: None for each in map(_text, other.items) if each}
    return list(found)


def _text(item: object) -> str:
    value = getattr(item, "value", item)
    return value if isinstance(value, str) else ""


def _seen(text: str) -> frozenset[str]:
    """The names of what an expression sees beside what it is asked of."""
    return frozenset(node.name for node in _tree(text) if isinstance(node, Variable))


@lru_cache(maxsize=1024)
def _tree(text: str) -> tuple[Node, ...]:
    """All nodes of an expression; none of one that cannot be read, which `forms.faults` tells."""
    try:
        waiting = [parse(text)]
    except FhirError:
        return ()
    found: list[Node] = []
    while waiting:
        found.append(waiting.pop())
        waiting += reversed(children(found[-1]))
    return tuple(found)


def _templates(form: Form, path: str, raw: Resource) -> Iterator[Issue]:
    inside = {f"#{each.get('id')}" for each in form.raw.get("contained", ())}
    named = [each.definition for each in templates(raw)]
    named += [str(each.get("valueReference", {}).get("reference", "")) for each in marked(raw, TEMPLATE_BUNDLE)]
    for each in named:
        if each not in inside:
            told = f"The template '{shown(each)}' is not contained in the form; what is answered would become nothing."
            yield Issue("not-found", told, f"{path}.extension")


def _is_filled(mark: Resource) -> bool:
    return mark.get("url") in (TEMPLATE_CONTEXT, TEMPLATE_VALUE) and "valueString" in mark
