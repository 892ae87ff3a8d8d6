"""What an item asks of its answers beyond their type, as the extensions of R4 and of SDC say it.

Source: http://hl7.org/fhir/R4/questionnaire-profiles.html, http://hl7.org/fhir/uv/sdc/behavior.html.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from carethread.core.errors import Issue
from carethread.core.fhir.patterns import NotSupported, pattern
from carethread.core.ports import Resource
from carethread.questionnaires.forms.comparing import order
from carethread.questionnaires.forms.expressions import CORE, FHIRPATH, QUERY, SDC, expressions_of
from carethread.questionnaires.forms.values import typed_value

MIN_OCCURS, MAX_OCCURS = CORE + "questionnaire-minOccurs", CORE + "questionnaire-maxOccurs"
MIN_LENGTH, REGEX, PLACES = CORE + "minLength", CORE + "regex", CORE + "maxDecimalPlaces"
MIN_VALUE, MAX_VALUE = CORE + "minValue", CORE + "maxValue"
MIN_QUANTITY, MAX_QUANTITY = SDC + "minQuantity", SDC + "maxQuantity"
MIME_TYPE, MAX_SIZE = CORE + "mimeType", CORE + "maxSize"
RESOURCE = CORE + "questionnaire-referenceResource"
UNIT_OPTION, UNIT_SET = CORE + "questionnaire-unitOption", CORE + "questionnaire-unitValueSet"
UNIT_OPEN = (SDC + "unitOpen", CORE + "questionnaire-unitOpen")

_PAIRS = ((MIN_OCCURS, MAX_OCCURS), (MIN_VALUE, MAX_VALUE), (MIN_QUANTITY, MAX_QUANTITY))
_COUNTS = (MIN_OCCURS, MAX_OCCURS, MIN_LENGTH, PLACES)
MOST_GAPS = 200


class Limit(NamedTuple):
    """The value of an extension, of FHIR type `kind`."""

    kind: str
    value: Any


def limit(item: Resource, url: str) -> Limit | None:
    """The value of the item's extension of that URL; None where there is none, or only an expression that gives it."""
    return next(iter(limits(item, url)), None)


def whole(item: Resource, url: str) -> int | None:
    """The value of an extension that is a whole number; None where there is none, or it is something else."""
    found = limit(item, url)
    return found.value if found and type(found.value) is int else None


def limits(item: Resource, *urls: str) -> list[Limit]:
    """The values of the item's extensions of these URLs."""
    return [Limit(*_value(each)) for each in item.get("extension", ()) if each.get("url") in urls and _value(each)[0]]


def _value(extension: Resource) -> tuple[str, Any]:
    kind, value = typed_value(extension)
    if kind:
        return kind, value
    plain = next((name for name in ("valueCode", "valueCanonical", "valueInstant") if name in extension), "")
    return (plain.removeprefix("value").lower(), extension[plain]) if plain else ("", None)


def gaps_of(questionnaire: Resource) -> list[Issue]:
    """What a form asks that no answer can keep, or that is not understood here, so that nobody would see to it."""
    found: list[Issue] = []
    waiting = [(questionnaire, "Questionnaire")]
    while waiting:
        element, path = waiting.pop()
        found += [*_wrong(element, path), *_not_understood(element, path)]
        inner = element.get("item", ())
        waiting += [(inner[n], f"{path}.item[{n}]") for n in reversed(range(len(inner)))]
    return found[:MOST_GAPS]


def _wrong(item: Resource, path: str) -> Iterator[Issue]:
    """Limits that no answer can keep."""
    for url in _COUNTS:
        found = limit(item, url)
        if found and (not isinstance(found.value, int) or found.value < 0):
            yield Issue("value", f"{_name(url)} is a whole number, 0 or more.", path)
    for low, high in _PAIRS:
        least, most = limit(item, low), limit(item, high)
        if least and most and order(*least, *most) == 1:
            yield Issue("business-rule", f"{_name(low)} is more than {_name(high)}, so no answer is right.", path)
    shortest = whole(item, MIN_LENGTH)
    if shortest is not None and shortest > item.get("maxLength", shortest):
        yield Issue("business-rule", "minLength is more than maxLength, so no answer is right.", path)


def _not_understood(element: Resource, path: str) -> Iterator[Issue]:
    for each in expressions_of(element, path):
        if each.language not in (FHIRPATH, QUERY):
            told = f"Expressions are in {FHIRPATH}, or {QUERY} where they find something."
            yield Issue("not-supported", told, each.path)
    for found in limits(element, REGEX):
        try:
            pattern(found.value)
        except NotSupported as error:
            yield Issue("not-supported", f"The regex cannot be asked: {error}.", path)


def _name(url: str) -> str:
    return url.removeprefix(SDC).removeprefix(CORE).removeprefix("questionnaire-")
