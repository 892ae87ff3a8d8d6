"""One `name=value` of a search URL to the node it stands for: a criterion, a chain, or a reverse chain.

Source: http://hl7.org/fhir/R4/search.html#modifiers, #chaining, #has, #list.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from difflib import get_close_matches
from functools import partial

from carethread.core.errors import Malformed
from carethread.core.fhir.definitions import SearchParameterDefinition, resource_types
from carethread.core.fhir.search.escapes import split
from carethread.core.fhir.search.extract import COLUMNS
from carethread.core.fhir.search.parameters import Extra, has_systems, identifies, searchable, targets
from carethread.core.fhir.search.query import Chain, Criterion, Link, MissingValue, Node, Reverse, Value
from carethread.core.fhir.search.values import (
    READERS,
    Reading,
    bad_value,
    read_composite,
    read_id,
    read_members,
    read_of_type,
    read_string,
    read_token,
    read_url,
)

MAX_CHAIN = 10
"""Steps of a chain, forward or reverse."""

MAX_WAYS = 100
"""Ways that a chain may branch into, one for each type that each of its steps can lead to."""

MAX_TEXT = 4000
"""Characters of one of the values that a comma joins."""

MODIFIERS: Mapping[str, tuple[str, ...]] = {
    "token": ("missing", "not", "text", "in", "not-in", "of-type"),
    "reference": ("missing", "identifier", "[Type]"),
    "date": ("missing",),
    "string": ("missing", "exact", "contains"),
    "number": ("missing",),
    "quantity": ("missing",),
    "uri": ("missing", "above", "below"),
    "composite": ("missing",),
}
"""What may follow a parameter's name, by search type."""

_HIERARCHY = "; the hierarchy of a code system, or of references, is not known here"

LIST = "_list"
"""The parameter that asks for the members of a List."""


