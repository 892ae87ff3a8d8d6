"""Numbers in words: each as a share, with its unit, or bare; what is wanted of it, and what a rule has seen. Pure."""

from __future__ import annotations

from datetime import date

from carethread.metrics.measures.definition import Group
from carethread.metrics.signals.goals import Target
from carethread.metrics.signals.rules import RULES

Bound = tuple[str, str]
"""What is said of a number that may be reached, and of one that may not."""

NOBODY = "–"

_UNITS = {"1": "", "d": " days", "h": " h", "min": " min", "a": " years", "mo": " months", "%": " %"}


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


def grouped(written: str) -> str:
    """A number as Python writes it, with thousands apart."""
    return written.replace(",", "\N{NARROW NO-BREAK SPACE}")


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


def why(rule: str) -> str:
    """What a rule has found."""
    return RULES[rule].said if rule in RULES else rule
