"""The cursor of a page link: where the next page begins, as text that a client hands back and does not look into."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any, TypeVar

from carethread.core.errors import Malformed
from carethread.core.fhir import json
from carethread.core.fhir.search.query import CURSOR

T = TypeVar("T")


def encoded(place: Any) -> str:
    """A place, which is any JSON value, for a URL."""
    return base64.urlsafe_b64encode(json.render(place)).decode().rstrip("=")


def decoded(cursor: str, read: Callable[[Any], T]) -> T:
    """What `read` makes of the place in a cursor; it raises ValueError or TypeError for what is none. Raises Malformed
    for a cursor that was not made here.
    """
    try:
        return read(json.parse(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))))
    except (ValueError, TypeError, Malformed):
        raise Malformed(
            "This page link was not made for this request; begin without it.", code="value", expression=CURSOR
        ) from None


def whole(value: object, *, least: int = 0) -> int:
    """A whole number of a place, as a database has it: `least` to 2^63 - 1. Raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, int | json.Number):
        raise ValueError
    number = int(value.text if isinstance(value, json.Number) else value)
    if not least <= number < 2**63:
        raise ValueError
    return number


def text(value: object) -> str:
    """A text of a place. Raises ValueError."""
    if not isinstance(value, str):
        raise ValueError
    return value
