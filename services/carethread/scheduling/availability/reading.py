"""Reading the template of a Schedule, and all that can be wrong with it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, tzinfo
from itertools import combinations

from carethread.core.errors import Invalid, Issue
from carethread.core.fhir.search.dates import EARLIEST, LATEST, date_range
from carethread.core.ports import Resource
from carethread.core.zones import DAYS, zone_named
from carethread.scheduling.availability.holidays import LISTS
from carethread.scheduling.availability.parts import Part, gather, part_of, wrong
from carethread.scheduling.availability.template import (
    AVAILABILITY,
    MIDNIGHT,
    Rule,
    Span,
    Template,
    disjoint,
)
from carethread.scheduling.rules import MODALITIES, MOST_SEATS

MOST_DAYS = 731
"""The longest rolling horizon: two years."""

MOST_SLOTS = 100_000
"""Slots that one Schedule may have within its horizon."""

MOST_WEEKS = 52

_MOST = {"rule": 100, "break": 20, "absence": 500, "holiday": 500}
"""How often a part may stand."""

_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d):00(?:\.0+)?", re.ASCII)


def template_of(schedule: Resource) -> Template | None:
    """The template of a Schedule; None where it has none. Raises Invalid, naming all elements that are wrong."""
    found = [
        part_of(each, f"Schedule.extension[{place}]")
        for place, each in enumerate(schedule.get("extension", ()))
        if each.get("url") == AVAILABILITY
    ]
    if not found:
        return None
    if len(found) > 1:
        raise wrong("A Schedule has one availability.", found[1].where, "structure")
    issues: list[Issue] = []
    template = _template(found[0], schedule.get("planningHorizon", {}), issues)
    if issues or template is None:
        raise Invalid(issues=issues)
    return template


def _template(given: Part, planned: Resource, issues: list[Issue]) -> Template | None:
    counted = [(name, most, whole.all(name)) for name, most in _MOST.items() for whole in (given, *given.all("rule"))]
    issues += [
        Issue("too-long", f"{name} may stand {most} times.", parts[most].where)
        for name, most, parts in counted
        if len(parts) > most
    ]
    if issues:
        return None
    zone = gather(issues, lambda: _zone(given.needed("zone")))
    horizon = gather(issues, _number, given, "horizon-days", MOST_DAYS, 90)
    rules = [(part, rule) for part in given.all("rule") if (rule := _rule(part, issues))]
    if not given.all("rule"):
        issues.append(Issue("required", "rule is needed: the hours of a week.", given.where))
    holidays = [day for part in given.all("holiday") if (day := gather(issues, _date, part.value, part.where))]
    lists = [code for part in given.all("holidays") if (code := gather(issues, _code, part, LISTS))]
    if issues or zone is None or horizon is None:
        return None
    _refuse_overlaps(rules, issues)
    absences = [gather(issues, _moments, part.value, zone, part.where) for part in given.all("absence")]
    span = gather(issues, _moments, planned, zone, "Schedule.planningHorizon") if planned else (EARLIEST, LATEST)
    if issues or span is None:
        return None
    template = Template(
        zone,
        tuple(rule for _, rule in rules),
        horizon,
        disjoint(absence for absence in absences if absence),
        frozenset(holidays),
        tuple(lists),
        *span,
    )
    if template.weekly() * horizon > MOST_SLOTS * 7:
        issues.append(
            Issue("too-costly", f"That makes more than {MOST_SLOTS} slots; shorten horizon-days.", given.where)
        )
    return template


def _rule(given: Part, issues: list[Issue]) -> Rule | None:
    before = len(issues)
    days = [code for part in given.all("day") if (code := gather(issues, _code, part, DAYS))]
    if not given.all("day"):
        issues.append(Issue("required", "day is needed: the days of the week.", given.where))
    hours = gather(issues, _hours, given)
    weeks = gather(issues, _weeks, given)
    length = gather(issues, lambda: _number(given, "slot-minutes", MIDNIGHT))
    capacity = gather(issues, _number, given, "capacity", MOST_SEATS, 1)
    breaks = [gather(issues, _break, part, hours) for part in given.all("break")]
    modalities = [code for part in given.all("modality") if (code := gather(issues, _code, part, MODALITIES))]
    place = gather(issues, given.one, "location")
    valid = gather(issues, _days, given)
    if len(issues) > before or hours is None or not (length and capacity and weeks) or valid is None:
        return None
    types = tuple(part.value for part in given.all("service-type"))
    rule = Rule(
        frozenset(map(DAYS.index, days)),
        *hours,
        length,
        capacity,
        types,
        tuple(dict.fromkeys(modalities)),
        place.value if place else None,
        tuple(sorted(span for span in breaks if span)),
        *valid,
        weeks,
    )
    for part, span in zip(given.all("break"), breaks, strict=True):
        if span and not (rule.start < span[0] and span[1] < rule.end):
            issues.append(
                Issue("value", "A break lies within the rule's hours, and neither begins nor ends them.", part.where)
            )
    for one, other in combinations(rule.breaks, 2):
        if one[1] > other[0]:
            part = given.all("break")[breaks.index(other)]
            issues.append(Issue("value", "Two breaks overlap; make them one.", part.where))
    if len(issues) == before and not rule.starts():
        issues.append(Issue("value", f"No slot of {length} minutes fits into the hours.", given.where))
    return rule if len(issues) == before else None


def _refuse_overlaps(rules: Sequence[tuple[Part, Rule]], issues: list[Issue]) -> None:
    for (first, one), (second, other) in combinations(rules, 2):
        for later in (0, 1, -1):
            if _meet(one, other, later * MIDNIGHT) and (day := one.with_other(other, later)):
                issues.append(
                    Issue(
                        "value",
                        f"On {DAYS[(day.weekday() + later) % 7]} its hours overlap with those of {first.where}; "
                        "give each hour once.",
                        second.where,
                    )
                )
                break


def _meet(one: Rule, other: Rule, later: int) -> bool:
    """Whether the hours of two rules have something in common, the other's so many minutes later."""
    return any(max(a, c + later) < min(b, d + later) for a, b in one.stretches() for c, d in other.stretches())


