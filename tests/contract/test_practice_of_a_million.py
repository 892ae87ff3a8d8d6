"""Each shipped measure is counted over a million appointments within what a query may take, with room for more."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bench.measuring import YEAR
from bench.practice_of_a_million import write
from carethread.adapters.analytics.bounds import USUAL, Bounds
from carethread.adapters.analytics.duck import DuckAnalytics
from carethread.metrics.evaluating.evaluating import evaluate, units
from support.measured import shipped

MEASURES = dict(shipped())


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckAnalytics]:
    """With nine tenths of the usual memory: a hospital that is a little larger is not refused either."""
    folder = tmp_path_factory.mktemp("million")
    write(folder)
    yield DuckAnalytics(folder, Bounds(memory=USUAL.memory * 9 // 10, threads=USUAL.threads))


@pytest.mark.parametrize("name", MEASURES)
def test_a_measure_takes_no_more_than_a_query_may(engine: DuckAnalytics, name: str) -> None:
    with engine.look(leisure=True) as facts:
        known = MEASURES[name]
        found = evaluate(facts, known, units(facts, known, YEAR, ()), people=True)
    assert all(any(each.whole.counts.values()) for each in found)
