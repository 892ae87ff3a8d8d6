"""The names that SQL has in it, as an analyst writes it. Pure."""

from __future__ import annotations

import re

_SAID = re.compile(r"""'[^']*'|"[^"]*"|--[^\n]*|/\*.*?\*/""", re.DOTALL)
"""What is no SQL: values, names in quotes, which stay, and comments."""

_WORD = re.compile(r"[a-z_]\w*", re.ASCII)


def without_comments(sql: str) -> str:
    """The SQL in lower case, as it names tables and columns, without what it says in comments and values."""
    return _SAID.sub(lambda found: found[0] if found[0].startswith('"') else " ", sql).lower()


def words_of(sql: str) -> set[str]:
    """The names in SQL, of tables, columns and all else, in lower case."""
    return set(_WORD.findall(without_comments(sql)))
