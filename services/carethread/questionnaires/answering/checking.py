"""What an item asks of one answer beyond its type and what may be chosen: a table of rules, each made once for an item.

Source: http://hl7.org/fhir/R4/questionnaire-profiles.html, http://hl7.org/fhir/uv/sdc/behavior.html. Nothing that is
told repeats an answer.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from carethread.core.fhir.json import Number
from carethread.core.fhir.patterns import NotSupported, pattern
from carethread.core.fhir.targets import reference_type
from carethread.core.ports import Resource
from carethread.questionnaires.answering.choosing import bound_of
from carethread.questionnaires.forms import limits
from carethread.questionnaires.forms.comparing import incompatible, number, order, quantity
from carethread.questionnaires.forms.form import Form, Item
from carethread.questionnaires.forms.limits import Limit, limit

_MEGABYTE = 1_000_000
_SIMPLE = frozenset(
    {"boolean", "decimal", "integer", "date", "dateTime", "time", "string", "text", "url", "open-choice"}
)
_NUMBERS = ("decimal", "integer", "quantity")


class Wrong(NamedTuple):
    """What is wrong with an answer, as an Issue says it."""

    code: str
    told: str
    severity: str = "error"


Check = Callable[[Any, Resource], Iterable[Wrong]]
"""Judges a value of the right type; the response is there for what it contains."""


class Gap(NamedTuple):
    """What a form asks that nobody here can tell."""

    told: str


def checks_of(item: Item, form: Form) -> tuple[list[Check], list[Gap]]:
    """What is to be asked of each answer, and what cannot be."""
    found = [made for make in _RULES for made in make(item, form)]
    return [each for each in found if not isinstance(each, Gap)], [each for each in found if isinstance(each, Gap)]


Made = Iterator[Check | Gap]


def _text(value: Any) -> str:
    """A simple value as it is written."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.text if isinstance(value, Number) else str(value)


def _lengths(item: Item, form: Form) -> Made:
    least, most = limits.whole(item.raw, limits.MIN_LENGTH), item.max_length
    if item.type not in _SIMPLE:
        return
    if most is not None:
        yield (
            lambda value, _: (
                [Wrong("too-long", f"The answer has at most {most} characters.")]
                if not isinstance(value, dict) and len(_text(value)) > most
                else ()
            )
        )
    if least is not None:
        yield (
            lambda value, _: (
                [Wrong("value", f"The answer has at least {least} characters.")]
                if not isinstance(value, dict) and len(_text(value)) < least
                else ()
            )
        )


def _patterns(item: Item, form: Form) -> Made:
    for found in limits.limits(item.raw, limits.REGEX):
        try:
            known = pattern(found.value)
        except NotSupported as error:
            yield Gap(f"The form's regex was not asked: {error}.")
            continue

        def matches(value: Any, _: Resource, matches: Callable[[str], bool] = known.matches) -> Iterator[Wrong]:
            try:
                if not isinstance(value, dict) and not matches(_text(value)):
                    yield Wrong("value", "The answer is not written as the form's regex asks.")
            except ValueError:
                yield Wrong("too-long", "The answer is too long for the form's regex to be asked.")

        yield matches


def _bounds(item: Item, form: Form) -> Made:
    for url, sign, told in ((limits.MIN_VALUE, -1, "at least"), (limits.MAX_VALUE, 1, "at most")):
        found = limit(item.raw, url)
        if found is not None and item.type != "quantity":
            yield _bound(item.type, found, sign, f"The answer is {told} {_text(found.value)}.")


def _bound(kind: str, found: Limit, sign: int, told: str) -> Check:
    return lambda value, _: [Wrong("value", told)] if order(kind, value, *found) == sign else ()


def _amounts(item: Item, form: Form) -> Made:
    """Bounds of quantities, of which R5's minValue and maxValue may be some too."""
    if item.type != "quantity":
        return
    for urls, sign, told in (
        ((limits.MIN_QUANTITY, limits.MIN_VALUE), -1, "at least"),
        ((limits.MAX_QUANTITY, limits.MAX_VALUE), 1, "at most"),
    ):
        for found in limits.limits(item.raw, *urls):
            if found.kind == "Quantity" and (amount := quantity(found.value)):
                unit = found.value.get("unit") or found.value.get("code", "")
                yield _amount(found, sign, f"The answer is {told} {amount.value} {unit}".rstrip() + ".")


