"""A measure counted for each bucket of a period.

One statement counts all of them where a unit is one whatever the period: each point then is what `$evaluate-measure`
gives for its bucket. Where the SQL chooses among what happened in the period, or a stratum is that of its end, each
bucket is counted by itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from carethread.core.clock import from_micros
from carethread.core.ports.analytics import Glimpse
from carethread.metrics.evaluating.counting import UNKNOWN, Cell, Counted, behind, stratifiers
from carethread.metrics.evaluating.evaluating import evaluate, units
from carethread.metrics.evaluating.periods import Days, zones
from carethread.metrics.measures.definition import Definition, Group, Stratifier
from carethread.metrics.measures.shipped import standard
from carethread.metrics.series.buckets import By, bucket, buckets, start_of

DEPARTMENT = "department"
_BUCKET = "series_bucket"

_COMMENT = re.compile(r"--[^\n]*")
_OF_THE_PERIOD = re.compile(r"\bspans\b")


@dataclass(frozen=True, slots=True)
class Point:
    """What was counted in one bucket, by group. `over`: the bucket is, as far as the facts reach, wherever."""

    days: Days
    counted: Sequence[Counted]
    over: bool


def narrowed(definition: Definition, columns: Collection[str]) -> Definition:
    """The Measure with these of its stratifiers only; its department is one whether it says so or not."""
    groups = tuple(
        replace(
            group,
            stratifiers=tuple(
                each
                for each in ({each.column: each for each in (_BY_DEPARTMENT, *group.stratifiers)}).values()
                if each.column in columns
            ),
        )
        for group in definition.groups
    )
    return replace(definition, groups=groups)


_BY_DEPARTMENT = Stratifier(DEPARTMENT, {}, DEPARTMENT)


def at_once(definition: Definition) -> bool:
    """Whether one statement counts all buckets."""
    if _OF_THE_PERIOD.search(_COMMENT.sub("", definition.sql)):
        return False
    return not any(each.column in standard() for each in stratifiers(definition))


def series(facts: Glimpse, definition: Definition, days: Days, by: By, wanted: Sequence[str]) -> list[Point]:
    """The points of a period, those of nobody too, with how many people stand behind each.

    Raises Invalid for SQL that is wrong, TooCostly, Busy.
    """
    parts = list(buckets(days, by))
    if at_once(definition):
        zoned = zones(facts)
        whole = evaluate(facts, parted(definition, bucket(zoned, days, by)), units(facts, days, wanted), people=True)
        found = [_point(definition, whole, f"{start_of(part.first, by)}") for part in parts]
    else:
        found = [evaluate(facts, definition, units(facts, part, wanted), people=True) for part in parts]
    over = is_over(facts)
    return [Point(part, each, over(part)) for part, each in zip(parts, found, strict=True)]


def empty(facts: Glimpse, definition: Definition, days: Days, by: By) -> list[Point]:
    """The points of a period without anybody."""
    over = is_over(facts)
    counted = [Counted(_nobody(group), {}) for group in definition.groups]
    return [Point(part, counted, over(part)) for part in buckets(days, by)]


def is_over(facts: Glimpse) -> Callable[[Days], bool]:
    """Tells of days whether all of them that happened, wherever, is among the facts."""
    zoned = zones(facts)
    as_of = from_micros(facts.marks.time).replace(tzinfo=None)
    return lambda days: zoned.widest(days)[1] <= as_of


def parted(definition: Definition, bucket_sql: str) -> Definition:
    """The Measure with the bucket of a unit for a stratifier, and beside each of its stratifiers one of both."""
    columns = [each.column for each in stratifiers(definition)]
    both = [f"concat(CAST({bucket_sql} AS VARCHAR), '/', {_text(each)}) AS {_BUCKET}_{each}" for each in columns]
    more = ", ".join([f"{bucket_sql} AS {_BUCKET}", *both])
    sql = f"SELECT unit.*, {more}\nFROM (\n{definition.sql.strip().rstrip(';')}\n) AS unit"
    strata = tuple(Stratifier(each, {}, each) for each in (_BUCKET, *(f"{_BUCKET}_{each}" for each in columns)))
    return replace(definition, sql=sql, groups=tuple(replace(each, stratifiers=strata) for each in definition.groups))


def _text(column: str) -> str:
    return f"coalesce(CAST(unit.{column} AS VARCHAR), '{UNKNOWN}')"


def _point(definition: Definition, whole: Sequence[Counted], start: str) -> list[Counted]:
    """What of all is of the bucket that begins then."""
    found = []
    for group, counted in zip(definition.groups, whole, strict=True):
        strata = {
            each.column: {
                value.removeprefix(f"{start}/"): cell
                for value, cell in counted.strata[f"{_BUCKET}_{each.column}"].items()
                if value.startswith(f"{start}/")
            }
            for each in group.stratifiers
        }
        found.append(Counted(counted.strata[_BUCKET].get(start, _nobody(group)), strata))
    return found


def _nobody(group: Group) -> Cell:
    return Cell({each.name: 0 for each in group.populations}, None, dict.fromkeys(behind(group), 0))
