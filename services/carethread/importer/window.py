"""A window that slides over JSON text arriving in pieces, so that a file of any size is read value by value.

What was read is dropped. A value that the text at hand cuts short makes the window read on, each time as much again
as it holds, so that the work stays linear; a value over `LIMIT` is refused, and can be skipped without being held.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from carethread.core.errors import Malformed
from carethread.core.fhir.json import raw_decode

LIMIT = 16 * 1024 * 1024
"""Characters of one value: what a server takes in one body."""

_TAIL = 16
"""An error this close to the end may come from text that is cut short: the longest token besides strings has 9
characters."""

_STRUCTURE = re.compile(r'[",{}\[\]]')
_IN_STRING = re.compile(r'["\\]')


class Broken(Exception):
    """The text is not JSON here, or ends too soon; says where and why."""


class Window:
    """Text in pieces, read from the front. `at` is always where the next value or token starts."""

    def __init__(self, pieces: Iterator[str], *, lines: bool = False) -> None:
        """`lines`: a line feed ends a value, as in newline-delimited JSON, and is no white space."""
        self.text = ""
        self.at = 0
        self._pieces = pieces
        self._space = re.compile("[ \t\r]*" if lines else "[ \t\r\n]*")
        self._line = 1
        self._column = 1

    def more(self, wanted: int = 1) -> bool:
        """Drop what was read and take in `wanted` characters or more; False at the end of the text."""
        place = self._place(self.at)
        parts = [self.text[self.at :]]
        got = 0
        try:
            for piece in self._pieces:
                parts.append(piece)
                got += len(piece)
                if got >= wanted:
                    break
        finally:  # where the pieces end in an error, what came before it can still be read
            self.text = "".join(parts)
            self.at = 0
            self._line, self._column = place
        return got > 0

    def peek(self) -> str:
        """The next character that is not white space, or "" at the end; the window stands on it."""
        while True:
            match = self._space.match(self.text, self.at)
            if match:
                self.at = match.end()
            if self.at < len(self.text):
                return self.text[self.at]
            if not self.more():
                return ""

    def take(self, allowed: str) -> str:
        """Read one of the `allowed` characters. Raises Broken where another stands."""
        found = self.peek()
        if not found or found not in allowed:
            raise self.broken("one of " + " ".join(allowed) + " is missing" if found else "it ends too soon")
        self.at += 1
        return found

    def value(self) -> tuple[Any, int]:
        """Read the value ahead; returns it and its length in characters.

        Raises Broken where this is not JSON, and Malformed for JSON that FHIR does not allow or that is over the limit;
        after Malformed the window still stands at the value, which `skip` leaves behind.
        """
        self.peek()
        while True:
            held = len(self.text) - self.at
            try:
                value, end = raw_decode(self.text, self.at)
            except json.JSONDecodeError as error:
                at_end = error.msg.startswith("Unterminated string") or error.pos >= len(self.text)
                broken = self.broken("it ends too soon" if at_end else error.msg, error.pos)
                if not at_end and error.pos < len(self.text) - _TAIL:
                    raise broken from None
                if held > LIMIT:
                    raise Malformed(f"The value is longer than {LIMIT} characters.", code="too-long") from None
                if not self.more(held):
                    raise broken from None
                continue
            size = end - self.at
            if end >= len(self.text) - 2 and isinstance(value, int | float) and self.more():
                continue  # `12` may be the start of `12.5` or `1e+9`
            self.at += size
            return value, size

    def skip(self) -> None:
        """Leave the value ahead behind by its brackets and quotes alone, holding none of it."""
        depth = 0
        quoted = False
        while True:
            match = (_IN_STRING if quoted else _STRUCTURE).search(self.text, self.at)
            if match is None:
                self.at = len(self.text)
                if not self.more():
                    raise self.broken("it ends too soon")
                continue
            mark = match.group()
            self.at = match.start()
            if mark == "\\":
                if len(self.text) - self.at < 2 and not self.more():
                    raise self.broken("it ends too soon")
                self.at += 2
                continue
            if depth == 0 and not quoted and mark in ",]}":
                return
            self.at += 1
            if mark == '"':
                quoted = not quoted
            elif mark != ",":
                depth += 1 if mark in "[{" else -1
            if depth == 0 and not quoted and mark != ",":
                return

    def skip_line(self) -> None:
        """Leave the rest of the line behind, up to its line feed."""
        while (end := self.text.find("\n", self.at)) < 0:
            self.at = len(self.text)
            if not self.more():
                return
        self.at = end

    def broken(self, why: str, at: int | None = None) -> Broken:
        """The error that says `why` and where: at an index of the text held, else where the window stands."""
        line, column = self._place(self.at if at is None else at)
        return Broken(f"Not JSON at line {line} column {column}: {why}.")

    def _place(self, at: int) -> tuple[int, int]:
        feeds = self.text.count("\n", 0, at)
        if feeds:
            return self._line + feeds, at - self.text.rfind("\n", 0, at)
        return self._line, self._column + at
