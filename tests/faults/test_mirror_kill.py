"""A service is killed again and again while it fills its mirror, and its owner goes on writing: it resumes, and ends
equal to the owner."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from carethread.adapters.sql.events.outbox import SqlOutbox
from carethread.adapters.sql.store.store import SqlStore
from carethread.core.ports import Session
from carethread.core.service import Runtime
from carethread.interactions.mirror import reaction
from support import mirror_worker
from support.records import Records, patient
from support.servers import until
from support.stores import BASE, open_store, version

PATIENTS = 300
KILLS = 3
_SUPPORT = Path(__file__).parents[1]


@pytest.mark.servers
@pytest.mark.timeout(240)
def test_a_mirror_that_is_killed_goes_on_behind_its_last_chunk(postgres_database: str) -> None:
    owner = open_store(postgres_database)
    owner.transact(lambda session: session.write([version(patient(f"p{n}")) for n in range(PATIENTS)]))
    runtime = mirror_worker.service(postgres_database, postgres_database)
    store, records, chance = runtime.store, Records(owner), random.Random(5)
    places = [0]

    def place() -> int | None:
        progress = store.mirrored("Patient")
        return 0 if progress is None else progress.place

    for number in range(KILLS + 1):
        command = [sys.executable, "-m", "support.mirror_worker", postgres_database, postgres_database]
        worker = subprocess.Popen(command, env=_env())
        while worker.poll() is None:
            records.put(patient(f"p{chance.randrange(PATIENTS)}", birthDate=f"{chance.randrange(1930, 2020)}-01-01"))
            records.ask("DELETE", f"Patient/p{chance.randrange(PATIENTS)}")
            records.put(patient(f"late{chance.randrange(PATIENTS)}"))
            now = place()
            if number < KILLS and now is not None and now > places[-1] + 40:
                worker.kill()
        worker.wait()
        now = place()
        if now is None:
            break
        assert now >= places[-1], "what was kept is not copied again"
        places.append(now)
    assert len(places) > 1
    until(lambda: place() is None, seconds=5, what="a whole mirror")
    _catch_up(owner, runtime)
    assert _living(store) == _living(owner)
    owner.close()
    store.close()


def _env() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": f"{_SUPPORT}:{_SUPPORT.parent / 'services'}"}


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
