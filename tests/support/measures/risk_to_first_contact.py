"""From a Flag of high risk to the first outreach that has reached the person."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from support.measures.plain import CODES, NOW, Practice, Resource, Unit, code_in, moment, observed, proportion, standing

_SOON = timedelta(hours=48)


def units(practice: Practice) -> Iterator[Unit]:
    for flag in practice.of("Flag"):
        start = standing(flag.get("period", {}).get("start"))
        if code_in(flag["code"], CODES + "flag-kind") != "high-risk" or start is None:
            continue
        if flag["status"] not in ("active", "inactive"):
            continue
        person = practice.person(flag.get("subject"))
        department = practice.department(flag, flag.get("author"))
        died = practice.died(person, department)
        ends = [each for each in (moment(flag["period"].get("end"), last=True), died) if isinstance(each, datetime)]
        if not ends and (flag["status"] == "inactive" or died):
            ends = [start]
        end = min(ends, default=None)
        last = _last(practice, flag, person, department) or end
        found = [at for at in _reached(practice, person) if at >= start and (last is None or at <= last)]
        contact = min(found, default=None)
        over = end is not None and end <= NOW
        told = contact is not None or over or start + _SOON <= NOW
        lost = contact is None and over and end is not None and end < start + _SOON
        hours = (contact - start).total_seconds() / 3600 if contact else None
        yield Unit(
            f"Flag/{flag['id']}",
            person,
            start,
            department,
            (
                observed(hours, own=["open"] if contact is None and not over else []),
                proportion(told, contact is not None and contact <= start + _SOON, exclusion=lost),
            ),
        )


def _last(practice: Practice, flag: Resource, person: str | None, department: str | None) -> datetime | None:
    """Until when a contact counts: to the end of the day on which the flag ended or the person died."""
    died = practice.between(department, practice.get("Patient", person).get("deceasedDateTime"))
    ends = [moment(flag["period"].get("end"), last=True), died and died[1]]
    return min((each for each in ends if each), default=None)


def _reached(practice: Practice, person: str | None) -> Iterator[datetime]:
    for task in practice.of("Task"):
        at = standing(task.get("executionPeriod", {}).get("end"))
        of_outreach = code_in(task.get("code"), CODES + "careteam-task") == "outreach"
        reached = (
            task["status"] == "completed"
            and code_in(task.get("businessStatus"), CODES + "outreach-outcome") == "reached"
        )
        if at and of_outreach and reached and practice.person(task.get("for")) == person:
            yield at
