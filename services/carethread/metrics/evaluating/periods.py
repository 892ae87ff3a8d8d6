"""From days to moments. A day is that of the department that a unit belongs to, by the zone of its Organization
(extension `timezone`); without one it is UTC's. A day of a change of clocks has 23 or 25 hours.

Pure but for what the facts say of departments' zones.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from weakref import WeakKeyDictionary

from carethread.core.ports.analytics import Glimpse
from carethread.core.zones import zone_named

_ZONES = "SELECT zone, id FROM organizations WHERE zone IS NOT NULL ORDER BY zone, id"


@dataclass(frozen=True, slots=True)
class Days:
    """From a first to a last day, both meant whole."""

    first: date
    last: date

    def within(self, zone: tzinfo) -> tuple[datetime, datetime]:
        """From and until, naive and in UTC, where a day is that of the zone."""
        return _begin(self.first, zone), _begin(self.last + timedelta(days=1), zone)


@dataclass(frozen=True, slots=True)
class Zones:
    """The departments of each zone that is not UTC."""

    departments: Mapping[tzinfo, Sequence[str]]

    def widest(self, days: Days) -> tuple[datetime, datetime]:
        """From the first to the last moment of these days anywhere."""
        spans = [days.within(zone) for zone in (UTC, *self.departments)]
        return min(start for start, _ in spans), max(end for _, end in spans)

    def narrowed(self, days: Days) -> list[str]:
        """The conditions on `unit` by which each is of these days where its department is; which department that is
        matters only near midnight, so that most units need not be looked up, and none where all days are those of
        UTC."""
        spans = [days.within(zone) for zone in (UTC, *self.departments)]
        start, end = moment(max(start for start, _ in spans)), moment(min(end for _, end in spans))
        if len(set(spans)) == 1:
            return [f"unit.at >= {start}", f"unit.at < {end}"]
        return [
            f"(unit.at >= {start} OR unit.at >= {self._case(days, 0)})",
            f"(unit.at < {end} OR unit.at < {self._case(days, 1)})",
        ]

    def spans(self, buckets: Mapping[date, Days]) -> str:
        """SQL of `department`, `zone`, `start_at`, `end_at` and `bucket`: from when until when the days of each bucket
        are for each department with a zone, and for all others, where it says '' and `UTC`."""
        places = [("", 0), *((id_, i) for i, ids in enumerate(self.departments.values(), start=1) for id_ in ids)]
        spans = [
            f"({i}, {quoted(str(zone))}, {moment(start)}, {moment(end)}, DATE '{name}')"
            for i, zone in enumerate((UTC, *self.departments))
            for name, days in buckets.items()
            for start, end in (days.within(zone),)
        ]
        departments = ", ".join(f"({quoted(id_)}, {i})" for id_, i in places)
        return (
            "SELECT d.department, s.zone, s.start_at, s.end_at, s.bucket\n"
            f"FROM (VALUES {departments}) AS d(department, place)\n"
            f"JOIN (VALUES {', '.join(spans)}) AS s(place, zone, start_at, end_at, bucket) ON s.place = d.place"
        )

    def places(self) -> str:
        """SQL of `department` and `zone`: those with a zone, and all others, where it says '' and `UTC`."""
        known = [("", "UTC"), *((id_, str(zone)) for zone, ids in self.departments.items() for id_ in ids)]
        told = ", ".join(f"({quoted(id_)}, {quoted(zone)})" for id_, zone in known)
        return f"SELECT d.department, d.zone FROM (VALUES {told}) AS d(department, zone)"

    def _case(self, days: Days, side: int) -> str:
        whens = " ".join(
            f"WHEN unit.department IN ({', '.join(map(quoted, ids))}) THEN {moment(days.within(zone)[side])}"
            for zone, ids in self.departments.items()
        )
        return f"CASE {whens} ELSE {moment(days.within(UTC)[side])} END"


_KNOWN: WeakKeyDictionary[Glimpse, Zones] = WeakKeyDictionary()
"""Of the states that are looked at, which do not change: each part of an answer needs them."""


def zones(facts: Glimpse) -> Zones:
    """The zones that the facts know of."""
    known = _KNOWN.get(facts)
    if known is None:
        known = _KNOWN[facts] = _zones(facts)
    return known


def _zones(facts: Glimpse) -> Zones:
    found: defaultdict[tzinfo, list[str]] = defaultdict(list)
    for name, department in facts.query(_ZONES).rows:
        zone = zone_named(name)
        if zone is not None:
            found[zone].append(department)
    return Zones(found)


def quoted(text: str) -> str:
    """A literal of SQL."""
    return "'" + text.replace("'", "''") + "'"


def moment(at: datetime) -> str:
    """A literal of a moment in UTC."""
    return f"TIMESTAMP '{at:%Y-%m-%d %H:%M:%S.%f}'"


def _begin(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC).replace(tzinfo=None)
