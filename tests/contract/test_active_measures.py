"""Which Measures pages, packs and lists of gaps are about."""

from __future__ import annotations

import logging

import pytest

from carethread.adapters.sql.store.store import SqlStore
from carethread.metrics.measures import finding
from support.measuring import keep, metrics, own_measure


def test_more_than_there_is_room_for_are_left_out_and_told_of(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    made = metrics(store)
    (measure, _), (retired, _) = own_measure("SELECT 1", [], "a"), own_measure("SELECT 1", [], "b")
    keep(made, {**measure, "title": "all"}, {**retired, "status": "retired"})
    keep(made, {name: each for name, each in measure.items() if name != "library"} | {"id": "reported"})
    known = store.glance(finding.active_measures)
    titles = [str(each.get("title")) for each in known]
    assert titles == sorted(titles, key=str.casefold) and "all" in titles
    assert {each["id"] for each in known} & {"b", "reported"} == set()
    assert not caplog.records
    monkeypatch.setattr(finding, "_MOST_MEASURES", 3)
    with caplog.at_level(logging.WARNING):
        assert len(store.glance(finding.active_measures)) == 3
    assert [each.message for each in caplog.records] == ["measures_left_out"]
