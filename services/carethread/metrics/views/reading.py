"""A ViewDefinition read into a View, or everything that is wrong with it, each with its place.

What a view says of a resource must be the same whenever it is asked: a path has no time of day, and reaches for nothing
outside of the resource. Source: https://sql-on-fhir.org/ig/StructureDefinition-ViewDefinition.html.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from carethread.core.errors import Invalid, Issue
from carethread.core.fhir.definitions import resource_types
from carethread.core.fhir.fhirpath import Element, FhirPathError
from carethread.core.fhir.fhirpath.element import plain
from carethread.core.fhir.fhirpath.model import is_defined
from carethread.core.fhir.fhirpath.parser import parse
from carethread.core.fhir.fhirpath.syntax import Call, Node, Variable, children
from carethread.core.ports import Resource
from carethread.metrics.views.generating import generated
from carethread.metrics.views.paths import Misspelt, Path, leads_to, path
from carethread.metrics.views.selecting import Cell, cell, selected, unrolled
from carethread.metrics.views.stepping import ROW_INDEX
from carethread.metrics.views.view import Column, Select, View, Where
from carethread.metrics.views.walking import MEANT

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,254}", re.ASCII)
_UNSTEADY = frozenset({"now", "today", "timeOfDay", "resolve"})
_GIVEN = frozenset({"resource", "rootResource", "context", "rowIndex", "ucum", "sct", "loinc"})
_FHIR, _SYSTEM = "http://hl7.org/fhir/StructureDefinition/", "http://hl7.org/fhirpath/System."
_SYSTEM_TYPES = ("Boolean", "Integer", "Decimal", "String", "Date", "DateTime", "Time")
_MEANT = "carethread/meant"
"""The tag of a time that is told as the `end` of what the value means, or stands within its first `day`, where others
are told as its beginning (`walking.MEANT`)."""

_UNROLLING = ("forEach", "forEachOrNull", "repeat")
_TOLD = 200
"""Characters of a path that a fault names."""

_MOST_LEVELS = 20
_MOST_COLUMNS = 500


def read(definition: Resource) -> View:
    """The view of a ViewDefinition. Raises Invalid with every fault."""
    reading = _Reading(definition)
    type_name = definition.get("resource")
    if type_name not in resource_types():
        reading.fault("required", "resource is the type that the view is of, such as Appointment.", "resource")
        type_name = ""
    conditions = tuple(reading.conditions(str(type_name)))
    structures = definition.get("select")
    if not isinstance(structures, list) or not structures:
        reading.fault("required", "select says which columns there are.", "select")
        structures = []
    parts = [reading.structure(each, f"select[{number}]", str(type_name), 1) for number, each in enumerate(structures)]
    columns = tuple(column for part in parts for column in part.columns)
    reading.columns_told_apart(columns)
    if reading.faults:
        raise Invalid(issues=reading.faults)
    return View(
        url=str(definition.get("url", "")),
        name=str(definition.get("name", "")),
        version=str(definition.get("version", "")),
        type=str(type_name),
        columns=columns,
        conditions=conditions,
        select=selected(None, (), [part.select for part in parts], (), None),
        quick=generated(definition, reading.cells, conditions),
    )


@dataclass(frozen=True, slots=True)
class _Structure:
    """A selection structure: its columns, its rows, and the row that stands for no node at all."""

    columns: tuple[Column, ...]
    select: Select
    absent: tuple[Any, ...]


def _nothing(_: Element, __: int) -> list[tuple[Any, ...]]:
    return []


_EMPTY = _Structure((), _nothing, ())


@dataclass
class _Reading:
    definition: Resource
    faults: list[Issue] = field(default_factory=list)
    cells: dict[str, tuple[Column, Cell]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.constants = dict(self._constants())

    def fault(self, code: str, told: str, place: str) -> None:
        self.faults.append(Issue(code, told, f"ViewDefinition.{place}"))

    def _constants(self) -> Iterator[tuple[str, Any]]:
        for number, constant in enumerate(_objects(self.definition.get("constant"))):
            values = [value for name, value in constant.items() if name.startswith("value")]
            if not isinstance(constant.get("name"), str) or len(values) != 1:
                self.fault("required", "A constant has a name and one value[x].", f"constant[{number}]")
                continue
            kind = next(name for name in constant if name.startswith("value")).removeprefix("value")
            yield constant["name"], plain(Element(values[0], kind[0].lower() + kind[1:]))

    def conditions(self, type_name: str) -> Iterator[Where]:
        for number, condition in enumerate(_objects(self.definition.get("where"))):
            found = self._path(condition.get("path"), f"where[{number}].path", type_name)
            if found is not None:
                yield _condition(found, number)

    def structure(self, raw: Any, place: str, start: str, level: int) -> _Structure:
        """A selection structure at nodes of a type (empty: not known beforehand)."""
        if not isinstance(raw, dict):
            self.fault("structure", "A select is an object.", place)
            return _EMPTY
        if level > _MOST_LEVELS:
            self.fault("too-costly", f"Selects are nested at most {_MOST_LEVELS} deep.", place)
            return _EMPTY
        nodes, inner = self._nodes(raw, place, start)
        columns, cells, absent = self._columns(raw, place, inner)
        nested = [
            self.structure(each, f"{place}.select[{number}]", inner, level + 1)
            for number, each in enumerate(_objects(raw.get("select")))
        ]
        union = [
            self.structure(each, f"{place}.unionAll[{number}]", inner, level + 1)
            for number, each in enumerate(_objects(raw.get("unionAll")))
        ]
        for number, each in enumerate(union[1:], 1):
            if [column.name for column in each.columns] != [column.name for column in union[0].columns]:
                told = "All of a unionAll have the same columns in the same order."
                self.fault("invariant", told, f"{place}.unionAll[{number}]")
        if not columns and not nested and not union:
            self.fault("required", "A select has column, select or unionAll.", place)
        parts = [*nested, *union[:1]]
        none = (*absent, *(value for part in parts for value in part.absent))
        select = selected(
            nodes,
            cells,
            [part.select for part in nested],
            [part.select for part in union],
            none if "forEachOrNull" in raw else None,
        )
        return _Structure((*columns, *(column for part in parts for column in part.columns)), select, none)

    def _nodes(self, raw: Resource, place: str, start: str) -> tuple[Path | None, str]:
        """What a structure unrolls, and the type of these nodes."""
        named = [name for name in _UNROLLING if name in raw]
        if len(named) > 1:
            self.fault("invariant", "Only one of forEach, forEachOrNull and repeat can be there.", place)
        if not named:
            return None, start
        if named[0] == "repeat":
            texts = raw["repeat"] if isinstance(raw["repeat"], list) and raw["repeat"] else [None]
            found = [self._path(text, f"{place}.repeat[{number}]", "") for number, text in enumerate(texts)]
            return unrolled([each for each in found if each], repeated=True), ""
        one = self._path(raw[named[0]], f"{place}.{named[0]}", start)
        return one and unrolled([one], repeated=False), leads_to(parse(raw[named[0]]), start) if one else ""

    def _columns(self, raw: Resource, place: str, start: str) -> tuple[list[Column], list[Any], list[Any]]:
        columns, cells, absent = list[Column](), list[Any](), list[Any]()
        for number, each in enumerate(_objects(raw.get("column"))):
            where = f"{place}.column[{number}]"
            name = each.get("name")
            if not isinstance(name, str) or not _NAME.fullmatch(name):
                self.fault("value", "A name is a letter, then letters, digits and _.", f"{where}.name")
                continue
            sql_type, is_list = _tag(each, "ansi/type"), each.get("collection") is True
            meant = _tag(each, _MEANT)
            conversion = meant if sql_type == "TIMESTAMP" and meant in MEANT else sql_type
            column = Column(name, str(each.get("type", "")), sql_type, is_list, conversion)
            if column.type and not _is_type(column.type):
                self.fault("value", f"{column.type[:64]} is no type that a column can have.", f"{where}.type")
            found = self._path(each.get("path"), f"{where}.path", start)
            columns.append(column)
            if found is not None:
                cells.append(cell(column, found))
                self.cells[name] = column, cells[-1]
                absent.append(0 if each["path"].strip() == ROW_INDEX else None)
        return columns, cells, absent

    def columns_told_apart(self, columns: tuple[Column, ...]) -> None:
        names = [column.name for column in columns]
        for name in sorted({name for name in names if names.count(name) > 1}):
            self.fault("duplicate", f"There are two columns {name}.", "select")
        if len(names) > _MOST_COLUMNS:
            self.fault("too-costly", f"A view has at most {_MOST_COLUMNS} columns.", "select")

    def _path(self, text: Any, place: str, start: str) -> Path | None:
        if not isinstance(text, str) or not text:
            self.fault("required", "A FHIRPath is needed here.", place)
            return None
        try:
            for node in _all(parse(text)):
                self._judge(node, place)
            leads_to(parse(text), start)
            return path(text, self.constants)
        except FhirPathError as error:
            self.fault("invalid", f"{text[:_TOLD]}: {error.issues[0].diagnostics}", place)
        except Misspelt as error:
            self.fault("invalid", f"{text[:_TOLD]}: {error}", place)
        return None

    def _judge(self, node: Node, place: str) -> None:
        match node:
            case Variable(name) if name not in self.constants and name not in _GIVEN and name[:3] not in ("vs-", "ext"):
                self.fault("not-found", f"There is no constant {name[:64]}.", place)
            case Call(_, name, _) if name in _UNSTEADY:
                self.fault("not-supported", f"{name}() is not for views: rows depend on the resource alone.", place)
            case _:
                pass


def _condition(found: Path, number: int) -> Where:
    def holds(root: Element) -> bool:
        values = [plain(item) for item in found(root, 0)]
        if len(values) > 1 or (values and type(values[0]) is not bool):
            raise Invalid(
                "A condition is a boolean.", code="invalid", expression=f"ViewDefinition.where[{number}].path"
            )
        return bool(values and values[0])

    return holds


def _all(node: Node) -> Iterator[Node]:
    waiting = [node]
    while waiting:
        each = waiting.pop()
        yield each
        waiting += children(each)


def _is_type(name: str) -> bool:
    """Whether a column can be of this type: a primitive of FHIR, by its name or its URL, or one of FHIRPath's own."""
    if name.startswith(_SYSTEM):
        return name.removeprefix(_SYSTEM) in _SYSTEM_TYPES
    name = name.removeprefix(_FHIR)
    return name[:1].islower() and is_defined(name)


def _objects(value: Any) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _tag(column: Mapping[str, Any], name: str) -> str:
    tags = _objects(column.get("tag") or column.get("tags"))
    return next((str(tag.get("value", "")) for tag in tags if tag.get("name") == name), "")
