"""When something of a plan is to happen: spans of time in microseconds, from a template's relative and related times.

Source: http://hl7.org/fhir/R4/plandefinition-definitions.html#PlanDefinition.action.timing_x_,
http://hl7.org/fhir/R4/valueset-action-relationship-type.html.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from carethread.core.errors import Invalid
from carethread.core.fhir.search.dates import EARLIEST, LATEST, date_range
from carethread.core.lengths import FIXED, MONTHS, UNITS, months_later
from carethread.core.ports import Resource

Span = tuple[int, int]

_FIRST, OPEN = EARLIEST + 2 * FIXED["d"], LATEST - 2 * FIXED["d"]


def later(moment: int, amount: Decimal, unit: str) -> int:
    """A moment so much later, or earlier for a negative amount; within the calendar."""
    if unit in FIXED:
        found: int | None = moment + int(amount * FIXED[unit])
    else:
        found = months_later(min(max(moment, _FIRST), OPEN), int(amount * MONTHS[unit]))
    if found is None:
        return OPEN if amount > 0 else _FIRST
    return min(max(found, _FIRST), OPEN)


def amount_of(quantity: Mapping[str, Any], where: str) -> tuple[Decimal, str]:
    """The number and the unit of a Duration or Age. Raises Invalid."""
    unit = quantity.get("code", quantity.get("unit"))
    try:
        number = Decimal(str(quantity["value"]))
    except (KeyError, InvalidOperation):
        raise Invalid("A length of time has a value.", code="required", expression=where) from None
    if unit not in UNITS or not abs(number) < 1_000_000:
        said = f"A length of time has a value under a million and one of the codes {', '.join(UNITS)} of UCUM."
        raise Invalid(said, code="value", expression=where)
    return number, str(unit)


def shifted(moment: int, quantity: Mapping[str, Any], where: str, sign: int = 1) -> int:
    """A moment a Duration later, or earlier. Raises Invalid."""
    number, unit = amount_of(quantity, where)
    return later(moment, sign * number, unit)


def offset_span(anchor: int, related: Resource, sign: int, where: str) -> Span:
    """From when to when, relative to an anchor: an offset is a Duration, a Range, or nothing. Raises Invalid."""
    if "offsetRange" in related:
        near = far = anchor
        if "low" in related["offsetRange"]:
            near = shifted(anchor, related["offsetRange"]["low"], f"{where}.offsetRange.low", sign)
        if "high" in related["offsetRange"]:
            far = shifted(anchor, related["offsetRange"]["high"], f"{where}.offsetRange.high", sign)
        return min(near, far), max(near, far)
    if "offsetDuration" in related:
        anchor = shifted(anchor, related["offsetDuration"], f"{where}.offsetDuration", sign)
    return anchor, anchor


def related_span(target: Span, related: Resource, where: str) -> Span:
    """From when to when an action is to happen that is related to one of this span. Raises Invalid."""
    relationship, (begin, end) = related["relationship"], target
    if relationship == "concurrent" and not {"offsetDuration", "offsetRange"} & related.keys():
        return target
    before = relationship.startswith("before")
    from_end = relationship.endswith("-end") or relationship == "after"
    return offset_span(end if from_end else begin, related, -1 if before else 1, where)


def timed_span(action: Resource, begin: int, birth: str, where: str) -> Span | None:
    """The span of an action's or activity's own timing[x] in a plan that begins at a moment.

    A Duration or Range counts from the beginning, an Age from the birth date. None: it has none, or it repeats.
    """
    if "timingDateTime" in action:
        span = date_range(action["timingDateTime"])
        return span and (span[0], span[1])
    if "timingPeriod" in action:
        start, end = (date_range(action["timingPeriod"].get(name, "")) for name in ("start", "end"))
        return (start[0] if start else begin, end[1] if end else OPEN)
    if "timingDuration" in action:
        return begin, shifted(begin, action["timingDuration"], f"{where}.timingDuration")
    if "timingRange" in action:
        return offset_span(begin, {"offsetRange": action["timingRange"]}, 1, f"{where}.timingRange")
    if "timingAge" in action and (born := date_range(birth)):
        at = shifted(born[0], action["timingAge"], f"{where}.timingAge")
        return at, at + FIXED["d"]
    return None
