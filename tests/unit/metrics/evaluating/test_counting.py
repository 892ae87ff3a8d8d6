"""Counting units: populations nest, strata add up to the whole, nobody counted is no score."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carethread.metrics.evaluating.counting import Cell, Counted, score, size
from carethread.metrics.evaluating.everybody import everybody
from carethread.metrics.evaluating.reading import read
from carethread.metrics.evaluating.tallying import tallied
from carethread.metrics.measures.definition import LANGUAGE, Definition, definition

POPULATIONS = (
    "initial-population",
    "denominator",
    "denominator-exclusion",
    "denominator-exception",
    "numerator",
    "numerator-exclusion",
)


ENGINE = duckdb.connect(config={"threads": 1})


def criteria(name: str) -> dict[str, str]:
    return {"language": LANGUAGE, "expression": name.replace("-", "_")}


def measure(scoring: str, populations: tuple[str, ...], *strata: str) -> dict[str, object]:
    group: dict[str, list[dict[str, Any]]] = {
        "population": [{"code": {"coding": [{"code": name}]}, "criteria": criteria(name)} for name in populations],
        "stratifier": [{"code": {"coding": [{"code": name}]}, "criteria": criteria(name)} for name in strata],
    }
    for each in group["population"]:
        if each["code"]["coding"][0]["code"] == "measure-observation":
            each["criteria"] = criteria("value")
            each["extension"] = [
                {
                    "url": "http://hl7.org/fhir/us/cqfmeasures/StructureDefinition/cqfm-aggregateMethod",
                    "valueCode": "median",
                }
            ]
    return {"id": "m", "url": "https://example.org/m", "scoring": {"coding": [{"code": scoring}]}, "group": [group]}


def unit(subject: str, department: str | None, flags: tuple[bool | None, ...], value: float | None = None) -> str:
    said = ["NULL" if flag is None else str(flag).upper() for flag in flags]
    named = [f"{flag} AS {name.replace('-', '_')}" for flag, name in zip(said, POPULATIONS, strict=True)]
    where = "NULL" if department is None else f"'{department}'"
    number = "NULL" if value is None else str(value)
    return (
        f"SELECT '{subject}' AS subject, 'Thing/1' AS resource, TIMESTAMP '2031-01-01' AS at, {where} AS department, "
        f"{', '.join(named)}, "
        f"TRUE AS measure_population, CAST({number} AS DOUBLE) AS value"
    )


def count(definition: Definition, standard: dict[str, str], wanted: tuple[str, ...] = ()) -> list[Counted]:
    known = everybody(definition, standard)
    people = replace(known, sql=f"({known.sql})") if known else None
    found, plain = (
        read(definition, tallied(_rows, definition, people, wanted, parts=parts, likeness=parts), parts=parts)[0]
        for parts in (True, False)
    )
    assert [_bare(each) for each in plain] == [_bare(each) for each in found]
    return found


def _rows(sql: str) -> list[tuple[Any, ...]]:
    return ENGINE.execute(sql).fetchall()


def _bare(counted: Counted) -> Counted:
    """Without the people."""

    def alone(cell: Cell) -> Cell:
        return replace(cell, people={}, standings={}, likeness=None)

    strata = {c: {v: alone(cell) for v, cell in cells.items()} for c, cells in counted.strata.items()}
    return Counted(alone(counted.whole), strata)


flags = st.tuples(*[st.sampled_from([True, False, None])] * len(POPULATIONS))
some_units = st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(["x", "y", None]), flags), max_size=12)


@settings(max_examples=60, deadline=None)
@given(some_units)
def test_a_proportion_is_counted_as_the_standard_says(units):
    sql = " UNION ALL ".join(unit(*each) for each in units) or unit("z", "x", (True,) * 6) + " WHERE FALSE"
    known = definition(measure("proportion", POPULATIONS, "department"), sql, "")
    (counted,) = count(known, {})

    def expected(members: list[tuple[str, str | None, tuple[bool | None, ...]]]) -> tuple[Any, ...]:
        begun = [(who, f) for who, _, f in members if f[0]]
        denominator = [(who, f) for who, f in begun if f[1]]
        kept = [(who, f) for who, f in denominator if not f[2]]
        numerator = [(who, f) for who, f in kept if f[4] and not f[5]]
        excepted = [each for each in kept if each not in numerator and each[1][3]]
        left = len(kept) - len(excepted)
        return (
            len(begun),
            len(denominator),
            len(denominator) - len(kept),
            len(excepted),
            len(numerator),
            pytest.approx(len(numerator) / left) if left else None,
        )

    def found(cell: Cell) -> tuple[Any, ...]:
        names = POPULATIONS[:5]
        return (*(cell.counts[name] for name in names), score(known.groups[0], cell))

    assert found(counted.whole) == expected(units)
    by_department = counted.strata["department"] if units else {}
    for department in {where for _, where, _ in units}:
        assert found(by_department[department or ""]) == expected([each for each in units if each[1] == department])
    assert set(by_department) == {where or "" for _, where, _ in units}


def test_an_observation_is_aggregated_and_of_nobody_is_no_number():
    populations = ("initial-population", "measure-population", "measure-observation")
    everyone = (True,) * 6
    sql = " UNION ALL ".join(unit(who, "x", everyone, value) for who, value in (("a", 1), ("a", 2), ("b", 9)))
    known = definition(measure("continuous-variable", populations, "sex"), sql, "")
    standard = {"sex": "SELECT 'a' AS subject, 'female' AS value"}
    (counted,) = count(known, standard)
    assert score(known.groups[0], counted.whole) == 2.0
    assert counted.whole.people == {"measure-population": 2, "beside": 0}
    assert {value: cell.value for value, cell in counted.strata["sex"].items()} == {"female": 1.5, "": 9.0}
    (nobody,) = count(known, standard, ("unit.subject = 'c'",))
    assert score(known.groups[0], nobody.whole) is None
    assert nobody.whole.counts["measure-population"] == 0


some_values = st.lists(
    st.tuples(st.sampled_from("abcde"), st.sampled_from(["x", "y"]), st.sampled_from([None, 0, 0, 1, 2])),
    min_size=1,
    max_size=14,
)


@settings(max_examples=60, deadline=None)
@given(some_values)
def test_how_alike_what_is_observed_is_goes_by_people(units: list[tuple[str, str, float | None]]) -> None:
    """`a` and `b` are known. Where as many people have one value as another, either is the usual one."""
    populations = ("initial-population", "measure-population", "measure-observation")
    sql = " UNION ALL ".join(unit(who, where, (True,) * 6, value) for who, where, value in units)
    known = definition(measure("continuous-variable", populations, "sex", "department"), sql, "")
    sexes = {"a": "female", "b": "male"}
    standard = {"sex": "SELECT * FROM (VALUES ('a', 'female'), ('b', 'male')) AS people(subject, value)"}
    (counted,) = count(known, standard)

    def judge(cell: Cell, members: list[tuple[str, str, float | None]]) -> None:
        values = {who: {v for each, _, v in members if each == who and v is not None} for who, _, _ in members}
        values = {who: some for who, some in values.items() if some}
        alone = Counter(next(iter(some)) for some in values.values() if len(some) == 1)
        if not values:
            assert cell.likeness is None
            return
        assert cell.likeness is not None
        most = max(alone.values(), default=0)
        assert (cell.likeness.people, cell.likeness.others) == (most, len(values) - most)
        assert alone[cell.likeness.usual] == most if cell.likeness.usual is not None else not alone

    judge(counted.whole, units)
    for sex, cell in counted.strata["sex"].items():
        judge(cell, [each for each in units if sexes.get(each[0], "") == sex])
    for where, cell in counted.strata["department"].items():
        judge(cell, [each for each in units if each[1] == where])


def test_a_measure_may_have_more_populations_than_a_number_has_bits():
    names = [f"own-{i}" for i in range(70)]
    columns = ", ".join(f"{i} % 3 = number % 3 AS own_{i}" for i in range(70))
    sql = f"SELECT 'p' || number % 2 AS subject, 'Thing/1' AS resource, {columns} FROM range(6) AS units(number)"
    several = measure("cohort", ("initial-population",))
    several["group"] = [measure("cohort", (name,))["group"][0] for name in names]  # type: ignore[index]
    counted = count(definition(several, sql, ""), {})
    assert [each.whole.counts for each in counted] == [{name: 2} for name in names]
    expected = [{"units": 2, f"units and {name}": 2, f"units without {name}": 2, name: 0} for name in names]
    assert [each.whole.people for each in counted] == expected


def test_units_may_stand_in_more_ways_than_a_number_has_bits():
    names = ["initial-population", *(f"own-{i}" for i in range(7))]
    columns = ", ".join(f"(number & {1 << i}) <> 0 AS own_{i}" for i in range(7))
    who = "CASE WHEN number < 100 THEN 'a' ELSE 'b' END"
    unit_ = f"{who} AS subject, 'Thing/1' AS resource, TRUE AS initial_population, {columns}"
    sql = f"SELECT {unit_} FROM range(128) AS units(number)"
    several = measure("cohort", ("initial-population",))
    several["group"] = [measure("cohort", (name,))["group"][0] for name in names]  # type: ignore[index]
    (first, *others) = count(definition(several, sql, ""), {})
    assert [each.whole.counts[name] for each, name in zip(others, names[1:], strict=True)] == [64] * 7
    assert {len(ways): people for ways, people in first.whole.standings.items()} == {100: 1, 28: 1}
    assert set().union(*first.whole.standings) == {1 + (number << 1) for number in range(128)}


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["a", "b", "c", None]), st.sampled_from(["x", "y"])), min_size=1, max_size=12)
)
def test_people_are_counted_once_whether_their_strata_are_known_or_not(units):
    """`a` and `b` are known; `c` is not; a unit of nobody is somebody's of its own."""
    rows = [
        f"SELECT {repr(who) if who else 'NULL'} AS subject, 'Thing/{i}' AS resource, '{where}' AS department,"
        " TRUE AS initial_population"
        for i, (who, where) in enumerate(units)
    ]
    sql = f"SELECT CAST(subject AS VARCHAR) AS subject, * EXCLUDE (subject) FROM ({' UNION ALL '.join(rows)})"
    known = definition(measure("cohort", ("initial-population",), "department", "sex"), sql, "")
    sexes = {"a": "female", "b": "male"}
    standard = {"sex": "SELECT * FROM (VALUES ('a', 'female'), ('b', 'male')) AS people(subject, value)"}
    (counted,) = count(known, standard)
    people = [(who or f"Thing/{i}", where) for i, (who, where) in enumerate(units)]

    def by(of: Mapping[str, Cell]) -> dict[str, int]:
        return {value: cell.people["initial-population"] for value, cell in of.items()}

    assert counted.whole.people == {"initial-population": len({who for who, _ in people})}
    assert by(counted.strata["department"]) == {
        place: len({who for who, where in people if where == place}) for place in {where for _, where in people}
    }
    assert by(counted.strata["sex"]) == {
        sex: len({who for who, _ in people if sexes.get(who, "") == sex})
        for sex in {sexes.get(who, "") for who, _ in people}
    }


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({"initial-population": 30, "denominator": 20, "denominator-exclusion": 3, "denominator-exception": 2}, 15),
        ({"initial-population": 30, "denominator": 20, "denominator-exclusion": None}, None),
        ({"initial-population": 30, "measure-population": 12}, 12),
        ({"initial-population": 30}, 30),
        ({"initial-population": None}, None),
        ({}, None),
    ],
)
def test_how_many_units_a_number_is_of(counts: Mapping[str, int | None], expected: int | None) -> None:
    assert size(counts) == expected
