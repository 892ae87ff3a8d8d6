"""What generated views call: steps over plain JSON that are not worth writing out each time. Pure.

Each gives up (`Unplain`, or any of `SURPRISES`) where plain JSON does not tell; then FHIRPath decides.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

from carethread.core.clock import instant
from carethread.core.fhir.json import Number
from carethread.core.fhir.search.dates import LATEST, date_range
from carethread.core.fhir.targets import parse_reference

Target = tuple[str, str]
"""Type and id of what a Reference points at."""

MOST_NODES = 10_000
"""How many nodes `repeat` may find in one resource."""

NO_EXTENSIONS: Mapping[str, list[Any]] = {}

_LOCAL = re.compile(r"([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})", re.ASCII)
"""A reference as almost all are written; `parse_reference` knows the others."""

_WITHIN = 10 * 3_600_000_000
"""Microseconds from the beginning of a day in UTC to where it stands."""

_KINDS = frozenset({str, int, bool, type(None), Decimal})


class Unplain(Exception):
    """Raised where plain JSON does not tell: a primitive has extensions, or there are more values than wanted."""


SURPRISES = (Unplain, AttributeError, IndexError, KeyError, TypeError)
"""What a walk over plain JSON raises where the JSON is not what the type's definition says."""


def unplain() -> Any:
    raise Unplain


def plainly(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """The row, if all of it are values that a row can have."""
    if not _KINDS.issuperset(map(type, row)):
        raise Unplain
    return row


def one(values: Sequence[Any]) -> Any:
    """The only value, None for none."""
    if len(values) > 1:
        raise Unplain
    return values[0] if values else None


def primitives(nodes: Sequence[Any], key: str, extra: str) -> list[Any]:
    """The values of a primitive of one place below several nodes."""
    found = []
    for node in nodes:
        if extra in node:
            raise Unplain
        if (value := node.get(key)) is not None:
            found.append(value)
    return found


def lists_of_primitives(nodes: Sequence[Any], key: str, extra: str) -> list[Any]:
    """The values of a repeated primitive below several nodes."""
    return [each for values in primitives(nodes, key, extra) for each in listed(values)]


def listed(values: Any) -> Sequence[Any]:
    """A repeated primitive as it stands; nothing where it does not."""
    if values is None:
        return ()
    if type(values) is not list:
        raise Unplain
    return values


def parts(nodes: Sequence[Any], key: str) -> list[Any]:
    """The one element of that name below each of several nodes."""
    return [value for node in nodes if (value := node.get(key)) is not None]


def lists_of_parts(nodes: Sequence[Any], key: str) -> list[Any]:
    """The elements of that name below several nodes."""
    return [value for node in nodes for value in node.get(key, ())]


def by_url(extensions: Sequence[Any] | None) -> Mapping[str, list[Any]]:
    """Extensions by what they are."""
    if not extensions:
        return NO_EXTENSIONS
    found: dict[str, list[Any]] = {}
    for each in extensions:
        found.setdefault(each["url"], []).append(each)
    return found


def has(node: Mapping[str, Any], url: str) -> bool:
    """Whether a node has an extension."""
    return any(each["url"] == url for each in node.get("extension", ()))


def target(reference: Mapping[str, Any]) -> Target | None:
    """What a Reference points at; None where that is not a resource of ours."""
    text = reference.get("reference")
    if text is None:
        return None
    if found := _LOCAL.fullmatch(text):
        return found[1], found[2]
    told = parse_reference(text)
    return (told.type, told.id) if told and told.id else None


def targets(references: Sequence[Any]) -> list[Target]:
    return [found for each in references if (found := target(each))]


def first_key(found: Sequence[Target], type_name: str) -> str | None:
    """The id of the first that is of the type."""
    for kind, id_ in found:
        if kind == type_name:
            return id_
    return None


def repeated(nodes: Sequence[Any], below: Callable[[Any], Sequence[Any]]) -> list[Any]:
    """These nodes, and what is below each, over and over, in the order of the document."""
    found = []
    waiting = [iter(nodes)]
    while waiting:
        node = next(waiting[-1], None)
        if node is None:
            waiting.pop()
            continue
        found.append(node)
        if len(found) > MOST_NODES:
            raise Unplain
        if inner := below(node):
            waiting.append(iter(inner))
    return found


def number(value: Any) -> Any:
    """A decimal; a whole number stays one."""
    if type(value) is float:
        return Decimal(repr(value))
    return Decimal(value.text) if type(value) is Number else value


@lru_cache(64)
def _offset(zone: str) -> timedelta:
    """What `+01:00` is. Raises ValueError."""
    if zone[0] not in "+-" or zone[3] != ":":
        raise ValueError
    return timedelta(minutes=(60 * int(zone[1:3]) + int(zone[4:])) * (-1 if zone[0] == "-" else 1))


def utc(text: Any) -> str | None:
    """The moment of a dateTime, or the first that it can mean, in UTC: `2031-03-04T08:00:00.000Z`. None for no moment.

    Where no offset is told it is UTC's.
    """
    if type(text) is not str:
        raise TypeError
    if text[16:18] != ":6":  # no leap second
        size, zone = len(text), text[-6:]
        if size == 24 and text[-1] == "Z":
            return text
        if (size == 20 and text[-1] == "Z") or (size == 25 and zone == "+00:00"):
            return text[:19] + ".000Z"
        if size > 24:
            try:
                moment = (datetime.fromisoformat(text[:-6]) - _offset(zone)).isoformat()
                return moment[:23] + "Z" if len(moment) > 19 else moment + ".000Z"
            except (ValueError, OverflowError):
                pass
    span = date_range(text)
    return instant(span[0]) if span else None


def end(text: Any) -> str | None:
    """The moment at which what ends so is over, in UTC: of a day, a month or a year that after it, else this very one,
    at which something else may begin (http://hl7.org/fhir/R4/datatypes.html#Period). None for no moment."""
    if type(text) is not str or "T" in text:
        return utc(text)
    span = date_range(text)
    return instant(min(span[1], LATEST - 1)) if span else None


def within(text: Any) -> str | None:
    """The moment of a dateTime in UTC; of a day, a month or a year 10:00 on its first day: that is this day by the
    clocks of nearly every place where people live (of UTC-10 to UTC+13). None for no moment."""
    if type(text) is not str or "T" in text:
        return utc(text)
    span = date_range(text)
    return instant(span[0] + _WITHIN) if span else None


def day(text: Any) -> str | None:
    """The day of a date, the first that a partial one can mean, and of a dateTime as it is written."""
    if type(text) is not str:
        raise TypeError
    return (text + "-01-01"[len(text) - 4 :])[:10] if len(text) < 10 else text[:10]


MEANT: Mapping[str, Callable[[Any], str | None]] = {"day": within, "end": end}
"""What is made of a time, by what its column says is meant; else it is `utc`."""

CONVERSIONS: Mapping[str, Callable[[Any], str | None]] = {"TIMESTAMP": utc, "DATE": day, **MEANT}
"""What is made of a value, by the tags of its column."""
