"""kill -9 around the effects of timers and around requests: each effect once, each request there and made once.

CARETHREAD_TEST_KILLS says how often at each step.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import select

from carethread.adapters.sql.store.store import SqlStore
from carethread.adapters.sql.tables import claims, resources
from carethread.core.clock import system_clock, to_micros
from carethread.core.context import Context
from carethread.core.ports import Resource, Session
from carethread.interactions.requesting import request
from support.deaths import Doom, kills
from support.errand_deaths import (
    EFFECT,
    REQUEST_STEPS,
    TIMER_STEPS,
    die_with_requests,
    die_with_timers,
    expire,
    sending,
    timing,
)
from support.event_workers import store_at

KILLS = kills(2)
NEVER = Doom("never")
PATIENTS = 5


@contextmanager
def going_on(store: SqlStore, cause: Callable[..., object]) -> Iterator[list[int]]:
    """Something goes on happening for as long as the block lasts: the numbers that were committed."""
    stop, done = threading.Event(), []

    def work() -> None:
        for number in count():
            if stop.is_set():
                return
            store.transact(partial(cause, number=number))
            done.append(number)
            time.sleep(0.002)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield done
    finally:
        stop.set()
        thread.join()


def set_timer(session: Session, number: int) -> None:
    session.timers.set("note", str(number), to_micros(system_clock()))


def want_task(session: Session, number: int) -> None:
    """Have a Task made, two of three times by a transaction, of which those that wait are done together."""
    patient = {"reference": f"Patient/{number % PATIENTS}"}
    resource: Resource = {"resourceType": "Task", "id": f"t{number}", "status": "requested", "intent": "order"}
    resource["for"] = patient
    if number % 3:
        entry = {"resource": resource, "request": {"method": "PUT", "url": f"Task/t{number}", "ifNoneMatch": "*"}}
        resource = {"resourceType": "Bundle", "id": f"b{number}", "type": "transaction", "entry": [entry]}
    request(session, resource, Context(), patient["reference"], new=True)


def check_timers(url: str) -> None:
    store = store_at(url, "scheduling")
    with going_on(store, set_timer) as numbers:
        die_with_timers(url, TIMER_STEPS, KILLS)
    last = timing(store, NEVER)
    while last.step():
        pass
    with store.engine.connect() as connection:
        effects = Counter(connection.execute(select(claims.c.holder).where(claims.c.kind == EFFECT)).scalars())
    assert effects == Counter(map(str, numbers)), "one effect for each"
    assert store.glance(lambda session: session.timers.earliest()) is None
    store.close()


@pytest.mark.timeout(120 + 60 * KILLS)
def test_timers(tmp_path: Path) -> None:
    check_timers(f"sqlite:///{tmp_path}/scheduling.db")


@pytest.mark.timeout(120 + 60 * KILLS)
def test_timers_on_postgresql(postgres_database: str) -> None:
    check_timers(postgres_database)


def check_requests(url: str, careteams_url: str) -> None:
    store, careteams = store_at(url, "scheduling"), store_at(careteams_url, "careteams")
    with going_on(store, want_task) as numbers:
        die_with_requests(url, careteams_url, REQUEST_STEPS, KILLS)
    expire(store)
    last = sending(store, careteams, NEVER)
    while last.step():
        pass
    assert store.glance(lambda session: session.requests.all()) == []
    with careteams.engine.connect() as connection:
        found = connection.execute(select(resources.c.id, resources.c.version).order_by(resources.c.row)).all()
    made = [int(id_[1:]) for id_, _ in found]
    assert sorted(made) == numbers, "each is there"
    assert {version for _, version in found} == {1}, "and was made once"
    for patient in range(PATIENTS):
        theirs = [number for number in made if number % PATIENTS == patient]
        assert theirs == sorted(theirs), "in order for each patient"
    store.close()
    careteams.close()


@pytest.mark.timeout(120 + 60 * KILLS)
def test_requests(tmp_path: Path) -> None:
    check_requests(f"sqlite:///{tmp_path}/scheduling.db", f"sqlite:///{tmp_path}/careteams.db")


@pytest.mark.timeout(120 + 60 * KILLS)
def test_requests_from_postgresql(postgres_database: str, tmp_path: Path) -> None:
    check_requests(postgres_database, f"sqlite:///{tmp_path}/careteams.db")
