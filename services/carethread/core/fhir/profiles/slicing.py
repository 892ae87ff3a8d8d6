"""Which slice of an element a value belongs to: http://hl7.org/fhir/R4/profiling.html#discriminator

A discriminator names a path and how to tell the slices apart there: by a value or pattern, by whether something exists,
by type, or by the profile that it meets. All discriminators of a slice must agree.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from carethread.core.fhir.definitions import resource_types
from carethread.core.fhir.elements import at
from carethread.core.fhir.profiles.tree import Node, ProfileError, base_type
from carethread.core.fhir.profiles.values import Item, children, covers, equal, has_form
from carethread.core.fhir.profiles.valuesets import Codes, limits
from carethread.core.fhir.targets import reference_type

Resource = Mapping[str, Any]
Belongs = Callable[[Item, Resource], bool]
"""Whether a value belongs to a slice; the resource is what a `#id` reference in it is sought in."""

_STEP = re.compile(r"extension\('([^']+)'\)|resolve\(\)|ofType\(\w+\)|\$this|[A-Za-z][A-Za-z0-9]*(?:\[x\])?")


class Source(Codes, Protocol):
    """Where the definitions that a slice names are found."""

    def node(self, canonical: str) -> Node | None: ...

    def type_of(self, canonical: str) -> str | None: ...

    def meets(self, canonical: str, item: Item, resource: Resource) -> bool: ...


def belongs(slice_: Node, discriminators: Sequence[Mapping[str, str]], source: Source) -> Belongs:
    """The test of one slice. Raises ProfileError where a discriminator says nothing about it."""
    tests = [_KINDS[d["type"]](slice_, _steps(d["path"]), source) for d in discriminators]
    return lambda item, resource: all(test(item, resource) for test in tests)


def _steps(path: str) -> list[str]:
    steps, end = [], 0
    while end < len(path):
        match = _STEP.match(path, end)
        if match is None or path[match.end() : match.end() + 1] not in ("", "."):
            raise ProfileError(f"the discriminator path '{path[:64]}' is not understood")
        steps.append(match[0].removesuffix("[x]"))
        end = match.end() + 1
    return [step for step in steps if step != "$this"]


def _by_value(slice_: Node, steps: list[str], source: Source) -> Belongs:
    for node, rest in _nodes(slice_, steps, source):
        if node.fixed or node.pattern:
            return _with_value(node, steps, rest)
        if node.binding and not rest and node.binding["strength"] == "required":
            return _with_code(node.binding["valueSet"], steps, source)
        if not rest and node is not slice_ and (node.max == 0 or node.min):
            return _by_existence(slice_, steps, source)
    raise ProfileError(f"the slice '{slice_.slice}' has no value at '{'.'.join(steps) or '$this'}' to be known by")


def _with_value(node: Node, steps: list[str], rest: list[str]) -> Belongs:
    (expected,) = node.fixed or node.pattern
    wanted = list(at(expected, ".".join(rest))) if rest else [expected]
    same = equal if node.fixed and not rest else covers
    if steps == ["url"]:  # an extension's, the most frequent one
        return lambda item, resource: type(item.value) is dict and item.value.get("url") == expected

    def test(item: Item, resource: Resource) -> bool:
        found = [each.value for each in _walk([item], steps, resource)]
        return bool(wanted) and all(any(same(value, each) for each in found) for value in wanted)

    return test


def _with_code(canonical: str, steps: list[str], source: Source) -> Belongs:
    allowed = limits(source, canonical)

    def test(item: Item, resource: Resource) -> bool:
        found = [each for each in _walk([item], steps, resource) if has_form(each)]
        return any((members := allowed(each.type)) is not None and members.accepts(each.value) for each in found)

    return test


def _by_existence(slice_: Node, steps: list[str], source: Source) -> Belongs:
    wanted = next((node.max != 0 for node, rest in _nodes(slice_, steps, source) if not rest), None)
    if wanted is None:
        raise ProfileError(f"the slice '{slice_.slice}' does not say whether '{'.'.join(steps)}' exists")
    return lambda item, resource: bool(_walk([item], steps, resource)) is wanted


def _by_type(slice_: Node, steps: list[str], source: Source) -> Belongs:
    allowed = {
        name
        for node, rest in _nodes(slice_, [step for step in steps if step != "resolve()"], source)
        if not rest
        for name in _type_names(node, "resolve()" in steps, source)
    }
    if not allowed and not steps and slice_.slice.startswith(slice_.name):
        named = slice_.slice.removeprefix(slice_.name)  # value[x]:valueQuantity tells its type by its name
        allowed = {named, named[:1].lower() + named[1:]}
    if not allowed:
        raise ProfileError(f"the slice '{slice_.slice}' names no type at '{'.'.join(steps) or '$this'}'")
    return lambda item, resource: any(each.type in allowed for each in _walk([item], steps, resource))


def _type_names(node: Node, targets: bool, source: Source) -> Iterator[str]:
    for each in node.types:
        if not targets:
            yield each["code"]
        for canonical in each.get("targetProfile", ()) if targets else ():
            yield source.type_of(canonical) or ""


def _by_profile(slice_: Node, steps: list[str], source: Source) -> Belongs:
    key = "targetProfile" if "resolve()" in steps else "profile"
    plain = [step for step in steps if step != "resolve()"]
    canonicals = [
        canonical
        for node, rest in _nodes(slice_, plain, source)
        if not rest
        for each in node.types
        for canonical in each.get(key, ())
    ]
    if not canonicals:
        raise ProfileError(f"the slice '{slice_.slice}' names no profile at '{'.'.join(steps) or '$this'}'")

    def test(item: Item, resource: Resource) -> bool:
        found = _walk([item], steps, resource)
        return any(source.meets(canonical, each, resource) for each in found for canonical in canonicals)

    return test


_KINDS: Mapping[str, Callable[[Node, list[str], Source], Belongs]] = {
    "value": _by_value,
    "pattern": _by_value,
    "exists": _by_existence,
    "type": _by_type,
    "profile": _by_profile,
}


def _nodes(node: Node, steps: list[str], source: Source) -> Iterator[tuple[Node, list[str]]]:
    """The nodes on the way along a path, each with the steps that are left, also through the profiles of types."""
    yield node, steps
    if steps:
        name = steps[0]
        url = _url(name)
        child = node.children.get("extension" if url else name)
        if child is not None and url:
            child = next((s for s in child.slices.values() if url in _profiles(s)), None)
        if name.startswith("ofType"):
            child = node
        if child is not None:
            yield from _nodes(child, steps[1:], source)
    for canonical in _profiles(node):
        if base_type(canonical) is None and (inner := source.node(canonical)) is not None:
            yield from _nodes(inner, steps, source)


def _profiles(node: Node) -> list[str]:
    return [canonical for each in node.types for canonical in each.get("profile", ())]


def _url(step: str) -> str | None:
    match = _STEP.fullmatch(step)
    return match[1] if match else None


def _walk(items: list[Item], steps: list[str], resource: Resource) -> list[Item]:
    """The values at a path of a discriminator."""
    for step in steps:
        if step == "resolve()":
            items = [target for item in items if (target := _target(item, resource)) is not None]
        elif step.startswith("ofType("):
            items = [item for item in items if item.type == step[7:-1]]
        elif url := _url(step):
            found = [each for item in items for each in children(item, "extension")]
            items = [each for each in found if type(each.value) is dict and each.value.get("url") == url]
        else:
            items = [each for item in items for each in children(item, step)]
    return items


def _target(item: Item, resource: Resource) -> Item | None:
    """What a reference leads to: the contained resource, else an empty one of the type that its text names."""
    target = contained_target(item.value, resource)
    if target is not None:
        return Item(target, None, str(target.get("resourceType", "")), item.place)
    name = reference_type(item.value)
    return Item({"resourceType": name}, None, name, item.place) if name and name in resource_types() else None


def contained_target(reference: Any, resource: Resource) -> Mapping[str, Any] | None:
    """The resource inside `resource` that a `#id` reference means, or None."""
    text = reference.get("reference") if type(reference) is dict else None
    if type(text) is not str or not text.startswith("#"):
        return None
    if text == "#":
        return resource
    contained = resource.get("contained")
    inside = contained if type(contained) is list else []
    return next((each for each in inside if type(each) is dict and each.get("id") == text[1:]), None)
