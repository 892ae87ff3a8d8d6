"""The fields of items as a browser would post them: for what is not asked at present, so that it stays. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from zoneinfo import ZoneInfo

from carethread.questionnaires.filling.choices import choices_of
from carethread.questionnaires.filling.controls import is_chosen
from carethread.questionnaires.filling.laying import Node
from carethread.questionnaires.filling.names import ASKED, GROUP, OTHER, VALUE, Name, Where
from carethread.questionnaires.filling.reading import ANOTHER, free, others
from carethread.questionnaires.filling.values import PARTS, written
from carethread.questionnaires.forms.comparing import key as key_of
from carethread.questionnaires.forms.form import Form
from carethread.questionnaires.forms.values import typed_value


def fields_of(nodes: Sequence[Node], form: Form, zone: ZoneInfo) -> Iterator[tuple[str, str]]:
    """What a browser would post of these items, all that is in them too."""
    for node in nodes:
        item, where = node.item, node.where
        if item.type == "group":
            for each in node.within:
                if item.repeats:
                    yield str(Name(GROUP, (*where, each.number), item.link_id)), ""
                yield from fields_of(each.nodes, form, zone)
        elif node.is_asked:
            yield from _answers_of(node, form, zone, where)
            for each in node.within:
                yield from fields_of(each.nodes, form, zone)


def _answers_of(node: Node, form: Form, zone: ZoneInfo, where: Where) -> Iterator[tuple[str, str]]:
    item = node.item
    if not node.answers:
        return
    yield str(Name(ASKED, where, item.link_id)), ""
    if not is_chosen(node.control):
        for each in node.within:
            for part, text in (written(item.type, each.answer, zone) or {}).items():
                if part in PARTS[item.type]:
                    yield str(Name(part, (*where, each.number), item.link_id)), text
        return
    choices = choices_of(item, form)
    chosen = {key_of(*typed_value(each)) for each in node.answers}
    for choice in (*choices, *others(item, choices, node.answers)):
        if key_of(choice.kind, choice.value) in chosen:
            yield str(Name(VALUE, where, item.link_id)), choice.key
    if apart := free(item, choices, node.answers):
        yield str(Name(VALUE, where, item.link_id)), ANOTHER
        yield str(Name(OTHER, where, item.link_id)), str(apart["valueString"])
