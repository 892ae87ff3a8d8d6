"""What every leaf is made of, and how it reads JSON that it does not trust."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from carethread.core.fhir.search.rows import IndexRows


class Use(NamedTuple):
    """One parameter that indexes an element.

    `target` keeps only references to that type, `system` is the code system that a `code` element implies.
    """

    param: str
    target: str | None = None
    system: str = ""


Leaf = Callable[[Any, IndexRows], None]
"""Reads one value and adds its rows; skips what it cannot read, and never raises."""

LeafMaker = Callable[[tuple[Use, ...]], Leaf]


def text_of(value: Any) -> str:
    """The value if it is a string, else an empty one."""
    return value if type(value) is str else ""


def objects_of(value: Any) -> Iterable[dict[str, Any]]:
    """The objects of a list."""
    return (item for item in value if type(item) is dict) if type(value) is list else ()


def texts_of(value: Any) -> Iterable[str]:
    """The strings of a list."""
    return (item for item in value if type(item) is str) if type(value) is list else ()
