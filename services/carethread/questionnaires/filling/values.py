"""An answer as what stands in the fields of its question, and what is written in them as an answer. Pure.

People write numbers and times as they are used to; what is stored is as FHIR has it, and what nobody has changed stays
as it was. Source: http://hl7.org/fhir/R4/datatypes.html#primitive.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from unicodedata import decimal
from zoneinfo import ZoneInfo

from carethread.core.fhir import json
from carethread.core.fhir.json import Number
from carethread.core.fhir.validation.primitives import PRIMITIVES
from carethread.core.ports import Resource
from carethread.questionnaires.filling.choices import Choice
from carethread.questionnaires.filling.names import DAY, MONTH, TIME, UNIT, VALUE, YEAR
from carethread.questionnaires.forms.values import typed_value

Written = Mapping[str, str]
"""What stands in the fields of one answer, by part."""

Read = tuple[str, Any]
"""The type and the value of an answer."""

PARTS: Mapping[str, tuple[str, ...]] = {
    "string": (VALUE,),
    "text": (VALUE,),
    "url": (VALUE,),
    "integer": (VALUE,),
    "decimal": (VALUE,),
    "time": (TIME,),
    "date": (YEAR, MONTH, DAY),
    "dateTime": (YEAR, MONTH, DAY, TIME),
    "quantity": (VALUE, UNIT),
    "choice": (VALUE,),
    "open-choice": (VALUE,),
}
"""The fields of one answer to an item of a type, where it is not chosen from a list."""

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_BREAK = re.compile(r"\r\n?|\n")
_NUMBER = re.compile(r"([+-]?)0*(\d+)(?:[.,](\d+))?", re.ASCII)
_CLOCK = re.compile(r"(\d{1,2})(?:[:.](\d{2})(?::(\d{2}(?:\.\d+)?))?)? ?([ap])?\.?(?:m\.?)?", re.IGNORECASE | re.ASCII)
_MOMENT = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?(?:T(.*))?", re.ASCII)
_LONGEST_NUMBER = 40


class Unreadable(Exception):
    """What is written is no answer of the type; `code` says why, as a text of `words`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def written(kind: str, answer: Resource, zone: ZoneInfo) -> Written | None:
    """What stands in the fields of an item of type `kind` for an answer; None for an answer that has no place there."""
    type_, value = typed_value(answer)
    tell = _TOLD.get(kind)
    return tell(type_, value, zone) if tell else None


def read(kind: str, fields: Written, zone: ZoneInfo, units: Sequence[Choice]) -> Read | None:
    """The answer that is written; None where there is none. Raises Unreadable."""
    return _READ[kind]({part: cleaned(part, kind, text) for part, text in fields.items()}, zone, units)


def cleaned(part: str, kind: str, text: str) -> str:
    """What was written, as a field of one line or of several holds it, without what no text of FHIR has."""
    bare = _CONTROL.sub("", text)
    several = kind == "text" and part == VALUE
    return _BREAK.sub("\n" if several else "", bare).strip()


def same(kind: str, one: Written, other: Written) -> bool:
    """Whether fields say the same."""
    return all(
        cleaned(part, kind, one.get(part, "")) == cleaned(part, kind, other.get(part, "")) for part in PARTS[kind]
    )


def _text(kind: str, value: Any, zone: ZoneInfo) -> Written | None:
    return {VALUE: str(value)} if kind in ("string", "uri") else None


def _number(kind: str, value: Any, zone: ZoneInfo) -> Written | None:
    return {VALUE: _plain(value)} if kind in ("integer", "decimal") else None


def _plain(value: Any) -> str:
    return value.text if isinstance(value, Number) else str(value)


def _moment(kind: str, value: Any, zone: ZoneInfo) -> Written | None:
    found = _MOMENT.fullmatch(value) if kind in ("date", "dateTime") else None
    if found is None:
        return None
    year, month, day, clock = found.groups()
    if clock:
        text = _local(value, zone)
        year, month, day, clock = text[:4], text[5:7], text[8:10], text[11:]
    return {YEAR: year, MONTH: month or "", DAY: day or "", TIME: _clock(clock or "")}


def _local(value: str, zone: ZoneInfo) -> str:
    """The local time of a moment; as it is written where that is not known so finely."""
    try:
        if "." in value or value[17:19] == "60":
            return value[:19]
        return datetime.fromisoformat(value).astimezone(zone).replace(tzinfo=None).isoformat()
    except (ValueError, OverflowError):
        return value[:19]


def _clock(text: str) -> str:
    return text.removesuffix(":00") if len(text) == 8 else text


def _time(kind: str, value: Any, zone: ZoneInfo) -> Written | None:
    return {TIME: _clock(value)} if kind == "time" else None


def _amount(kind: str, value: Any, zone: ZoneInfo) -> Written | None:
    if kind != "Quantity" or "value" not in value:
        return None
    unit = f"{value.get('system', '')}|{value['code']}" if "code" in value else str(value.get("unit", ""))
    return {VALUE: _plain(value["value"]), UNIT: unit}


def _coded(kind: str, value: Any, zone: ZoneInfo) -> Written | None:
    if kind == "Coding":
        return {VALUE: str(value.get("display") or value.get("code", ""))}
    return {VALUE: str(value)} if kind == "string" else None


