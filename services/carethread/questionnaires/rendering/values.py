"""One answer as words: http://hl7.org/fhir/R4/questionnaireresponse-definitions.html#QuestionnaireResponse.item.answer.value_x_"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from carethread.core.fhir.json import Number
from carethread.core.ports import Resource
from carethread.questionnaires.forms.comparing import key
from carethread.questionnaires.forms.form import Item
from carethread.questionnaires.forms.values import typed_value
from carethread.questionnaires.rendering.words import Words, label, said


class Tongue(NamedTuple):
    """The language that is asked for, that of the form, and that of the response; each empty where it is not known."""

    wanted: str
    form: str
    response: str


def value_of(answer: Resource, item: Item | None, tongue: Tongue) -> Words | None:
    """What an answer says; None where it has no value. `item` is the form's, where it has it.

    A choice is told as the form tells it; what somebody wrote is told as they wrote it.
    """
    kind, value = typed_value(answer)
    if not kind:
        return None
    for option in item.options if item else ():
        if kind == option.kind and key(kind, value) == key(option.kind, option.value):
            return _chosen(kind, option.value, option.raw, tongue)
    return _teller(kind)(value, answer, tongue, tongue.response)


def _chosen(kind: str, value: Any, option: Resource, tongue: Tongue) -> Words:
    if kind == "string":
        return said(option, "valueString", tongue.wanted, tongue.form)
    return _teller(kind)(value, option, tongue, tongue.form)


Told = Callable[[Any, Resource, Tongue, str], Words]
"""Tells a value, which stands in an answer or an option, where the language around it is the last one."""


def _teller(kind: str) -> Told:
    return _TOLD.get(kind, _plain)


def _plain(value: Any, *_: Any) -> Words:
    return Words(value.text if isinstance(value, Number) else str(value))


def _string(value: str, holder: Resource, tongue: Tongue, own: str) -> Words:
    return Words(value, own)


def _boolean(value: bool, holder: Resource, tongue: Tongue, own: str) -> Words:
    return label("yes" if value else "no", tongue.wanted)


def _moment(value: str, *_: Any) -> Words:
    return Words(moment(value))


def moment(text: str) -> str:
    """A date or dateTime as people read it without doubt about day and month: `2031-03-03 08:00 +01:00`."""
    day, mark, time = text.partition("T")
    if not mark:
        return text
    zone = "UTC" if time.endswith("Z") else time[-6:] if time[-6:-5] in ("+", "-") else ""
    clock = time.removesuffix("Z").removesuffix(zone)
    return " ".join(part for part in (day, clock.partition(".")[0].removesuffix(":00"), zone) if part)


def _coding(value: Mapping[str, Any], holder: Resource, tongue: Tongue, own: str) -> Words:
    shown = said(value, "display", tongue.wanted, own)
    return shown if shown.text else Words(str(value.get("code", "")))


def _quantity(value: Mapping[str, Any], *_: Any) -> Words:
    amount = _plain(value["value"]).text if "value" in value else ""
    return Words(" ".join(each for each in (value.get("comparator", ""), amount, _unit(value)) if each))


def _unit(value: Mapping[str, Any]) -> str:
    return str(value.get("unit") or value.get("code", ""))


def _attachment(value: Mapping[str, Any], holder: Resource, tongue: Tongue, own: str) -> Words:
    name = label("attachment", tongue.wanted)
    more = ", ".join(str(value[member]) for member in ("title", "contentType") if value.get(member))
    return Words(f"{name.text}: {more}") if more else name


def _reference(value: Mapping[str, Any], holder: Resource, tongue: Tongue, own: str) -> Words:
    known = value.get("display") or value.get("reference")
    return Words(str(known)) if known else label("reference", tongue.wanted)


_TOLD: Mapping[str, Told] = {
    "boolean": _boolean,
    "string": _string,
    "dateTime": _moment,
    "Coding": _coding,
    "Quantity": _quantity,
    "Attachment": _attachment,
    "Reference": _reference,
}
