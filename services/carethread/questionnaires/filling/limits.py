"""What an item asks of its answers, in words for whoever answers."""

from __future__ import annotations

from typing import Any

from carethread.core.fhir.json import Number
from carethread.questionnaires.filling.words import word
from carethread.questionnaires.forms import limits
from carethread.questionnaires.forms.form import Item

LONG = 500
"""Characters that nobody counts: so many are spoken of only once somebody has written more."""


def told(item: Item, language: str, *, before: bool = False) -> str:
    """The bounds of an answer; empty where there are none that can be told in a word. `before`: as a hint to who has
    answered nothing yet."""
    least, most = (
        _bound(item, limits.MIN_VALUE, limits.MIN_QUANTITY),
        _bound(item, limits.MAX_VALUE, limits.MAX_QUANTITY),
    )
    found = []
    if least and most:
        found.append(word("between", language, least=least, most=most))
    elif least or most:
        found.append(word("least", language, least=least) if least else word("most", language, most=most))
    counts = item.max_length is not None and not (before and item.max_length >= LONG)
    if counts and item.type in ("string", "text", "url"):
        found.append(word("length", language, most=item.max_length))
    return " ".join(found)


def _bound(item: Item, *urls: str) -> str:
    found = limits.limits(item.raw, *urls)
    return _plain(found[0].value) if found else ""


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        unit = value.get("unit") or value.get("code", "")
        return f"{_plain(value['value'])} {unit}".strip() if "value" in value else ""
    return value.text if isinstance(value, Number) else str(value)
