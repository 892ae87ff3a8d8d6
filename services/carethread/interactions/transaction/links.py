"""What refers to an entry of a transaction refers afterwards to what the entry is about.

A link is a Reference.reference, an element of type uri, url, oid or uuid (not canonical), or `href` and `src` in the
narrative (http://hl7.org/fhir/R4/http.html#trules). A relative reference is read from the root of its own entry's
fullUrl (http://hl7.org/fhir/R4/bundle.html#references); a version-specific one stays so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from html import escape, unescape
from typing import Any

from carethread.core.fhir import json
from carethread.core.fhir.definitions import TypeDefinition, type_definition

_ROOT = re.compile(r"(https?://.+/)[A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64}")
_RELATIVE = re.compile(r"[A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64}")
_VERSION = re.compile(r"/_history/[A-Za-z0-9\-.]{1,64}$")
_ATTRIBUTE = re.compile(r"""(\s(?:href|src)\s*=\s*)("[^"]*"|'[^']*')""")
_CONDITIONAL = re.compile(r"[A-Z][A-Za-z]+\?.*")
_LINK_TYPES = frozenset({"uri", "url", "oid", "uuid"})


def conditional_references(value: Any) -> Iterator[str]:
    """Every `Type?criteria` that stands for a reference."""
    left = [value] if isinstance(value, dict | list) and b"?" in json.render(value) else []  # the look is cheap
    while left:
        value = left.pop()
        if isinstance(value, dict):
            reference = value.get("reference")
            if isinstance(reference, str) and _CONDITIONAL.fullmatch(reference):
                yield reference
            left += [child for child in value.values() if isinstance(child, dict | list)]
        else:
            left += [child for child in value if isinstance(child, dict | list)]


class Links:
    """`targets` is what each fullUrl of the Bundle becomes; `versions` the new version where an entry makes one that
    is known beforehand; `conditional` what each conditional reference becomes."""

    def __init__(self, targets: Mapping[str, str], versions: Mapping[str, str], conditional: Mapping[str, str]) -> None:
        self._targets = targets
        self._versions = versions
        self._conditional = conditional

    def relinked(self, resource: dict[str, Any], full_url: str) -> dict[str, Any]:
        """The resource of the entry with that fullUrl, its links changed."""
        root = match[1] if (match := _ROOT.fullmatch(full_url)) else ""
        changed: dict[str, Any]
        changed, has_more = self._referring(resource, root)
        if self._targets and has_more:
            changed = self._typed(changed, _definition(changed), "")
        return changed

    def _referring(self, value: Any, root: str) -> tuple[Any, bool]:
        """The value with its references changed, itself where none is; and whether the typed walk, which costs more,
        has anything to do."""
        changed, has_more = value, False
        for name, child in value.items() if type(value) is dict else enumerate(value):
            found = child
            if type(child) is str:
                if name == "reference":
                    found = self._reference(child, root)
                else:
                    has_more = has_more or name == "div" or child in self._targets
            elif type(child) is dict or type(child) is list:
                found, more = self._referring(child, root)
                has_more = has_more or more
            if found is not child:
                changed = value.copy() if changed is value else changed
                changed[name] = found
        return changed, has_more

    def _reference(self, text: str, root: str) -> str:
        if text in self._conditional:
            return self._conditional[text]
        whole = text
        if root and _RELATIVE.match(text):
            whole = root + text
        plain = _VERSION.sub("", whole)
        found = self._targets.get(plain)
        if found is None:
            return text
        if plain == whole:
            return found
        version = self._versions.get(plain)
        return f"{found}/_history/{version}" if version else found + whole[len(plain) :]

    def _typed(self, value: Any, definition: TypeDefinition | None, part: str) -> Any:
        """The value of a type, or of a part of one, with its links changed; what the type does not know stays."""
        if isinstance(value, list):
            return [self._typed(child, definition, part) for child in value]
        if definition is None or not isinstance(value, dict):
            return value
        elements = {
            name: (element, code)
            for element in definition.parts[part].values()
            for name, code in element.json_names().items()
        }
        changed: dict[str, Any] = {}
        for name, child in value.items():
            element, code = elements.get(name, (None, ""))
            inner = f"{part}.{name}" if part else name
            if element is None or code == "Reference":
                changed[name] = child
            elif element.content is not None:
                changed[name] = self._typed(child, definition, element.content)
            elif inner in definition.parts:
                changed[name] = self._typed(child, definition, inner)
            elif code == "Resource":
                changed[name] = _each(child, lambda one: self._typed(one, _definition(one), ""))
            elif code in _LINK_TYPES:
                changed[name] = _each(child, lambda one: self._targets.get(one, one) if isinstance(one, str) else one)
            elif code == "xhtml":
                changed[name] = self._narrative(child) if isinstance(child, str) else child
            else:
                changed[name] = self._typed(child, _data_type(code), "") if isinstance(child, dict | list) else child
        return changed

    def _narrative(self, div: str) -> str:
        def changed(match: re.Match[str]) -> str:
            quote, url = match[2][0], unescape(match[2][1:-1])
            plain, mark, fragment = url.partition("#")
            if plain not in self._targets:
                return match[0]
            return f"{match[1]}{quote}{escape(self._targets[plain] + mark + fragment)}{quote}"

        return _ATTRIBUTE.sub(changed, div)


def _each(value: Any, change: Callable[[Any], Any]) -> Any:
    return [change(one) for one in value] if isinstance(value, list) else change(value)


def _definition(resource: Any) -> TypeDefinition | None:
    name = resource.get("resourceType") if isinstance(resource, dict) else None
    return _data_type(name) if isinstance(name, str) else None


def _data_type(name: str) -> TypeDefinition | None:
    try:
        return type_definition(name)
    except KeyError:
        return None
