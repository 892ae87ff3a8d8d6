"""What is wrong with a Questionnaire beyond its base definition, each with its place.

Source: http://hl7.org/fhir/R4/questionnaire.html, whose invariants que-0 to que-13 the validator has seen to, but that
several places are named here; http://hl7.org/fhir/uv/sdc/behavior.html.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from carethread.core.errors import Issue
from carethread.core.fhir.validation.report import shown
from carethread.core.ports import Resource
from carethread.questionnaires.expressions.variables import wrong_variables
from carethread.questionnaires.feedback.marking import idle_feedback
from carethread.questionnaires.forms.answerable import ANSWERS
from carethread.questionnaires.forms.expressions import unreadable
from carethread.questionnaires.forms.ordering import ordered
from carethread.questionnaires.forms.values import typed_value
from carethread.questionnaires.safety.marking import idle_marks

MOST_ITEMS = 5000
MOST_LEVELS = 30
_MOST_FAULTS = 200


class _Node(NamedTuple):
    """An item where it stands; `level` 1 is the top. Nodes are told apart by their paths."""

    raw: Resource
    path: str
    level: int
    parent: _Node | None


def faults_of(questionnaire: Resource) -> list[Issue]:
    """Every fault; none means that it can be read as a form."""
    nodes = list(_nodes(questionnaire))
    if len(nodes) > MOST_ITEMS:
        told = f"A form has at most {MOST_ITEMS} items; divide it."
        return [Issue("too-costly", told, "Questionnaire.item")]
    deep = [node for node in nodes if node.level == MOST_LEVELS + 1]
    if deep:
        told = f"Items are nested at most {MOST_LEVELS} deep."
        return [Issue("too-costly", told, node.path) for node in deep[:_MOST_FAULTS]]
    if issues := list(_nameless(nodes)):
        return issues[:_MOST_FAULTS]
    faults = [
        *unreadable(questionnaire, "Questionnaire"),
        *wrong_variables(questionnaire, "Questionnaire"),
        *_repeated(nodes),
    ]
    known = {node.raw["linkId"]: node for node in nodes}
    for node in nodes:
        faults += _of_item(node, known)
    faults += _circles(known)
    if len(faults) > _MOST_FAULTS:
        more = f"{len(faults) - _MOST_FAULTS} more faults were found; these are the first {_MOST_FAULTS}."
        faults = [*faults[:_MOST_FAULTS], Issue("informational", more, "Questionnaire.item")]
    return faults


def nameless(questionnaire: Resource) -> list[Issue]:
    """The faults without which nothing else can be said of a Questionnaire: what cannot be told apart in it."""
    return list(_nameless(_nodes(questionnaire)))[:_MOST_FAULTS]


def _nodes(questionnaire: Resource) -> Iterator[_Node]:
    """All items in document order, but none below those that are one level too deep; at most one too many."""
    waiting = _below(questionnaire, "Questionnaire", 1, None)
    count = 0
    while waiting and count <= MOST_ITEMS:
        node = waiting.pop()
        yield node
        count += 1
        if node.level <= MOST_LEVELS:
            waiting += _below(node.raw, node.path, node.level + 1, node)


def _below(raw: Resource, path: str, level: int, parent: _Node | None) -> list[_Node]:
    inner = raw.get("item", ())
    return [_Node(inner[n], f"{path}.item[{n}]", level, parent) for n in reversed(range(len(inner)))]


def _nameless(nodes: Iterable[_Node]) -> Iterator[Issue]:
    """Items that cannot be told apart, and conditions that ask about none: R4 takes an extension for a value there."""
    for node in nodes:
        if "linkId" not in node.raw:
            yield Issue("required", "An item has a linkId; an extension does not stand for it.", f"{node.path}.linkId")
        for number, each in enumerate(node.raw.get("enableWhen", ())):
            if "question" not in each:
                told = "A condition names a question; an extension does not stand for it."
                yield Issue("required", told, f"{node.path}.enableWhen[{number}].question")


def _repeated(nodes: list[_Node]) -> Iterator[Issue]:
    first: dict[str, str] = {}
    for node in nodes:
        link = node.raw["linkId"]
        if link in first:
            told = f"The linkId '{shown(link)}' is that of {first[link]} already; give each item its own."
            yield Issue("duplicate", told, f"{node.path}.linkId")
        first.setdefault(link, node.path)


def _of_item(node: _Node, known: Mapping[str, _Node]) -> Iterator[Issue]:
    raw, path = node.raw, node.path
    yield from unreadable(raw, path)
    yield from wrong_variables(raw, path)
    for number, each in enumerate(raw.get("enableWhen", ())):
        source, where = known.get(each["question"]), f"{path}.enableWhen[{number}]"
        if source is None:
            told = f"No item has the linkId '{shown(each['question'])}'; name a question of this form."
            yield Issue("not-found", told, f"{where}.question")
        elif source.raw["type"] in ("group", "display"):
            told = f"'{shown(each['question'])}' is a {source.raw['type']}, which nobody answers; name a question."
            yield Issue("business-rule", told, f"{where}.question")
    yield from _wrong_values(raw, path)
    yield from idle_marks(raw, path)
    yield from idle_feedback(raw, path)


def _wrong_values(raw: Resource, path: str) -> Iterator[Issue]:
    allowed = ANSWERS.get(raw["type"], frozenset())
    if raw["type"] in ("choice", "open-choice"):
        allowed = allowed | {"string", "integer", "date", "time", "Reference"}
    for name in ("answerOption", "initial"):
        for number, each in enumerate(raw.get(name, ())):
            kind, _ = typed_value(each)
            if kind and kind not in allowed:
                told = f"The item is of type {raw['type']}: its values are of {_listed(allowed)}."
                yield Issue("value", told, f"{path}.{name}[{number}].value")


def _listed(kinds: frozenset[str]) -> str:
    return " or ".join(sorted(kinds)) or "no type"


def _circles(known: Mapping[str, _Node]) -> Iterator[Issue]:
    """Items that are enabled by what is enabled by themselves, or stands within them."""
    needs = {
        link: [
            *([node.parent.raw["linkId"]] if node.parent else ()),
            *(each["question"] for each in node.raw.get("enableWhen", ())),
        ]
        for link, node in known.items()
    }
    for circle in ordered(needs)[1]:
        asking = [link for link in circle if "enableWhen" in known[link].raw]
        named = ", ".join(f"'{shown(link)}'" for link in circle[:10]) + (", ..." if len(circle) > 10 else "")
        told = f"Whether it is enabled depends on itself, through {named}; take one of the conditions away."
        yield Issue("business-rule", told, f"{known[asking[0]].path}.enableWhen")
