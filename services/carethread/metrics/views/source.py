"""Python source as it is written, line by line: names, constants, and what has been looked up already."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


class NotSimple(Exception):
    """Raised for what is not written out, but left to FHIRPath."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a path starts: the variable with the node, the type of that, and the variable with %rowIndex."""

    node: str
    type: str
    index: str


@dataclass(frozen=True, slots=True)
class Found:
    """A variable with what a path leads to, and the type of that: many values, or one, which is None where there is
    none (`sure`: there is)."""

    name: str
    type: str
    many: bool = False
    sure: bool = False


class Source:
    """The body of a function that is being written; `helpers` are what it may call."""

    def __init__(self, helpers: Mapping[str, Any]) -> None:
        self.globals: dict[str, Any] = dict(helpers)
        self._lines: list[str] = []
        self._depth = 1
        self._names = 0
        self._known: list[dict[str, str]] = [{}]
        self._constants: dict[tuple[type, Hashable], str] = {}

    def line(self, text: str) -> None:
        self._lines.append("    " * self._depth + text)

    def named(self, expression: str) -> str:
        """The variable with the value of an expression, which is worked out once in each place."""
        known = next((names[expression] for names in self._known if expression in names), None)
        if known is None:
            self._names += 1
            known = self._known[-1][expression] = f"v{self._names}"
            self.line(f"{known} = {expression}")
        return known

    def demand(self, statement: str) -> None:
        """A statement that has to hold from here on, and is written once."""
        if not any(statement in names for names in self._known):
            self._known[-1][statement] = ""
            self.line(statement)

    def name(self) -> str:
        """A variable of its own."""
        self._names += 1
        return f"v{self._names}"

    def constant(self, value: Hashable) -> str:
        """The name of a value."""
        key = (type(value), value)
        if key not in self._constants:
            self._constants[key] = f"K{len(self._constants)}"
            self.globals[self._constants[key]] = value
        return self._constants[key]

    @contextmanager
    def deeper(self) -> Iterator[None]:
        """A block, within which more is known than after it."""
        self._depth += 1
        self._known.append({})
        yield
        self._known.pop()
        self._depth -= 1

    @contextmanager
    def each(self, nodes: str, type_name: str) -> Iterator[Scope]:
        """A loop over nodes."""
        node, index = self.name(), self.name()
        self.line(f"for {index}, {node} in enumerate({nodes}):")
        with self.deeper():
            yield Scope(node, type_name, index)

    def function(self, parameter: str, result: str) -> Callable[[Any], Any]:
        """The function: it has the list `result`, which it returns."""
        text = "\n".join([f"def function({parameter}):", f"    {result} = []", *self._lines, f"    return {result}"])
        exec(compile(text, "<view>", "exec"), self.globals)
        made: Callable[[Any], Any] = self.globals["function"]
        return made
