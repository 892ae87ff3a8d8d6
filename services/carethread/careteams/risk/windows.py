"""When a fact counts, as intervals of the moments at which it is looked at. Pure.

A window of ninety days before now has a fact in it from the fact's beginning until ninety days after its end. So what
a rule says can only change at an end of some interval, and in between nobody need look.

Moments are microseconds since 1970 UTC. Source: http://hl7.org/fhir/R4/metadatatypes.html#DataRequirement.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from carethread.core.fhir.fhirpath import Element
from carethread.core.fhir.search.dates import EARLIEST, LATEST, date_range

Interval = tuple[int, int]
"""From inclusive, to exclusive."""

Intervals = Sequence[Interval]
"""In order, none touching another."""

ALWAYS: Intervals = ((EARLIEST, LATEST),)
NEVER: Intervals = ()


def ranges_of(element: Element) -> Iterable[Interval]:
    """What a date, a period or a timing says, from its first to before its last moment."""
    value = element.value
    if isinstance(value, str):
        if element.type in ("date", "dateTime", "instant") and (span := date_range(value)):
            yield span
    elif isinstance(value, dict) and element.type == "Period":
        begin, end = date_range(str(value.get("start", ""))), date_range(str(value.get("end", "")))
        yield begin[0] if begin else EARLIEST, end[1] if end else LATEST
    elif isinstance(value, dict) and element.type == "Timing":
        for each in value.get("event", ()):
            yield from ranges_of(Element(each, "dateTime"))
        if bounds := value.get("repeat", {}).get("boundsPeriod"):
            yield from ranges_of(Element(bounds, "Period"))


def union(some: Iterable[Interval]) -> Intervals:
    """The moments in any."""
    found: list[Interval] = []
    for begin, end in sorted(each for each in some if each[0] < each[1]):
        if found and begin <= found[-1][1]:
            found[-1] = found[-1][0], max(end, found[-1][1])
        else:
            found.append((begin, end))
    return found


def both(one: Intervals, other: Intervals) -> Intervals:
    """The moments in both."""
    if one is ALWAYS:
        return other
    if other is ALWAYS:
        return one
    return union((max(a[0], b[0]), min(a[1], b[1])) for a in one for b in other)


def covers(intervals: Intervals, moment: int) -> bool:
    return any(begin <= moment < end for begin, end in intervals)


def next_change(intervals: Intervals, moment: int) -> int:
    """The first moment after this one at which an interval begins or ends; LATEST where none does."""
    return min((end for each in intervals for end in each if end > moment), default=LATEST)


def without(one: Intervals, other: Intervals) -> Intervals:
    """The moments in the first, and not in the other."""
    found = list(one)
    for low, high in other:
        found = [part for begin, end in found for part in ((begin, min(end, low)), (max(begin, high), end))]
        found = [(begin, end) for begin, end in found if begin < end]
    return found
