"""From a Flag of high risk to the first outreach that has reached the person."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from support.measures.plain import CODES, NOW, Practice, Unit, code_in, first_code, moment, observed, proportion

_SOON = timedelta(hours=48)


def units(practice: Practice) -> Iterator[Unit]:
    for flag in practice.of("Flag"):
        start = moment(flag.get("period", {}).get("start"))
        if code_in(flag["code"], CODES + "flag-kind") != "high-risk" or start is None:
            continue
        if flag["status"] not in ("active", "inactive"):
            continue
        person = practice.person(flag.get("subject"))
        died = practice.died(person)
        ends = [each for each in (moment(flag["period"].get("end"), last=True), died) if isinstance(each, datetime)]
        if not ends and (flag["status"] == "inactive" or died):
            ends = [start]
        end = min(ends, default=None)
        found = [at for at in _reached(practice, person) if at >= start and (end is None or at <= end)]
        contact = min(found, default=None)
        over = end is not None and end <= NOW
        told = contact is not None or over or start + _SOON <= NOW
        lost = contact is None and over and end is not None and end < start + _SOON
        hours = (contact - start).total_seconds() / 3600 if contact else None
        yield Unit(
            f"Flag/{flag['id']}",
            person,
            start,
            practice.department(flag, flag.get("author")),
            (
                observed(hours, own=["open"] if contact is None and not over else []),
                proportion(told, contact is not None and contact <= start + _SOON, exclusion=lost),
            ),
        )


def _reached(practice: Practice, person: str | None) -> Iterator[datetime]:
    for task in practice.of("Task"):
        at = moment(task.get("executionPeriod", {}).get("end"))
        of_outreach = code_in(task.get("code"), CODES + "careteam-task") == "outreach"
        reached = task["status"] == "completed" and first_code(task.get("businessStatus")) == "reached"
        if at and of_outreach and reached and practice.person(task.get("for")) == person:
            yield at
