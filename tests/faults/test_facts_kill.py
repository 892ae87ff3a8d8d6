"""Who publishes facts is killed again and again, anywhere: what is read is whole each time, at last all there is."""

from __future__ import annotations

from pathlib import Path
from threading import Event as Signal

import pytest

from carethread.adapters.analytics.duck import DuckAnalytics
from carethread.adapters.analytics.parquet import ParquetShelf
from carethread.core.clock import system_clock
from carethread.core.errors import Busy
from carethread.metrics.facts.publishing import Publisher
from support import facts_worker
from support.deaths import all_die, kills, possible
from support.facts_made import SUBJECTS
from support.facts_worker import STEPS, VISITS
from support.looping import looping
from support.stores import open_store

KILLS = kills(1)


@pytest.mark.timeout(120 + 20 * KILLS)
def test_what_is_read_is_whole_whenever_who_publishes_dies(database_url: str, tmp_path: Path) -> None:
    store = open_store(database_url, "metrics")
    store.transact(facts_worker.fill)
    facts_worker.keep(store)
    folder = tmp_path / "facts"
    analytics = DuckAnalytics(folder)
    seen: list[int] = []
    torn: list[object] = []

    def reading(stop: Signal) -> None:
        while not stop.wait(0.02):
            try:
                with analytics.look() as facts:
                    rows = facts.query("SELECT id, minutes FROM visits ORDER BY id").rows
            except Busy:
                continue  # nothing yet, or the files of a manifest that was replaced meanwhile
            if [id_ for id_, _ in rows] != list(VISITS) or len({number for _, number in rows}) != 1:
                torn.append(rows)
            seen.append(rows[0][1] if rows else 0)

    with looping(reading):
        all_die("support.facts_worker", database_url, str(folder), steps=possible(STEPS, database_url), count=KILLS)
    assert torn == []
    assert seen == sorted(seen), "what was read once does not go back"
    assert len(set(seen)) > 1
    last = facts_worker.keep(store)
    Publisher(store, ParquetShelf(folder), SUBJECTS, system_clock).publish()
    with analytics.look() as facts:
        assert facts.query("SELECT DISTINCT minutes FROM visits").rows == [(last,)]
    store.close()
