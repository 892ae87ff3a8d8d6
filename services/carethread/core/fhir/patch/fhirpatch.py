"""FHIRPath Patch: a Parameters resource whose parameters are operations on elements named by FHIRPath.

Source: http://hl7.org/fhir/R4/fhirpatch.html. What the patch itself gets wrong is Malformed, what does not fit the
resource Invalid.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from carethread.core.errors import Invalid, Issue, Malformed
from carethread.core.fhir.definitions import primitive_types
from carethread.core.fhir.fhirpath.model import Slot, members
from carethread.core.fhir.patch.jsonpatch import MAX_OPERATIONS, Change, clone
from carethread.core.fhir.patch.paths import Path, Place, slots_of

Part = Mapping[str, Any]

_LITERAL = re.compile(r"'(?:[^'\\]|\\.)*'")


@dataclass(frozen=True, slots=True)
class _Operation:
    """One operation; of `text`, the path as written, the literals may be about a person."""

    kind: str
    text: str
    path: Path
    name: str
    value: Part
    numbers: Mapping[str, int]


def fhir_patch(parameters: Mapping[str, Any]) -> Change:
    """The change that a Parameters resource describes; it must have passed the validator.

    The change raises Invalid, with the path, for an operation that does not fit the resource; reading raises
    Malformed. The resource given to the change is not touched.
    """
    given = parameters.get("parameter", [])
    if len(given) > MAX_OPERATIONS:
        raise Malformed(f"A patch may have {MAX_OPERATIONS} operations.", code="too-costly")
    operations = [_read(each, f"Parameters.parameter[{number}]") for number, each in enumerate(given)]

    def change(resource: dict[str, Any]) -> dict[str, Any]:
        changed: dict[str, Any] = clone(resource)
        for number, operation in enumerate(operations):
            try:
                _APPLY[operation.kind](changed, operation)
            except Invalid as error:
                where = _LITERAL.sub("'...'", operation.text)[:200]
                said = f"Operation {number} ({operation.kind}) does not fit the resource: "
                raise Invalid(issues=[Issue(i.code, said + i.diagnostics, where) for i in error.issues]) from None
        return changed

    return change


def _read(parameter: Part, where: str) -> _Operation:
    if parameter.get("name") != "operation":
        raise Malformed("Each parameter of a patch is named 'operation'.", code="value", expression=f"{where}.name")
    parts = {part.get("name"): part for part in parameter.get("part", [])}
    kind = _text(parts, "type")
    if kind not in _APPLY:
        raise Malformed(f"An operation has a type, one of {', '.join(_APPLY)}.", code="value", expression=where)
    missing = [name for name in ("path", *_NEEDS[kind]) if name not in parts]
    if missing:
        raise Malformed(f"{kind} has a part '{missing[0]}'.", code="required", expression=where)
    numbers = {name: _number(parts[name], where) for name in _NEEDS[kind] if name in _NUMBERS}
    text = _text(parts, "path")
    return _Operation(kind, text, Path(text, where), _text(parts, "name"), parts.get("value", {}), numbers)


def _text(parts: Mapping[str, Part], name: str) -> str:
    part = parts.get(name, {})
    return next((part[key] for key in ("valueString", "valueCode") if isinstance(part.get(key), str)), "")


def _number(part: Part, where: str) -> int:
    value = part.get("valueInteger")
    if type(value) is not int or value < 0:
        raise Malformed(f"'{part.get('name')}' is a valueInteger, 0 or more.", code="value", expression=where)
    return value


def _misfit(why: str) -> Invalid:
    return Invalid(why, code="processing")


def _the_one(operation: _Operation, resource: dict[str, Any]) -> Place:
    places = operation.path.places(resource)
    if len(places) != 1:
        raise _misfit("the path selects " + (f"{len(places)} elements" if places else "no element") + ", not one.")
    return places[0]


def _add(resource: dict[str, Any], operation: _Operation) -> None:
    place = _the_one(operation, resource)
    slot = _slot(place, operation.name, operation.value)
    here = _opened(place)
    if slot.definition.is_list:
        items = _Items(here, slot.key)
        items.pairs.append(_value(operation.value, slot.type))
        items.store()
    elif any(key in here for each in slots_of(place, _stem(slot)) for key in (each.key, "_" + each.key)):
        raise _misfit(f"'{operation.name}' is there and does not repeat; replace it.")
    else:
        _put(here, slot.key, _value(operation.value, slot.type))


def _insert(resource: dict[str, Any], operation: _Operation) -> None:
    items, slot = _list(resource, operation)
    index = operation.numbers["index"]
    if index > len(items.pairs):
        raise _misfit(f"index is at most {len(items.pairs)}, how many there are.")
    items.pairs.insert(index, _value(operation.value, slot.type))
    items.store()


def _delete(resource: dict[str, Any], operation: _Operation) -> None:
    places = operation.path.places(resource)
    if len(places) > 1:
        raise _misfit(f"the path selects {len(places)} elements; one at a time is deleted.")
    if places:
        _take_away(places[0])


def _replace(resource: dict[str, Any], operation: _Operation) -> None:
    place = _the_one(operation, resource)
    if place.above is None:
        raise _misfit("the resource itself is not replaced by a patch; update it.")
    slots = [slot for each in place.above.slots.values() for slot in each if slot.key == place.key]
    slot = _slot(place.above, _stem(slots[0]), operation.value)
    value = _value(operation.value, slot.type)
    if place.index is not None:
        items = _Items(place.parent, place.key)
        items.pairs[place.index] = value
        items.store()
        return
    if slot.key != place.key:
        _take(place.parent, place.key)
    _put(place.parent, slot.key, value)


def _move(resource: dict[str, Any], operation: _Operation) -> None:
    items, _ = _list(resource, operation)
    source, destination = operation.numbers["source"], operation.numbers["destination"]
    if max(source, destination) >= len(items.pairs):
        raise _misfit(f"source and destination are below {len(items.pairs)}, how many there are.")
    items.pairs.insert(destination, items.pairs.pop(source))
    items.store()


_NUMBERS = frozenset({"index", "source", "destination"})

_NEEDS: Mapping[str, tuple[str, ...]] = {
    "add": ("name", "value"),
    "insert": ("index", "value"),
    "delete": (),
    "replace": ("value",),
    "move": ("source", "destination"),
}
"""The parts that an operation has besides its type and path."""

_APPLY: Mapping[str, Callable[[dict[str, Any], _Operation], None]] = {
    "add": _add,
    "insert": _insert,
    "delete": _delete,
    "replace": _replace,
    "move": _move,
}


Pair = tuple[Any, Any]
"""An element in JSON: its value and, of a primitive, the object with its id and extensions; None for what is not."""


class _Items:
    """A repeating element: its values and, of primitives, what stands beside them in the `_name` array."""

    def __init__(self, parent: dict[str, Any], key: str) -> None:
        self._parent, self._key = parent, key
        values, extras = parent.get(key) or [], parent.get("_" + key) or []
        self.pairs: list[Pair] = [
            (values[i] if i < len(values) else None, extras[i] if i < len(extras) else None)
            for i in range(max(len(values), len(extras)))
        ]

    def store(self) -> None:
        for name, column in ((self._key, 0), ("_" + self._key, 1)):
            each = [pair[column] for pair in self.pairs]
            if any(item is not None for item in each):
                self._parent[name] = each
            else:
                self._parent.pop(name, None)


def _list(resource: dict[str, Any], operation: _Operation) -> tuple[_Items, Slot]:
    found = operation.path.lists(resource)
    if len(found) != 1:
        raise _misfit(f"the path names {len(found) or 'no'} lists, not one.")
    place, slot = found[0]
    return _Items(_opened(place), slot.key), slot


def _opened(place: Place) -> dict[str, Any]:
    """The object that holds the children of an element; a primitive gets one."""
    if isinstance(place.value, dict) or place.extra is not None:
        return place.members
    made: dict[str, Any] = {}
    if place.index is None:
        place.parent["_" + place.key] = made
    else:
        items = _Items(place.parent, place.key)
        items.pairs[place.index] = (place.value, made)
        items.store()
    return made


def _put(parent: dict[str, Any], key: str, value: Pair) -> None:
    for name, part in zip((key, "_" + key), value, strict=True):
        if part is None:
            parent.pop(name, None)
        else:
            parent[name] = part


def _take(parent: dict[str, Any], key: str) -> None:
    _put(parent, key, (None, None))


def _take_away(place: Place) -> None:
    """Remove an element, and each above it that has nothing left."""
    if place.above is None:
        raise _misfit("the resource itself is not deleted by a patch.")
    if place.index is None:
        _take(place.parent, place.key)
    else:
        items = _Items(place.parent, place.key)
        del items.pairs[place.index]
        items.store()
    above = place.above
    if place.parent or above.above is None:
        return
    if above.value is None or isinstance(above.value, dict):
        _take_away(above)
    elif above.index is None:
        above.parent.pop("_" + above.key)
    else:
        items = _Items(above.parent, above.key)
        items.pairs[above.index] = (above.value, None)
        items.store()


def _stem(slot: Slot) -> str:
    return slot.definition.name.removesuffix("[x]")


def _slot(place: Place, name: str, value: Part) -> Slot:
    """Where a value goes below a place: of a choice, the slot of the value's type."""
    return _choice(slots_of(place, name.removesuffix("[x]")), value)


