r"""The escapes of search values: `\,` `\|` `\$` `\\` are the signs themselves, not separators.

Source: http://hl7.org/fhir/R4/search.html#escaping.
"""

from __future__ import annotations

import re

_SPECIAL = re.compile(r"[\\,|$]")
_ESCAPED = re.compile(r"\\([\\,|$])")


def escape(text: str) -> str:
    """The text as a search value that means exactly this text."""
    return _SPECIAL.sub(r"\\\g<0>", text)


def unescape(text: str) -> str:
    """The text that a search value means; a backslash before any other sign stands for itself."""
    return _ESCAPED.sub(r"\1", text) if "\\" in text else text


def split(text: str, separator: str, most: int = -1) -> list[str]:
    """Cut at every separator that is not escaped, at `most` times; the pieces keep their escapes."""
    if "\\" not in text:
        return text.split(separator, most)
    pieces, start, position = list[str](), 0, 0
    while position < len(text) and most != len(pieces):
        if text[position] == "\\":
            position += 2
        elif text[position] == separator:
            pieces.append(text[start:position])
            position += 1
            start = position
        else:
            position += 1
    pieces.append(text[start:])
    return pieces
