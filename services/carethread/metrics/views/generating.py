"""A view as one Python function over plain JSON, written for it: what its paths have in common is looked up once.

Where a resource has what only FHIRPath treats rightly (a primitive with extensions), the function gives up, and where a
path is not simple the function asks FHIRPath for that cell. Measured, it takes a tenth of the time that closures over
each path take: docs/views.md. The source has nothing of a ViewDefinition in it but as constants.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from carethread.core.fhir.fhirpath import Element
from carethread.core.fhir.fhirpath.parser import parse
from carethread.core.ports import Resource
from carethread.metrics.views import walking
from carethread.metrics.views.source import NotSimple, Scope, Source
from carethread.metrics.views.stepping import ROW_INDEX, cell, condition, nodes
from carethread.metrics.views.view import Column, Quick, Where

Slow = Callable[[Any, int], Any]
"""A cell by FHIRPath, of an element and %rowIndex."""


def generated(
    definition: Resource,
    columns: Mapping[str, tuple[Column, Slow]],
    conditions: Sequence[Where],
) -> Quick | None:
    """The function that gives the rows of a resource of the type; None for a view whose rows are combined in a way that
    is not written out: unions, and several unrollings side by side.

    `columns` are those of the view by name, each with its cell by FHIRPath. The function raises one of
    `walking.SURPRISES` where FHIRPath has to decide.
    """
    source = Source({**vars(walking), "Element": Element})
    root = Scope("r", definition["resource"], "0")
    writing = _Writing(source, columns)
    try:
        for number, each in enumerate(definition.get("where", ())):
            writing.guard(root, each["path"], conditions[number])
        writing.structures(definition["select"], root, writing.row)
    except NotSimple:
        return None
    return source.function("r", "rows")


class _Writing:
    def __init__(self, source: Source, columns: Mapping[str, tuple[Column, Slow]]) -> None:
        self.source = source
        self.columns = columns

    def guard(self, scope: Scope, path: str, slow: Where) -> None:
        """Nothing of a resource that a condition does not hold of."""
        try:
            holds = condition(self.source, parse(path), scope)
        except NotSimple:
            holds = f"{self.source.constant(slow)}(Element({scope.node}, {scope.type!r}))"
        self.source.line(f"if not ({holds}): return rows")

    def row(self, cells: Sequence[str]) -> None:
        self.source.line(f"rows.append(plainly(({''.join(f'{each}, ' for each in cells)})))")

    def structures(self, raw: Sequence[Any], scope: Scope, then: Callable[[Sequence[str]], None]) -> None:
        """Cells of structures side by side; `then` writes what is done with them, at each row."""
        before, unrolling, after = self._flat(raw, scope)
        if unrolling is None:
            then(before)
            return

        def joined(inner: Sequence[str]) -> None:
            then([*before, *inner, *after])

        self._unrolled(unrolling, scope, joined)

    def _flat(self, raw: Sequence[Any], scope: Scope) -> tuple[list[str], Any, list[str]]:
        """The cells before and after the one structure that unrolls, and that one."""
        before: list[str] = []
        after: list[str] = []
        unrolling = None
        for each in raw:
            if "unionAll" in each:
                raise NotSimple
            if any(name in each for name in ("forEach", "forEachOrNull", "repeat")):
                if unrolling is not None:
                    raise NotSimple
                unrolling = each
                continue
            cells = before if unrolling is None else after
            cells += [self._cell(column, scope) for column in each.get("column", ())]
            own, inner, more = self._flat(each.get("select", ()), scope)
            cells += own
            if inner is not None:
                if unrolling is not None:
                    raise NotSimple
                unrolling = inner
                after += more
        return before, unrolling, after

    def _cell(self, raw: Any, scope: Scope) -> str:
        column, slow = self.columns[raw["name"]]
        if raw["path"].strip() == ROW_INDEX:
            return scope.index
        try:
            if column.collection:
                raise NotSimple
            return cell(self.source, parse(raw["path"]), scope, column.conversion)
        except NotSimple:
            return self.source.named(
                f"{self.source.constant(slow)}(Element({scope.node}, {scope.type!r}), {scope.index})"
            )

    def _unrolled(self, raw: Any, scope: Scope, then: Callable[[Sequence[str]], None]) -> None:
        inner = {name: value for name, value in raw.items() if name not in ("forEach", "forEachOrNull", "repeat")}
        name = next(name for name in ("forEach", "forEachOrNull", "repeat") if name in raw)
        found, type_name = nodes(self.source, raw[name], scope)
        if name == "forEachOrNull":
            self.source.line(f"if not {found}:")
            with self.source.deeper():
                then(self._absent([inner]))
        with self.source.each(found, type_name) as below:
            self.structures([inner], below, then)

    def _absent(self, raw: Sequence[Any]) -> list[str]:
        """The cells that stand where there is no node at all."""
        cells: list[str] = []
        for each in raw:
            if "unionAll" in each:
                raise NotSimple
            cells += ["0" if column["path"].strip() == ROW_INDEX else "None" for column in each.get("column", ())]
            cells += self._absent(each.get("select", ()))
        return cells
