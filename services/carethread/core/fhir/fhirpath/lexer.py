"""Text of an expression to tokens.

Source: http://hl7.org/fhirpath/N1, appendix B (lexer rules) and section 4 (literals).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from carethread.core.fhir.fhirpath.errors import FhirPathSyntaxError


class Token(NamedTuple):
    """`kind` is one of the group names below, or `end`; `position` counts characters from 0."""

    kind: str
    text: str
    position: int


_TOKEN = re.compile(
    r"""
    (?P<space>\s+|//[^\r\n]*|/\*.*?\*/)
  | (?P<temporal>@(?:T\d\d(?::\d\d(?::\d\d(?:\.\d+)?)?)?
      |\d{4}(?:-\d\d(?:-\d\d)?)?(?:T(?:\d\d(?::\d\d(?::\d\d(?:\.\d+)?)?)?(?:Z|[+-]\d\d:\d\d)?)?)?))
  | (?P<number>\d+(?:\.\d+)?)
  | (?P<string>'(?:[^'\\]|\\.)*')
  | (?P<delimited>`(?:[^`\\]|\\.)*`)
  | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
  | (?P<variable>%(?:[A-Za-z_][A-Za-z0-9_-]*|`(?:[^`\\]|\\.)*`|'(?:[^'\\]|\\.)*'))
  | (?P<special>\$(?:this|index|total)\b)
  | (?P<symbol><=|>=|!=|!~|[.,()\[\]{}+\-*/|&<>=~])
    """,
    re.VERBOSE | re.DOTALL,
)

_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|.)", re.DOTALL)
_ESCAPED = {"'": "'", '"': '"', "`": "`", "r": "\r", "n": "\n", "t": "\t", "f": "\f", "b": "\b", "\\": "\\", "/": "/"}


def tokens(text: str) -> list[Token]:
    """Every token of an expression, closed by one of kind `end`. Raises FhirPathSyntaxError."""
    found: list[Token] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise FhirPathSyntaxError(f"Character {position + 1} of the expression starts nothing that FHIRPath knows.")
        if match.lastgroup != "space":
            found.append(Token(match.lastgroup, match.group(), position))
        position = match.end()
    found.append(Token("end", "", position))
    return found


def unquoted(text: str) -> str:
    """The content of a quoted string or delimited name, with its escapes undone."""
    return unescaped(text[1:-1])


def unescaped(text: str) -> str:
    """The text with its backslash escapes undone, which are those of JSON."""
    return _ESCAPE.sub(_unescape, text) if "\\" in text else text


def _unescape(match: re.Match[str]) -> str:
    sign = match.group(1)
    return chr(int(sign[1:], 16)) if len(sign) == 5 else _ESCAPED.get(sign, sign)
