"""Values as PostgreSQL reads an array: https://www.postgresql.org/docs/15/arrays.html#ARRAYS-IO.

The driver makes arrays of lists too, one element after the other, which takes several times as long.
"""

from __future__ import annotations

from collections.abc import Iterable


def array(place: int, kind: str) -> str:
    """An array that is sent, in a statement that is planned once for all: PostgreSQL plans one whose arrays it sees
    anew each time, in the hope that a short one makes a better plan, which takes longer than what is done for it."""
    return f"(SELECT ${place}::{kind}[])"


def numbers(values: Iterable[object]) -> str:
    return "{" + ",".join(map(str, values)) + "}"


def texts(values: Iterable[str]) -> str:
    joined = "\0".join(values)  # it is in no text, neither FHIR's nor PostgreSQL's
    return '{"' + joined.replace("\\", "\\\\").replace('"', '\\"').replace("\0", '","') + '"}'


def truths(values: Iterable[bool]) -> str:
    return "{" + ",".join("t" if value else "f" for value in values) + "}"


def floats(values: Iterable[float]) -> str:
    return "{" + ",".join(map(repr, values)) + "}"
