"""What is known, as an answer to a question: units converted, and of several codes the one that can be chosen. Pure.

What does not fit is left out, and why is told without repeating it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from carethread.core.fhir.elements import extension
from carethread.core.fhir.fhirpath import Quantity
from carethread.core.fhir.fhirpath.quantity import measure
from carethread.core.ports import Resource
from carethread.questionnaires.answering.choosing import members_of
from carethread.questionnaires.answering.plans import Plan
from carethread.questionnaires.expressions.answers import number
from carethread.questionnaires.forms.comparing import key, quantity
from carethread.questionnaires.forms.comparing import number as exact
from carethread.questionnaires.forms.expressions import CORE
from carethread.questionnaires.forms.form import Form, Item
from carethread.questionnaires.forms.limits import PLACES, UNIT_OPTION, whole
from carethread.questionnaires.forms.values import typed_value

UNIT = CORE + "questionnaire-unit"
_CODING = ("system", "version", "code", "display")
_LARGEST = 10**15
_NO_UNIT = frozenset({"1", "{score}", "\\1"})


class Unfit(Exception):
    """Why something known is no answer to the question; a sentence without its content."""


_Make = Callable[[Plan, str, Any], "Resource | None"]


def answer_of(plan: Plan, kind: str, value: Any, response: Resource) -> Resource:
    """A value of a FHIR type as an answer to a question of a form, which accepts it. Raises Unfit."""
    make = _MAKERS.get(plan.item.type)
    answer = make(plan, kind, value) if make else None
    if answer is None:
        raise Unfit(f"what is known is of type {kind}, which a question of type {plan.item.type} does not take")
    refuse_unfit(plan, answer, response)
    return answer


def takes(item: Item) -> frozenset[str]:
    """The types of what may be known that can become an answer to a question."""
    return _TAKES.get(item.type, frozenset())


def refuse_unfit(plan: Plan, answer: Resource, response: Resource) -> None:
    """Raise Unfit for an answer that the question does not accept."""
    kind, value = typed_value(answer)
    if kind not in plan.kinds:
        raise Unfit(f"what is known is of type {kind}, not {' or '.join(sorted(plan.kinds))}")
    if plan.choice and not plan.choice.accepts(kind, value):
        raise Unfit("what is known is none of what can be chosen")
    for check in plan.checks:
        for wrong in check(value, response):
            if wrong.severity == "error":
                raise Unfit(f"what is known breaks a rule of the question: {wrong.told.rstrip('.')}")


def choosable(plan: Plan, codings: Iterable[Resource]) -> list[Resource]:
    """Those of several codes for the same that can be chosen; all where that is not narrowed down."""
    choice = plan.choice
    return [each for each in codings if "code" in each and (choice is None or choice.accepts("Coding", each))]


def coded(plan: Plan, code: str, form: Form) -> Resource | None:
    """The Coding that a bare code, such as that of Patient.gender, means among what can be chosen; None where there is
    none, or several."""
    item = plan.item
    found = [each.value for each in item.options if each.kind == "Coding" and each.value.get("code") == code]
    if item.value_set and not item.options and (members := members_of(item.value_set, form)):
        found = [{"system": system, "code": code} for system, codes in members.codes.items() if code in codes]
    return {name: found[0][name] for name in _CODING if name in found[0]} if len(found) == 1 else None


def units_of(item: Item) -> list[Resource]:
    """The units that a question's numbers are in (Codings), the one to prefer first."""
    said = extension(item.raw, UNIT).get("valueCoding")
    options = [each["valueCoding"] for each in item.extensions(UNIT_OPTION) if "valueCoding" in each]
    return [said, *options] if said else options


def in_unit(amount: Quantity, unit: Resource) -> Decimal | None:
    """How much an amount is in a unit (a Coding); None where they do not measure the same, as far as is known."""
    wanted = _unit(unit)
    if amount.unit == wanted:
        return amount.value
    one, other = measure(amount.unit), measure(wanted)
    return amount.value * one[0] / other[0] if one and other and one[1] == other[1] else None


def _unit(unit: Resource) -> str:
    """A unit's name as amounts have it."""
    said = quantity({"value": 1, "unit": unit.get("display"), "system": unit.get("system"), "code": unit.get("code")})
    return said.unit if said else ""


def _simple(wanted: str, *kinds: str) -> _Make:
    member = f"value{wanted[0].upper()}{wanted[1:]}"

    def make(_: Plan, kind: str, value: Any) -> Resource | None:
        return {member: value} if kind in kinds else None

    return make


def _date(_: Plan, kind: str, value: Any) -> Resource | None:
    return {"valueDate": value[:10]} if kind in ("date", "dateTime") else None