def _zone(part: Part) -> tzinfo:
    name = part.value if isinstance(part.value, str) else ""
    if zone := zone_named(name):
        return zone
    raise wrong("zone is a time zone of the IANA's, such as Europe/London or UTC.", part.where)


def _number(given: Part, name: str, most: int, otherwise: int = 0) -> int:
    part = given.one(name) if otherwise else given.needed(name)
    if part is None:
        return otherwise
    if type(part.value) is not int or not 1 <= part.value <= most:
        raise wrong(f"{name} is a number from 1 to {most}.", part.where)
    return part.value


def _code(part: Part, allowed: Sequence[str]) -> str:
    if part.value not in allowed:
        raise wrong(f"{part.name} is one of {', '.join(allowed)}.", part.where, "code-invalid")
    return str(part.value)


def _hours(given: Part) -> Span:
    """Start and end in minutes; midnight ends a day, and overnight the end is on the next."""
    start, end = _minute(given.needed("start")), _minute(given.needed("end"))
    overnight = given.one("overnight")
    if overnight and type(overnight.value) is not bool:
        raise wrong("overnight is true or false.", overnight.where)
    if overnight and overnight.value:
        if not 0 < end <= start:
            raise wrong(
                "overnight, end is on the next day, after midnight, and start is not earlier: a day at most.",
                given.needed("end").where,
            )
        return start, MIDNIGHT + end
    if start >= (end or MIDNIGHT):
        raise wrong(
            "start is before end on the same day (an end of 00:00:00 is midnight); overnight, it is on the next.",
            given.needed("end").where,
        )
    return start, end or MIDNIGHT


def _break(given: Part, hours: Span | None) -> Span:
    """Start and end in minutes; in hours that go on overnight, what is before they begin is on the next day."""
    start, end = _minute(given.needed("start")), _minute(given.needed("end"))
    if hours and hours[1] > MIDNIGHT:
        start, end = (minute if minute >= hours[0] else minute + MIDNIGHT for minute in (start, end))
    end = end or MIDNIGHT
    if start >= end:
        raise wrong("A break's start is before end, within the rule's hours.", given.needed("end").where)
    return start, end


def _weeks(given: Part) -> int:
    """Of how many weeks one is meant, which needs a first one."""
    part, valid = given.one("every-weeks"), given.one("valid")
    weeks = _number(given, "every-weeks", MOST_WEEKS, 1)
    if part and weeks > 1 and not (valid and isinstance(valid.value, dict) and "start" in valid.value):
        raise wrong("The weeks are counted from that of the first day; give a valid with a start.", part.where)
    return weeks


def _minute(part: Part) -> int:
    match = _TIME.fullmatch(part.value) if isinstance(part.value, str) else None
    if match is None:
        raise wrong(f"{part.name} is a local time in whole minutes, such as 09:30:00.", part.where)
    return int(match[1]) * 60 + int(match[2])


def _days(given: Part) -> tuple[date, date]:
    """The first and the last day of `valid`."""
    part = given.one("valid")
    if part is None:
        return date.min, date.max
    if not isinstance(part.value, dict):
        raise wrong("valid is a period.", part.where)
    first = _date(part.value.get("start", "0001-01-01"), f"{part.where}.value.start")
    last = _date(part.value.get("end", "9999-12-31"), f"{part.where}.value.end")
    if first > last:
        raise wrong("valid starts before it ends.", part.where)
    return first, last


def _date(value: object, where: str) -> date:
    try:
        if isinstance(value, str) and len(value) == 10 and value[4] == value[7] == "-":
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise wrong("What is needed is a whole day, such as 2031-12-24.", where)


def _moments(period: Resource, zone: tzinfo, where: str) -> Span:
    """A Period in microseconds, whole days by the zone; it is open where it does not say more."""
    if not isinstance(period, dict):
        raise wrong("A period is needed.", where)
    begin, end = EARLIEST, LATEST
    if "start" in period and (span := date_range(period["start"], zone)):
        begin = span[0]
    if "end" in period and (span := date_range(period["end"], zone)):
        end = span[0] if "T" in period["end"] else span[1]
    if begin >= end or (begin, end) == (EARLIEST, LATEST):
        raise wrong("A period has a start or an end, and starts before it ends.", where)
    return max(begin, EARLIEST), min(end, LATEST)
