"""Every value of a kind beside every way to ask for it: few resources, all searches."""

from __future__ import annotations

from typing import Any

from support.search_questions import UNIT
from support.search_rules import plain
from support.search_strategies import (
    ASKED_NUMBERS,
    CODES,
    MINUTES,
    MOMENTS,
    NAMES,
    NUMBERS,
    PREFIXES,
    SYSTEMS,
    UNITS,
    URLS,
    escape,
)


def grids() -> dict[str, tuple[list[dict[str, Any]], str, list[str], list[str]]]:
    """By name: the elements of each resource, their type, its parameters, and the values to ask each for."""
    starts, ends = MOMENTS[::3], MOMENTS[1::3]
    spans: list[dict[str, Any]] = [{"effectiveDateTime": moment} for moment in MOMENTS]
    spans += [{"effectivePeriod": {"start": s, "end": e}} for s in starts for e in ends if s[:4] < e[:4]]
    spans += [{"effectivePeriod": {"start": s}} for s in starts] + [{"effectivePeriod": {"end": e}} for e in ends]
    spans += [{"effectiveTiming": {"event": [starts[0], e]}} for e in ends]
    compared = [f"{prefix}{moment}" for prefix in PREFIXES for moment in [*MOMENTS, *MINUTES]]
    numbers = [f"{prefix}{number}" for prefix in PREFIXES for number in ASKED_NUMBERS]
    amounts = [f"{prefix}{number}{unit}" for prefix in PREFIXES for number in ["5.4", "100"] for unit in UNIT]
    parts = sorted({part for name in NAMES for part in (name, name[:1], name[:3], name[1:]) if plain(part)})
    ones = [{"valueQuantity": {"value": number, **unit}} for number in NUMBERS for unit in UNITS]
    known = [{"value": code, "system": system} for system in SYSTEMS for code in CODES]
    tokens = [f"{escape(each['system'])}|{escape(each['value'])}" for each in known]
    tokens += [form.format(escape(code)) for code in CODES for form in ("{}", "|{}")]
    identified = [{"identifier": [each]} for each in [*known, {"value": "1"}, {"system": "urn:a"}]]
    strings = ["family", "family:exact", "family:contains"]
    return {
        "dates": (spans, "Observation", ["date"], compared),
        "numbers": ([{"factorOverride": number} for number in NUMBERS], "ChargeItem", ["factor-override"], numbers),
        "quantities": (ones, "Observation", ["value-quantity"], amounts),
        "strings": ([{"name": [{"family": name}]} for name in NAMES], "Patient", strings, [*map(escape, parts)]),
        "tokens": (identified, "Patient", ["identifier", "identifier:not"], tokens),
        "uris": ([{"url": url} for url in URLS], "Questionnaire", ["url"], URLS),
    }
