"""JSON Patch (RFC 6902) with JSON Pointers (RFC 6901).

What the patch itself gets wrong is Malformed; what does not fit the resource is Invalid, a failed `test` among it:
RFC 5789 section 2.2 keeps 412 for preconditions in headers, and the patch is understood but cannot be processed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from carethread.core.errors import Invalid, Malformed
from carethread.core.fhir import json
from carethread.core.fhir.validation.report import step

MAX_OPERATIONS = 1000
"""Operations of one patch."""

MAX_CARRIED = 100_000
"""Values that the `copy` and `move` operations of one patch may carry, a text counting once more for each 100
characters: a copy can double what is there."""

_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")
_BAD_ESCAPE = re.compile(r"~(?![01])")

Path = tuple[str, ...]
"""The steps of a JSON Pointer, unescaped."""

Change = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class _Operation:
    op: str
    path: Path
    source: Path = ()
    value: Any = None


class _Misfit(Exception):
    """Why an operation does not fit what is there, and the issue's code."""

    def __init__(self, why: str, code: str = "processing") -> None:
        super().__init__(why)
        self.code = code


def json_patch(document: Any) -> Change:
    """The change that a parsed JSON Patch document describes.

    The change raises Invalid, with the FHIRPath of the element, for an operation that does not fit the resource;
    reading the document raises Malformed. The resource given to the change is not touched.
    """
    if not isinstance(document, list):
        raise Malformed(f"A JSON Patch is an array of operations; this is {json.describe(document)}.")
    if len(document) > MAX_OPERATIONS:
        raise Malformed(f"A patch may have {MAX_OPERATIONS} operations.", code="too-costly")
    operations = [_read(value, f"Operation {number}") for number, value in enumerate(document)]

    def change(resource: dict[str, Any]) -> dict[str, Any]:
        changed: Any = {"": clone(resource)}  # in a holder, so that the root has a place like all else
        spare = MAX_CARRIED
        for number, operation in enumerate(operations):
            try:
                spare -= _APPLY[operation.op](changed, operation)
                if spare < 0:
                    raise _Misfit(f"a patch may copy and move {MAX_CARRIED} values in all", "too-costly")
                if not isinstance(changed.get(""), dict):
                    raise _Misfit("what is left is no resource")
            except _Misfit as error:
                where = _expression(resource, operation.path)
                said = f"Operation {number} ({operation.op}) does not fit the resource: {error}."
                raise Invalid(said, code=error.code, expression=where) from None
        root: dict[str, Any] = changed[""]
        return root

    return change


def _read(value: Any, where: str) -> _Operation:
    if not isinstance(value, dict):
        raise Malformed(f"{where} is an object, not {json.describe(value)}.")
    op = value.get("op")
    if not isinstance(op, str) or op not in _APPLY:
        raise Malformed(f"{where} has an 'op', one of {', '.join(_APPLY)}.", code="value")
    if op in ("add", "replace", "test") and "value" not in value:
        raise Malformed(f"{where} ({op}) has a 'value'.", code="required")
    source = _pointer(value, "from", where) if op in ("move", "copy") else ()
    return _Operation(op, _pointer(value, "path", where), source, value.get("value"))


def _pointer(operation: Mapping[str, Any], member: str, where: str) -> Path:
    text = operation.get(member)
    if not isinstance(text, str) or (text and not text.startswith("/")) or _BAD_ESCAPE.search(text):
        raise Malformed(f"{where} has a '{member}', a JSON Pointer such as /name/0/family.", code="value")
    return ("", *(part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]))


def _container(document: Any, path: Path) -> Any:
    """The object or array in which the last step of the path is."""
    at = document
    for part in path[:-1]:
        at = _at(at, part)
    if not isinstance(at, dict | list):
        raise _Misfit(f"'{step(path[-2])}' is neither an object nor an array")
    return at


