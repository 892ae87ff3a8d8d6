"""Whether one value of a resource meets one value of a search, by search type: the words of the specification, plainly.

Shares no code with the searches that it judges. Every function takes JSON as it stands in a resource and text as it
stands in a URL, escapes and all. Numbers are Decimal, times are aware.
Source: http://hl7.org/fhir/R4/search.html, sections 3.1.1.4.4 to 3.1.1.4.16.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

Json = Any
Interval = tuple[datetime, datetime]
"""From inclusive, to exclusive."""

# ------------------------------------------------------------------------------------------------------- escapes

_HIDDEN = {"\\\\": "\ue000", "\\,": "\ue001", "\\|": "\ue002", "\\$": "\ue003"}


def split(text: str, separator: str) -> list[str]:
    r"""Cut at each separator before which there is no backslash; `\\` is one backslash (3.1.1.4.15)."""
    for escaped, sign in _HIDDEN.items():
        text = text.replace(escaped, sign)
    pieces = text.split(separator)
    for escaped, sign in _HIDDEN.items():
        pieces = [piece.replace(sign, escaped) for piece in pieces]
    return pieces


def meant(text: str) -> str:
    """The text without its escapes."""
    for escaped, sign in _HIDDEN.items():
        text = text.replace(escaped, sign)
    for escaped, sign in _HIDDEN.items():
        text = text.replace(sign, escaped[1])
    return text


_PREFIX = re.compile(r"(eq|ne|gt|lt|ge|le|sa|eb|ap)?(.*)", re.DOTALL)


def prefixed(text: str) -> tuple[str, str]:
    """The prefix, `eq` when there is none, and the rest (3.1.1.4.6)."""
    match = _PREFIX.fullmatch(text)
    assert match
    return match[1] or "eq", match[2]


# --------------------------------------------------------------------------------------------------------- strings


def plain(text: str) -> str:
    """Without case, accents and repeated white space."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(sign for sign in decomposed if not unicodedata.combining(sign))
    return " ".join(bare.casefold().split())


def strings(value: Json) -> list[str]:
    """Every part of a name or address, any of which may match; and a name's parts as they are said together."""
    if isinstance(value, str):
        return [value]
    parts = [
        text
        for name in ("text", "family", "given", "prefix", "suffix", "line", "city", "district", "state", "postalCode",
                     "country")
        for text in _listed(value.get(name))
    ]  # fmt: skip
    spoken = " ".join([*value.get("given", []), value.get("family", "")]).strip() if "text" not in value else ""
    return [*parts, spoken] if spoken else parts


def _listed(value: Json) -> list[str]:
    return value if isinstance(value, list) else [value] if value is not None else []


def string_meets(value: Json, asked: str, modifier: str) -> bool:
    wanted = meant(asked)
    if modifier == "exact":
        return wanted in strings(value)
    found = [plain(text) for text in strings(value)]
    if modifier == "contains":
        return any(plain(wanted) in text for text in found)
    return any(text.startswith(plain(wanted)) for text in found)


# ---------------------------------------------------------------------------------------------------------- tokens


def codings(value: Json, implied: str) -> list[tuple[str, str]]:
    """(system, code) of each coding; what is absent is empty. `implied`: the system of an element of type code."""
    if isinstance(value, bool):
        return [("", str(value).lower())]
    if isinstance(value, str):
        return [(implied, value)]
    if "coding" in value:
        return [pair for coding in value["coding"] for pair in codings(coding, "")]
    return [(value.get("system", ""), value.get("code", value.get("value", "")))]


def texts(value: Json) -> list[str]:
    """What a person reads: CodeableConcept.text, Coding.display, Identifier.type.text."""
    if not isinstance(value, dict):
        return []
    own = [value.get("text"), value.get("display"), value.get("type", {}).get("text")]
    return [text for text in [*own, *(coding.get("display") for coding in value.get("coding", []))] if text]


def token_meets(value: Json, asked: str, modifier: str, implied: str) -> bool:
    """`code`, `system|code`, `|code`, `system|`; `:text`; `:of-type` (3.1.1.4.10). `:not` is the caller's."""
    if modifier == "text":
        return any(plain(text).startswith(plain(meant(asked))) for text in texts(value))
    parts = [meant(part) for part in split(asked, "|")]
    if modifier == "of-type":
        kinds = codings(value.get("type", {}), "") if isinstance(value, dict) else []
        return tuple(parts[:2]) in kinds and value.get("value") == parts[2]
    found = codings(value, implied)
    if len(parts) == 1:
        return any(code == parts[0] for _, code in found)
    system, code = parts
    return any(system == s and (not code or code == c) for s, c in found)


# ------------------------------------------------------------------------------------------------------------ uris


def uri_meets(value: str, asked: str, modifier: str) -> bool:
    """Exactly; `:below`: the value begins with what is asked; `:above`: what is asked begins with the value, by
    whole segments of a URL (3.1.1.4.13)."""
    wanted = meant(asked)
    if modifier == "below":
        return value == wanted or value.startswith(wanted.rstrip("/") + "/")
    if modifier == "above":
        return value == wanted or wanted.startswith(value.rstrip("/") + "/")
    return value == wanted


# ----------------------------------------------------------------------------------------------------------- dates

_EVER = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
_SECOND = timedelta(seconds=1)


