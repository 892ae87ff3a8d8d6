"""A table of MeasureReports: a row for each whole and each stratum of each. Pure.

It is made from the reports alone, so that it tells what they tell: a number that is masked there is empty here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from carethread.core.clock import from_micros
from carethread.core.fhir.elements import at
from carethread.core.fhir.search.dates import date_range
from carethread.core.ports import Resource
from carethread.metrics.answering.reporting import ABSENT

_TEXT, _COUNT, _NUMBER, _TRUTH, _DAY = "VARCHAR", "BIGINT", "DOUBLE", "BOOLEAN", "DATE"

_BEFORE: Mapping[str, str] = {
    "measure": _TEXT,
    "period_start": _DAY,
    "period_end": _DAY,
    "department": _TEXT,
    "group": _TEXT,
    "stratifier": _TEXT,
    "stratum": _TEXT,
}
_AFTER: Mapping[str, str] = {"score": _NUMBER, "unit": _TEXT, "masked": _TRUTH, "score_absent": _TEXT}

_MASKED = "masked"
"""Of the reasons why a value is absent, that which is ours."""


@dataclass(frozen=True, slots=True)
class Row:
    """The whole of a group (`stratifier` and `stratum` empty) or one stratum. Of each population the count, None where
    it is masked; `absent` is why there is no score (a code of data-absent-reason), empty where there is one or none is
    made."""

    measure: str
    start: str
    end: str
    department: str
    group: str
    stratifier: str
    stratum: str
    counts: Mapping[str, int | None]
    score: float | None
    unit: str
    absent: str

    @property
    def masked(self) -> bool:
        """Whether a number of it is not told."""
        return self.absent == _MASKED or None in self.counts.values()


Cell = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Table:
    """`columns` are names with their types in SQL; None is a value that there is none of."""

    columns: Sequence[tuple[str, str]]
    rows: Sequence[Sequence[Cell]]


def table(reports: Sequence[Resource]) -> Table:
    """The rows of all of them; a column for each population that any of them has."""
    found = [row for report in reports for row in rows(report)]
    populations = dict.fromkeys(name for row in found for name in row.counts)
    counted = {name.replace("-", "_"): _COUNT for name in populations}
    return Table(
        tuple({**_BEFORE, **counted, **_AFTER}.items()),
        [
            (
                *(each or None for each in (row.measure, row.start, row.end, row.department, row.group)),
                row.stratifier or None,
                row.stratum or None,
                *(row.counts.get(name) for name in populations),
                row.score,
                row.unit or None,
                row.masked,
                row.absent or None,
            )
            for row in found
        ],
    )


def rows(report: Resource) -> Iterator[Row]:
    """What one report tells."""
    measure = report["measure"]
    period = _first(report["period"]["start"]), _last(report["period"]["end"])
    department = next(iter(at(report, "reporter.reference")), "").removeprefix("Organization/")
    for place, group in enumerate(report.get("group", ())):
        name = _code(group.get("code", {})) or (str(place + 1) if len(report["group"]) > 1 else "")
        yield _row((measure, *period, department, name, "", ""), group)
        for stratifier in group.get("stratifier", ()):
            by = next(iter(map(_code, stratifier.get("code", ()))), "")
            for stratum in stratifier.get("stratum", ()):
                yield _row((measure, *period, department, name, by, _value(stratum["value"])), stratum)


def _first(written: str) -> str:
    """The first day of a date of FHIR, such as 2026-01."""
    span = date_range(written)
    return f"{from_micros(span[0]).date()}" if span else ""


def _last(written: str) -> str:
    span = date_range(written)
    return f"{from_micros(span[1] - 1).date()}" if span else ""


def _row(where: tuple[str, str, str, str, str, str, str], told: Resource) -> Row:
    score = told.get("measureScore", {})
    counts = {_code(each["code"]): _count(each) for each in told.get("population", ())}
    value = float(str(score["value"])) if "value" in score else None
    return Row(*where, counts, value, score.get("unit", ""), _reason(score))


def _count(population: Resource) -> int | None:
    return int(str(population["count"])) if "count" in population else None


def _reason(holder: Resource) -> str:
    return next((each["valueCode"] for each in holder.get("extension", ()) if each["url"] == ABSENT), "")


def _value(concept: Resource) -> str:
    """The text of a stratum; `unknown` where the value is not."""
    return _text(concept) or _code(concept)


def _code(concept: Resource) -> str:
    return next((str(coding["code"]) for coding in concept.get("coding", ()) if "code" in coding), _text(concept))


def _text(concept: Resource) -> str:
    return str(concept.get("text", ""))
