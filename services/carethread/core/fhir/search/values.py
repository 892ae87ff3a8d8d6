"""The text of one search value to what it means, by search type.

A value that cannot be read raises Malformed naming the parameter and what is allowed.
Source: http://hl7.org/fhir/R4/search.html, sections 3.1.1.4.1 to 3.1.1.4.16.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from decimal import Decimal, InvalidOperation

from carethread.core.errors import Malformed
from carethread.core.fhir.definitions import resource_types, value_set
from carethread.core.fhir.search.dates import EARLIEST, LATEST, date_range
from carethread.core.fhir.search.escapes import split, unescape
from carethread.core.fhir.search.query import (
    CompositeValue,
    DateValue,
    NumberValue,
    QuantityValue,
    ReferenceValue,
    SingleValue,
    StringValue,
    TokenValue,
    UriValue,
)
from carethread.core.fhir.search.rows import of_type
from carethread.core.fhir.search.text import fold
from carethread.core.fhir.targets import parse_reference

PREFIXES = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")
"""What may stand before a date, number or quantity. Source: http://hl7.org/fhir/R4/search.html#prefix."""

_PREFIXED = re.compile(r"([a-z]{2})?(.*)", re.DOTALL)
_NUMBER = re.compile(r"[+-]?\d{1,40}(?:\.\d{1,40})?(?:[eE][+-]?\d{1,3})?", re.ASCII)
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")

_DATES = "a date such as 2024, 2024-03, 2024-03-01 or 2024-03-01T09:30:00Z"
_NUMBERS = "a number such as 100, 5.40 or 1e-3"


@dataclass(frozen=True, slots=True)
class Reading:
    """What reading a value depends on: the parameter's name as asked, the types it can lead to, and the surroundings.

    `with_systems` is False for a token parameter whose rows never name a system; `now` is in microseconds since 1970.
    """

    name: str
    targets: tuple[str, ...]
    with_systems: bool
    base: str | None
    zone: tzinfo
    now: int


def bad_value(name: str, allowed: str) -> Malformed:
    """The error for a value that cannot be read; the value, which may be personal, is not shown."""
    shown = name[:100]
    return Malformed(f"The value of '{shown}' cannot be read; allowed: {allowed}.", code="value", expression=shown)


def read_token(text: str, reading: Reading) -> TokenValue:
    """`code`, `system|code`, `|code` (no system) or `system|` (any code)."""
    system, *rest = [unescape(part) for part in split(text, "|", 1)]
    if not rest:
        return TokenValue(None, system)
    code = rest[0]
    if not system and not code:
        raise bad_value(reading.name, "code, system|code, |code or system|")
    return TokenValue(system if reading.with_systems else None, code or None)


def read_of_type(text: str, reading: Reading) -> TokenValue:
    """`system|code|value`: an identifier's value, and the system and code of its type."""
    parts = [unescape(part) for part in split(text, "|")]
    if len(parts) != 3 or not all(parts):
        raise bad_value(reading.name, "system|code|value, the first two being those of the identifier's type")
    system, code, value = parts
    return TokenValue(of_type(system, code), value)


def read_members(text: str, reading: Reading) -> list[TokenValue]:
    """The members of the value set with this URL, which must be one that we can expand."""
    try:
        members = value_set(unescape(text))
        codes = members.codes if members.is_enumerated else {}
    except KeyError:
        codes = {}
    if not codes:
        raise Malformed(
            f"The value set of '{reading.name[:100]}' is none whose codes are all listed; allowed: the URL of such "
            "a value set of R4, as http://hl7.org/fhir/ValueSet/appointmentstatus.",
            code="not-supported",
            expression=reading.name[:100],
        )
    return [
        TokenValue(system if reading.with_systems else None, code) for system, found in codes.items() for code in found
    ]


def read_composite(text: str, reading: Reading, components: Sequence[str]) -> CompositeValue:
    """One value for each component of a composite parameter, joined by `$`; `components` are their search types."""
    texts = split(text, "$")
    if len(texts) != len(components) or not all(texts):
        raise bad_value(reading.name, f"{len(components)} values joined by '$': {'$'.join(components)}")
    return CompositeValue(tuple(READERS[kind](part, reading) for kind, part in zip(components, texts, strict=True)))


