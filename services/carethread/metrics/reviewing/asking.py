"""Which review is meant: that of a department and a month."""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date

from carethread.core.errors import Malformed
from carethread.core.fhir.targets import is_id
from carethread.core.service import Call
from carethread.interactions.operations.parameters import once
from carethread.metrics.evaluating.periods import Days

DEPARTMENT, MONTH = "department", "month"

_MONTH = re.compile(r"(\d{4})-(\d\d)", re.ASCII)
_YEARS = range(1902, 3000)
"""Of which there are two years before."""


@dataclass(frozen=True, slots=True)
class Review:
    """`department` is the bare id of an Organization; `days` are the days of the month."""

    department: str
    days: Days

    @property
    def month(self) -> str:
        """Such as 2031-03."""
        return f"{self.days.first:%Y-%m}"

    @property
    def name(self) -> str:
        """What the review is known by, such as ward/2031-03."""
        return f"{self.department}/{self.month}"


def review(call: Call) -> Review:
    """The review of a call. Raises Malformed naming the parameter that is not right."""
    named = _needed(call, DEPARTMENT, "the Organization, such as Organization/123")
    department = named.removeprefix("Organization/")
    if not is_id(department):
        said = "department is one Organization, such as Organization/123."
        raise Malformed(said, code="value", expression=DEPARTMENT)
    written = _MONTH.fullmatch(_needed(call, MONTH, "such as 2031-03"))
    year, month = (int(written[1]), int(written[2])) if written else (0, 0)
    if year not in _YEARS or not 1 <= month <= 12:
        raise Malformed("month is a year and a month, such as 2031-03.", code="value", expression=MONTH)
    return Review(department, Days(date(year, month, 1), date(year, month, monthrange(year, month)[1])))


def _needed(call: Call, name: str, what: str) -> str:
    if not (found := once(call, name)):
        raise Malformed(f"{name} is needed: {what}.", code="required", expression=name)
    return found
