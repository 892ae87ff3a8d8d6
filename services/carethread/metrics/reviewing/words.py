"""A review's numbers in words: each as a share, with its unit, or bare. Pure."""

from __future__ import annotations

from datetime import date

from carethread.core.few import ENOUGH
from carethread.metrics.measures.definition import Group
from carethread.metrics.reviewing.figures import Figure, Value
from carethread.metrics.signals.goals import Target
from carethread.metrics.signals.rules import RULES

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


def size(value: Value) -> str:
    """What it is of."""
    return "" if value.masked or not value.size else f"{value.size:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def goal(figure: Figure, target: Target | None) -> str:
    """What is wanted."""
    if target is None:
        return ""
    low, high = (None if each is None else number(figure.group, each) for each in (target.low, target.high))
    if low and high:
        return f"{low} to {high}"
    if low:
        return f"{'>' if target.strict else '≥'} {low}"
    return f"{'<' if target.strict else '≤'} {high}" if high else ""


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
