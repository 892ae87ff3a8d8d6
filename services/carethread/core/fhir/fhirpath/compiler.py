"""The syntax tree to closures: what can be decided once is decided here, not at every evaluation.

A closure takes the scope and the focus, a collection. Inside the argument of `where` and its like the focus is the item
looked at, so that `$this` is the focus, and the arguments of a function see the same focus as the call itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from carethread.core.fhir.fhirpath.element import Element, Items, child, is_number, single, truth
from carethread.core.fhir.fhirpath.errors import FhirPathEvaluationError, FhirPathSyntaxError
from carethread.core.fhir.fhirpath.functions import FUNCTIONS, TYPE_FUNCTIONS, Closure, Lazy, Named
from carethread.core.fhir.fhirpath.model import ancestry
from carethread.core.fhir.fhirpath.operators import LOGIC, OPERATORS, logic
from carethread.core.fhir.fhirpath.quantity import Quantity
from carethread.core.fhir.fhirpath.scope import Scope
from carethread.core.fhir.fhirpath.syntax import (
    Binary,
    Call,
    Index,
    Literal,
    Member,
    Node,
    Polarity,
    Special,
    TypeOperation,
    Variable,
    type_specifier,
)
from carethread.core.fhir.fhirpath.types import of_type, type_test


def compiled(node: Node) -> Closure:
    """The closure of a tree. Raises FhirPathSyntaxError for an unknown function or a wrong number of arguments."""
    return _COMPILERS[type(node)](node)


def _literal(node: Literal) -> Closure:
    return lambda _, __: list(node.items)


def _variable(node: Variable) -> Closure:
    return lambda scope, _: scope.variable(node.name)


def _special(node: Special) -> Closure:
    if node.name == "this":
        return lambda _, focus: focus
    if node.name == "index":
        return lambda scope, _: [scope.index]
    return lambda scope, _: scope.total


def _member(node: Member) -> Closure:
    name = node.name
    if node.source is None:
        return _type_or_member(name) if name[:1].isupper() else lambda scope, focus: _children(scope, focus, name)
    source = compiled(node.source)
    return lambda scope, focus: _children(scope, source(scope, focus), name)


def _children(scope: Scope, items: Items, name: str) -> Items:
    found = [below for item in items if type(item) is Element for below in child(item, name)]
    scope.spend(len(found) + 1)
    return found


def _type_or_member(name: str) -> Closure:
    """A leading capital may be the type that the expression starts from: `Patient.name`."""

    def apply(scope: Scope, focus: Items) -> Items:
        typed = [item for item in focus if type(item) is Element and name in ancestry(item.type)]
        return typed or _children(scope, focus, name)

    return apply


def _index(node: Index) -> Closure:
    source, index = compiled(node.source), compiled(node.index)

    def apply(scope: Scope, focus: Items) -> Items:
        at = single(index(scope, focus), "An index")
        items = source(scope, focus)
        if at is None:
            return []
        if type(at) is not int:
            raise FhirPathEvaluationError("An index is a whole number.")
        return items[at : at + 1] if at >= 0 else []

    return apply


def _type_operation(node: TypeOperation) -> Closure:
    return _typed(node.operator, compiled(node.source), node.type_name)


def _typed(operator: str, source: Closure, type_name: str) -> Closure:
    test = type_test(type_name, exact=operator != "is")
    if operator != "is":
        return lambda scope, focus: of_type(source(scope, focus), test)

    def apply(scope: Scope, focus: Items) -> Items:
        items = source(scope, focus)
        if len(items) > 1:
            raise FhirPathEvaluationError("'is' takes one item.")
        return [test(item) for item in items]

    return apply


def _polarity(node: Polarity) -> Closure:
    operand = compiled(node.operand)
    sign = -1 if node.operator == "-" else 1

    def apply(scope: Scope, focus: Items) -> Items:
        value = single(operand(scope, focus), f"'{node.operator}'")
        if value is None:
            return []
        if type(value) is Quantity:
            return [Quantity(sign * value.value, value.unit)]
        if not is_number(value):
            raise FhirPathEvaluationError("Only numbers and quantities have a sign.")
        return [sign * value]

    return apply


def _binary(node: Binary) -> Closure:
    left, right = compiled(node.left), compiled(node.right)
    if node.operator in LOGIC:
        return _logic(node.operator, left, right)
    operate = OPERATORS[node.operator]

    def apply(scope: Scope, focus: Items) -> Items:
        a, b = left(scope, focus), right(scope, focus)
        scope.spend(len(a) + len(b))
        return operate(a, b)

    return apply


def _logic(operator: str, left: Closure, right: Closure) -> Closure:
    table, decisive = LOGIC[operator]
    decided = table(decisive, None)

    def apply(scope: Scope, focus: Items) -> Items:
        first = left(scope, focus)
        if decisive is not None and truth(first, f"'{operator}'") is decisive:
            return [decided]
        return logic(operator, first, right(scope, focus))

    return apply


def _this(_: Scope, focus: Items) -> Items:
    return focus


def _call(node: Call) -> Closure:
    source = compiled(node.source) if node.source is not None else _this
    name, arguments = node.name, node.arguments
    if name in TYPE_FUNCTIONS:
        type_name = type_specifier(arguments[0]) if len(arguments) == 1 else None
        if type_name is None:
            raise FhirPathSyntaxError(f"'{name}' takes one type, such as {name}(Quantity).")
        return _typed(name, source, type_name)
    function = FUNCTIONS.get(name)
    if function is None:
        raise FhirPathSyntaxError(f"There is no function '{name[:64]}'.")
    if not function.least <= len(arguments) <= function.most:
        allowed = f"{function.least} to {function.most}"
        raise FhirPathSyntaxError(f"'{name}' takes {allowed} arguments, not {len(arguments)}.")
    if isinstance(function, Lazy):
        return _lazy_call(function, source, arguments)
    if isinstance(function, Named):
        return _named_call(node, function, source)
    if function.check and isinstance(arguments[0], Literal):
        function.check(*arguments[0].items)
    closures = tuple(compiled(argument) for argument in arguments)
    apply = function.apply

    def call(scope: Scope, focus: Items) -> Items:
        items = source(scope, focus)
        given = [closure(scope, focus) for closure in closures]
        scope.spend(len(items) + sum(map(len, given)) + 1)
        return apply(scope, items, *given)

    return call


def _named_call(node: Call, function: Named, source: Closure) -> Closure:
    type_name = type_specifier(node.arguments[0]) if node.arguments else ""
    if type_name is None:
        raise FhirPathSyntaxError(f"'{node.name}' takes a type, such as {node.name}(Patient), or nothing.")
    return lambda scope, focus: function.apply(scope, source(scope, focus), type_name)


def _lazy_call(function: Lazy, source: Closure, arguments: tuple[Node, ...]) -> Closure:
    descending = tuple(isinstance(argument, Polarity) and argument.operator == "-" for argument in arguments)
    if function.strips_sign:
        arguments = tuple(
            argument.operand if isinstance(argument, Polarity) and down else argument
            for argument, down in zip(arguments, descending, strict=True)
        )
    closures = tuple(compiled(argument) for argument in arguments)
    if function.strips_sign:
        pairs = tuple(zip(closures, descending, strict=True))
        return lambda scope, focus: function.apply(scope, source(scope, focus), pairs)
    return lambda scope, focus: function.apply(scope, source(scope, focus), closures)


_COMPILERS: Mapping[type, Callable[[Any], Closure]] = {
    Literal: _literal,
    Variable: _variable,
    Special: _special,
    Member: _member,
    Call: _call,
    Index: _index,
    TypeOperation: _type_operation,
    Polarity: _polarity,
    Binary: _binary,
}
