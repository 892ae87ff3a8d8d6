"""A review in words; with those of `signals.words`, for its templates have one place for all of them. Pure."""

from __future__ import annotations

from datetime import date

from carethread.core.few import ENOUGH
from carethread.metrics.reviewing.figures import Figure, Value
from carethread.metrics.signals.goals import Target
from carethread.metrics.signals.words import NOBODY as NOBODY
from carethread.metrics.signals.words import grouped, wanted
from carethread.metrics.signals.words import number as number
from carethread.metrics.signals.words import short as short
from carethread.metrics.signals.words import why as why

MASKED = "•"
FEW = f"1 to {ENOUGH - 1}"
LEAST = f"fewer than {ENOUGH}"

_KINDS = {
    "outcome": "Outcomes",
    "patient-reported-outcome": "What people say",
    "process": "How care is given",
    "structure": "How we are set up",
}


def month(day: date) -> str:
    """Such as March 2031."""
    return f"{day:%B %Y}"


def told(figure: Figure, value: Value) -> str:
    """The number of a month."""
    return MASKED if value.masked else number(figure.group, value.number)


def size(value: Value) -> str:
    """What it is of."""
    return "" if value.masked or not value.size else grouped(f"{value.size:,}")


def goal(figure: Figure, target: Target | None) -> str:
    """What is wanted."""
    return wanted(figure.group, target, ("≥", ">"), ("≤", "<"))


def kind(code: str) -> str:
    """What kind of measures these are."""
    return _KINDS.get(code, "Others")


KINDS = (*_KINDS.values(), "Others")


def count(found: int | None) -> str:
    """How many of a part."""
    return MASKED if found is None else f"{found}"


def whole(found: int | None) -> str:
    """How many in all; what is not told of them is that they are few."""
    return FEW if found is None else f"{found}"


def theme(code: str) -> str:
    """A theme as it is headed."""
    return code.replace("-", " ").capitalize()
