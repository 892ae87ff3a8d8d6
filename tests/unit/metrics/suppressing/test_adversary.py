"""Whoever asks all that may be asked, and computes with it what follows, does not come to a number of few people."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carethread.core.errors import Forbidden
from carethread.core.few import ENOUGH
from carethread.core.ports.analytics import Answer, Marks
from carethread.metrics.evaluating.asking import Asked
from carethread.metrics.evaluating.counting import Cell, Counted
from carethread.metrics.evaluating.periods import Days
from carethread.metrics.measures.definition import LANGUAGE, Definition, definition
from carethread.metrics.series.counting import narrowed
from carethread.metrics.suppressing.cells import WHOLE, Hidden, Place
from carethread.metrics.suppressing.masking import masked
from carethread.metrics.suppressing.naming import UNNAMED
from support.facts import NOW

MONTHS = [Days(date(2029, 1, 1), date(2029, 1, 31)), Days(date(2029, 2, 1), date(2029, 2, 28))]
PERIODS = [*MONTHS, Days(MONTHS[0].first, MONTHS[1].last)]
SQL = """
SELECT 'Visit/' || number AS resource, subject, "at", department, site, room, NULL AS practitioner,
  TRUE AS initial_population, status IN ('came', 'missed') AS denominator, status = 'missed' AS numerator,
  status = 'open' AS unresolved
