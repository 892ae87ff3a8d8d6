"""What a condition costs at worst, found by going through it once with as many facts as a set may hold. Pure.

Nothing is evaluated: each step says how many items of which types it may give, and what it takes to get them, so that
no data can make it cost more, whichever branch it takes. On the way each name is looked up, for an element that is
misspelt would only never be found. Source: http://hl7.org/fhirpath/N1.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from carethread.careteams.risk.rules import MOST
from carethread.core.fhir.fhirpath.model import ancestry, is_defined, members
from carethread.core.fhir.fhirpath.parser import parse
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

REFUSED: Mapping[str, str] = {
    **dict.fromkeys(("now", "today", "timeOfDay"), "time is what a dateFilter is for, which tells when it is over"),
    **dict.fromkeys(("aggregate", "repeat", "children", "descendants", "answers", "trace"), "its cost has no bound"),
    **dict.fromkeys(("resolve", "memberOf", "conformsTo", "htmlChecks"), "a rule looks at nothing but its inputs"),
}
"""Functions that a condition does not have, each with the reason."""

_REPEATED = 5
"""Values of an element that repeats, in one resource."""

_TRUTH = frozenset({"boolean"})
_ITERATING = frozenset({"where", "select", "all", "exists", "sort", "iif"})
_SAME = frozenset({"where", "tail", "skip", "take", "distinct", "sort", "intersect", "exclude", "union", "combine"})
_ONE = frozenset({"first", "last", "single"})
_BOOLEAN = frozenset(
    {
        "exists", "empty", "all", "allTrue", "allFalse", "anyTrue", "anyFalse", "subsetOf", "supersetOf", "isDistinct",
        "not", "hasValue", "matches", "matchesFull", "startsWith", "endsWith", "contains", "comparable", "is",
        "convertsToBoolean", "convertsToDate", "convertsToDateTime", "convertsToDecimal", "convertsToInteger",
        "convertsToQuantity", "convertsToString", "convertsToTime", "toBoolean",
    }
)  # fmt: skip
_COMPARING = frozenset({"=", "!=", "~", "!~", "<", ">", "<=", ">=", "in", "contains", "and", "or", "xor", "implies"})


class Unfit(Exception):
    """Why an expression is no condition."""


@dataclass(frozen=True, slots=True)
class _Worst:
    """Steps, items at most, and their types; no types: not known."""

    cost: int
    size: int
    types: frozenset[str] = frozenset()


def cost(text: str, variables: Mapping[str, tuple[str, int]]) -> int:
    """What it takes at most to evaluate a condition that compiles, over variables of a type with so many items.

    Raises Unfit for a name that is not there, a function that a rule does not have, and what is not true or false.
    """
    found = _Walk(variables).worst(parse(text), _Worst(0, 1, frozenset({"Patient"})))
    if found.types and found.types != _TRUTH:
        raise Unfit("It is not true or false, but something else; end it with exists(), empty() or a comparison.")
    return found.cost


@dataclass(frozen=True, slots=True)
class _Walk:
    variables: Mapping[str, tuple[str, int]]

    def worst(self, node: Node, focus: _Worst) -> _Worst:
        match node:
            case Literal(items):
                return _Worst(1, len(items), _TRUTH if items and isinstance(items[0], bool) else frozenset())
            case Variable(name):
                return self._variable(name)
            case Special(name):
                return replace(focus, cost=1) if name == "this" else _Worst(1, 1)
            case Member(source, name):
                return self._member(source, name, focus)
            case Call():
                return self._call(node, focus)
            case Index(source, index):
                found, place = self.worst(source, focus), self.worst(index, focus)
                return replace(found, cost=found.cost + place.cost + 1, size=min(found.size, 1))
            case TypeOperation(operator, source, type_name):
                return _typed(self.worst(source, focus), operator, type_name)
            case Polarity(_, operand):
                return self.worst(operand, focus)
            case Binary(operator, left, right):
                return _joined(operator, self.worst(left, focus), self.worst(right, focus))

    def _variable(self, name: str) -> _Worst:
        if name in self.variables:
            type_name, size = self.variables[name]
            return _Worst(size, size, frozenset({type_name}))
        if name in ("ucum", "sct", "loinc") or name.startswith(("vs-", "ext-")):
            return _Worst(1, 1)
        known = ", ".join(f"%{each}" for each in self.variables)
        raise Unfit(f"There is no variable %{name[:64]}; there is {known}.")

    def _member(self, source: Node | None, name: str, focus: _Worst) -> _Worst:
        if source is None and name[:1].isupper() and any(name in ancestry(each) for each in focus.types):
            return replace(focus, cost=1)
        items = replace(focus, cost=0) if source is None else self.worst(source, focus)
        slots = [slot for each in items.types for slot in members(each).get(name, ())]
        known = {each for each in items.types if members(each)}
        if known and not slots and known == items.types:
            owner = ", ".join(sorted(each.replace("#", ".") for each in known))
            raise Unfit(f"{owner} has no element '{name[:64]}'.")
        many = not slots or any(slot.definition.is_list for slot in slots)
        size = items.size * (_REPEATED if many else 1)
        return _Worst(items.cost + items.size + size + 1, size, frozenset(slot.type for slot in slots))

    def _call(self, node: Call, focus: _Worst) -> _Worst:
        name = node.name
        if name in REFUSED:
            raise Unfit(f"A rule does not call {name}(): {REFUSED[name]}.")
        items = replace(focus, cost=0) if node.source is None else self.worst(node.source, focus)
        if name in ("is", "as", "ofType"):
            return _typed(items, "is" if name == "is" else "as", type_specifier(node.arguments[0]) or "")
        times = max(items.size, 1) if name in _ITERATING else 1
        around = replace(items, cost=0, size=1) if name in _ITERATING else focus
        given = [self.worst(each, around) for each in node.arguments]
        spent = items.cost + items.size + sum(each.cost + each.size for each in given) * times + 1
        return _Worst(spent, *self._result(name, items, given, times))

    @staticmethod
    def _result(name: str, items: _Worst, given: list[_Worst], times: int) -> tuple[int, frozenset[str]]:
        if name in _BOOLEAN:
            return 1, _TRUTH
        if name in _ONE:
            return 1, items.types
        if name == "select":
            return given[0].size * times, given[0].types
        if name == "iif":
            return max(each.size for each in given[1:]) * times, frozenset()
        if name in _SAME:
            added = sum(each.size for each in given) if name in ("union", "combine") else 0
            types = [items.types, *(each.types for each in given)] if added else [items.types]
            return items.size + added, frozenset().union(*types) if all(types) else frozenset()
        if name == "extension":
            return items.size * _REPEATED, frozenset({"Extension"})
        if name in ("split", "toChars"):
            return items.size * MOST, frozenset()
        return 1, frozenset({"integer"}) if name == "count" else frozenset()


def _typed(items: _Worst, operator: str, type_name: str) -> _Worst:
    if operator == "is":
        return _Worst(items.cost + items.size, 1, _TRUTH)
    name = type_name.rpartition(".")[2]
    return _Worst(items.cost + items.size, items.size, frozenset({name} if is_defined(name) else ()))


def _joined(operator: str, left: _Worst, right: _Worst) -> _Worst:
    spent = left.cost + right.cost + left.size + right.size
    if operator in _COMPARING:
        return _Worst(spent, 1, _TRUTH)
    if operator == "|":
        types = left.types | right.types if left.types and right.types else frozenset()
        return _Worst(spent, left.size + right.size, types)
    return _Worst(spent, 1)


def misplaced(type_name: str, path: str) -> Iterator[str]:
    """Why a dotted path is no path of elements of a type; nothing where it is one."""
    types = {type_name}
    for name in path.split("."):
        slots = [slot for each in types for slot in members(each).get(name, ())]
        if not slots:
            yield f"{type_name} has no element '{path[:100]}'; a path is of names of elements with points between."
            return
        types = {slot.type for slot in slots}


def repeats(type_name: str, name: str) -> bool:
    """Whether an element of a resource may be there several times, and has parts of its own."""
    return any(slot.definition.is_list and "#" in slot.type for slot in members(type_name).get(name, ()))
