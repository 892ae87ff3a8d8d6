"""The abstract syntax tree of FHIRPath: what `parser` makes and `compiler` reads.

Source: http://hl7.org/fhirpath/N1, grammar in appendix B.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant; `{}` is the literal without items."""

    items: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Variable:
    """`%name`, looked up in the environment."""

    name: str


@dataclass(frozen=True, slots=True)
class Special:
    """`$this`, `$index` or `$total`, the name without its sign."""

    name: str


@dataclass(frozen=True, slots=True)
class Member:
    """`source.name`, or `name` alone, which starts at the focus."""

    source: Node | None
    name: str


@dataclass(frozen=True, slots=True)
class Call:
    """`source.name(arguments)`, or the function alone, which is applied to the focus."""

    source: Node | None
    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Index:
    """`source[index]`."""

    source: Node
    index: Node


@dataclass(frozen=True, slots=True)
class TypeOperation:
    """`source is Type` or `source as Type`; the type may carry its namespace, `FHIR.Patient`."""

    operator: str
    source: Node
    type_name: str


@dataclass(frozen=True, slots=True)
class Polarity:
    """`-operand` or `+operand`."""

    operator: str
    operand: Node


@dataclass(frozen=True, slots=True)
class Binary:
    """`left operator right`."""

    operator: str
    left: Node
    right: Node


Node = Literal | Variable | Special | Member | Call | Index | TypeOperation | Polarity | Binary


def children(node: Node) -> tuple[Node, ...]:
    """The nodes directly below a node."""
    match node:
        case Member(source, _):
            return (source,) if source else ()
        case Call(source, _, arguments):
            return ((source,) if source else ()) + arguments
        case Index(source, index):
            return (source, index)
        case TypeOperation(_, source, _):
            return (source,)
        case Polarity(_, operand):
            return (operand,)
        case Binary(_, left, right):
            return (left, right)
        case _:
            return ()


def type_specifier(node: Node) -> str | None:
    """The type that `Quantity` or `FHIR.Quantity` names when it stands as an argument; None when it is no name."""
    match node:
        case Member(None, name):
            return name
        case Member(Member(None, namespace), name):
            return f"{namespace}.{name}"
        case _:
            return None
