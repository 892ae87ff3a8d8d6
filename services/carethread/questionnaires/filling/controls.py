"""By what an item of a form is answered on the page: a table over its type, its choices and what it asks for. Pure."""

from __future__ import annotations

from functools import lru_cache

from carethread.core.fhir.elements import at
from carethread.questionnaires.filling.choices import choices_of
from carethread.questionnaires.filling.values import PARTS
from carethread.questionnaires.forms.expressions import CORE
from carethread.questionnaires.forms.form import Form, Item

ONE, SOME, LIST = "one", "some", "list"
"""Chosen from a list: one by a row of buttons, several by boxes, one from a list that opens."""

NONE = "none"
"""Cannot be answered here: files, and references to records."""

MOST_BUTTONS = 12

_CONTROL = CORE + "questionnaire-itemControl"
_LISTED = frozenset({"drop-down", "autocomplete", "lookup"})
_ASIDE = frozenset({"help", "unit", "lower", "upper", "prompt", "flyover", "legal"})


def control_of(item: Item, form: Form) -> str:
    """One of the above, else the item's type, for which there are fields; for a group `group`, a display `display`."""
    if item.type in ("group", "display"):
        return item.type
    choices = choices_of(item, form)
    if choices and item.repeats:
        return SOME
    if choices:
        return LIST if len(choices) > MOST_BUTTONS or marked(item) & _LISTED else ONE
    return item.type if item.type in PARTS else NONE


def is_chosen(control: str) -> bool:
    """Whether the answers are chosen from a list."""
    return control in (ONE, SOME, LIST)


@lru_cache(maxsize=4096)
def marked(item: Item) -> frozenset[str]:
    """The codes by which the form says how the item is to be shown (`itemControl`)."""
    found = (each for said in item.extensions(_CONTROL) for each in at(said, "valueCodeableConcept.coding.code"))
    return frozenset(str(each) for each in found)


def aside(item: Item) -> str:
    """What a display is beside its question: `help`, `unit`, `lower`, `upper`, …; empty where it stands by itself."""
    return next(iter(sorted(marked(item) & _ASIDE)), "") if item.type == "display" else ""


def is_open(item: Item) -> bool:
    """Whether somebody is to write in it: a group, or a question that is neither hidden nor read only."""
    return item.type == "group" or (item.type not in ("display", "question") and not item.read_only)
