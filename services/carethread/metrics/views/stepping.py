"""Paths of a view as lines of Python over plain JSON: members, `where`, `extension`, `first` and what else is simple.

A place in JSON, and whether it is a list, follow from the type that a path starts at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from carethread.core.fhir.fhirpath.model import Slot, members
from carethread.core.fhir.fhirpath.parser import parse
from carethread.core.fhir.fhirpath.syntax import Binary, Call, Index, Literal, Member, Node, type_specifier
from carethread.metrics.views.source import Found, NotSimple, Scope, Source
from carethread.metrics.views.walking import CONVERSIONS

ROW_INDEX = "%rowIndex"

_TEXTS = frozenset({"code", "string", "uri", "url", "canonical", "id", "markdown", "oid", "uuid"})
"""Types whose values are equal to a string where their characters are."""


def cell(source: Source, path: Node, scope: Scope, conversion: str) -> str:
    """The variable with the value of a column. Raises NotSimple."""
    found = follow(source, path, scope)
    name = source.named(f"one({found.name})") if found.many else found.name
    if conversion in CONVERSIONS:
        return source.named(f"{CONVERSIONS[conversion].__name__}({name}) if {name} is not None else None")
    return source.named(f"number({name})") if found.type == "decimal" else name


def nodes(source: Source, paths: str | Sequence[str], scope: Scope) -> tuple[str, str]:
    """The variable with the nodes for each of which there are rows, and their type: those of a path, or of all paths
    over and over. Raises NotSimple."""
    if not isinstance(paths, str):
        return _repeated(source, paths, scope)
    found = follow(source, parse(paths), scope)
    if _is_primitive(found.type):
        raise NotSimple
    return found.name if found.many else source.named(f"() if {found.name} is None else ({found.name},)"), found.type


def _repeated(source: Source, paths: Sequence[str], scope: Scope) -> tuple[str, str]:
    first = _together(source, paths, scope)
    below = source.name()
    source.line(f"def {below}(node):")
    with source.deeper():
        inner = _together(source, paths, Scope("node", first.type, "0"))
        source.line(f"return {inner.name}")
    if inner.type != first.type:
        raise NotSimple
    return source.named(f"repeated({first.name}, {below})"), first.type


def _together(source: Source, paths: Sequence[str], scope: Scope) -> Found:
    """What several paths lead to, as far as there are such elements; all of one type."""
    there = [node for node in map(parse, paths) if _begins(node) in members(scope.type)]
    found = [follow(source, node, scope) for node in there]
    if len({each.type for each in found}) != 1 or not all(each.many for each in found):
        raise NotSimple
    together = f"[{', '.join(f'*{each.name}' for each in found)}]"
    return found[0] if len(found) == 1 else Found(source.named(together), found[0].type, many=True)


def _begins(node: Node | None) -> str:
    """The name that a path begins with."""
    while isinstance(node, Member | Call) and node.source is not None:
        node = node.source
    return node.name if isinstance(node, Member) else ""


def follow(source: Source, node: Node | None, scope: Scope) -> Found:
    """What a path leads to; None: the node itself. Raises NotSimple."""
    match node:
        case None:
            return Found(scope.node, scope.type, sure=True)
        case Member(None, name) if name == scope.type:
            return Found(scope.node, scope.type, sure=True)
        case Member(before, name):
            found = follow(source, before, scope)
            return _member(source, found, members(found.type).get(name, ()))
        case Call(Member(before, name), "ofType", (wanted,)):
            found, of = follow(source, before, scope), (type_specifier(wanted) or "").removeprefix("FHIR.")
            return _member(source, found, [slot for slot in members(found.type).get(name, ()) if slot.type == of])
        case Call(Call(before, "getReferenceKey", (wanted,)), "first", ()):
            return _first_key(source, follow(source, before, scope), wanted)
        case Index(before, Literal((int() as at,))) if at >= 0:
            return _at(source, follow(source, before, scope), at)
        case Call(before, name, arguments) if name in _FUNCTIONS:
            return _FUNCTIONS[name](source, follow(source, before, scope), arguments)
        case _:
            raise NotSimple


def _is_primitive(type_name: str) -> bool:
    return type_name[:1].islower()


def _member(source: Source, found: Found, slots: Sequence[Slot]) -> Found:
    if len(slots) != 1 or slots[0].type in ("Resource", ""):
        raise NotSimple
    key, type_name, many = slots[0].key, slots[0].type, slots[0].definition.is_list
    primitive, node = _is_primitive(type_name), found.name
    if found.many:
        helper = ("lists_of_" if many else "") + ("primitives" if primitive else "parts")
        names = f"{key!r}, {'_' + key!r}" if primitive else f"{key!r}"
        return Found(source.named(f"{helper}({node}, {names}) if {node} else ()"), type_name, many=True)
    if primitive:
        source.demand(f"if {'' if found.sure else f'{node} is not None and '}{'_' + key!r} in {node}: raise Unplain")
    value = f"{node}.get({key!r})"
    if many:
        value = f"listed({value})" if primitive else f"{value} or ()"
    return Found(source.named(_if_there(found, value, "()" if many else "None")), type_name, many)


def _if_there(found: Found, value: str, otherwise: str) -> str:
    return value if found.sure else f"{value} if {found.name} is not None else {otherwise}"


def _at(source: Source, found: Found, at: int) -> Found:
    if not found.many:
        if at:
            raise NotSimple
        return found
    return Found(source.named(f"{found.name}[{at}] if len({found.name}) > {at} else None"), found.type)


def _first(source: Source, found: Found, arguments: Sequence[Node]) -> Found:
    if arguments:
        raise NotSimple
    return Found(source.named(f"{found.name}[0] if {found.name} else None"), found.type) if found.many else found


def _exists(source: Source, found: Found, arguments: Sequence[Node]) -> Found:
    if arguments:
        raise NotSimple
    return Found(source.named(f"bool({found.name})" if found.many else f"{found.name} is not None"), "boolean")


def _targets(source: Source, found: Found) -> str:
    """The variable with what References point at."""
    if found.type != "Reference":
        raise NotSimple
    if found.many:
        return source.named(f"targets({found.name}) if {found.name} else ()")
    return source.named(_if_there(found, f"target({found.name})", "None"))


def _reference_key(source: Source, found: Found, arguments: Sequence[Node]) -> Found:
    wanted, target = _wanted(arguments), _targets(source, found)
    if found.many:
        kept = f" if kind == {wanted!r}" if wanted else ""
        return Found(source.named(f"[id_ for kind, id_ in {target}{kept}]"), "string", many=True)
    kept = f" and {target}[0] == {wanted!r}" if wanted else ""
    return Found(source.named(f"{target}[1] if {target} is not None{kept} else None"), "string")


def _first_key(source: Source, found: Found, wanted: Node) -> Found:
    if not found.many:
        return _reference_key(source, found, (wanted,))
    return Found(source.named(f"first_key({_targets(source, found)}, {_wanted((wanted,))!r})"), "string")


def _wanted(arguments: Sequence[Node]) -> str:
    """The type that is asked for, which R4 knows; empty: any."""
    if not arguments:
        return ""
    name = (type_specifier(arguments[0]) or "").removeprefix("FHIR.")
    if len(arguments) > 1 or not members(name):
        raise NotSimple
    return name


def _resource_key(source: Source, found: Found, _: Sequence[Node]) -> Found:
    if not found.sure or "#" in found.type:
        raise NotSimple
    return Found(source.named(f"{found.name}.get('id')"), "string")


def _extension(source: Source, found: Found, arguments: Sequence[Node]) -> Found:
    match arguments:
        case (Literal((str() as url,)),) if not _is_primitive(found.type):
            of = f"lists_of_parts({found.name}, 'extension')" if found.many else f"{found.name}.get('extension')"
            there = found.name if found.many else f"{found.name} is not None"
            known = source.named(f"by_url({of})" if found.sure else f"by_url({of}) if {there} else NO_EXTENSIONS")
            return Found(source.named(f"{known}.get({source.constant(url)}, ())"), "Extension", many=True)
        case _:
            raise NotSimple


def _where(source: Source, found: Found, arguments: Sequence[Node]) -> Found:
    if len(arguments) != 1 or _is_primitive(found.type):
        raise NotSimple
    if found.many:
        holds = _holds(source, arguments[0], "x", found.type)
        return Found(
            source.named(f"[x for x in {found.name} if {holds}] if {found.name} else ()"), found.type, many=True
        )
    holds = _holds(source, arguments[0], found.name, found.type)
    return Found(source.named(_if_there(found, f"({found.name} if {holds} else None)", "None")), found.type)


_FUNCTIONS: Mapping[str, Callable[[Source, Found, Sequence[Node]], Found]] = {
    "first": _first,
    "exists": _exists,
    "where": _where,
    "extension": _extension,
    "getReferenceKey": _reference_key,
    "getResourceKey": _resource_key,
}


def _holds(source: Source, node: Node, name: str, type_name: str) -> str:
    """A condition on the node in a variable, as an expression: an element of it exists, is a text, or begins so."""
    match node:
        case Binary("and" | "or" as operator, left, right):
            both = (_holds(source, each, name, type_name) for each in (left, right))
            return f"({f' {operator} '.join(both)})"
        case Binary("=", Member(None, member), Literal((str() | bool() as value,))):
            slot = _plain_slot(type_name, member, _TEXTS if isinstance(value, str) else frozenset({"boolean"}))
            return _guarded(slot, name, f"{name}.get({slot.key!r}) == {source.constant(value)}")
        case Call(Member(None, member), "startsWith", (Literal((str() as value,)),)):
            slot = _plain_slot(type_name, member, _TEXTS)
            return _guarded(slot, name, f"({name}.get({slot.key!r}) or '').startswith({source.constant(value)})")
        case Call(Member(None, member), "exists", ()):
            slots = members(type_name).get(member, ())
            if len(slots) != 1 or _is_primitive(slots[0].type):
                raise NotSimple
            return f"({slots[0].key!r} in {name})"
        case Call(Call(None, "extension", (Literal((str() as url,)),)), "exists", ()):
            return f"has({name}, {source.constant(url)})"
        case _:
            raise NotSimple


def _plain_slot(type_name: str, member: str, types: frozenset[str]) -> Slot:
    slots = members(type_name).get(member, ())
    if len(slots) != 1 or slots[0].type not in types or slots[0].definition.is_list:
        raise NotSimple
    return slots[0]


def _guarded(slot: Slot, name: str, expression: str) -> str:
    return f"({expression} if {'_' + slot.key!r} not in {name} else unplain())"


def condition(source: Source, node: Node, scope: Scope) -> str:
    """A condition on the node that is looked at, as an expression. Raises NotSimple."""
    match node:
        case Binary("and" | "or" as operator, left, right):
            return f"({f' {operator} '.join(condition(source, each, scope) for each in (left, right))})"
        case Call(_, "exists", ()):
            return follow(source, node, scope).name
        case _:
            return _holds(source, node, scope.node, scope.type)
