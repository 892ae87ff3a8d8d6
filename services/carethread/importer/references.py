"""References of a resource, moved from what they mean in their Bundle to what they mean on the server.

`urn:uuid:X` and other fullUrls become `Type/id` in Reference.reference; in elements of type uri, url, oid and uuid,
and in a narrative's href and src, only `urn:` ones, for an http fullUrl is also the name of a definition there. A
conditional reference becomes the resource it finds, or, where it finds none or several, a logical reference to the
identifier asked for. Source: http://hl7.org/fhir/R4/http.html#trules.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from carethread.core.errors import Issue
from carethread.importer.identity import Condition, parse_condition

# fmt: off
URI_MEMBERS = frozenset({
    "address", "detail", "derivedFromUri", "definitionUri", "endpoint", "eventUri", "instantiatesUri", "link",
    "location", "moduleUri", "policy", "rendering", "source", "sourceUri", "target", "targetUri", "uri", "url",
    "valueOid", "valueUri", "valueUrl", "valueUuid",
})
# fmt: on
"""R4's members of type uri, url, oid or uuid that can lead to a resource, so not `system`, nor canonical ones."""

_LINK = re.compile(r"""(?<=\s)((?:href|src)\s*=\s*)(["'])(urn:[^"']+)\2""")


def conditions(value: Any) -> Iterator[Condition]:
    """The criteria of every conditional reference in a resource, in order."""
    if type(value) is dict:
        for name, child in value.items():
            kind = type(child)
            if kind is dict or kind is list:
                yield from conditions(child)
            elif name == "reference" and kind is str and "?" in child and (condition := parse_condition(child)):
                yield condition
    else:
        for child in value:
            kind = type(child)
            if kind is dict or kind is list:
                yield from conditions(child)


class Rewriter:
    """Rewrites the references of one Bundle's resources, in place."""

    def __init__(self, target: Callable[[str], str | None], found: Callable[[Condition], str | None]) -> None:
        """`target`: `Type/id` of a fullUrl, or of a `Type/id` that stands for another; `found`: of criteria."""
        self._target = target
        self._found = found
        self._astray: list[tuple[dict[str, Any], str]] = []

    def rewrite(self, resource: dict[str, Any]) -> list[Issue]:
        """Move every reference; returns a warning for each that leads nowhere, naming its element."""
        self._astray.clear()
        self._object(resource)
        if not self._astray:
            return []
        # Paths are made only here, for hardly any resource needs them. Objects are told apart by identity.
        paths = {id(child): path for path, child in _objects(resource, str(resource.get("resourceType")))}
        return [Issue("not-found", why, paths[id(each)], severity="warning") for each, why in self._astray]

    def _object(self, value: dict[str, Any]) -> None:
        for name, child in value.items():
            kind = type(child)
            if kind is dict:
                self._object(child)
            elif kind is list:
                self._list(name, child)
            elif kind is not str:
                continue
            elif name == "reference":
                if child[:1] != "#" and "?" not in child:
                    self._move(value, child)
            elif child.startswith("urn:"):
                if name in URI_MEMBERS:
                    value[name] = self._target(child) or child
            elif name == "div" and "urn:" in child:
                value[name] = _LINK.sub(self._link, child)
        reference = value.get("reference")
        if type(reference) is str and "?" in reference and (condition := parse_condition(reference)):
            self._resolve(value, condition)

    def _list(self, name: str, value: list[Any]) -> None:
        for place, child in enumerate(value):
            kind = type(child)
            if kind is dict:
                self._object(child)
            elif kind is list:
                self._list(name, child)
            elif kind is str and child.startswith("urn:") and name in URI_MEMBERS:
                value[place] = self._target(child) or child

    def _move(self, value: dict[str, Any], reference: str) -> None:
        found = self._target(reference)
        if found is not None:
            value["reference"] = found
        elif reference.startswith("urn:"):
            self._astray.append(
                (value, "No entry of the Bundle has this fullUrl; the reference is stored as it was sent.")
            )

    def _resolve(self, value: dict[str, Any], condition: Condition) -> None:
        found = self._found(condition)
        if found is not None:
            value["reference"] = found
            return
        self._astray.append((value, "No resource, or more than one, meets the criteria of this reference."))
        if identifier := condition.identifier():
            del value["reference"]
            value.setdefault("type", condition.type_name)
            value.setdefault("identifier", dict(zip(("system", "value"), identifier, strict=True)))

    def _link(self, match: re.Match[str]) -> str:
        before, quote, url = match.groups()
        return f"{before}{quote}{self._target(url) or url}{quote}"


def _objects(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Every object in a value with its FHIRPath."""
    if isinstance(value, dict):
        yield path, value
        for name, child in value.items():
            yield from _objects(child, f"{path}.{name}")
    elif isinstance(value, list):
        for place, child in enumerate(value):
            yield from _objects(child, f"{path}[{place}]")