def _text(_: Plan, kind: str, value: Any) -> Resource | None:
    if kind == "CodeableConcept":
        displays = (each["display"] for each in value.get("coding", ()) if "display" in each)
        text = value.get("text") or next(displays, None)
        return {"valueString": text} if text else None
    return {"valueString": value} if kind == "string" else None


def _number(plan: Plan, kind: str, value: Any) -> Resource | None:
    if kind == "Quantity":
        amount = _amount(plan.item, value)
    elif kind in ("integer", "decimal"):
        amount = exact(value)
    else:
        return None
    if abs(amount) >= _LARGEST:
        raise Unfit("what is known is too large a number")
    if plan.item.type == "decimal":
        return {"valueDecimal": value if kind == "decimal" else number(amount)}
    if amount != amount.to_integral_value():
        raise Unfit("what is known is no whole number in the question's unit")
    return {"valueInteger": int(amount)}


def _amount(item: Item, value: Resource) -> Decimal:
    """A Quantity as the plain number that a question takes."""
    have, units = _known(value), units_of(item)
    if not units and have.unit not in _NO_UNIT:
        raise Unfit("what is known has a unit, and the question does not say which it takes")
    amount = in_unit(have, units[0]) if units else have.value
    if amount is None:
        raise Unfit("the unit of what is known cannot be converted into the question's")
    return _rounded(item, amount)


def _quantity(plan: Plan, kind: str, value: Any) -> Resource | None:
    if kind != "Quantity":
        return None
    have, units = _known(value), units_of(plan.item)
    if not units or any(_unit(each) == have.unit for each in units):
        return {"valueQuantity": value}
    for unit in units:
        if (amount := in_unit(have, unit)) is not None:
            named = {"unit": unit.get("display") or unit.get("code"), "system": unit.get("system")}
            told = {name: text for name, text in {**named, "code": unit.get("code")}.items() if text}
            return {"valueQuantity": {"value": number(_rounded(plan.item, amount)), **told}}
    raise Unfit("the unit of what is known cannot be converted into one of the question's")


def _known(value: Resource) -> Quantity:
    found = quantity(value)
    if found is None or "comparator" in value:
        raise Unfit("what is known is a bound (such as < 5) or has no value")
    return found


def _rounded(item: Item, amount: Decimal) -> Decimal:
    places = whole(item.raw, PLACES)
    return amount if places is None or places > 8 else round(amount, places)


def _choice(plan: Plan, kind: str, value: Any) -> Resource | None:
    if kind in ("CodeableConcept", "Coding"):
        codings: Sequence[Resource] = value.get("coding", ()) if kind == "CodeableConcept" else [value]
        found = choosable(plan, codings)
        if found:
            return {"valueCoding": _of_form(plan, found[0])}
        if plan.item.type == "open-choice" and (text := value.get("text") or value.get("display")):
            return {"valueString": text}
        raise Unfit("what is known is none of what can be chosen")
    takes = {option.kind for option in plan.item.options} | ({"string"} if plan.item.type == "open-choice" else set())
    return {f"value{kind[0].upper()}{kind[1:]}": value} if kind in takes else None


def _of_form(plan: Plan, coding: Resource) -> Resource:
    """The code as the form writes it."""
    same = (each for each in plan.item.options if key(each.kind, each.value) == key("Coding", coding))
    found = next(same, None)
    said = found.value if found else coding
    return {name: said[name] for name in _CODING if name in said}


_MAKERS: Mapping[str, _Make] = {
    "boolean": _simple("boolean", "boolean"),
    "integer": _number,
    "decimal": _number,
    "quantity": _quantity,
    "string": _text,
    "text": _text,
    "url": _simple("uri", "uri"),
    "date": _date,
    "dateTime": _simple("dateTime", "dateTime", "date"),
    "time": _simple("time", "time"),
    "choice": _choice,
    "open-choice": _choice,
    "reference": _simple("Reference", "Reference"),
    "attachment": _simple("Attachment", "Attachment"),
}

_TEXTS = frozenset({"string", "CodeableConcept"})
_CHOICES = frozenset({"Coding", "CodeableConcept", "string", "integer", "date", "time"})
_TAKES: Mapping[str, frozenset[str]] = {
    "boolean": frozenset({"boolean"}),
    "integer": frozenset({"integer", "decimal", "Quantity"}),
    "decimal": frozenset({"integer", "decimal", "Quantity"}),
    "quantity": frozenset({"Quantity"}),
    "string": _TEXTS,
    "text": _TEXTS,
    "date": frozenset({"date", "dateTime"}),
    "dateTime": frozenset({"date", "dateTime"}),
    "time": frozenset({"time"}),
    "choice": _CHOICES,
    "open-choice": _CHOICES,
}
