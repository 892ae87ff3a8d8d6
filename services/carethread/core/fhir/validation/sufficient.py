"""When an invariant surely holds, told from an object's own members without evaluating it.

Most invariants ask whether members exist, or what code one has. For these the syntax tree gives two tests of the JSON
object: one that is true only where the expression is true, one only where it is false. Whoever gets no "surely" asks
the evaluator, so a test may say less than the truth but never more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from carethread.core.fhir.fhirpath.model import members
from carethread.core.fhir.fhirpath.syntax import Binary, Call, Index, Literal, Member, Node, TypeOperation

Test = Callable[[dict[str, Any]], bool]

_TEXTS = frozenset({"code", "string", "uri", "url", "canonical", "id", "markdown"})
_MOMENTS = frozenset({"date", "dateTime", "instant"})
_EMPTY_OF_EMPTY = frozenset(
    {
        *("where", "select", "ofType", "as", "first", "last", "tail", "skip", "take", "trace", "distinct", "repeat"),
        *("descendants", "children", "extension", "resolve"),
    }
)
_TRUE_OF_EMPTY = frozenset({"all", "isDistinct", "allTrue", "allFalse"})
_WITH_TIME = len("2024-01-01T00:00:00Z")
_ZONE_AT = len("2024-01-01T00:00:00")


def never(_: dict[str, Any]) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Sure:
    """`true` tells where an expression surely is true, `false` where it surely is false."""

    true: Test = never
    false: Test = never


def sure(node: Node, type_name: str) -> Sure:
    """The tests of an expression that starts from an object of a type."""
    match node:
        case Binary(operator, left, right) if operator in _LOGIC:
            return _LOGIC[operator](sure(left, type_name), sure(right, type_name))
        case Binary("=", Member() as left, Literal((str() as text,))):
            return _equals(left, frozenset({text}), type_name)
        case Binary("=", Member() as left, Literal((bool() as wanted,))):
            key = _key(left, {"boolean"}, type_name)
            return Sure(lambda v: v.get(key) is wanted, lambda v: v.get(key) is (not wanted)) if key else Sure()
        case Binary("!=", left, right):
            return _negated(sure(Binary("=", left, right), type_name))
        case Binary("in", Member() as left, right):
            texts = _texts(right)
            return _equals(left, texts, type_name) if texts else Sure()
        case Binary("=", left, right):
            return _same(sure(left, type_name), sure(right, type_name))
        case Binary("<=", Member() as left, Member() as right):
            return Sure(_in_order(left, right, type_name))
        case Binary(">=", Member() as left, Member() as right):
            return Sure(_in_order(right, left, type_name))
        case Binary(">", Call(source, "count", ()), Literal((int() as least,))) if source and least >= 0:
            return Sure(false=_absent(source, type_name) or never)
        case Binary("<=", Call(source, "count", ()), Literal((int() as most,))) if source and most >= 0:
            return Sure(_absent(source, type_name) or never)
        case Call(source, name, arguments) if source is not None:
            return _called(source, name, arguments, type_name)
        case _:
            return Sure()


def _called(source: Node, name: str, arguments: tuple[Node, ...], type_name: str) -> Sure:
    absent = _absent(source, type_name) or never
    match name, arguments:
        case "not", ():
            return _negated(sure(source, type_name))
        case "exists", ():
            return Sure(_present(source, type_name) or never, absent)
        case "exists", _:
            return Sure(false=absent)
        case "empty", ():
            return Sure(absent, _present(source, type_name) or never)
        case "hasValue", ():
            return Sure(false=absent)
        case "startsWith", (Literal((str() as start,)),) if isinstance(source, Member):
            key = _key(source, _TEXTS, type_name)
            return Sure(*_on_text(key, lambda text: text.startswith(start))) if key else Sure()
        case _, _ if name in _TRUE_OF_EMPTY:
            return Sure(absent)
        case _:
            return Sure()


# Logic


def _negated(operand: Sure) -> Sure:
    return Sure(operand.false, operand.true)


def _and(left: Sure, right: Sure) -> Sure:
    return Sure(_both(left.true, right.true), _either(left.false, right.false))


def _or(left: Sure, right: Sure) -> Sure:
    return Sure(_either(left.true, right.true), _both(left.false, right.false))


def _implies(left: Sure, right: Sure) -> Sure:
    return Sure(_either(left.false, right.true), _both(left.true, right.false))


def _same(left: Sure, right: Sure) -> Sure:
    return Sure(
        _either(_both(left.true, right.true), _both(left.false, right.false)),
        _either(_both(left.true, right.false), _both(left.false, right.true)),
    )


def _xor(left: Sure, right: Sure) -> Sure:
    return _negated(_same(left, right))


_LOGIC: Mapping[str, Callable[[Sure, Sure], Sure]] = {"and": _and, "or": _or, "implies": _implies, "xor": _xor}


def _both(a: Test, b: Test) -> Test:
    return never if a is never or b is never else lambda v: a(v) and b(v)


def _either(a: Test, b: Test) -> Test:
    if a is never or b is never:
        return b if a is never else a
    return lambda v: a(v) or b(v)


# Members


def _keys(node: Node, type_name: str) -> tuple[str, ...]:
    """The JSON members of `name` or `Type.name`; none for any other node."""
    match node:
        case Member(None, name) | Member(Member(None, _), name) if node.source in (None, Member(None, type_name)):
            return tuple(slot.key for slot in members(type_name).get(name, ()))
        case _:
            return ()


def _key(node: Node, types: frozenset[str] | set[str], type_name: str) -> str:
    """The one JSON member of an element that is single and of one of the types; empty for any other."""
    keys = _keys(node, type_name)
    if len(keys) != 1 or not isinstance(node, Member):
        return ""
    (slot,) = members(type_name)[node.name]
    return "" if slot.definition.is_list or slot.type not in types else slot.key


def _absent(node: Node, type_name: str) -> Test | None:
    """Where a collection surely is empty."""
    if keys := _keys(node, type_name):
        names = frozenset(keys) | {"_" + key for key in keys}
        return names.isdisjoint
    match node:
        case Member(source, _) | Index(source, _) if source is not None:
            return _absent(source, type_name)
        case TypeOperation(operator, source, _) if operator != "is":
            return _absent(source, type_name)
        case Call(source, name, _) if source is not None and name in _EMPTY_OF_EMPTY:
            return _absent(source, type_name)
        case Binary("|", left, right):
            first, second = _absent(left, type_name), _absent(right, type_name)
            return _both(first, second) if first and second else None
        case _:
            return None


def _present(node: Node, type_name: str) -> Test | None:
    """Where a collection surely has an item."""
    keys = _keys(node, type_name)
    if len(keys) == 1:
        key = keys[0]
        return lambda v: v.get(key) not in (None, [])
    return (lambda v: any(v.get(key) not in (None, []) for key in keys)) if keys else None


def _equals(node: Member, texts: frozenset[str], type_name: str) -> Sure:
    key = _key(node, _TEXTS, type_name)
    return Sure(*_on_text(key, texts.__contains__)) if key else Sure()


def _on_text(key: str, test: Callable[[str], bool]) -> tuple[Test, Test]:
    return (
        lambda v: type(text := v.get(key)) is str and test(text),
        lambda v: type(text := v.get(key)) is str and not test(text),
    )


def _texts(node: Node) -> frozenset[str]:
    """The strings of `'a' | 'b'`; none for any other node."""
    match node:
        case Literal((str() as text,)):
            return frozenset({text})
        case Binary("|", left, right):
            first, second = _texts(left), _texts(right)
            return first | second if first and second else frozenset()
        case _:
            return frozenset()


def _in_order(earlier: Member, later: Member, type_name: str) -> Test:
    """Two moments written alike, to the day or to the second with the same zone: their text has their order."""
    first, second = _key(earlier, _MOMENTS, type_name), _key(later, _MOMENTS, type_name)
    if not first or not second:
        return never

    def test(value: dict[str, Any]) -> bool:
        a, b = value.get(first), value.get(second)
        if type(a) is not str or type(b) is not str or len(a) != len(b) or a > b:
            return False
        return len(a) == 10 or (len(a) >= _WITH_TIME and a[_ZONE_AT] in "Z+-" and a[_ZONE_AT:] == b[_ZONE_AT:])

    return test
