"""A service is killed again and again while it fills its mirror, and its owner goes on writing: it resumes, and ends
equal to the owner."""

from __future__ import annotations

import math
import random
from pathlib import Path
from threading import Event as Signal

import pytest

from carethread.adapters.sql.events.outbox import SqlOutbox
from carethread.adapters.sql.store.store import SqlStore
from carethread.core.ports import Session
from carethread.core.service import Runtime
from carethread.interactions.mirror import reaction, start
from support import mirror_worker
from support.deaths import kills, possible
from support.looping import looping
from support.mirror_worker import MOST, PIECE, STEPS, mirrors_die
from support.records import Records, patient
from support.stores import BASE, open_store, version

KILLS = kills(2)
PATIENTS = KILLS * len(STEPS) * MOST * PIECE + 100
"""More than all of them can copy."""


@pytest.mark.timeout(180 + 20 * KILLS)
def test_a_mirror_that_is_killed_goes_on_behind_its_last_chunk(database_url: str, tmp_path: Path) -> None:
    sqlite = database_url.startswith("sqlite")
    url = f"sqlite:///{tmp_path}/copies.db" if sqlite else database_url
    owner, store = open_store(database_url), open_store(url, "scheduling")
    owner.transact(lambda session: session.write([version(patient(f"p{n}")) for n in range(PATIENTS)]))
    runtime, records, chance = mirror_worker.service(database_url, store), Records(owner), random.Random(5)
    places = [0.0]

    def note() -> None:
        progress = store.mirrored("Patient")
        if progress:
            places.append(max(0, progress.place) if progress.place is not None else math.inf)

    def writing(stop: Signal) -> None:
        while not stop.is_set():
            records.put(patient(f"p{chance.randrange(PATIENTS)}", birthDate=f"{chance.randrange(1930, 2020)}-01-01"))
            records.ask("DELETE", f"Patient/p{chance.randrange(PATIENTS)}")
            records.put(patient(f"late{chance.randrange(PATIENTS)}"))
            note()

    with looping(writing):
        mirrors_die(database_url, url, possible(STEPS, database_url), KILLS)
    note()
    assert places[-1] > 0
    assert places == sorted(places), "what was kept is not copied again"
    start(runtime, mirror_worker.MIRROR)
    _catch_up(owner, runtime)
    assert _living(store) == _living(owner)
    owner.close()
    store.close()


def _catch_up(owner: SqlStore, runtime: Runtime) -> None:
    box = SqlOutbox(owner.engine, "records", BASE)
    epoch, through = box.lead("test", 600) or 0, 0
    progress = runtime.store.mirrored("Patient")
    assert progress
    while events := box.take(epoch, through, 500, 600):
        through = events[-1].sequence
        due = [event for event in events if event.time >= progress.began]
        runtime.store.transact(lambda session, due=due: reaction(mirror_worker.MIRROR).handle(runtime, session, due))  # type: ignore[misc]


def _living(store: object) -> dict[str, tuple[int, bytes]]:
    assert isinstance(store, SqlStore)
    keys = [("Patient", f"{kind}{n}") for kind in ("p", "late") for n in range(PATIENTS)]

    def look(session: Session) -> dict[str, tuple[int, bytes]]:
        return {s.id: (s.version, s.body) for s in session.current(keys).values() if not s.deleted}

    return store.snapshot(look)
