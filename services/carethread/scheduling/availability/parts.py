"""Reading a complex extension: its parts by name, each with the FHIRPath at which it stands.

A reader raises Invalid for a part that it cannot use; `gather` puts that aside and goes on, so that all that is wrong
is told at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

from carethread.core.errors import Invalid, Issue
from carethread.core.ports import Resource

T = TypeVar("T")
P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class Part:
    """An extension or a part of one: its value (None: it has parts), and where it stands."""

    name: str
    value: Any
    parts: Sequence[Part]
    where: str

    def all(self, name: str) -> list[Part]:
        """The parts of a name."""
        return [part for part in self.parts if part.name == name]

    def one(self, name: str) -> Part | None:
        """The only part of a name. Raises Invalid where there are several."""
        found = self.all(name)
        if len(found) > 1:
            raise wrong(f"{name} is given once at most.", found[1].where, "structure")
        return found[0] if found else None

    def needed(self, name: str) -> Part:
        """The part that has to be there. Raises Invalid."""
        found = self.one(name)
        if found is None:
            raise wrong(f"{name} is needed.", self.where, "required")
        return found


def part_of(extension: Resource, where: str) -> Part:
    """An extension as a Part."""
    value = next((value for name, value in extension.items() if name.startswith("value")), None)
    inner = extension.get("extension", [])
    parts = tuple(part_of(each, f"{where}.extension[{place}]") for place, each in enumerate(inner))
    return Part(extension.get("url", ""), value, parts, where)


def wrong(diagnostics: str, where: str, code: str = "value") -> Invalid:
    """The error of one element."""
    return Invalid(diagnostics, code=code, expression=where)


def gather(issues: list[Issue], read: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
    """What is read, or None with what is wrong among the issues."""
    try:
        return read(*args, **kwargs)
    except Invalid as error:
        issues.extend(error.issues)
        return None
