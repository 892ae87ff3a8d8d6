"""From text to Bundle entries, one at a time: a Bundle, a single resource, or one of either on each line.

The top-level members of a Bundle are walked in whatever order they come, and its `entry` array is never held. A
resource on its own is given as an entry without `fullUrl` and `request`. Sources: http://hl7.org/fhir/R4/bundle.html,
http://hl7.org/fhir/R4/nd-json.html.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, NamedTuple

from carethread.core.errors import Issue, Malformed
from carethread.core.fhir.json import describe
from carethread.importer.files import Unreadable
from carethread.importer.window import Broken, Window


class Entry(NamedTuple):
    """One Bundle.entry as parsed: the `number`th of the file, `size` characters long, in its `document`th Bundle."""

    document: int
    number: int
    value: dict[str, Any]
    size: int


class Unusable(NamedTuple):
    """An entry that cannot be read, though what follows it can."""

    document: int
    number: int
    issues: tuple[Issue, ...]


class End(NamedTuple):
    """A document was read to its end; `bundle_type` is Bundle.type, or None for a resource on its own."""

    document: int
    bundle_type: str | None


class Failed(NamedTuple):
    """A document cannot be read to its end, so that none of it is to be used."""

    document: int
    why: str


Item = Entry | Unusable | End | Failed


def read(pieces: Iterator[str], *, lines: bool = False) -> Iterator[Item]:
    """Every entry of a file's text, in order, with an End or a Failed after those of each document.

    `lines`: newline-delimited JSON, where documents are numbered by their line and a broken one does not hide the
    others. Otherwise documents may follow one another with white space between, and the first broken one is the last.
    """
    window = Window(pieces, lines=lines)
    numbers = itertools.count(1)
    for document in itertools.count(1):
        try:
            ahead = window.peek()
            if ahead not in ("", "\n"):
                yield from _document(window, document, numbers)
                ahead = window.peek() if lines else " "
                if lines and ahead not in ("", "\n"):
                    raise window.broken("a line holds one value only")
        except (Broken, Malformed, Unreadable) as error:
            yield Failed(document, str(error))
            if not lines:
                return
            window.skip_line()
            ahead = window.peek()
        if not ahead:
            return
        if lines:
            window.at += 1


def _document(window: Window, document: int, numbers: Iterator[int]) -> Iterator[Item]:
    members: dict[str, Any] = {}
    length = 0
    mark = window.take("{")
    if window.peek() == "}":
        window.take("}")
        raise window.broken("an object without resourceType")
    while mark != "}":
        name, _ = window.value() if window.peek() == '"' else (window.take('"'), 0)
        window.take(":")
        if name in members:
            raise window.broken(f"the member '{name}' stands twice in one object")
        if name == "entry" and window.peek() == "[" and members.get("resourceType", "Bundle") == "Bundle":
            members[name] = None
            yield from _entries(window, document, numbers)
        else:
            members[name], size = window.value()
            length += size + len(name)
        mark = window.take(",}")
    if members.get("resourceType") == "Bundle":
        yield End(document, members.get("type"))
    elif members.get("entry", ...) is None:
        raise window.broken("entry stands before resourceType, and this is no Bundle")
    else:
        yield Entry(document, next(numbers), {"resource": members}, length)
        yield End(document, None)


def _entries(window: Window, document: int, numbers: Iterator[int]) -> Iterator[Item]:
    window.take("[")
    if window.peek() == "]":
        window.take("]")
        return
    mark = ","
    while mark == ",":
        number = next(numbers)
        try:
            value, size = window.value()
        except Malformed as error:
            window.skip()
            yield Unusable(document, number, error.issues)
        else:
            if isinstance(value, dict):
                yield Entry(document, number, value, size)
            else:
                issue = Issue("structure", f"An entry is an object; this is {describe(value)}.")
                yield Unusable(document, number, (issue,))
        mark = window.take(",]")