_TOLD: Mapping[str, Callable[[str, Any, ZoneInfo], Written | None]] = {
    "string": _text,
    "text": _text,
    "url": _text,
    "integer": _number,
    "decimal": _number,
    "date": _moment,
    "dateTime": _moment,
    "time": _time,
    "quantity": _amount,
    "choice": _coded,
    "open-choice": _coded,
}


def _read_text(fields: Written, zone: ZoneInfo, units: Sequence[Choice]) -> Read | None:
    return ("string", fields[VALUE]) if fields[VALUE] else None


def _read_url(fields: Written, zone: ZoneInfo, units: Sequence[Choice]) -> Read | None:
    if fields[VALUE] and not PRIMITIVES["uri"].test(fields[VALUE]):
        raise Unreadable("url")
    return ("uri", fields[VALUE]) if fields[VALUE] else None


def _read_integer(fields: Written, zone: ZoneInfo, units: Sequence[Choice]) -> Read | None:
    if not fields[VALUE]:
        return None
    found = _NUMBER.fullmatch(fields[VALUE])
    if found is None or found[3] is not None or len(found[2]) > _LONGEST_NUMBER:
        raise Unreadable("integer")
    value = int(found[1] + found[2])
    if not PRIMITIVES["integer"].test(value):
        raise Unreadable("integer")
    return "integer", value


def _read_decimal(fields: Written, zone: ZoneInfo, units: Sequence[Choice]) -> Read | None:
    return ("decimal", _decimal(fields[VALUE])) if fields[VALUE] else None


def _decimal(text: str) -> Any:
    text = "".join(str(decimal(each)) if each.isdecimal() else each for each in text)  # digits of any script
    found = _NUMBER.fullmatch(text) if len(text) <= _LONGEST_NUMBER else None
    if found is None:
        raise Unreadable("decimal")
    sign, whole, fraction = found.groups()
    return json.parse(f"{sign.strip('+')}{whole}{f'.{fraction}' if fraction else ''}".encode())


def _day(fields: Written) -> str:
    """The date, as far as it is said; empty where it is not."""
    year, month, day = (fields[part] for part in (YEAR, MONTH, DAY))
    if not (year or month or day):
        return ""
    given = [each for each in (year, month, day) if each]
    if not year or (day and not month) or not all(each.isascii() and each.isdigit() for each in given):
        raise Unreadable("date")
    text = "-".join([year, *(f"{int(each[:4]):02}" for each in (month, day) if each)])
    if not PRIMITIVES["date"].test(text):
        raise Unreadable("date")
    return text


def _read_date(fields: Written, zone: ZoneInfo, units: Sequence[Choice]) -> Read | None:
    day = _day(fields)
    return ("date", day) if day else None


def _read_moment(fields: Written, zone: ZoneInfo, units: Sequence[Choice]) -> Read | None:
    day, clock = _day(fields), _time_of(fields[TIME])
    if not clock:
        return ("dateTime", day) if day else None
    if len(day) < 10:
        raise Unreadable("date")
    try:
        local = datetime.fromisoformat(f"{day}T{clock[:8]}").replace(tzinfo=zone)
        return "dateTime", local.isoformat()
    except (ValueError, OverflowError):
        raise Unreadable("time") from None


def _time_of(text: str) -> str:
    """A time of day, `hh:mm:ss`; empty where none is written."""
    if not text:
        return ""
    found = _CLOCK.fullmatch(text)
    if found is None or not (found[2] or found[4]):
        raise Unreadable("time")
    hour = int(found[1])
    if found[4]:
        if not 1 <= hour <= 12:
            raise Unreadable("time")
        hour = hour % 12 + (12 if found[4].lower() == "p" else 0)
    clock = f"{hour:02}:{found[2] or '00'}:{found[3] or '00'}"
    if not PRIMITIVES["time"].test(clock):
        raise Unreadable("time")
    return clock


def _read_time(fields: Written, zone: ZoneInfo, units: Sequence[Choice]) -> Read | None:
    clock = _time_of(fields[TIME])
    return ("time", clock) if clock else None


def _read_amount(fields: Written, zone: ZoneInfo, units: Sequence[Choice]) -> Read | None:
    if not fields[VALUE]:
        return None
    chosen = {each.key: each.value for each in units}.get(fields[UNIT] or (units[0].key if len(units) == 1 else ""))
    amount: Resource = {"value": _decimal(fields[VALUE])}
    if chosen is not None:
        told = {"unit": chosen.get("display") or chosen.get("code", "")}
        return "Quantity", {**amount, **told, **{name: chosen[name] for name in ("system", "code") if name in chosen}}
    return "Quantity", {**amount, **({"unit": fields[UNIT]} if fields[UNIT] else {})}


def _read_coded(fields: Written, zone: ZoneInfo, units: Sequence[Choice]) -> Read | None:
    """What somebody wrote where the codes that may be chosen are not known here."""
    return ("Coding", {"display": fields[VALUE]}) if fields[VALUE] else None


_READ: Mapping[str, Callable[[Written, ZoneInfo, Sequence[Choice]], Read | None]] = {
    "string": _read_text,
    "text": _read_text,
    "url": _read_url,
    "integer": _read_integer,
    "decimal": _read_decimal,
    "date": _read_date,
    "dateTime": _read_moment,
    "time": _read_time,
    "quantity": _read_amount,
    "choice": _read_coded,
    "open-choice": _read_text,
}
