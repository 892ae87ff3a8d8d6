"""SQL of others inside of SQL of ours, and which line of theirs a fault is in. Pure."""

from __future__ import annotations

import re
from dataclasses import replace

from carethread.core.errors import Invalid

_TOKEN = re.compile(
    r"""(?<![\w$])[eE]'(?:[^'\\]|\\.|'')*'|'[^']*'|"[^"]*"|\$(\w*)\$.*?\$\1\$|--[^\n]*|/\*.*?\*/|;""", re.DOTALL
)
"""What may hold a semicolon that ends nothing, and one that does."""

_NOTHING = re.compile(r"(?:\s|;|--[^\n]*(?:\n|$)|/\*(?:(?!\*/).)*\*/)*+", re.DOTALL)
"""What says nothing behind a semicolon: one behind which there is more ends no statement that is one SELECT."""

_LINE = re.compile(r"^LINE (\d+): (.*)\n( *)\^", re.MULTILINE)
"""Where an engine says that a fault is, and the mark below it."""


def inner(sql: str) -> str:
    """One SELECT as it may stand between brackets: without the semicolon that ends it and the comments behind that.
    What has more behind a semicolon stays, for an engine to refuse."""
    ends = (found.start() for found in _TOKEN.finditer(sql) if found[0] == ";")
    end = next((each for each in ends if _NOTHING.fullmatch(sql, each)), len(sql))
    return sql[:end].rstrip()


def below(error: Invalid, lines: int) -> Invalid:
    """What is wrong with SQL that had so many lines of ours before it, by its own lines; no number of ours."""

    def own(found: re.Match[str]) -> str:
        number = int(found[1]) - lines
        begin = f"LINE {number}: " if number > 0 else ""
        moved = len(f"LINE {found[1]}: ") - len(begin)
        return f"{begin}{found[2]}\n{found[3][moved:]}^"

    return Invalid(issues=[replace(each, diagnostics=_LINE.sub(own, each.diagnostics)) for each in error.issues])
