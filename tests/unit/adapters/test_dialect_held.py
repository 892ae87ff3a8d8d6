"""What DuckDB holds of a WITH, or not, is nothing that Spark can be told."""

from __future__ import annotations

import pytest

from carethread.adapters.analytics.dialect import translate


@pytest.mark.parametrize("held", ["", "MATERIALIZED ", "NOT MATERIALIZED "])
@pytest.mark.parametrize("sql", ["SELECT * FROM seen", "SELECT * FROM seen JOIN seen AS again USING (id)"])
def test_a_relation_is_one_for_spark_whether_it_is_held_or_not(held: str, sql: str) -> None:
    found = translate(f"WITH seen AS {held}(SELECT id FROM visits) {sql}", {})
    assert "MATERIALIZED" not in found.sql + "".join(step for _, step in found.steps)
