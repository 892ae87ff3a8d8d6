"""What the complaints of a department's month are about: by the themes and severity that people have given the comments
in them (https://carethread.dev/fhir/CodeSystem/feedback-theme). What they say is not among the facts.

A complaint may have several themes, so a number of one tells nothing of others but how many there are in all. Those
that are read have both, a theme and a severity; the others neither, so that both parts tell of these alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC

from carethread.core.ports.analytics import Glimpse
from carethread.metrics.evaluating.counting import Cell, Counted
from carethread.metrics.evaluating.periods import Days, zones
from carethread.metrics.measures.definition import Group, Population
from carethread.metrics.reviewing.asking import Review
from carethread.metrics.series.buckets import before
from carethread.metrics.suppressing.cells import WHOLE, Hidden, hidden

THEME, SEVERITY = "theme", "severity"
UNREAD, WORDLESS, UNSAID = "not read yet", "without words", "not said"
"""Of complaints whose comment has no theme yet, of those without a comment, and of those read without a severity."""

_READ = "read"

_BOTH = (THEME, SEVERITY)
_SEVERITIES = ("high", "medium", "low", "none", UNSAID, UNREAD, WORDLESS)
_ALL = "initial-population"
_GROUP = Group({}, "cohort", "Task", (Population(_ALL, {}, "initial_population", own=False),), (), "", "", {})

_SQL = f"""
WITH complaint AS (
  SELECT DISTINCT f.id, f.response_id, coalesce(s.survivor_id, f.patient_id, f.id) AS person
  FROM feedback f
  LEFT JOIN survivors s ON s.patient_id = f.patient_id
  WHERE f.complaint AND f.status NOT IN ('cancelled', 'entered-in-error')
    AND f.department_id = $department AND f.authored_at >= $start AND f.authored_at < $end
), told AS (
  SELECT c.id, c.person,
    CASE WHEN t.id IS NULL THEN '{WORDLESS}' ELSE coalesce(t.theme_code, '{UNREAD}') END AS theme,
    CASE WHEN t.id IS NULL THEN '{WORDLESS}' WHEN t.theme_code IS NULL THEN '{UNREAD}'
      ELSE coalesce(t.severity_code, '{UNSAID}') END AS severity
  FROM complaint c
  LEFT JOIN comment_themes t ON t.response_id = c.response_id AND t.status NOT IN ('cancelled', 'entered-in-error')
)
SELECT '' AS part, '' AS value, count(DISTINCT id) AS complaints, count(DISTINCT person) AS people FROM told
UNION ALL SELECT '{THEME}', theme, count(DISTINCT id), count(DISTINCT person) FROM told GROUP BY theme
UNION ALL SELECT '{SEVERITY}', severity, count(DISTINCT id), count(DISTINCT person) FROM told GROUP BY severity
UNION ALL SELECT '{_READ}', '', count(DISTINCT id), count(DISTINCT person)
  FROM told WHERE theme NOT IN ('{UNREAD}', '{WORDLESS}')
"""


@dataclass(frozen=True, slots=True)
class Line:
    """How many complaints, this month and the month before; None: they are of few people, and not told."""

    name: str
    now: int | None
    earlier: int | None


@dataclass(frozen=True, slots=True)
class Complaints:
    """All of them, and those of each theme and severity that there is, what matters most first."""

    whole: Line
    themes: Sequence[Line]
    severities: Sequence[Line]


Counts = Mapping[tuple[str, str], int | None]
"""How many complaints there are of each part and value."""


def complaints(facts: Glimpse, review: Review, *, masks: bool) -> Complaints:
    """Those of the month of a review. `masks`: small numbers are not told. Raises TooCostly, Busy."""
    now = _counts(facts, review.department, review.days, masks=masks)
    earlier = _counts(facts, review.department, before(review.days.first, "month", 1), masks=masks)
    themes, severities = (_lines(part, now, earlier) for part in _BOTH)
    return Complaints(_line("", "", now, earlier), themes, severities)


def _lines(part: str, now: Counts, earlier: Counts) -> list[Line]:
    values = {value for each in (now, earlier) for kind, value in each if kind == part}
    found = [_line(part, value, now, earlier) for value in values]
    if part == SEVERITY:
        return sorted(found, key=lambda each: _SEVERITIES.index(each.name) if each.name in _SEVERITIES else -1)
    return sorted(found, key=lambda each: (each.name in (UNREAD, WORDLESS), -_rank(each.now), each.name))


def _rank(count: int | None) -> float:
    """What is not told is between nobody and what is."""
    return 0.5 if count is None else count


def _line(part: str, value: str, now: Counts, earlier: Counts) -> Line:
    return Line(value, now.get((part, value), 0), earlier.get((part, value), 0))


def _counts(facts: Glimpse, department: str, days: Days, *, masks: bool) -> Counts:
    zoned = zones(facts)
    own = next((days.within(zone) for zone, ids in zoned.departments.items() if department in ids), None)
    start, end = own or days.within(UTC)
    rows = facts.query(_SQL, {"department": department, "start": start, "end": end}).rows
    found = {(part, value): (int(count), int(people)) for part, value, count, people in rows}
    kept = _hidden(found) if masks else set()
    return {place: None if place in kept else count for place, (count, _) in found.items()}


def _hidden(found: Mapping[tuple[str, str], tuple[int, int]]) -> set[tuple[str, str]]:
    """The places that are not told, by the rule that holds for every measure: of all complaints by whether they are
    read, and of those that are by each part. Where it is not told how many are read, no part adds up to that."""
    cells = {place: Cell({_ALL: count}, None, {_ALL: people}) for place, (count, people) in found.items()}
    rows = {part: {value: cell for (kind, value), cell in cells.items() if kind == part} for part in _BOTH}
    read = cells.get((_READ, ""), Cell({_ALL: 0}, None, {_ALL: 0}))
    unread = {value: rows[THEME][value] for value in (UNREAD, WORDLESS) if value in rows[THEME]}
    states = _not_told(cells[WHOLE], {**unread, _READ: read})
    kept = {WHOLE} if WHOLE[1] in states else set()
    for part in _BOTH:
        strata = {value: cell for value, cell in rows[part].items() if value not in unread}
        inside = _not_told(read, strata)
        if _READ in states and strata and not inside:
            inside = {min((cell.counts[_ALL], value) for value, cell in strata.items())[1]}
        kept |= {(part, value) for value in (inside | states) & rows[part].keys()}
    return kept


def _not_told(whole: Cell, strata: Mapping[str, Cell]) -> set[str]:
    """The strata that are not told, and the whole's empty name where it is not."""
    told = hidden([_GROUP], [Counted(whole, {_READ: strata})], ())
    return {value for (_, value), level in told.items() if level is Hidden.ALL}
