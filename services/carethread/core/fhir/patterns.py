"""Regular expressions from outside, matched in time proportional to the text: whatever they say, they end soon.

RE2 follows all ways through a pattern at once, so no text makes it try again; in exchange nothing looks around or
refers back (https://github.com/google/re2/wiki/Syntax). `\\d \\w \\s` mean ASCII, as in XML Schema and JavaScript.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

import re2

MOST_CHARACTERS = 1000
"""Characters of a pattern."""

MOST_TEXT = 20_000
"""Characters that are matched; who has a longer text is told so."""

_MEMORY = 1 << 20
"""Bytes that a pattern may take; what would take more is refused when it is read."""

_UNICODE = re.compile(r"((?:\\\\)*)\\u([0-9A-Fa-f]{4})")


class NotSupported(ValueError):
    """The pattern says what is not understood here, or is no pattern; the message says what."""


class Pattern:
    """A pattern that is understood. Each method raises ValueError for a text of more than `MOST_TEXT` characters."""

    def __init__(self, source: str, *, dot_all: bool) -> None:
        self.source = source
        options = re2.Options()
        options.max_mem, options.dot_nl, options.log_errors = _MEMORY, dot_all, False
        try:
            self._compiled = re2.compile(_UNICODE.sub(r"\1\\x{\2}", source), options)
        except re2.error as error:
            raise NotSupported(_why(error)) from None
        except UnicodeEncodeError:
            raise NotSupported("the pattern has half of a character") from None

    def matches(self, text: str) -> bool:
        """Whether the whole text is as the pattern says."""
        return self._compiled.fullmatch(_bounded(text)) is not None

    def found(self, text: str) -> bool:
        """Whether some part of the text is."""
        return self._compiled.search(_bounded(text)) is not None

    def replaced(self, text: str, put: Callable[[Callable[[int | str], str]], str]) -> str:
        """The text with each such part replaced by what `put` makes of its groups, which it is given as a function
        from a number or name; that raises NotSupported where there is no such group."""

        def each(match: re.Match[str]) -> str:
            def group(name: int | str) -> str:
                try:
                    return match[name] or ""
                except (re2.error, IndexError, KeyError):
                    raise NotSupported("the pattern has no such group") from None

            return put(group)

        changed: str = self._compiled.sub(each, _bounded(text))
        return changed


def _bounded(text: str) -> str:
    if len(text) > MOST_TEXT:
        raise ValueError(f"A text of more than {MOST_TEXT} characters is not matched.")
    return text


def _why(error: re2.error) -> str:
    told = error.args[0] if error.args else b""
    return told.decode(errors="replace") if isinstance(told, bytes) else str(told)


@lru_cache(maxsize=512)
def pattern(source: str, *, dot_all: bool = False) -> Pattern:
    """Read a pattern; with `dot_all` a dot is any character, else none that ends a line. Raises NotSupported."""
    if len(source) > MOST_CHARACTERS:
        raise NotSupported(f"the pattern has more than {MOST_CHARACTERS} characters")
    return Pattern(source, dot_all=dot_all)