def _choice(slots: Sequence[Slot], value: Part) -> Slot:
    if not slots[0].definition.is_choice:
        return slots[0]
    stem = _stem(slots[0])
    sent = next((key.removeprefix("_").removeprefix("value") for key in value if "value" in key), "")
    found = [slot for slot in slots if slot.key == stem + sent]
    if not found:
        raise _misfit(f"'{stem}' takes one of {', '.join(slot.key.removeprefix(stem) for slot in slots)}.")
    return found[0]


def _value(part: Part, type_name: str) -> Pair:
    """What a part holds: a value, a resource, or the parts of an element that has no type of its own."""
    if "part" in part:
        return _object(part["part"], type_name), None
    if "resource" in part:
        return part["resource"], None
    key = next((key.removeprefix("_") for key in part if key.removeprefix("_").startswith("value")), "")
    value, extra = part.get(key), part.get("_" + key)
    if value is None and extra is None:
        raise _misfit("the part 'value' is empty.")
    if isinstance(value, dict) is (type_name in primitive_types()):
        raise _misfit(f"a {type_name.rpartition('#')[2]} is expected, not {key}.")
    return clone(value), clone(extra)


def _object(parts: Sequence[Part], type_name: str) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for part in parts:
        name = str(part.get("name"))
        slots = members(type_name).get(name)
        if not slots:
            raise _misfit(f"{type_name.replace('#', '.')} has no element '{name[:64]}'.")
        slot = _choice(slots, part)
        items = _Items(made, slot.key) if slot.definition.is_list else None
        value = _value(part, slot.type)
        if items:
            items.pairs.append(value)
            items.store()
        else:
            _put(made, slot.key, value)
    return made
