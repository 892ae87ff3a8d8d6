"""A review's numbers in words: each as a share, with its unit, or bare. Pure."""

from __future__ import annotations

from datetime import date

from carethread.core.few import ENOUGH
from carethread.metrics.measures.definition import Group
from carethread.metrics.reviewing.figures import Figure, Value
from carethread.metrics.signals.goals import Target
from carethread.metrics.signals.rules import RULES

Bound = tuple[str, str]
"""What is said of a number that may be reached, and of one that may not."""

MASKED, NOBODY = "•", "–"
FEW = f"1 to {ENOUGH - 1}"
LEAST = f"fewer than {ENOUGH}"

_UNITS = {"1": "", "d": " days", "h": " h", "min": " min", "a": " years", "mo": " months", "%": " %"}
_KINDS = {
    "outcome": "Outcomes",
    "patient-reported-outcome": "What people say",
    "process": "How care is given",
    "structure": "How we are set up",
}


def month(day: date) -> str:
    """Such as March 2031."""
    return f"{day:%B %Y}"


def short(day: date) -> str:
    """Such as 3 Mar 2031."""
    return f"{day.day} {day:%b %Y}"


def number(group: Group, value: float | None) -> str:
    """A number of a group with its unit."""
    if value is None:
        return NOBODY
    if group.scoring == "proportion":
        return f"{value * 100:.1f} %"
    if group.scoring == "cohort":
        return f"{value:.0f}"
    code = str(group.unit.get("code", "1"))
    unit = "" if code.startswith("{") else _UNITS.get(code, f" {code}")
    return f"{value:.{0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2}f}{unit}"


def told(figure: Figure, value: Value) -> str:
    """The number of a month."""
    return MASKED if value.masked else number(figure.group, value.number)


def grouped(written: str) -> str:
    """A number as Python writes it, with thousands apart."""
    return written.replace(",", "\N{NARROW NO-BREAK SPACE}")


def size(value: Value) -> str:
    """What it is of."""
    return "" if value.masked or not value.size else grouped(f"{value.size:,}")


def goal(figure: Figure, target: Target | None) -> str:
    """What is wanted."""
    return wanted(figure.group, target, ("≥", ">"), ("≤", "<"))


def wanted(group: Group, target: Target | None, least: Bound, most: Bound) -> str:
    """What is wanted of a group, by the words for its bounds; empty where nothing is said of it."""
    if target is None:
        return ""
    low, high = (None if each is None else number(group, each) for each in (target.low, target.high))
    if low and high:
        return f"{low} to {high}"
    if low:
        return f"{least[target.strict]} {low}"
    return f"{most[target.strict]} {high}" if high else ""


def kind(code: str) -> str:
    """What kind of measures these are."""
    return _KINDS.get(code, "Others")


KINDS = (*_KINDS.values(), "Others")


def why(rule: str) -> str:
    """What a rule has found."""
    return RULES[rule].said if rule in RULES else rule


def count(found: int | None) -> str:
    """How many of a part."""
    return MASKED if found is None else f"{found}"


def whole(found: int | None) -> str:
    """How many in all; what is not told of them is that they are few."""
    return FEW if found is None else f"{found}"


def theme(code: str) -> str:
    """A theme as it is headed."""
    return code.replace("-", " ").capitalize()
