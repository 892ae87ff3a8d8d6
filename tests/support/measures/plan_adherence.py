"""Windows in which an activity of a plan was due, walked one after the other."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from datetime import datetime, time, timedelta

from support.measures.plain import NOW, OURS, Practice, Resource, Unit, moment, observed, proportion, standing

_HOURS = {"h": 1, "d": 24, "wk": 168}
_MONTHS = {"mo": 1, "a": 12}


def units(practice: Practice) -> Iterator[Unit]:
    for plan in practice.of("CarePlan"):
        if plan["status"] not in ("active", "completed") or practice.died(practice.person(plan.get("subject"))) is True:
            continue
        for activity in plan.get("activity", ()):
            detail = activity.get("detail", {})
            status = detail.get("status", "in-progress")
            if status not in ("not-started", "scheduled", "in-progress", "completed") or detail.get("doNotPerform"):
                continue
            yield from _of(practice, plan, activity, detail, status)


def _of(practice: Practice, plan: Resource, activity: Resource, detail: Resource, status: str) -> Iterator[Unit]:
    begin = moment(plan.get("period", {}).get("start")) or moment(plan.get("created"))
    done = [at for each in activity.get("progress", ()) if _is_done(each) and (at := standing(each.get("time")))]
    by = moment(detail.get("scheduledPeriod", {}).get("end"), last=True)
    if by:
        was = status == "completed" or any(at < NOW and (begin is None or at >= begin) for at in done)
        windows = [(by, 1, int(was))]
    elif status == "completed":
        windows = []
    else:
        windows = list(_windows(plan, detail, begin, done))
    department = practice.department(plan, *plan.get("careTeam", [])[:1])
    died = practice.died(practice.person(plan.get("subject")), department)
    for end, needed, times in windows:
        if end <= NOW and not (isinstance(died, datetime) and end > died):
            yield Unit(
                f"CarePlan/{plan['id']}",
                practice.person(plan.get("subject")),
                end - (timedelta(hours=14) if end.time() == time() else timedelta(milliseconds=1)),
                department,
                (proportion(denominator=True, numerator=times >= needed), observed(min(times, needed) / needed)),
            )


def _is_done(note: Resource) -> bool:
    return any(each.get("url") == OURS + "progress-done" and each.get("valueBoolean") for each in note["extension"])


def _windows(
    plan: Resource, detail: Resource, begin: datetime | None, done: list[datetime]
) -> Iterator[tuple[datetime, int, int]]:
    repeat = detail.get("scheduledTiming", {}).get("repeat", {})
    bounds = repeat.get("boundsPeriod", {})
    start = moment(bounds.get("start")) or begin
    stops = [moment(each.get("end"), last=True) for each in (bounds, plan.get("period", {}))]
    times, period, unit = _often(repeat)
    whole = period * _HOURS.get(unit, _MONTHS.get(unit, 0))
    if start is None or whole < 1 or whole % 1 or whole > (2400 if unit in _MONTHS else 200 * 8766):
        return
    left = repeat.get("count")
    number = 0
    while left is None or left > 0:
        low, high = (_later(start, int(whole) * n, unit) for n in (number, number + 1))
        if high > NOW or any(stop is not None and high > stop for stop in stops):
            return
        needed = times if left is None else min(times, left)
        left = None if left is None else left - times
        yield high, needed, sum(low <= at < high for at in done)
        number += 1


def _often(repeat: Resource) -> tuple[int, float, str]:
    days, times = len(repeat.get("dayOfWeek", ())), repeat.get("frequency", 1)
    period, unit = repeat.get("period"), repeat.get("periodUnit", "")
    if days and (period is None or (period == 1 and unit == "d")):
        return days * times, 1, "wk"
    return (max(days, times) if unit == "wk" else times), period or 0, unit


def _later(start: datetime, number: int, unit: str) -> datetime:
    if unit in _HOURS:
        return start + timedelta(hours=number)
    month = start.month - 1 + number
    year, month = start.year + month // 12, month % 12 + 1
    return start.replace(year=year, month=month, day=min(start.day, monthrange(year, month)[1]))
