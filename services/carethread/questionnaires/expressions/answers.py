"""What an expression gives, as the answers of an item: http://hl7.org/fhir/R4/questionnaireresponse.html."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from carethread.core.fhir.elements import extension
from carethread.core.fhir.fhirpath import Element, FhirPathEvaluationError, Quantity, Temporal
from carethread.core.fhir.fhirpath.element import UCUM, plain
from carethread.core.fhir.json import Number
from carethread.core.ports import Resource
from carethread.questionnaires.forms.form import Item

_UNIT = "http://hl7.org/fhir/StructureDefinition/questionnaire-unit"
_CODING = ("system", "version", "code", "display")
_PLACES = Decimal("1e-8")
_LARGEST = 10**15

_Made = Callable[[Item, Any], Resource | None]


def answers_of(item: Item, found: Sequence[Any]) -> list[Resource]:
    """The answers that the items of a collection make, none for none.

    Raises FhirPathEvaluationError for what cannot answer the item, and for several where it takes one.
    """
    if len(found) > 1 and not item.repeats:
        raise FhirPathEvaluationError(f"The item '{item.link_id}' takes one answer, not {len(found)}.")
    make = _MAKERS.get(item.type)
    answers = [answer for each in found if (answer := make(item, each) if make else None) is not None]
    if len(answers) != len(found):
        raise FhirPathEvaluationError(f"The item '{item.link_id}' is of type {item.type}; this is something else.")
    return answers


def number(value: Decimal | int) -> int | Number:
    """A number as JSON has it, with 8 decimals at most; a very large one as it is."""
    decimal = Decimal(value)
    if abs(decimal) >= _LARGEST:
        return Number(str(decimal))
    if decimal == decimal.to_integral_value():
        return int(decimal)
    return Number(format(decimal.quantize(_PLACES).normalize(), "f"))


def _is_number(value: Any) -> bool:
    return type(value) in (int, Decimal) and abs(value) < _LARGEST


def _integer(_: Item, each: Any) -> Resource | None:
    value = plain(each)
    return {"valueInteger": int(value)} if _is_number(value) and value == int(value) else None


def _decimal(_: Item, each: Any) -> Resource | None:
    value = plain(each)
    return {"valueDecimal": number(value)} if _is_number(value) else None


def _boolean(_: Item, each: Any) -> Resource | None:
    value = plain(each)
    return {"valueBoolean": value} if type(value) is bool else None


def _quantity(item: Item, each: Any) -> Resource | None:
    if type(each) is Element and type(each.value) is dict and "value" in each.value:
        return {"valueQuantity": each.value}
    value = plain(each)
    if type(value) is Quantity and _is_number(value.value):
        unit = {"unit": value.unit, "system": UCUM, "code": value.unit} if value.unit != "1" else {}
        return {"valueQuantity": {"value": number(value.value), **unit}}
    if not _is_number(value):
        return None
    said = extension(item.raw, _UNIT).get("valueCoding", {})
    named = {"unit": said.get("display") or said.get("code"), "system": said.get("system"), "code": said.get("code")}
    return {"valueQuantity": {"value": number(value), **{name: text for name, text in named.items() if text}}}


def _text(member: str) -> _Made:
    def make(_: Item, each: Any) -> Resource | None:
        value = each.value if type(each) is Element else each
        return {member: value} if type(value) is str and value else None

    return make


def _moment(member: str, *kinds: str) -> _Made:
    def make(_: Item, each: Any) -> Resource | None:
        value = plain(each)
        return {member: str(value)} if type(value) is Temporal and value.kind in kinds else None

    return make


def _whole(member: str, needed: str) -> _Made:
    def make(_: Item, each: Any) -> Resource | None:
        value = each.value if type(each) is Element else None
        return {member: value} if type(value) is dict and needed in value else None

    return make


def _choice(item: Item, each: Any) -> Resource | None:
    value = each.value if type(each) is Element else each
    if type(value) is dict:
        return {"valueCoding": {name: value[name] for name in _CODING if name in value}} if "code" in value else None
    kinds = {option.kind for option in item.options}
    if type(value) is str:
        return {"valueString": value} if "string" in kinds or item.type == "open-choice" else None
    return _integer(item, each) if "integer" in kinds else None


_MAKERS: Mapping[str, _Made] = {
    "boolean": _boolean,
    "integer": _integer,
    "decimal": _decimal,
    "quantity": _quantity,
    "string": _text("valueString"),
    "text": _text("valueString"),
    "url": _text("valueUri"),
    "date": _moment("valueDate", "Date"),
    "dateTime": _moment("valueDateTime", "DateTime", "Date"),
    "time": _moment("valueTime", "Time"),
    "choice": _choice,
    "open-choice": _choice,
    "reference": _whole("valueReference", "reference"),
    "attachment": _whole("valueAttachment", "contentType"),
}
