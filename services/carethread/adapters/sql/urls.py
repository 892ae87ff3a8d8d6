"""The URLs of databases, judged before one is opened."""

from __future__ import annotations

from psycopg import ProgrammingError
from psycopg.conninfo import make_conninfo
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

KINDS = ("sqlite:///", "postgresql+psycopg://")


def unusable(url: str) -> str:
    """Why a database cannot be opened by its URL; empty: it may be. The URL is not repeated: it may hold a password."""
    if not url.startswith(KINDS):
        return f"begins with {' or '.join(f'{kind}...' for kind in KINDS)}"
    try:
        given = make_url(url)
    except (ArgumentError, ValueError):
        return "is written postgresql+psycopg://USER:PASSWORD@HOST:PORT/DATABASE, what is special in it with %"
    if url.startswith(KINDS[0]):
        if given.query or not given.database or given.database == ":memory:":
            return "names a file, and nothing else: sqlite:///FILE"
        return ""
    if not 0 < (given.port or 5432) < 65536:
        return "has a port from 1 to 65535"
    try:
        make_conninfo(**{name: value for name, value in given.query.items() if isinstance(value, str)})
    except ProgrammingError:
        return "has only options that libpq knows"
    return ""
