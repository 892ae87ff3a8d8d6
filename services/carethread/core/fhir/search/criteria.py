"""One `name=value` of a search URL to the node it stands for: a criterion, a chain, or a reverse chain.

Source: http://hl7.org/fhir/R4/search.html#modifiers, #chaining, #has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from difflib import get_close_matches

from carethread.core.errors import Malformed
from carethread.core.fhir.definitions import SearchParameterDefinition, resource_types
from carethread.core.fhir.search.escapes import split
from carethread.core.fhir.search.parameters import Extra, has_systems, searchable, targets
from carethread.core.fhir.search.query import Chain, Criterion, Link, MissingValue, Node, Reverse
from carethread.core.fhir.search.values import READERS, Reading, bad_value, read_id, read_token

MAX_CHAIN = 5
"""Steps of a chain, forward or reverse."""

MAX_CHAIN_TARGETS = 10
"""Types that a chain may try at once; a parameter that leads to more needs `:Type`."""

MODIFIERS: Mapping[str, tuple[str, ...]] = {
    "token": ("missing", "not"),
    "reference": ("missing", "identifier", "[Type]"),
    "date": ("missing",),
    "string": ("missing", "exact", "contains"),
    "number": ("missing",),
    "quantity": ("missing",),
    "uri": ("missing",),
}
"""What may follow a parameter's name, by search type."""


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


def read_criterion(type_name: str, name: str, value: str, around: Surroundings, *, asked: str = "") -> Node:
    """The node of `name=value` on a type.

    `asked` is the whole name as it stood in the URL, for messages. Raises UnknownParameter, or Malformed.
    """
    return _node(type_name, name, value, around, asked or name, 0)


def find_parameter(type_name: str, code: str, around: Surroundings, asked: str) -> SearchParameterDefinition:
    """A parameter of a type by its code. Raises UnknownParameter naming the nearest ones."""
    known = searchable(type_name, tuple(around.extra.get(type_name, ())))
    parameter = known.get(code)
    if parameter is None:
        near = get_close_matches(code, known, n=5, cutoff=0.6)
        allowed = f"nearest: {', '.join(near)}" if near else f"allowed: {', '.join(sorted(known))}"
        raise UnknownParameter(f"{type_name} has no search parameter '{code[:64]}'; {allowed}.", expression=asked[:100])
    return parameter


def _node(type_name: str, name: str, value: str, around: Surroundings, asked: str, depth: int) -> Node:
    if depth >= MAX_CHAIN:
        raise Malformed(f"A chain has at most {MAX_CHAIN} steps.", code="too-costly", expression=asked[:100])
    if name.startswith("_has:"):
        return _reverse(type_name, name, value, around, asked, depth)
    head, dot, rest = name.partition(".")
    code, _, modifier = head.partition(":")
    parameter = find_parameter(type_name, code, around, asked)
    if dot:
        return _chain(type_name, parameter, modifier, rest, value, around, asked, depth)
    return _criterion(type_name, parameter, modifier, value, around, asked)


def _criterion(
    type_name: str,
    parameter: SearchParameterDefinition,
    modifier: str,
    value: str,
    around: Surroundings,
    asked: str,
) -> Criterion:
    kinds = targets(type_name, parameter) if parameter.type == "reference" else ()
    if parameter.type == "reference" and modifier in resource_types():
        _check_target(parameter.code, modifier, kinds, asked)
        kinds, modifier = (modifier,), ""
    elif modifier and modifier not in MODIFIERS[parameter.type]:
        allowed = ", ".join(f":{name}" for name in MODIFIERS[parameter.type])
        raise Malformed(
            f"The modifier ':{modifier[:32]}' is not supported on '{parameter.code}', which is a {parameter.type}; "
            f"allowed: {allowed}.",
            code="not-supported",
            expression=asked[:100],
        )
    if modifier == "missing":
        if value not in ("true", "false"):
            raise bad_value(asked, "true or false")
        return Criterion(parameter.code, parameter.type, modifier, (MissingValue(value == "true"),))
    with_systems = parameter.type != "token" or has_systems(type_name, parameter)
    reading = Reading(asked, kinds, with_systems or modifier == "identifier", around.base, around.zone, around.now)
    read = READERS[parameter.type]
    if parameter.code == "_id":
        read = read_id
    elif modifier == "identifier":
        read = read_token
    texts = split(value, ",")
    if not all(texts):
        raise bad_value(asked, "values that are not empty, joined by ','")
    return Criterion(parameter.code, parameter.type, modifier or None, tuple(read(text, reading) for text in texts))


def _chain(
    type_name: str,
    parameter: SearchParameterDefinition,
    kind: str,
    rest: str,
    value: str,
    around: Surroundings,
    asked: str,
    depth: int,
) -> Chain:
    if parameter.type != "reference":
        raise Malformed(
            f"'{parameter.code}' is a {parameter.type}; only a reference can be chained.",
            code="not-supported",
            expression=asked[:100],
        )
    kinds = targets(type_name, parameter)
    if kind:
        _check_target(parameter.code, kind, kinds, asked)
        kinds = (kind,)
    if not 1 <= len(kinds) <= MAX_CHAIN_TARGETS:
        raise Malformed(
            f"'{parameter.code}' can lead to {len(kinds) or 'all'} types; name one: {parameter.code}:Type.{rest[:64]}",
            code="too-costly",
            expression=asked[:100],
        )
    links: list[Link] = []
    unknown: UnknownParameter | None = None
    for target in kinds:
        try:
            links.append(Link(target, _node(target, rest, value, around, asked, depth + 1)))
        except UnknownParameter as error:
            unknown = error
    if not links and unknown:
        raise unknown
    return Chain(parameter.code, tuple(links))


def _reverse(type_name: str, name: str, value: str, around: Surroundings, asked: str, depth: int) -> Reverse:
    _, source, code, rest = (*name.split(":", 3), "", "", "")[:4]
    if source not in resource_types() or not rest:
        raise Malformed(
            "A reverse chain is written _has:Type:reference-parameter:parameter=value, Type being a resource type.",
            code="value",
            expression=asked[:100],
        )
    parameter = find_parameter(source, code, around, asked)
    if parameter.type != "reference":
        raise Malformed(f"'{code}' of {source} is no reference.", code="not-supported", expression=asked[:100])
    _check_target(code, type_name, targets(source, parameter), asked)
    return Reverse(source, code, _node(source, rest, value, around, asked, depth + 1))


def _check_target(code: str, kind: str, kinds: tuple[str, ...], asked: str) -> None:
    if kind not in resource_types() or (kinds and kind not in kinds):
        allowed = ", ".join(kinds) or "any resource type"
        diagnostics = f"'{code}' never refers to '{kind[:64]}'; allowed: {allowed}."
        raise Malformed(diagnostics, code="value", expression=asked[:100])