FROM made WHERE "at" >= $start AND "at" < $end
"""
POPULATIONS = ("initial-population", "denominator", "numerator", "unresolved")
OF = {
    "came": ("initial-population", "denominator"),
    "missed": POPULATIONS[:3],
    "open": (POPULATIONS[0], POPULATIONS[3]),
}
COLUMNS = ("department", "sex", "site", "room")
PRIME = 2**61 - 1

Visit = tuple[str, int, str, str]
"""Whose, in which month, in which room, and what became of it. A room is called by its department and its site, so that
each of these is made of rooms, which everybody knows."""


def _measure(*stratifiers: str) -> Definition:
    def criteria(name: str) -> dict[str, Any]:
        return {
            "code": {"coding": [{"code": name}]},
            "criteria": {"language": LANGUAGE, "expression": name.replace("-", "_")},
        }

    group = {"population": list(map(criteria, POPULATIONS)), "stratifier": list(map(criteria, stratifiers))}
    measure = {
        "id": "m",
        "url": "https://example.org/m",
        "scoring": {"coding": [{"code": "proportion"}]},
        "group": [group],
    }
    return definition(measure, SQL, "")


MEASURE = _measure("department", "sex")
PARTED = [
    MEASURE, _measure("department", "sex", "site"), _measure("room", "department"),
    _measure("site"), _measure("room"), _measure("site", "room"),
]  # fmt: skip


class Practice:
    """Facts of visits, as an engine has them."""

    marks = Marks(NOW, {})
    views: Mapping[str, str] = {}

    def __init__(self) -> None:
        self._engine = duckdb.connect(config={"threads": 1})
        self._engine.execute("CREATE TABLE organizations (zone VARCHAR, id VARCHAR)")
        self._engine.execute("INSERT INTO organizations VALUES (NULL, 'x'), (NULL, 'y'), (NULL, 'z')")
        self._engine.execute("CREATE TABLE patients (id VARCHAR, gender VARCHAR)")
        columns = 'number INTEGER, subject VARCHAR, "at" TIMESTAMP, status VARCHAR, department VARCHAR, site VARCHAR'
        self._engine.execute(f"CREATE TABLE made ({columns}, room VARCHAR)")
        self._answers: dict[object, Answer] = {}

    def fill(self, visits: list[Visit]) -> None:
        self._answers.clear()
        self._engine.execute("DELETE FROM patients")
        self._engine.execute("DELETE FROM made")
        if visits:
            people = ", ".join(f"('{who}', '{_sex(who)}')" for who in {who for who, *_ in visits})
            self._engine.execute(f"INSERT INTO patients VALUES {people}")
            rows = ", ".join(
                f"({i}, '{who}', TIMESTAMP '2029-0{month + 1}-05', '{status}', '{where[0]}', '{where[1:]}', '{where}')"
                for i, (who, month, where, status) in enumerate(visits)
            )
            self._engine.execute(f"INSERT INTO made VALUES {rows}")

    def query(self, sql: str, parameters: Mapping[str, object] = {}) -> Answer:
        asked = sql, tuple(parameters.items())
        if asked not in self._answers:
            found = self._engine.execute(sql, dict(parameters)) if parameters else self._engine.execute(sql)
            self._answers[asked] = Answer(tuple(each[0] for each in found.description), found.fetchall())
        return self._answers[asked]

    def columns(
        self, sql: str, parameters: Mapping[str, object] = {}, beside: Mapping[str, str] = {}
    ) -> dict[str, str]:
        used = {name: value for name, value in parameters.items() if f"${name}" in sql}
        return {name: kind for name, kind, *_ in self._engine.execute(f"DESCRIBE {sql}", used).fetchall()}

    def kept(self, sql: str, parameters: Mapping[str, object] = {}) -> str:
        return f"({sql})"


PRACTICE = Practice()


def _sex(who: str) -> str:
    return {"f": "female", "m": "male", "o": "other"}[who[0]]


def told(days: Days, department: str = "", measure: Definition = MEASURE) -> tuple[Counted, Mapping[Place, Hidden]]:
    asked = Asked(str(days.first), str(days.last), days, "summary", "", "", department, "")
    (counted,), hidden = masked(PRACTICE, measure, asked, lambda said: None)
    return counted, hidden


def cells(counted: Counted) -> Iterator[tuple[Place, Cell]]:
    yield WHOLE, counted.whole
    for column, strata in counted.strata.items():
        for value, cell in strata.items():
            yield (column, value), cell


def is_told(level: Hidden, population: str) -> bool:
    return level is Hidden.NOTHING or (level is Hidden.BESIDE and population in ("denominator", "numerator"))


@st.composite
def practices(draw: st.DrawFn) -> list[Visit]:
    """In blocks of so many people of one sex, some of whom are in several departments and months. A department may be
    at one site, so that a site is made of departments, or partly at another."""
    visits: list[Visit] = []
    sites = {where: draw(st.sampled_from(["A", "B", "AB"])) for where in "xyz"}
    for sex, month, where in [(s, m, d) for s in "fmo" for m in (0, 1) for d in "xyz"]:
        for status in OF:
            many = draw(st.sampled_from([0, 0, 0, 1, 3, 10, 11, 14, 40]))
            shared = draw(st.booleans())
            site = draw(st.sampled_from(sites[where]))
            for i in range(many):
                who = f"{sex}{i}" if shared else f"{sex}{where}{status}{i}"
                visits.append((who, month, where + site, status))
    return visits


Unknown = tuple[int, Place, str]


def equations(
    visits: list[Visit], measure: Definition = MEASURE
) -> tuple[list[dict[Unknown, int]], dict[Unknown, int]]:
    """All that is known: what is told, that strata add up, and what populations mean; and how many people stand behind
    each number that is not told."""
    PRACTICE.fill(visits)
    people: defaultdict[Unknown, set[str]] = defaultdict(set)
    for who, month, where, status in visits:
        for place in (WHOLE, *_places(who, where)):
            for population in (*OF[status], "beside" if status == "open" else "rest" if status == "came" else "missed"):
                people[month, place, population].add(who)
    strata = sorted({place for who, _, where, _ in visits for place in _places(who, where)})
    rooms = _of(strata, "room")
    wholes = [(WHOLE, _of(strata, column)) for column in COLUMNS]
    wholes += [(each, [room for room in rooms if room[1][0] == each[1]]) for each in _of(strata, "department")]
    wholes += [(each, [room for room in rooms if room[1][1:] == each[1]]) for each in _of(strata, "site")]
    known: list[dict[Unknown, int]] = []
    for month in (0, 1):
        for population in POPULATIONS:
            for whole, parts in wholes:
                adds = {(month, part, population): 1 for part in parts}
                known.append({**adds, (month, whole, population): PRIME - 1})
        for place in (WHOLE, *strata):
            begin, below, _, unresolved = ((month, place, each) for each in POPULATIONS)
            known.append({begin: 1, below: PRIME - 1, unresolved: PRIME - 1})
    secret = {(m, p, n): len(people[m, p, n]) for m in (0, 1) for p in (WHOLE, *strata) for n in POPULATIONS}
    for days in PERIODS:
        months = [i for i, month in enumerate(MONTHS) if days.first <= month.first and month.last <= days.last]
        for place, cell, level in _answers(days, strata, measure):
            for population in POPULATIONS:
                if is_told(level, population):
                    known.append({(month, place, population): 1 for month in months})
                    for month in months if cell is not None else ():
                        secret.pop((month, place, population), None)
                        behind = len(people[month, place, population])
                        assert behind == 0 or behind >= ENOUGH, "a number of few people is told"
                if cell is None:
                    assert not any(people[month, place, population] for month in months)
    return known, secret


def _places(who: str, where: str) -> list[Place]:
    return [("department", where[0]), ("sex", _sex(who)), ("site", where[1:]), ("room", where)]


def _of(strata: list[Place], column: str) -> list[Place]:
    return [place for place in strata if place[0] == column]


def _answers(days: Days, strata: list[Place], measure: Definition) -> Iterator[tuple[Place, Cell | None, Hidden]]:
    """What is told of each place, in all ways to ask. Of strata that are one without a name, nothing is."""
    for columns in [measure.parted_by, *({each} for each in measure.parted_by)]:
        counted, hidden = told(days, measure=narrowed(measure, columns))
        found = dict(cells(counted))
        for place in (WHOLE, *(each for each in strata if each[0] in columns)):
            if place in found or (place[0], UNNAMED) not in found:
                yield place, found.get(place), hidden.get(place, Hidden.NOTHING)
    for place in _of(strata, "department"):
        for asked in (measure, narrowed(measure, {"department"})):
            if "department" in measure.parted_by:
                counted, hidden = told(days, place[1], asked)
                yield place, counted.whole, hidden.get(WHOLE, Hidden.NOTHING)
            else:
                with pytest.raises(Forbidden):
                    told(days, place[1], asked)


def solved(known: list[dict[Unknown, int]]) -> set[Unknown]:
    """The unknowns that the equations leave one value for: their column alone is a row of the reduced matrix."""
    rows: dict[Unknown, dict[Unknown, int]] = {}
    for equation in known:
        row = dict(equation)
        for pivot in [each for each in row if each in rows]:
            _take(row, rows[pivot], row[pivot])
        if row:
            pivot = next(iter(row))
            inverse = pow(row[pivot], -1, PRIME)
            row = {name: value * inverse % PRIME for name, value in row.items()}
            for other in rows.values():
                if pivot in other:
                    _take(other, row, other[pivot])
            rows[pivot] = row
    return {pivot for pivot, row in rows.items() if len(row) == 1}


def _take(row: dict[Unknown, int], other: dict[Unknown, int], times: int) -> None:
    for name, value in other.items():
        left = (row.get(name, 0) - times * value) % PRIME
        if left:
            row[name] = left
        else:
            row.pop(name, None)


@settings(max_examples=25, deadline=None)
@given(practices(), st.sampled_from(PARTED))
def test_no_number_of_few_people_is_told_or_follows(visits, measure):
    known, secret = equations(visits, measure)
    found = solved(known)
    assert not [name for name, people in secret.items() if 0 < people < ENOUGH and name in found]


def test_the_adversary_would_find_what_is_masked_alone():
    """With one stratum hidden only, the sum tells it."""
    a, b, whole = (0, ("sex", "female"), "numerator"), (0, ("sex", "male"), "numerator"), (0, WHOLE, "numerator")
    adds = {a: 1, b: 1, whole: PRIME - 1}
    assert solved([adds, {b: 1}, {whole: 1}]) == {a, b, whole}
    assert a not in solved([adds, {whole: 1}])


def many(count: int, where: str = "x", status: str = "came", month: int = 0, sex: str = "f") -> list[Visit]:
    return [(f"{sex}{where}{status}{i}", month, where, status) for i in range(count)]


@pytest.mark.parametrize("partly", [False, True])
@pytest.mark.parametrize("stratifiers", [("department", "site"), ("site", "department"), ("site", "room")])
def test_a_stratifier_of_ones_own_is_told_by_itself_only(stratifiers, partly):
    """Site A is departments x and y, or x and a part of y; what it has more than x would be who of y is there."""
    visits = [*many(40, "xA"), *many(3, "yA"), *many(40 if partly else 0, "yB"), *many(30, "zB")]
    both = _measure(*stratifiers)
    known, secret = equations(visits, both)
    assert not [name for name, people in secret.items() if 0 < people < ENOUGH and name in solved(known)]
    for asked in (both, narrowed(both, {"site"})):
        counted, hidden = told(MONTHS[0], measure=asked)
        assert list(counted.strata["site"]) == [UNNAMED]
        assert hidden["site", UNNAMED] is Hidden.ALL
    counted, hidden = told(MONTHS[0], measure=_measure("site"))
    assert [counted.strata["site"][each].counts["denominator"] for each in "AB"] == [43, 70 if partly else 30]
    assert not hidden


def test_what_is_told_of_a_department_is_what_all_departments_are_told_by():
    missed = [*many(30, "x", "missed"), *many(3, "y", "missed"), *many(15, "z", "missed")]
    PRACTICE.fill([*missed, *many(40, "x"), *many(20, "y"), *many(20, "z")])
    whole, hidden = told(MONTHS[0])
    assert WHOLE not in hidden
    assert hidden["department", "y"] is Hidden.ALL
    assert len([place for place in hidden if place[0] == "department"]) == 2, "one alone would follow"
    for each in "xyz":
        counted, of_one = told(MONTHS[0], each)
        assert counted.whole.counts == whole.strata["department"][each].counts
        assert counted.strata == {}
        assert of_one.get(WHOLE) == hidden.get(("department", each))


def test_what_is_beside_the_score_is_hidden_by_itself():
    PRACTICE.fill([*many(40), *many(30, status="missed"), *many(2, status="open")])
    _, hidden = told(MONTHS[0])
    assert hidden[WHOLE] is Hidden.BESIDE
    assert is_told(hidden[WHOLE], "numerator")
    assert not is_told(hidden[WHOLE], "unresolved")


def test_a_longer_period_tells_what_each_of_its_months_tells():
    PRACTICE.fill([*many(40), *many(30, status="missed"), *many(40, month=1), *many(2, status="missed", month=1)])
    assert WHOLE not in told(MONTHS[0])[1]
    assert told(PERIODS[2])[1][WHOLE] is Hidden.ALL
    PRACTICE.fill([*many(40), *many(30, status="missed"), *many(40, month=1)])
    counted, hidden = told(PERIODS[2])
    assert (hidden, counted.whole.counts["denominator"]) == ({}, 110)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"days": Days(date(2029, 1, 2), date(2029, 1, 31))}, "periodStart"),
        ({"days": Days(date(2029, 1, 1), date(2029, 1, 30))}, "periodEnd"),
        ({"days": Days(date(2031, 1, 1), date(2031, 1, 31))}, "periodEnd"),
        ({"subject": "p"}, "subject"),
        ({"practitioner": "p"}, "practitioner"),
        ({"group": "g"}, "group"),
        ({"days": Days(date(2020, 1, 1), date(2025, 1, 31))}, "periodEnd"),
    ],
)
def test_what_is_not_told_at_all_is_refused(change, where):
    asked = Asked("", "", MONTHS[0], "summary", "", "", "", "")
    with pytest.raises(Forbidden) as refused:
        masked(PRACTICE, MEASURE, replace(asked, **change), lambda said: None)
    assert refused.value.issues[0].expression == where


def test_a_measure_that_is_not_told_apart_is_not_told_by_department():
    (group,) = MEASURE.groups
    plain = replace(MEASURE, groups=(replace(group, stratifiers=()),))
    asked = Asked("", "", MONTHS[0], "summary", "", "", "x", "")
    with pytest.raises(Forbidden, match="by department"):
        masked(PRACTICE, plain, asked, lambda said: None)
