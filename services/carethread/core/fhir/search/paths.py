"""A search parameter's expression as the plain paths it stands for, where it is no more than that.

Nearly all of R4's expressions are: `Patient.name`, `(Observation.value as Quantity)`,
`Encounter.subject.where(resolve() is Patient)`, `Patient.telecom.where(system='phone')`, and unions of these.
"""

from __future__ import annotations

from typing import NamedTuple

from carethread.core.fhir.definitions import ElementDefinition, value_set
from carethread.core.fhir.fhirpath.model import members
from carethread.core.fhir.fhirpath.syntax import Binary, Call, Literal, Member, Node, TypeOperation, type_specifier


class Equals(NamedTuple):
    """A step that goes on only where a member of the element has this text."""

    member: str
    text: str


class Path(NamedTuple):
    """Where values stand: JSON member names and conditions from the root, the values' type, and what refines them.

    `target` keeps only references to that type; `definition` is that of the last element; `single` says that no step is
    a list.
    """

    steps: tuple[str | Equals, ...]
    type: str
    target: str | None = None
    definition: ElementDefinition | None = None
    single: bool = True


def plain_paths(node: Node, root: str) -> tuple[Path, ...] | None:
    """The paths of an expression on a resource type; None when it takes an evaluator to follow it."""
    match node:
        case Member(None, name) if name in (root, "Resource", "DomainResource"):
            return (Path((), root),)
        case Member(None, name):
            return _below((Path((), root),), name)
        case Member(source, name) if source is not None:
            return _below(plain_paths(source, root), name)
        case TypeOperation("as", source, type_name):
            return _of_type(plain_paths(source, root), type_name)
        case Call(source, "as" | "ofType", (argument,)) if source is not None:
            return _of_type(plain_paths(source, root), type_specifier(argument) or "")
        case Call(source, "where", (condition,)) if source is not None:
            return _where(plain_paths(source, root), condition)
        case Binary("|", left, right):
            first, second = plain_paths(left, root), plain_paths(right, root)
            return None if first is None or second is None else first + second
        case _:
            return None


def _below(paths: tuple[Path, ...] | None, name: str) -> tuple[Path, ...] | None:
    if paths is None or any(path.target for path in paths):
        return None
    return tuple(
        Path((*path.steps, slot.key), slot.type, None, slot.definition, path.single and not slot.definition.is_list)
        for path in paths
        for slot in members(path.type).get(name, ())
    )


def _of_type(paths: tuple[Path, ...] | None, type_name: str) -> tuple[Path, ...] | None:
    return None if paths is None else tuple(path for path in paths if path.type == type_name)


def _where(paths: tuple[Path, ...] | None, condition: Node) -> tuple[Path, ...] | None:
    if paths is None:
        return None
    match condition:
        case TypeOperation("is", Call(None, "resolve", ()), type_name):
            return tuple(path._replace(target=type_name) for path in paths)
        case Binary("=", Member(None, member), Literal((str(text),))):
            return tuple(path._replace(steps=(*path.steps, Equals(member, text))) for path in paths)
        case _:
            return None


def holds_one_row(search_type: str, paths: tuple[Path, ...]) -> bool:
    """Whether a resource has at most one row of the parameter: a date or a plain code in an element that is no list."""
    if not all(path.single and path.definition is paths[0].definition for path in paths):  # a choice is several paths
        return False
    return bool(paths) and (search_type == "date" or (search_type == "token" and paths[0].type == "code"))


def implied_system(path: Path) -> str:
    """The code system that a `code` element implies: that of its required binding where it is one, else empty."""
    definition = path.definition
    if path.type != "code" or definition is None or definition.binding is None:
        return ""
    if definition.binding.strength != "required":
        return ""
    try:
        systems = list(value_set(definition.binding.value_set).codes)
    except KeyError:
        return ""
    return systems[0] if len(systems) == 1 else ""