def span(text: str) -> Interval:
    """All that a date of this precision can mean; UTC where it has no zone (3.1.1.4.7)."""
    if len(text) == 4:
        return _day(int(text), 1, 1), _day(int(text) + 1, 1, 1)
    if len(text) == 7:
        year, month = map(int, text.split("-"))
        return _day(year, month, 1), _day(year + month // 12, month % 12 + 1, 1)
    if len(text) == 10:
        start = _day(*map(int, text.split("-")))
        return start, start + timedelta(days=1)
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    moment = moment.replace(tzinfo=moment.tzinfo or UTC)
    clock = re.split(r"[Z+]|-(?=\d\d:\d\d$)", text[11:])[0]
    if len(clock) == 5:
        return moment, moment + timedelta(minutes=1)
    return moment, moment + _SECOND / 10 ** len(clock.partition(".")[2])


def _day(year: int, month: int, day: int) -> datetime:
    return datetime(year, month, day, tzinfo=UTC)


def spans(value: Json) -> list[Interval]:
    """The time of a date, of a Period (an end that is not there is beyond every date), of a Timing's outer bounds."""
    if isinstance(value, str):
        return [span(value)]
    if "event" in value or "repeat" in value or "code" in value:
        bounds = value.get("repeat", {}).get("boundsPeriod")
        found = [span(text) for text in value.get("event", [])] + (spans(bounds) if bounds else [])
        return [(min(low for low, _ in found), max(high for _, high in found))] if found else []
    if "start" not in value and "end" not in value:
        return []
    low = span(value["start"])[0] if "start" in value else _EVER[0]
    return [(low, span(value["end"])[1] if "end" in value else _EVER[1])]


def date_meets(value: Json, asked: str, now: datetime) -> bool:
    prefix, text = prefixed(asked)
    low, high = span(meant(text))
    if prefix == "ap":
        margin = abs(now - (low + (high - low) / 2)) / 10
        low, high = low - margin, high + margin
    return any(_DATE[prefix](*target, low, high) for target in spans(value))


_DATE: Mapping[str, Callable[[datetime, datetime, datetime, datetime], bool]] = {
    "eq": lambda start, end, low, high: low <= start and end <= high,  # the asked range contains that of the target
    "ne": lambda start, end, low, high: not (low <= start and end <= high),
    "gt": lambda start, end, low, high: end > high,  # what is above the asked range overlaps the target's
    "lt": lambda start, end, low, high: start < low,
    "ge": lambda start, end, low, high: end > high or (low <= start and end <= high),
    "le": lambda start, end, low, high: start < low or (low <= start and end <= high),
    "sa": lambda start, end, low, high: start >= high,  # no overlap, and all of it above
    "eb": lambda start, end, low, high: end <= low,
    "ap": lambda start, end, low, high: start < high and end > low,
}  # fmt: skip

# --------------------------------------------------------------------------------------------- numbers, quantities

_INFINITY = Decimal("Infinity")


class Amount(NamedTuple):
    """A number, or all between two, with its unit; `system`, `code` and `unit` are empty where they are absent."""

    low: Decimal
    high: Decimal
    system: str = ""
    code: str = ""
    unit: str = ""


def amounts(value: Json) -> list[Amount]:
    """The amount of a decimal, Quantity, Money or Range."""
    if not isinstance(value, dict):
        return [Amount(Decimal(str(value)), Decimal(str(value)))]
    if "low" in value or "high" in value:
        low, high = (amounts(value.get(end, {})) for end in ("low", "high"))
        names = (low or high)[0][2:] if low or high else ()
        return [Amount(low[0].low if low else -_INFINITY, high[0].high if high else _INFINITY, *names)] if names else []
    if "value" not in value:
        return []
    number = Decimal(str(value["value"]))
    currency = value.get("currency")
    if currency:
        return [Amount(number, number, "urn:iso:std:iso:4217", currency, currency)]
    comparator = value.get("comparator", "")
    return [
        Amount(
            -_INFINITY if "<" in comparator else number,
            _INFINITY if ">" in comparator else number,
            *(value.get(name, "") for name in ("system", "code", "unit")),
        )
    ]


def number_meets(value: Json, asked: str) -> bool:
    return any(_number(amount, asked) for amount in amounts(value))


def quantity_meets(value: Json, asked: str) -> bool:
    """`number`, `number|system|code`, or `number||code`, which may be the code or the unit (3.1.1.4.11)."""
    number, *unit = [meant(part) for part in split(asked, "|")]
    return any(_number(amount, number) and _unit(amount, *unit) for amount in amounts(value))


def _unit(amount: Amount, system: str = "", code: str = "") -> bool:
    if system:
        return (system, code) == (amount.system, amount.code)
    return not code or code in (amount.code, amount.unit)


def _number(amount: Amount, asked: str) -> bool:
    """An asked number stands for all that round to it; where it is compared, for itself (3.1.1.4.5, 3.1.1.4.6)."""
    prefix, text = prefixed(asked)
    value = Decimal(text)
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int)
    half = Decimal(5).scaleb(exponent - 1)
    around = value - half <= amount.low and amount.high < value + half
    tenth = abs(value) / 10
    return {
        "eq": around,
        "ne": not around,
        "gt": amount.high > value,
        "lt": amount.low < value,
        "ge": amount.high >= value,
        "le": amount.low <= value,
        "sa": amount.low > value,
        "eb": amount.high < value,
        "ap": amount.low <= value + tenth and amount.high >= value - tenth,
    }[prefix]
