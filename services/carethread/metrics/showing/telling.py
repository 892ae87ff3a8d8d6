"""What an opened number says in words, and what stands behind it as rows. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from carethread.core.few import ENOUGH
from carethread.core.fhir.elements import at
from carethread.core.fhir.targets import parse_reference
from carethread.metrics.evaluating.asking import REFERS
from carethread.metrics.evaluating.listing import PERSON
from carethread.metrics.evaluating.periods import Days
from carethread.metrics.explaining.again import again
from carethread.metrics.explaining.behind import Behind
from carethread.metrics.showing.opening import EACH, Number, Opened, Tab
from carethread.metrics.signals import words

NOT_TOLD = "masked"
WHY_NOT = (
    f"It is masked: few people (1 to {ENOUGH - 1}) stand behind it, or another number of few could be worked out from "
    "it. Staff see the numbers of people whom they treat."
)
NO_LIST = "Its resources are not listed: laid beside other lists, these could tell of few people."

_MEANS: Mapping[str, str] = {
    "initial-population": "All that the measure looks at.",
    "denominator": "What the number is a share of, with what is left out of it below.",
    "denominator-exclusion": "Left out of the number altogether.",
    "denominator-exception": "Left out of what the number is a share of, unless it is in the numerator.",
    "numerator": "What is counted of the denominator.",
    "numerator-exclusion": "Left out of the numerator.",
    "measure-population": "What the number is made of.",
    "measure-population-exclusion": "Left out of what the number is made of.",
}
_BESIDE = "Counted beside the number, and in no share."
_METHODS = {"average": "mean", "median": "median", "sum": "sum", "minimum": "least", "maximum": "most"}


@dataclass(frozen=True, slots=True)
class Row:
    """A unit: its resource, and where that is told whose it is, when, and what was observed. References are links where
    they are `Type/id`."""

    resource: str
    subject: str = ""
    practitioner: str = ""
    when: str = ""
    value: str = ""


def period(days: Days) -> str:
    """Such as March 2031, or 3 Mar 2031 to 9 Mar 2031."""
    first, last = days.first, days.last
    if first.day == 1 and (last + timedelta(days=1)).day == 1:
        months = [f"{each:%B %Y}" for each in (first, last)]
        return " to ".join(dict.fromkeys(months))
    return " to ".join(dict.fromkeys(words.short(each) for each in (first, last)))


def score(number: Number) -> str:
    """The number itself."""
    return NOT_TOLD if number.point.masked else words.number(number.group, number.point.value)


def sentence(number: Number) -> str:
    """The number in words: of how many it is, and how it is made of them."""
    point, group = number.point, number.group
    if point.masked:
        return WHY_NOT
    counts = {each.name: each.count for each in number.tabs}
    if point.value is None or point.size is None:
        return "Nobody was counted."
    of = count(point.size)
    if group.scoring == "proportion":
        return f"{count(counts['numerator'])} of {of} {_units(group.basis)}."
    if group.scoring == "ratio":
        return f"{count(counts['numerator'])} (numerator) to {of} (denominator)."
    if group.scoring == "cohort":
        return f"{of} {_units(group.basis)}."
    return f"The {_METHODS.get(group.method, group.method)} of {of} {_units(group.basis)}."


def _units(basis: str) -> str:
    """What is counted, such as Appointments."""
    return "people" if basis == PERSON else f"{basis}s"


def count(found: int | None) -> str:
    """How many there are."""
    return NOT_TOLD if found is None else words.grouped(f"{found:,}")


def called(tab: Tab) -> str:
    """A population as it is headed."""
    return tab.name.replace("-", " ").replace("_", " ").capitalize()


def means(tab: Tab) -> str:
    """What a population is."""
    return tab.description or (_BESIDE if tab.is_own else _MEANS.get(tab.name, ""))


def range_of(opened: Opened, found: Behind) -> str:
    """Which of all resources are on the page; empty where it is all of them."""
    first = (opened.page - 1) * EACH
    if not found.is_listed or (first == 0 and len(found.rows) == found.total):
        return ""
    return f"{count(first + 1)} to {count(first + len(found.rows))} of {count(found.total)}" if found.rows else ""


def columns(listed: Sequence[Row]) -> list[tuple[str, str]]:
    """Those that any row has something in, with their headings."""
    headed = (("when", "When (UTC)"), ("subject", "Person"), ("practitioner", "Staff"), ("value", "Observed"))
    return [(name, heading) for name, heading in headed if any(getattr(each, name) for each in listed)]


def rows(number: Number, found: Behind) -> list[Row]:
    """The units of a page."""
    return [_row(number, each) for each in found.rows]


def _row(number: Number, unit: Mapping[str, Any]) -> Row:
    return Row(
        resource=str(unit.get("resource") or words.NOBODY),
        subject=_reference("subject", unit),
        practitioner=_reference("practitioner", unit),
        when=_moment(unit.get("at")),
        value=_observed(number, unit.get(number.group.value)) if number.group.value else "",
    )


def _reference(name: str, unit: Mapping[str, Any]) -> str:
    return f"{REFERS[name]}/{unit[name]}" if unit.get(name) else ""


def _moment(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return value.isoformat() if isinstance(value, date) else ""


def _observed(number: Number, value: Any) -> str:
    return words.number(number.group, float(value)) if isinstance(value, int | float | Decimal) else str(value or "")


def is_reference(text: str) -> bool:
    """Whether a text leads to a resource of this server."""
    target = parse_reference(text)
    return target is not None and f"{target.type}/{target.id}" == text


def statement(found: Behind) -> tuple[str, list[tuple[str, str]]]:
    """The SQL that lists them, and its parameters with their values."""
    sql, *named = again(found.statement, found.counted)
    return str(sql["valueString"]), [(each["part"][0]["valueString"], _value(each["part"][1])) for each in named]


def _value(part: Mapping[str, Any]) -> str:
    return next(str(value) for name, value in part.items() if name.startswith("value"))


def sources(opened: Opened) -> Iterator[tuple[str, str]]:
    """What the number was counted by: what it is, and its canonical with the version."""
    yield "Measure", opened.canonical
    for each in opened.number.by if opened.number else ():
        kind = next((name for name in ("ViewDefinition", "Library") if f"/{name}/" in each), "Library")
        yield ("View" if kind == "ViewDefinition" else kind), each


def rationale(opened: Opened) -> list[str]:
    """What the Measure says of itself."""
    return [str(said) for name in ("description", "rationale") for said in at(opened.measure, name)]
