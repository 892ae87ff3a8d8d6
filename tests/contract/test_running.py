"""Which processes run, as each database knows it."""

from __future__ import annotations

from sqlalchemy import delete, insert, select, update

from carethread.adapters.sql.events.outbox import SqlOutbox
from carethread.adapters.sql.events.running import EVERY_SECONDS, Beats, came_round, channels, filling, leading
from carethread.adapters.sql.store.store import SqlStore
from carethread.adapters.sql.tables import beats, mirrors
from support.event_workers import BASE_URL, event, put
from support.subscribers import Desk, subscription


def test_signs_of_life(store: SqlStore) -> None:
    now = [0.0]
    one = Beats(store.engine, "consumer", "p1", lambda: now[0])
    other = Beats(store.engine, "consumer", "p2", lambda: now[0])
    assert came_round(store.engine) == {}
    one()
    other()
    with store.engine.begin() as connection:
        connection.execute(update(beats).where(beats.c.holder == "p1").values(seen=beats.c.seen - 50_000_000))
    assert 0 <= came_round(store.engine)["consumer"] < 30, "whoever came last"
    with store.engine.begin() as connection:
        connection.execute(delete(beats).where(beats.c.holder == "p2"))
    assert 50 <= came_round(store.engine)["consumer"] < 80
    one()
    assert came_round(store.engine)["consumer"] >= 50, "it was said just now"
    now[0] += EVERY_SECONDS
    one()
    assert came_round(store.engine)["consumer"] < 30
    with store.engine.begin() as connection:
        connection.execute(update(beats).values(seen=beats.c.seen - 2 * 86_400_000_000))
    other()
    with store.engine.connect() as connection:
        assert connection.execute(select(beats.c.holder)).scalars().all() == ["p2"], "who is long gone is forgotten"


def test_who_leads(store: SqlStore) -> None:
    put(store, [event(1), event(2)])
    outbox = SqlOutbox(store.engine, "scheduling", BASE_URL)
    found = leading(store.engine, "scheduling")
    assert (found.holder, found.unsent) == ("", 2), "nobody ever did"
    epoch = outbox.lead("p1", 60)
    assert epoch
    assert outbox.take(epoch, 0, 10, 60)
    found = leading(store.engine, "scheduling")
    assert (found.holder, found.unsent) == ("p1", 2)
    outbox.take(epoch, 1, 10, 60)
    assert leading(store.engine, "scheduling").unsent == 1
    outbox.resign(epoch)
    assert leading(store.engine, "scheduling").holder == ""


def test_what_is_filled_and_which_channels_are_used(store: SqlStore) -> None:
    with store.engine.begin() as connection:
        for type_name, place in (("Patient", 7), ("Slot", None)):
            connection.execute(insert(mirrors).values(type=type_name, sequence=1, began=1, place=place))
    assert filling(store.engine) == ["Patient"]
    desk = Desk(store)
    desk.put(subscription("s1", "http://127.0.0.1:9/in", status="off"))
    desk.put(subscription("s2", "", channel="websocket"))
    assert channels(store.engine) == ["websocket"]
