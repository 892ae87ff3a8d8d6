"""The tables that a Measure is counted from are traced however an analyst spells them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carethread.metrics.measures.definition import Definition
from carethread.metrics.measures.tables import tables_read
from carethread.metrics.measures.words import words_of
from support.facts import facts_of

TABLES = {"appointments", "encounters", "patient_links", "visits"}


@pytest.mark.parametrize(
    ("sql", "names"),
    [
        ("SELECT id FROM appointments", {"appointments"}),
        ("SELECT id FROM APPOINTMENTS", {"appointments"}),
        ('SELECT id FROM "Appointments"', {"appointments"}),
        ("SELECT id FROM main.appointments", {"appointments"}),
        ("SELECT patient_id FROM Survivors", {"patient_links"}),
        ("SELECT 1 AS id -- not encounters", set()),
        ("SELECT 1 AS id /* not\nencounters */ FROM appointments", {"appointments"}),
        ("SELECT 'encounters' AS id FROM appointments", {"appointments"}),
        ("SELECT '--' AS id FROM appointments", {"appointments"}),
        ("SELECT 'it''s' AS id FROM appointments", {"appointments"}),
        ('SELECT 1 AS "it\'s -- /*" FROM appointments', {"appointments"}),
        ("SELECT E'it\\'s' AS id FROM appointments", {"appointments"}),
        ("SELECT 1 AS id -- isn't it\nFROM appointments", {"appointments"}),
        ("SELECT 1 AS visits2", set()),
    ],
)
def test_tables_are_traced_however_they_are_spelled(sql: str, names: set[str]) -> None:
    assert tables_read(Definition("own", sql, (), None), TABLES) == names
    with facts_of([]) as facts:
        facts.query(sql)


@given(st.lists(st.sampled_from(["-- visits\n", "/* visits */", "'visits'", " ", "\n", '"a -- b"', "''"])))
def test_what_stands_around_a_name_does_not_hide_it(around: list[str]) -> None:
    before, after = "".join(around), "".join(reversed(around))
    assert words_of(f"{before} FROM Appointments {after}") & TABLES == {"appointments"}
