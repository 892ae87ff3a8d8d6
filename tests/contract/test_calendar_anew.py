"""A database that was there before its calendar: all Slots and Appointments are entered, as if they always had been."""

from __future__ import annotations

from sqlalchemy import text

from carethread.adapters.sql.engine import make_engine, writing
from carethread.adapters.sql.migrate import migrate
from carethread.core.errands.timing import Timing
from carethread.core.ports import Opening
from carethread.scheduling import SERVICE
from support.stores import open_store, put, runtime
from support.waiting import Desk


def test_all_is_entered(database_url: str) -> None:
    store = open_store(database_url, "scheduling")
    desk = Desk(store)
    for number in range(3):
        desk.slot(f"s{number}", 24 + number)
    desk.book("one", "s0")
    before = openings(desk), occupied(desk)
    assert before[1]
    with writing(store.engine) as connection:
        for statement in ("DELETE FROM openings", "DELETE FROM busy", "DELETE FROM timers"):
            connection.execute(text(statement))
        for kind in ("Slot", "Appointment"):
            values = {"kind": kind, "payload": b""}
            connection.execute(text("INSERT INTO timers VALUES ('calendar', :kind, 0, 0, :payload, 0, '')"), values)
    while Timing(desk.runtime, desk.clock).step():
        pass
    assert (openings(desk), occupied(desk)) == before
    assert not store.glance(lambda session: session.timers.failing(10))
    store.close()


def test_an_empty_database_has_nothing_to_enter(database_url: str) -> None:
    engine = make_engine(database_url, "" if database_url.startswith("sqlite") else "scheduling")
    migrate(engine, "scheduling")
    with writing(engine) as connection:
        assert connection.execute(text("SELECT count(*) FROM timers")).scalar() == 0
    engine.dispose()


def test_what_was_deleted_meanwhile_is_passed_over(database_url: str) -> None:
    store = open_store(database_url, "scheduling")
    put(store, [{"resourceType": "Slot", "id": "bare", "status": "free"}])
    store.transact(lambda session: session.timers.set("calendar", "Slot", 0, b"0"))
    timing = Timing(runtime(store, SERVICE))
    while timing.step():
        pass
    assert store.glance(lambda session: session.timers.earliest()) is None
    store.close()


def openings(desk: Desk) -> list[Opening]:
    return desk.store.glance(lambda session: session.calendar.slots("s", 0, 2**62))


def occupied(desk: Desk) -> list[object]:
    return sorted(desk.store.glance(lambda session: session.calendar.taken(["one"])), key=str)
