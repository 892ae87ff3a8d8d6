"""FHIR JSON, read and written without loss: number text and member order are the caller's.

`parse` refuses what two readers could understand differently: duplicate keys, NaN and Infinity, U+0000, bytes that are
not UTF-8, nesting beyond a limit. `render` writes compact UTF-8. Source: http://hl7.org/fhir/R4/json.html, RFC 8259.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NoReturn

import orjson

from carethread.core.errors import Malformed

MAX_DEPTH = 100
"""Levels of objects and arrays. The deepest R4 example nests 20; Synthea's nest 10."""

_EXPONENT_DIGITS = 4
"""Beyond about a million, no decimal arithmetic holds the exponent, and an invariant could not compare the number."""

_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000|\x00")


_EXACT = re.compile(rb'[:,\[]-?(?=\d)(?:(?<=":)|(?<=":-)|(?<=[,\[])|(?<=[,\[]-))(?:(?<=-)0|\d+[.eE]|\d{17})')
"""What may be a number whose text matters, or looks like one within a string; an instant's seconds do not.

What stands before a number comes first as one of three characters, which are found several times as fast as `":`.
"""


class Number(float):
    """A decimal that remembers how it was written, so that `1.10` stays `1.10`."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> Number:
        self = super().__new__(cls, text)
        self.text = text
        return self

    def __reduce__(self) -> tuple[type[Number], tuple[str]]:
        return Number, (self.text,)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise Malformed(f"The member '{name}' stands twice in one object; keep one.", expression=name)
            seen.add(name)
    return members


def _refuse_constant(text: str) -> NoReturn:
    raise Malformed(f"{text} is not JSON; leave the element out or use a number.")


def _integer(text: str) -> int | Number:
    return int(text) if len(text) < 18 and text != "-0" else Number(text)


def _decimal(text: str) -> Number:
    _, _, exponent = text.lower().partition("e")
    if len(exponent.lstrip("+-0")) > _EXPONENT_DIGITS:
        raise Malformed(f"A number's exponent may have {_EXPONENT_DIGITS} digits.", code="value")
    return Number(text)


_decoder = json.JSONDecoder(
    object_pairs_hook=_unique, parse_float=_decimal, parse_int=_integer, parse_constant=_refuse_constant
)


def parse(body: bytes, *, max_depth: int = MAX_DEPTH) -> Any:
    """Read one JSON value from UTF-8 bytes.

    Raises Malformed with the line and column, or the member, at fault, or for nesting over `max_depth`.
    """
    if b"\x00" in body or (b"\\u0000" in body and _NUL.search(body)):
        raise Malformed("The character U+0000 is not allowed in FHIR; take it out.")
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Malformed(f"The body is not UTF-8: byte {error.start} cannot be read.") from None
    try:
        value = _decoder.decode(text)
    except json.JSONDecodeError as error:
        raise Malformed(f"Not JSON: {error.msg} at line {error.lineno} column {error.colno}.") from None
    except RecursionError:
        raise Malformed(f"The JSON is nested more than {max_depth} levels deep.") from None
    check_depth(value, max_depth)
    if "\\ud" in text or "\\uD" in text:
        _refuse_lone_surrogates(value)
    return value


def raw_decode(text: str, start: int = 0) -> tuple[Any, int]:
    """Read the JSON value that stands at `start` of a longer text; returns it and the index after it.

    Raises json.JSONDecodeError, whose `pos` is an index in `text`, where this is not JSON or ends too soon, and
    Malformed for what `parse` refuses beyond that.
    """
    try:
        value, end = _decoder.raw_decode(text, start)
    except RecursionError:
        raise Malformed(f"The JSON is nested more than {MAX_DEPTH} levels deep.") from None
    if text.find("\\u0000", start, end) >= 0 and _NUL.search(text[start:end].encode()):
        raise Malformed("The character U+0000 is not allowed in FHIR; take it out.")
    check_depth(value)
    if text.find("\\ud", start, end) >= 0 or text.find("\\uD", start, end) >= 0:
        _refuse_lone_surrogates(value)
    return value, end


def parse_object(body: bytes) -> dict[str, Any]:
    """Read one JSON object, as every FHIR resource is. Raises as `parse`."""
    value = parse(body)
    if not isinstance(value, dict):
        raise Malformed(f"A FHIR resource is a JSON object; this body is {describe(value)}.")
    return value


def restore(body: bytes) -> Any:
    """Read what `render` wrote, compact: the same as `parse` reads, several times as fast, for it was judged before."""
    return parse(body) if _EXACT.search(body) else orjson.loads(body)


def render(value: Any, *, pretty: bool = False) -> bytes:
    """Write compact UTF-8, or `pretty` with lines, with number text and member order as they were read."""
    return orjson.dumps(value, default=_number_text, option=orjson.OPT_INDENT_2 if pretty else None)


def check_depth(value: Any, limit: int = MAX_DEPTH) -> None:
    """Raise Malformed where objects and arrays nest deeper than `limit`."""
    level = [value] if isinstance(value, dict | list) else []
    depth = 0
    while level:
        depth += 1
        if depth > limit:
            raise Malformed(f"The JSON is nested more than {limit} levels deep.")
        level = [
            child
            for parent in level
            for child in (parent.values() if type(parent) is dict else parent)
            if type(child) is dict or type(child) is list
        ]


def describe(value: Any) -> str:
    """The JSON type of a value in words, for error messages: `a string`, `an array`."""
    kinds = {dict: "an object", list: "an array", str: "a string", bool: "true or false", type(None): "null"}
    return kinds.get(type(value), "a number")


def strings(value: Any) -> Iterator[str]:
    """Every string in a value, member names included, in no set order."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            stack.extend(item.keys())
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)


def _refuse_lone_surrogates(value: Any) -> None:
    for text in strings(value):
        try:
            text.encode()
        except UnicodeEncodeError:
            raise Malformed("A \\u escape is half of a surrogate pair, which is no character.") from None


def _number_text(value: Any) -> orjson.Fragment:
    if isinstance(value, Number):
        return orjson.Fragment(value.text)
    raise TypeError(f"{type(value).__name__} is not JSON")
