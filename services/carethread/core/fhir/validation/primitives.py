"""The formats of R4's primitive types: http://hl7.org/fhir/R4/datatypes.html#primitive.

Each pattern accepts what HL7's does, tightened where HL7's words say more (a real calendar date, padded base64), and
matches in linear time: no repetition holds another that can match the same text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from carethread.core.fhir.json import Number, describe

MAX_TEXT = 1024 * 1024
"""Characters of a string, by R4."""

_LEAP = r"(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)"
_DAY = (
    r"(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
    r"|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    r"|02-(?:0[1-9]|1[0-9]|2[0-8]))"
)
_FULL_DATE = rf"(?!0000)(?:[0-9]{{4}}-{_DAY}|{_LEAP}-02-29)"
_PARTIAL_DATE = r"(?!0000)[0-9]{4}(?:-(?:0[1-9]|1[0-2]))?"
_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]+)?"
_ZONE = r"(?:Z|[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00))"

CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
"""What no string has: http://hl7.org/fhir/R4/datatypes.html#string."""

_control = CONTROL.search
_base64 = re.compile(r"[0-9A-Za-z+/]+={0,2}").fullmatch
_no_space = re.compile(r"\S+").fullmatch
_absolute = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:").match
_uuid = re.compile(r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").fullmatch
_oid = re.compile(r"urn:oid:[0-2](?:\.(?:0|[1-9][0-9]*))+").fullmatch
_CHECKED_SCHEMES = ("urn:uuid:", "urn:oid:")


@dataclass(frozen=True, slots=True)
class Primitive:
    """One primitive type: `test` is truthy for a right value of Python types `kinds`; `allowed` says what is right.

    `tolerated` tells of a string that fails whether R4 only advises against it.
    """

    kinds: frozenset[type]
    test: Callable[[Any], object]
    allowed: str
    tolerated: Callable[[str], bool] | None = None

    def severity(self, value: Any) -> str:
        """A warning for what R4 says should not be, an error for what shall not be."""
        return "warning" if type(value) is str and self.tolerated is not None and self.tolerated(value) else "error"

    def problem(self, value: Any) -> str:
        """What is wrong with a value that failed, without repeating it."""
        if value == "":
            return "A string is never empty; leave the element out."
        found = "" if type(value) in self.kinds else f", not {describe(value)}"
        return f"This must be {self.allowed}{found}."


def is_text(value: str) -> bool:
    """Content that is not only white space, without control characters, within R4's length: what should be."""
    return (
        value != "" and (value.isprintable() or not _control(value)) and not value.isspace() and len(value) <= MAX_TEXT
    )


def _is_some_text(value: str) -> bool:
    return value != "" and len(value) <= MAX_TEXT


def _is_uri(value: str) -> bool:
    if value.startswith(_CHECKED_SCHEMES):
        return _uuid(value) is not None if value[4] == "u" else _oid(value) is not None
    return _no_space(value) is not None


def _is_canonical(value: str) -> bool:
    return _is_uri(value) and (value[0] == "#" or _absolute(value) is not None)


def _is_base64(value: str) -> bool:
    packed = value if value.isalnum() else "".join(value.split())
    return len(packed) % 4 == 0 and _base64(packed) is not None


def _any(_: Any) -> bool:
    return True


def _text(
    test: Callable[[str], object] | str, allowed: str, tolerated: Callable[[str], bool] | None = None
) -> Primitive:
    found = re.compile(test, re.ASCII).fullmatch if isinstance(test, str) else test
    return Primitive(frozenset({str}), found, allowed, tolerated)


def _integer(least: int, allowed: str) -> Primitive:
    return Primitive(frozenset({int}), range(least, 2**31).__contains__, allowed)


_uri = _text(_is_uri, "a URI without white space; a urn:uuid: in lower case, a urn:oid: of numbers with dots")
_prose = _text(is_text, "text that is not only white space, up to 1 MB, without control characters", _is_some_text)

PRIMITIVES: Mapping[str, Primitive] = {
    "base64Binary": _text(_is_base64, "base64 content"),
    "boolean": Primitive(frozenset({bool}), _any, "true or false"),
    "canonical": _text(_is_canonical, "an absolute URL without white space, or '#' and the id of a contained resource"),
    "code": _text(r"\S+(?: \S+)*", "a code: no white space at either end, single spaces inside"),
    "date": _text(rf"{_FULL_DATE}|{_PARTIAL_DATE}", "a date that exists: YYYY, YYYY-MM or YYYY-MM-DD"),
    "dateTime": _text(
        rf"{_FULL_DATE}(?:T{_TIME}{_ZONE})?|{_PARTIAL_DATE}",
        "a date that exists, YYYY, YYYY-MM or YYYY-MM-DD, or with a time, YYYY-MM-DDThh:mm:ss+zz:zz",
    ),
    "decimal": Primitive(frozenset({int, float, Number}), _any, "a number"),
    "id": _text(r"[A-Za-z0-9\-.]{1,64}", "an id: 1 to 64 letters, digits, '-' and '.'"),
    "instant": _text(
        rf"{_FULL_DATE}T{_TIME}{_ZONE}",
        "an instant: a date that exists and a time with its zone, YYYY-MM-DDThh:mm:ss+zz:zz",
    ),
    "integer": _integer(-(2**31), "a whole number from -2147483648 to 2147483647"),
    "markdown": _prose,
    "oid": _text(_oid, "an OID as urn:oid:1.2.3"),
    "positiveInt": _integer(1, "a whole number from 1 to 2147483647"),
    "string": _prose,
    "time": _text(_TIME, "a time: hh:mm:ss"),
    "unsignedInt": _integer(0, "a whole number from 0 to 2147483647"),
    "uri": _uri,
    "url": _uri,
    "uuid": _text(_uuid, "a UUID as urn:uuid: in lower case"),
    "xhtml": _text(_any, "XHTML within one <div> element"),
}
