"""Functions on strings.

Source: http://hl7.org/fhirpath/N1, section 5.6.
"""

from __future__ import annotations

import base64
import binascii
import html
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from carethread.core.fhir.fhirpath.element import Items, plain
from carethread.core.fhir.fhirpath.errors import FhirPathEvaluationError
from carethread.core.fhir.fhirpath.functions.kinds import Eager, Function, integer_of, text_of
from carethread.core.fhir.fhirpath.lexer import unescaped
from carethread.core.fhir.fhirpath.operators import MAX_TEXT
from carethread.core.fhir.fhirpath.scope import Scope
from carethread.core.fhir.patterns import MOST_TEXT, NotSupported, Pattern, pattern

_GROUP = re.compile(r"\$(\d{1,3})|\$\{(\w+)\}", re.ASCII)
"""How a substitution names what a group of the pattern has matched."""


def _on_text(what: str, apply: Callable[..., Any], least: int = 0, most: int = 0) -> Function:
    """A function on one string with strings as arguments; empty where any of them is."""

    def call(scope: Scope, items: Items, *arguments: Items) -> Items:
        text = text_of(items, f"'{what}'")
        values = [text_of(argument, f"'{what}'") for argument in arguments]
        if text is None or None in values:
            return []
        result = apply(text, *values)
        scope.spend(len(result) if isinstance(result, list) else 1)
        return result if isinstance(result, list) else [] if result is None else [result]

    return Eager(call, least, most)


def _on_pattern(what: str, apply: Callable[..., Any], arguments: int) -> Function:
    def call(scope: Scope, items: Items, source: Items, *more: Items) -> Items:
        text, written = text_of(items, f"'{what}'"), text_of(source, f"'{what}'")
        values = [text_of(argument, f"'{what}'") for argument in more]
        if text is None or written is None or None in values:
            return []
        scope.spend(len(text))
        found = _pattern(written)
        try:
            return [apply(found, text, *values)]
        except NotSupported as error:
            raise FhirPathEvaluationError(f"'{what}' cannot replace: {error}.") from None
        except ValueError:
            raise FhirPathEvaluationError(f"'{what}' takes strings of at most {MOST_TEXT} characters.") from None

    return Eager(call, arguments, arguments + 1, _pattern)


def _pattern(written: Any = "") -> Pattern:
    try:
        return pattern(str(written), dot_all=True)
    except NotSupported as error:
        raise FhirPathEvaluationError(f"A pattern cannot be asked: {error}.") from None


def _replace_matches(found: Pattern, text: str, substitution: str, *_: str) -> str:
    if not found.source:
        return text
    left = MAX_TEXT

    def put(group: Callable[[int | str], str]) -> str:
        nonlocal left
        made = _GROUP.sub(lambda named: group(int(named[1]) if named[1] else named[2]), substitution)
        left -= len(made)
        if left < 0:
            raise FhirPathEvaluationError(f"A string of more than {MAX_TEXT} characters is not built.")
        return made

    return found.replaced(text, put)


def _bounded(text: str) -> str:
    if len(text) > MAX_TEXT:
        raise FhirPathEvaluationError(f"A string of more than {MAX_TEXT} characters is not built.")
    return text


def _replace(text: str, old: str, new: str) -> str:
    if text.count(old) * len(new) > MAX_TEXT:
        raise FhirPathEvaluationError(f"A string of more than {MAX_TEXT} characters is not built.")
    return text.replace(old, new)


def _substring(_: Scope, items: Items, start: Items, length: Items | None = None) -> Items:
    text, first = text_of(items, "'substring'"), integer_of(start, "'substring'")
    if text is None or first is None or not 0 <= first < len(text):
        return []
    count = integer_of(length, "'substring'") if length else None
    return [text[first:] if count is None else text[first : first + max(0, count)]]


def _join(_: Scope, items: Items, separator: Items | None = None) -> Items:
    values = [plain(item) for item in items]
    if not all(type(value) is str for value in values):
        raise FhirPathEvaluationError("'join' takes strings.")
    return [_bounded((text_of(separator, "'join'") or "" if separator else "").join(values))]


def _encode(text: str, form: str) -> str | None:
    content = text.encode()
    match form:
        case "hex":
            return content.hex()
        case "base64":
            return base64.b64encode(content).decode()
        case "urlbase64":
            return base64.urlsafe_b64encode(content).decode()
    return None


def _decode(text: str, form: str) -> str | None:
    try:
        match form:
            case "hex":
                return bytes.fromhex(text).decode()
            case "base64":
                return base64.b64decode(text, validate=True).decode()
            case "urlbase64":
                return base64.urlsafe_b64decode(text).decode()
    except (ValueError, binascii.Error):
        return None
    return None


def _escape(text: str, form: str) -> str | None:
    if form == "html":
        return html.escape(text)
    return json.dumps(text, ensure_ascii=False)[1:-1] if form == "json" else None


def _unescape(text: str, form: str) -> str | None:
    if form == "html":
        return html.unescape(text)
    return unescaped(text) if form == "json" else None


FUNCTIONS: Mapping[str, Function] = {
    "indexOf": _on_text("indexOf", lambda text, part: text.find(part), 1, 1),
    "lastIndexOf": _on_text("lastIndexOf", lambda text, part: text.rfind(part), 1, 1),
    "substring": Eager(_substring, 1, 2),
    "startsWith": _on_text("startsWith", lambda text, part: text.startswith(part), 1, 1),
    "endsWith": _on_text("endsWith", lambda text, part: text.endswith(part), 1, 1),
    "contains": _on_text("contains", lambda text, part: part in text, 1, 1),
    "upper": _on_text("upper", lambda text: text.upper()),
    "lower": _on_text("lower", lambda text: text.lower()),
    "trim": _on_text("trim", lambda text: text.strip()),
    "length": _on_text("length", lambda text: len(text)),
    "toChars": _on_text("toChars", lambda text: list(text)),
    "split": _on_text("split", lambda text, separator: text.split(separator) if separator else list(text), 1, 1),
    "replace": _on_text("replace", _replace, 2, 2),
    "join": Eager(_join, 0, 1),
    "matches": _on_pattern("matches", lambda found, text, *_: found.found(text), 1),
    "matchesFull": _on_pattern("matchesFull", lambda found, text, *_: found.matches(text), 1),
    "replaceMatches": _on_pattern("replaceMatches", _replace_matches, 2),
    "encode": _on_text("encode", _encode, 1, 1),
    "decode": _on_text("decode", _decode, 1, 1),
    "escape": _on_text("escape", _escape, 1, 1),
    "unescape": _on_text("unescape", _unescape, 1, 1),
}