def _at(container: Any, part: str) -> Any:
    if isinstance(container, dict) and part in container:
        return container[part]
    if isinstance(container, list):
        return container[_index(part, len(container) - 1)]
    raise _Misfit(f"there is no '{step(part)}'")


def _index(part: str, last: int) -> int:
    if not _INDEX.fullmatch(part):
        raise _Misfit(f"'{step(part)}' is no index of an array")
    if int(part) > last:
        raise _Misfit(f"the array has no index {part}")
    return int(part)


def _add(document: Any, path: Path, value: Any) -> int:
    """Put the value there; returns how many values it holds."""
    size = _size(value, json.MAX_DEPTH - len(path))
    container, part = _container(document, path), path[-1]
    if isinstance(container, list):
        container.insert(len(container) if part == "-" else _index(part, len(container)), value)
    else:
        container[part] = value
    return size


def _remove(document: Any, path: Path) -> Any:
    container, part = _container(document, path), path[-1]
    removed = _at(container, part)
    if isinstance(container, list):
        del container[int(part)]
    else:
        del container[part]
    return removed


def _get(document: Any, path: Path) -> Any:
    return _at(_container(document, path), path[-1])


def _op_add(document: Any, operation: _Operation) -> int:
    _add(document, operation.path, clone(operation.value))
    return 0


def _op_remove(document: Any, operation: _Operation) -> int:
    _remove(document, operation.path)
    return 0


def _op_replace(document: Any, operation: _Operation) -> int:
    container, part = _container(document, operation.path), operation.path[-1]
    _at(container, part)
    _size(operation.value, json.MAX_DEPTH - len(operation.path))
    container[int(part) if isinstance(container, list) else part] = clone(operation.value)
    return 0


def _op_move(document: Any, operation: _Operation) -> int:
    if operation.path == operation.source:
        _get(document, operation.path)
        return 0
    if operation.path[: len(operation.source)] == operation.source:
        raise _Misfit("a value cannot be moved into itself")
    return _add(document, operation.path, _remove(document, operation.source))


def _op_copy(document: Any, operation: _Operation) -> int:
    return _add(document, operation.path, clone(_get(document, operation.source)))


def _op_test(document: Any, operation: _Operation) -> int:
    if not _same(_get(document, operation.path), operation.value):
        raise _Misfit("the value there is another", "conflict")
    return 0


_APPLY: Mapping[str, Callable[[Any, _Operation], int]] = {
    "add": _op_add,
    "remove": _op_remove,
    "replace": _op_replace,
    "move": _op_move,
    "copy": _op_copy,
    "test": _op_test,
}
"""Each changes the document in place and returns how many values it carried from one place to another."""


def clone(value: Any) -> Any:
    """A copy that shares no object or array."""
    if isinstance(value, dict):
        return {name: clone(child) for name, child in value.items()}
    return [clone(child) for child in value] if isinstance(value, list) else value


def _size(value: Any, levels: int) -> int:
    """How many values there are, which may nest as many levels."""
    if levels < 0:
        raise _Misfit(f"it would nest more than {json.MAX_DEPTH} levels deep", "too-long")
    if isinstance(value, str):
        return 1 + len(value) // 100
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(_size(child, levels - 1) for child in children)


def _same(a: Any, b: Any) -> bool:
    """Equality of RFC 6902 section 4.6: numbers by value, objects by their members in any order."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_same(value, b[name]) for name, value in a.items())
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(_same, a, b))
    if _is_number(a) and _is_number(b):
        return _decimal(a) == _decimal(b)
    return type(a) is type(b) and bool(a == b)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _decimal(value: Any) -> Decimal:
    return Decimal(value.text if isinstance(value, json.Number) else value)


def _expression(resource: Mapping[str, Any], path: Path) -> str:
    """A pointer as FHIRPath: `/name/0/given` of a Patient is `Patient.name[0].given`."""
    said = step(resource.get("resourceType", "Resource"))
    for part in path[1:]:
        said += f"[{part}]" if _INDEX.fullmatch(part) else "" if part == "-" else f".{step(part)}"
    return said
