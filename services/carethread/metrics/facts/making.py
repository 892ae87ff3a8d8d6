"""From a version of a resource to the rows of all views of its type, as text.

The text is kept in the database as it is, and becomes files without being looked at again: for each view its rows as
CSV (RFC 4180; an empty cell is NULL), and between two views a separator, which no cell holds.
"""

from __future__ import annotations

import csv
import logging
from collections.abc import Callable, Sequence
from typing import Any

import orjson

from carethread.core.faults import told
from carethread.core.fhir import json
from carethread.core.ports import Resource, Stored
from carethread.core.ports.facts import Fact
from carethread.metrics.views.view import Row, View

log = logging.getLogger(__name__)

SEPARATOR = "\x1e"
"""A control character, of which FHIR has none in texts (http://hl7.org/fhir/R4/datatypes.html#string)."""

MOST_CHARACTERS = 1_000_000
"""Of what one view makes of one resource; a reader of CSV takes that as one line at worst."""

Made = Callable[[Resource], str]
"""The rows of a resource as text; empty where there are none."""


class _Lines:
    """What a writer of CSV writes to: a list."""

    __slots__ = ("write",)

    def __init__(self, lines: list[str]) -> None:
        self.write = lines.append


def maker(views: Sequence[View]) -> Made:
    """What makes text of resources of the type that all of the views are of.

    A resource that a view cannot be applied to has no row in it, which the log tells: it may come from a system that
    knows nothing of our views, and must not keep what is behind it from being counted.
    """
    ways = [(view, view.rows, any(column.collection for column in view.columns)) for view in views]
    nothing = SEPARATOR * (len(views) - 1)

    def made(resource: Resource) -> str:
        lines: list[str] = []
        write = csv.writer(_Lines(lines)).writerows
        for number, (view, rows_of, has_lists) in enumerate(ways):
            if number:
                lines.append(SEPARATOR)
            before = len(lines)
            try:
                rows = rows_of(resource)
                if rows:
                    write(map(_flat, rows) if has_lists else rows)
            except Exception as error:  # noqa: BLE001  # whatever a resource does to one view, the others go on
                del lines[before:]
                _tell(view, resource, error)
        found = "".join(lines)
        if found == nothing:
            return ""
        if len(found) > MOST_CHARACTERS or found.count(SEPARATOR) != len(nothing):
            return _bounded(views, resource, lines)
        return found

    return made


def _bounded(views: Sequence[View], resource: Resource, lines: Sequence[str]) -> str:
    """The text of lines, of which some are too long, or have the separator in a cell: there it is a space."""
    parts = [""]
    for line in lines:
        if line == SEPARATOR:
            parts.append("")
        else:
            parts[-1] += line.replace(SEPARATOR, " ")
    for number, part in enumerate(parts):
        if len(part) > MOST_CHARACTERS:
            parts[number] = ""
            _tell(views[number], resource, ValueError())
    return SEPARATOR.join(parts) if any(parts) else ""


def _tell(view: View, resource: Resource, error: Exception) -> None:
    named = {"view": view.name, "resource": f"{resource.get('resourceType')}/{resource.get('id')}"}
    log.warning("fact_not_made", extra={**named, **told(error)})


def _flat(row: Row) -> list[Any]:
    """A row with its lists as JSON."""
    return [orjson.dumps(cell, default=str).decode() if type(cell) is list else cell for cell in row]


def fact(stored: Stored, made: Made) -> Fact:
    """What is kept of a version; of one that deletes, that it did."""
    return Fact(stored.type, stored.id, stored.version, "" if stored.deleted else made(parsed(stored.body)))


def parsed(body: bytes) -> Any:
    """A resource for views. Its decimals are numbers, as they are in SQL: exact ones cost more than all else here."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return json.parse(body)  # of a number beyond what a float holds


def split(text: str, count: int) -> list[str]:
    """The text of each of so many views."""
    return text.split(SEPARATOR) if text else [""] * count