def read_id(text: str, reading: Reading) -> TokenValue:
    """A resource's id."""
    if not _ID.fullmatch(text):
        raise bad_value(reading.name, "1 to 64 letters, digits, '-' and '.'")
    return TokenValue(None, text)


def read_reference(text: str, reading: Reading) -> ReferenceValue:
    """`Type/id`, `id`, an absolute URL (local when under the base), `urn:...`, or a canonical with `|version`."""
    if _ID.fullmatch(text):
        return ReferenceValue(reading.targets[0] if len(reading.targets) == 1 else None, text, None)
    url, *version = [unescape(part) for part in split(text, "|", 1)]
    target = parse_reference(url, reading.base)
    if target is None or (target.id and target.type not in resource_types()):
        raise bad_value(reading.name, "Type/id, id, an absolute URL or urn:uuid:...")
    if target.type in resource_types() and reading.targets and target.type not in reading.targets:
        allowed = ", ".join(reading.targets)
        diagnostics = f"'{reading.name}' never refers to {target.type}; allowed: {allowed}."
        raise Malformed(diagnostics, code="value", expression=reading.name)
    if target.id:
        return ReferenceValue(target.type, target.id, None, target.version or None)
    return ReferenceValue(None, None, target.url, version[0] if version else target.version or None)


def read_date(text: str, reading: Reading) -> DateValue:
    """A date or date-time of any precision, perhaps with a prefix."""
    prefix, rest = _prefix(text, reading, _DATES)
    span = date_range(unescape(rest).replace(" ", "+"), reading.zone)
    if span is None:
        raise bad_value(reading.name, _DATES)
    low, high = span
    if prefix == "ap":
        margin = abs(reading.now - (low + high) // 2) // 10
        low, high = max(EARLIEST, low - margin), min(LATEST, high + margin)
    return DateValue(prefix, low, high)


def read_string(text: str, reading: Reading) -> StringValue:
    """Any text that holds more than white space."""
    exact = unescape(text)
    folded = fold(exact)
    if not folded:
        raise bad_value(reading.name, "text")
    return StringValue(folded, exact)


def read_number(text: str, reading: Reading) -> NumberValue:
    """A decimal, perhaps with a prefix and an exponent; it stands for all that round to it."""
    prefix, rest = _prefix(text, reading, _NUMBERS)
    try:
        number = Decimal(rest) if _NUMBER.fullmatch(rest) else None
    except InvalidOperation:
        number = None
    if number is None:
        raise bad_value(reading.name, _NUMBERS)
    exponent = int(number.as_tuple().exponent)
    margin = abs(number) / 10 if prefix == "ap" else Decimal((0, (5,), exponent - 1))
    return NumberValue(prefix, float(number), float(number - margin), float(number + margin))


def read_quantity(text: str, reading: Reading) -> QuantityValue:
    """`number`, `number|system|code` or `number||code`, perhaps with a prefix."""
    number, *unit = [unescape(part) for part in split(text, "|")]
    if len(unit) not in (0, 2) or not (number and (not unit or unit[1])):
        raise bad_value(reading.name, "number, number|system|code or number||code")
    system, code = unit if unit else ("", "")
    return QuantityValue(read_number(number, reading), system or None, code or None)


def read_uri(text: str, _: Reading) -> UriValue:
    """A URI, compared as it stands."""
    return UriValue(unescape(text))


def read_url(text: str, reading: Reading) -> UriValue:
    """A URL, which has a hierarchy; URNs have none."""
    url = unescape(text)
    if "://" not in url:
        raise bad_value(reading.name, "a URL such as http://example.org/fhir; a URN has nothing above or below it")
    return UriValue(url)


READERS: Mapping[str, Callable[[str, Reading], SingleValue]] = {
    "token": read_token,
    "reference": read_reference,
    "date": read_date,
    "string": read_string,
    "number": read_number,
    "quantity": read_quantity,
    "uri": read_uri,
}
"""Search type to what reads its values."""


def _prefix(text: str, reading: Reading, form: str) -> tuple[str, str]:
    match = _PREFIXED.fullmatch(text)
    prefix, rest = (match[1], match[2]) if match else (None, text)
    if prefix is None:
        return "eq", rest
    if prefix not in PREFIXES:
        raise bad_value(reading.name, f"{form}, perhaps behind one of the prefixes {', '.join(PREFIXES)}")
    return prefix, rest
