"""What a caller of `$evaluate-measure` asks for: http://hl7.org/fhir/R4/operation-measure-evaluate-measure.html.

Beside R4's parameters a `department` (Organization) and a `group` (Group) bound the units that are counted.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date
from typing import Literal

from carethread.core.errors import Malformed
from carethread.core.fhir.targets import is_id
from carethread.core.service import Call
from carethread.interactions.operations.parameters import once, refuse_unknown
from carethread.metrics.evaluating.periods import Days

PARAMETERS = ("periodStart", "periodEnd", "measure", "reportType", "subject", "practitioner", "department", "group")

REFERS = {"subject": "Patient", "department": "Organization", "practitioner": "Practitioner", "group": "Group"}
"""The type of what a parameter names."""

Kind = Literal["individual", "subject-list", "summary"]
KINDS: dict[str, Kind] = {"subject": "individual", "subject-list": "subject-list", "population": "summary"}
"""MeasureReport.type by the operation's `reportType`."""

_DATE = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?", re.ASCII)
_FIRST, _LAST = date(1900, 1, 1), date(2999, 12, 31)


@dataclass(frozen=True, slots=True)
class Asked:
    """`start` and `end` are as they were written; whole days where one is more exact than the other, for as a Period a
    year (2026) is not before a month of it (2026-10). The ids are bare, empty where nothing is asked for."""

    start: str
    end: str
    days: Days
    kind: Kind
    subject: str
    practitioner: str
    department: str
    group: str


def asked(call: Call) -> Asked:
    """Raises Malformed naming the parameter that is not right."""
    if "lastReceivedOn" in call.params:
        said = "Reports are not kept for each person, so none is skipped by lastReceivedOn: leave it out."
        raise Malformed(said, code="not-supported", expression="lastReceivedOn")
    refuse_unknown(call, "$evaluate-measure", PARAMETERS)
    days = Days(_day(call, "periodStart", last=False), _day(call, "periodEnd", last=True))
    if days.first > days.last:
        raise Malformed("periodEnd (the last day) is before periodStart.", code="value", expression="periodEnd")
    start, end = once(call, "periodStart"), once(call, "periodEnd")
    if len(start) != len(end):
        start, end = f"{days.first}", f"{days.last}"
    subject, group = _id(call, "subject"), _id(call, "group")
    said = once(call, "reportType") or ("subject" if subject else "population")
    if said not in KINDS:
        raise Malformed(f"reportType is one of {', '.join(KINDS)}.", code="value", expression="reportType")
    if KINDS[said] == "individual" and not subject:
        raise Malformed("A report of type subject names the subject.", code="required", expression="subject")
    if KINDS[said] != "individual" and subject:
        raise Malformed("A report about one subject is of reportType subject.", code="value", expression="reportType")
    return Asked(
        start=start,
        end=end,
        days=days,
        kind=KINDS[said],
        subject=subject,
        practitioner=_id(call, "practitioner"),
        department=_id(call, "department"),
        group=group,
    )


def _day(call: Call, name: str, *, last: bool) -> date:
    """The first or the last day of what is written: a year, a month or a day."""
    values = call.params.get(name, [])
    if len(values) != 1:
        said = f"{name} is needed once: the first and last day, such as 2026-01-31."
        raise Malformed(said, code="required", expression=name)
    wrong = Malformed(
        f"{name} is a date between {_FIRST} and {_LAST}, such as 2026-01-31.", code="value", expression=name
    )
    written = _DATE.fullmatch(values[0])
    if not written:
        raise wrong
    year, month, day = (int(part) if part else 0 for part in written.groups())
    try:
        if not written[2]:
            month = 12 if last else 1
        if not written[3]:
            day = monthrange(year, month)[1] if last else 1
        found = date(year, month, day)
    except ValueError:
        raise wrong from None
    if not _FIRST <= found <= _LAST:
        raise wrong
    return found


def _id(call: Call, name: str) -> str:
    said, type_name = once(call, name), REFERS[name]
    id_ = said.removeprefix(f"{type_name}/")
    if said and not is_id(id_):
        raise Malformed(f"{name} is one {type_name}, such as {type_name}/123.", code="value", expression=name)
    return id_