class UnknownParameter(Malformed):
    """The type has no such parameter: refused when handling is strict, else ignored."""

    code = "not-supported"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What reading depends on besides the URL: our base URL, the zone of times without one, and now (µs since 1970)."""

    extra: Extra = field(default_factory=dict)
    base: str | None = None
    zone: tzinfo = UTC
    now: int = 0


def read_criterion(types: Sequence[str], name: str, value: str, around: Surroundings) -> Node:
    """The node of `name=value` on one type, or on several that have the parameter in common.

    Raises UnknownParameter, or Malformed.
    """
    return _node(types, name, value, around, name, 0, 1)


def find_parameter(types: Sequence[str], code: str, around: Surroundings, asked: str) -> SearchParameterDefinition:
    """A parameter of a type, or of all of several, by its code. Raises UnknownParameter naming the nearest ones."""
    found: SearchParameterDefinition | None = None
    for type_name in types[:1] if code.startswith("_") else types:
        known = searchable(type_name, tuple(around.extra.get(type_name, ())))
        parameter = known.get(code)
        if parameter is None or (found and found.type != parameter.type):
            near = get_close_matches(code, known, n=5, cutoff=0.6)
            allowed = f"nearest: {', '.join(near)}" if near else f"allowed: {', '.join(sorted(known))}"
            raise UnknownParameter(
                f"{type_name} has no search parameter '{code[:64]}'{f' that is a {found.type}' if found else ''}; "
                f"{allowed}.",
                expression=asked[:100],
            )
        found = found or parameter
    if found is None:
        raise UnknownParameter("No type is searched.", expression=asked[:100])
    return found


def targets_of(types: Sequence[str], code: str, around: Surroundings, asked: str) -> tuple[str, ...]:
    """The types that a reference parameter can lead to from any of the types; empty: any type."""
    found = [targets(name, find_parameter([name], code, around, asked)) for name in types]
    return tuple(dict.fromkeys(kind for kinds in found for kind in kinds)) if all(found) else ()


def _node(types: Sequence[str], name: str, value: str, around: Surroundings, asked: str, depth: int, ways: int) -> Node:
    if depth >= MAX_CHAIN:
        raise Malformed(f"A chain has at most {MAX_CHAIN} steps.", code="too-costly", expression=asked[:100])
    if name.startswith("_has:"):
        return _reverse(types, name, value, around, asked, depth, ways)
    if name == LIST:
        return _members(value, asked)
    head, dot, rest = name.partition(".")
    code, _, modifier = head.partition(":")
    parameter = find_parameter(types, code, around, asked)
    if dot:
        return _chain(types, parameter, modifier, rest, value, around, asked, depth, ways)
    return _criterion(types, parameter, modifier, value, around, asked)


def _criterion(
    types: Sequence[str],
    parameter: SearchParameterDefinition,
    modifier: str,
    value: str,
    around: Surroundings,
    asked: str,
) -> Criterion:
    kinds = targets_of(types, parameter.code, around, asked) if parameter.type == "reference" else ()
    if parameter.type == "reference" and modifier in resource_types():
        _check_target(parameter.code, modifier, kinds, asked)
        kinds, modifier = (modifier,), ""
    elif modifier:
        _check_modifier(types[0], parameter, modifier, asked)
    if modifier == "missing":
        if value not in ("true", "false"):
            raise bad_value(asked, "true or false")
        return Criterion(parameter.code, parameter.type, modifier, (MissingValue(value == "true"),))
    with_systems = parameter.type != "token" or has_systems(types[0], parameter)
    reading = Reading(asked, kinds, with_systems or modifier == "identifier", around.base, around.zone, around.now)
    texts = split(value, ",")
    if not all(texts):
        raise bad_value(asked, "values that are not empty, joined by ','")
    if max(map(len, texts)) > MAX_TEXT:
        raise Malformed(f"A value may have {MAX_TEXT} characters.", code="too-long", expression=asked[:100])
    if modifier in ("in", "not-in"):
        values: tuple[Value, ...] = tuple(member for text in texts for member in read_members(text, reading))
    else:
        read = _reader(parameter, modifier)
        values = tuple(read(text, reading) for text in texts)
    return Criterion(parameter.code, parameter.type, modifier or None, values)


_BY_MODIFIER: Mapping[str, Callable[[str, Reading], Value]] = {
    "identifier": read_token,
    "text": read_string,
    "of-type": read_of_type,
    "above": read_url,
    "below": read_url,
}
"""What reads the values of a parameter with a modifier; with another, or none, its search type decides."""


def _reader(parameter: SearchParameterDefinition, modifier: str) -> Callable[[str, Reading], Value]:
    if parameter.code == "_id":
        return read_id
    if parameter.type == "composite":
        return partial(read_composite, components=tuple(component.type for component in parameter.component))
    return _BY_MODIFIER.get(modifier) or READERS[parameter.type]


def _check_modifier(type_name: str, parameter: SearchParameterDefinition, modifier: str, asked: str) -> None:
    allowed = MODIFIERS[parameter.type]
    if parameter.code in COLUMNS:
        allowed = tuple(name for name in allowed if name in ("missing", "not"))
    elif parameter.type == "token" and not identifies(type_name, parameter):
        allowed = tuple(name for name in allowed if name != "of-type")
    if modifier in allowed:
        return
    why = _HIERARCHY if modifier in ("above", "below") else ""
    raise Malformed(
        f"The modifier ':{modifier[:32]}' is not supported on '{parameter.code}', which is a {parameter.type}{why}; "
        f"allowed: {', '.join(f':{name}' for name in allowed)}.",
        code="not-supported",
        expression=asked[:100],
    )


def _chain(
    types: Sequence[str],
    parameter: SearchParameterDefinition,
    kind: str,
    rest: str,
    value: str,
    around: Surroundings,
    asked: str,
    depth: int,
    ways: int,
) -> Chain:
    if parameter.type != "reference":
        raise Malformed(
            f"'{parameter.code}' is a {parameter.type}; only a reference can be chained.",
            code="not-supported",
            expression=asked[:100],
        )
    kinds = targets_of(types, parameter.code, around, asked)
    if kind:
        _check_target(parameter.code, kind, kinds, asked)
        kinds = (kind,)
    if not kinds or len(kinds) * ways > MAX_WAYS:
        raise Malformed(
            f"'{parameter.code}' can lead to {len(kinds) or 'all'} types, and the chain has more than {MAX_WAYS} ways; "
            f"name one: {parameter.code}:Type.{rest[:64]}",
            code="too-costly",
            expression=asked[:100],
        )
    links: list[Link] = []
    unknown: UnknownParameter | None = None
    for target in kinds:
        try:
            links.append(Link(target, _node([target], rest, value, around, asked, depth + 1, len(kinds) * ways)))
        except UnknownParameter as error:
            unknown = error
    if not links and unknown:
        raise unknown
    return Chain(parameter.code, tuple(links))


def _reverse(
    types: Sequence[str], name: str, value: str, around: Surroundings, asked: str, depth: int, ways: int
) -> Reverse:
    _, source, code, rest = (*name.split(":", 3), "", "", "")[:4]
    if source not in resource_types() or not rest:
        raise Malformed(
            "A reverse chain is written _has:Type:reference-parameter:parameter=value, Type being a resource type.",
            code="value",
            expression=asked[:100],
        )
    parameter = find_parameter([source], code, around, asked)
    if parameter.type != "reference":
        raise Malformed(f"'{code}' of {source} is no reference.", code="not-supported", expression=asked[:100])
    if len(types) == 1:
        _check_target(code, types[0], targets(source, parameter), asked)
    return Reverse(source, code, _node([source], rest, value, around, asked, depth + 1, ways))


def _members(value: str, asked: str) -> Reverse:
    """What the Lists of these ids have as items. A functional list, such as $current-problems, is not kept here."""
    if value.startswith("$"):
        diagnostics = "Functional lists are not kept here; name a List by its id."
        raise Malformed(diagnostics, code="not-supported", expression=asked[:100])
    reading = Reading(asked, (), False, None, UTC, 0)
    ids = tuple(read_id(text, reading) for text in split(value, ","))
    return Reverse("List", "item", Criterion("_id", "token", None, ids))


def _check_target(code: str, kind: str, kinds: tuple[str, ...], asked: str) -> None:
    if kind not in resource_types() or (kinds and kind not in kinds):
        allowed = ", ".join(kinds) or "any resource type"
        diagnostics = f"'{code}' never refers to '{kind[:64]}'; allowed: {allowed}."
        raise Malformed(diagnostics, code="value", expression=asked[:100])