def _amount(found: Limit, sign: int, told: str) -> Check:
    def within(value: Any, _: Resource) -> Iterator[Wrong]:
        given, bound = quantity(value), quantity(found.value)
        if given is None or bound is None:
            return
        placed = order("Quantity", value, *found)
        if placed == sign:
            yield Wrong("value", told)
        elif incompatible(given, bound):
            yield Wrong("value", f"The unit measures something else. {told}")
        elif placed is None:
            yield Wrong("informational", f"The unit cannot be compared here. {told}", "warning")

    return within


def _places(item: Item, form: Form) -> Made:
    most = limits.whole(item.raw, limits.PLACES)
    if most is None or item.type not in _NUMBERS:
        return

    def short(value: Any, _: Resource) -> Iterator[Wrong]:
        given = value.get("value") if isinstance(value, dict) else value
        exponent = number(given).as_tuple().exponent if given is not None else 0
        if isinstance(exponent, int) and -exponent > most:
            yield Wrong("value", f"The answer has at most {most} decimal places.")

    yield short


def _units(item: Item, form: Form) -> Made:
    if item.type != "quantity":
        return
    options = [found.value for found in limits.limits(item.raw, limits.UNIT_OPTION)]
    sets = [str(found.value) for found in limits.limits(item.raw, limits.UNIT_SET)]
    opened = {str(found.value) for found in limits.limits(item.raw, *limits.UNIT_OPEN)}
    if not (options or sets) or "optionsOrType" in opened:
        return
    bounds = [bound_of(each, form) for each in sets]
    if None in bounds:
        yield Gap(f"The units of {', '.join(sets)} are not known here.")
        return
    keys = {(option.get("system"), option.get("code")) for option in options}
    named = ", ".join(str(option.get("code", "")) for option in options[:20]) or f"of {', '.join(sets)}"

    def is_unit(value: Any, _: Resource) -> Iterator[Wrong]:
        coding = {name: value[name] for name in ("system", "code") if name in value}
        if (value.get("system"), value.get("code")) in keys and "code" in value:
            return
        if "code" not in value and "unit" in value and "optionsOrString" in opened:
            return
        if not any(each and each.accepts(coding) for each in bounds):
            yield Wrong("code-invalid", f"The unit is one of the form's, by system and code: {named}.")

    yield is_unit


def _attachments(item: Item, form: Form) -> Made:
    if item.type != "attachment":
        return
    types = [str(found.value) for found in limits.limits(item.raw, limits.MIME_TYPE)]
    size = limit(item.raw, limits.MAX_SIZE)
    if types:
        told = f"The attachment's contentType is one of {', '.join(types)}."
        yield lambda value, _: [] if _is_of(value.get("contentType", ""), types) else [Wrong("value", told)]
    most = number(size.value) * _MEGABYTE if size and size.kind in ("decimal", "integer") else None

    def weighed(value: Any, _: Resource) -> Iterator[Wrong]:
        data, said = _bytes(value.get("data")), value.get("size")
        if data is not None and said is not None and data != said:
            yield Wrong("value", "The attachment's size is not that of its data.")
        if most is not None and max(data or 0, said or 0) > most:
            yield Wrong("too-long", f"The attachment has at most {most / _MEGABYTE} MB.")

    yield weighed


def _is_of(content_type: str, types: list[str]) -> bool:
    bare = content_type.partition(";")[0].strip().lower()
    return any(bare == each.lower() or (each.endswith("/*") and bare.startswith(each[:-1].lower())) for each in types)


def _bytes(data: Any) -> int | None:
    try:
        return len(base64.b64decode("".join(data.split()), validate=True)) if isinstance(data, str) else None
    except binascii.Error:
        return None  # which the base validation has refused


def _references(item: Item, form: Form) -> Made:
    types = [str(found.value) for found in limits.limits(item.raw, limits.RESOURCE)]
    if item.type != "reference" or not types:
        return
    told = f"The answer refers to {' or '.join(types)}."

    def of_type(value: Any, response: Resource) -> Iterator[Wrong]:
        found = reference_type(value) or _contained_type(value, response)
        if found is not None and found not in types:
            yield Wrong("value", told)

    yield of_type


def _contained_type(value: Any, response: Resource) -> str | None:
    text = value.get("reference", "")
    inside = response.get("contained", ()) if text.startswith("#") else ()
    return next((each["resourceType"] for each in inside if f"#{each.get('id')}" == text), None)


_RULES: tuple[Callable[[Item, Form], Made], ...] = (
    _lengths,
    _patterns,
    _bounds,
    _amounts,
    _places,
    _units,
    _attachments,
    _references,
)
