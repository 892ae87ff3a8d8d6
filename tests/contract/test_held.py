"""What consumers put aside, and what they are asked to do about it, on each kind of database."""

from __future__ import annotations

import threading
from dataclasses import replace
from functools import partial

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import OperationalError

from carethread.adapters.sql.engine import is_sqlite, writing
from carethread.adapters.sql.events.postbox import SqlPostbox
from carethread.adapters.sql.store.store import SqlStore
from carethread.adapters.sql.tables import held_keys
from carethread.core.events import DEAD_LETTER, Event
from carethread.core.ports import About, Record, Session

DAY = 86_400_000_000


def record(position: int, topic: str = "t") -> Record:
    return Record(topic, 0, position, "é", [("ce_id", b"\x00\xff"), ("ce_id", b"2")], b"\x00body", 7)


def about(id_: str, *keys: str, needs: tuple[str, ...] = ()) -> About:
    return About(id_, keys, frozenset(needs))


def test_a_dead_letter_is_kept_as_it_came(store: SqlStore) -> None:
    number = store.transact(lambda s: s.held.bury("c", record(1), about("e1", "Task/1", "Task/2"), b"old", 5))
    again = store.transact(lambda s: s.held.bury("c", record(1), about("e1", "Task/1", "Task/2"), b"new", 6))
    other = store.transact(lambda s: s.held.bury("d", record(1), about("e1"), b"its", 6))
    assert again == number != other
    (listed,) = store.glance(lambda s: s.held.letters("c"))
    assert listed.waiting.record == replace(record(1), value=b""), "values are not for lists"
    (letter,) = store.glance(lambda s: s.held.letters("c", number))
    assert (letter.number, letter.outcome, letter.state, letter.attempts) == (number, b"new", "dead", 2)
    assert letter.waiting.record == record(1)
    assert letter.waiting.about == about("e1", "Task/1", "Task/2")
    assert (letter.waiting.since, letter.waiting.behind, letter.holds) == (5, 0, 0)
    assert [each.consumer for each in store.glance(lambda s: s.held.letters())] == ["c", "d"]
    assert store.glance(lambda s: s.held.letters(number=other))[0].outcome == b"its"


def test_what_waits_is_found_by_what_it_is_about(store: SqlStore) -> None:
    def work(session: Session) -> tuple[int, int]:
        one = session.held.bury("c", record(1), about("e1", "Task/1"), b"{}", 5)
        session.held.hold("c", record(2), about("e2", "Task/2", needs=("Task/1",)), one, 6)
        session.held.hold("c", record(2), about("e2", "Task/2"), 99, 6)
        two = session.held.bury("c", record(3), about("e3", "Task/3"), b"{}", 7)
        session.held.hold("c", record(4, "u"), about("e4", "Task/1"), one, 8)
        return one, two

    one, two = store.transact(work)
    first, second = store.glance(lambda s: s.held.behind(one, 10))
    assert first.about == about("e2", "Task/2", needs=("Task/1",))
    assert (first.record, second.record.topic) == (record(2), "u")
    found = store.glance(lambda s: s.held.blocking("c", {"Task/1", "Task/2", "Task/3", "Task/4"}))
    assert found == {
        "Task/1": [(one, one), (second.number, one)],
        "Task/2": [(first.number, one)],
        "Task/3": [(two, two)],
    }
    assert store.glance(lambda s: s.held.blocking("d", {"Task/1"})) == {}
    assert store.glance(lambda s: s.held.known("c", {"e1", "e2", "e9"})) == {"e1", "e2"}
    assert [letter.holds for letter in store.glance(lambda s: s.held.letters("c"))] == [2, 0]


@pytest.mark.parametrize("key", ["\x00", "Task/1\x00", "x" * 9000, "\n" * 201, "é" * 200, "ward 7", ""])
def test_whatever_a_record_is_about_is_kept_and_found(store: SqlStore, key: str) -> None:
    store.transact(lambda s: s.held.bury("c", record(1), about(key, key, "Task/1"), b"{}", 5))
    assert store.glance(lambda s: s.held.blocking("c", {key, f"{key}-", "Task/1"})) == {
        key: [(1, 1)],
        "Task/1": [(1, 1)],
    }
    assert store.glance(lambda s: s.held.known("c", {key, f"{key}-"})) == {key}
    (letter,) = store.glance(lambda s: s.held.letters())
    (again,) = store.glance(lambda s: s.held.blocking("c", set(letter.waiting.about.keys) - {"Task/1"})).values()
    assert again == [(1, 1)], "by what it is told to be about as well"
    store.transact(lambda s: s.held.release(1))
    assert store.glance(lambda s: s.held.blocking("c", {key})) == {}


def test_what_came_from_a_bus_that_began_anew_leaves_its_places(store: SqlStore) -> None:
    one = store.transact(lambda s: s.held.bury("c", record(1), about("e1", "Task/1"), b"{}", 5))
    store.transact(lambda s: s.held.hold("c", record(2), about("e2", "Task/1"), one, 5))
    store.transact(lambda s: s.held.displace("c", "t", 0))
    store.transact(lambda s: s.held.hold("c", record(2), about("e9", "Task/1"), one, 5))
    assert [each.about.id for each in store.glance(lambda s: s.held.behind(one, 10))] == ["e2", "e9"]
    store.transact(lambda s: s.held.displace("c", "t", 0))
    assert len(store.glance(lambda s: s.held.behind(one, 10))) == 2


def test_what_an_index_does_not_take_is_no_outage(store: SqlStore) -> None:
    """PostgreSQL's program_limit_exceeded (54000): waiting does not mend it. SQLite has no such limit."""
    long = "".join(chr(33 + number * number * 7 % 89) + f"{number * 7919 % 9973}" for number in range(4000))
    try:
        with writing(store.engine) as connection:
            connection.execute(insert(held_keys).values(consumer="c", key=long, number=1))
    except OperationalError as error:
        assert getattr(error.orig, "sqlstate", "") == "54000"
    else:
        assert is_sqlite(store.engine)


def test_a_letter_is_asked_for_released_and_dropped(store: SqlStore) -> None:
    number = store.transact(lambda s: s.held.bury("c", record(1), about("e1", "Task/1"), b"{}", DAY))
    assert not store.glance(lambda s: s.held.due("c", DAY))
    assert store.transact(lambda s: s.held.ask(number, "retry"))
    assert store.glance(lambda s: s.held.due("c", 0))
    assert not store.glance(lambda s: s.held.due("d", 9 * DAY))
    assert [each.state for each in store.glance(lambda s: s.held.letters("c", asked=True))] == ["retry"]
    store.transact(lambda s: s.held.release(number))
    assert store.glance(lambda s: s.held.blocking("c", {"Task/1"})) == {}
    assert not store.transact(lambda s: s.held.ask(number, "retry")), "it is done with"
    store.transact(lambda s: s.held.drop([number]))
    assert store.glance(lambda s: s.held.letters()) == []
    assert not store.transact(lambda s: s.held.ask(number, "discard"))


def test_somebody_is_told_once(store: SqlStore) -> None:
    number = store.transact(lambda s: s.held.bury("c", record(1), about("e1"), b"{}", DAY))
    assert store.glance(lambda s: s.held.due("c", DAY + 1))
    assert store.transact(lambda s: s.held.escalate("c", DAY, 2 * DAY)) == []
    (letter,) = store.transact(lambda s: s.held.escalate("c", DAY + 1, 2 * DAY))
    assert letter.number == number
    assert store.transact(lambda s: s.held.escalate("c", DAY + 1, 2 * DAY)) == []
    assert not store.glance(lambda s: s.held.due("c", DAY + 1))
    assert store.glance(lambda s: s.held.letters("c"))[0].escalated == 2 * DAY


def test_a_replay_takes_the_place_of_the_one_before(store: SqlStore) -> None:
    assert store.glance(lambda s: s.replays.find("c")) is None
    first = store.transact(lambda s: s.replays.ask("c", 5, 6, reset=True, partial=False))
    second = store.transact(lambda s: s.replays.ask("c", 7, 8, reset=False, partial=True))
    assert (first.number, second.number, second.state) == (1, 2, "asked")
    assert store.glance(lambda s: s.replays.find("c")) == second
    assert not store.transact(lambda s: s.replays.tell("c", 1, "done", "late"))
    assert store.transact(lambda s: s.replays.tell("c", 2, "running", "Now.", b'{"t":{"0":4}}'))
    expected = replace(second, state="running", message="Now.", targets=b'{"t":{"0":4}}')
    assert store.glance(lambda s: s.replays.find("c")) == expected


def test_a_post_is_there_until_it_is_sent(store: SqlStore) -> None:
    box = SqlPostbox(store.engine, "records")
    extra = (("dead-outcome", b"{}"), ("original-x", b"\x00\xff"))
    event = Event("i1", "records", "created", DEAD_LETTER, "c-1", 1, 5, "é", b"\x00body", extra=extra)

    def undone(session: Session) -> None:
        session.post(event)
        raise KeyError

    try:
        store.transact(undone)
    except KeyError:
        assert box.waiting(10) == []
    for number in range(3):
        store.transact(partial(_post, replace(event, id=f"i{number}")))
    posts = box.waiting(2)
    assert [post.event for post in posts] == [replace(event, id="i0"), replace(event, id="i1")]
    box.sent([post.number for post in posts])
    assert [post.event.id for post in box.waiting(10)] == ["i2"]


def _post(event: Event, session: Session) -> None:
    session.post(event)


def test_one_transaction_at_a_time_sees_to_what_was_put_aside(store: SqlStore) -> None:
    """Something that comes to wait while its letter is being let go is seen by who lets it go, or finds it gone."""
    number = store.transact(lambda s: s.held.bury("c", record(0), about("e0", "Task/1"), b"{}", 5))
    begun = threading.Event()

    def arrive(session: Session) -> None:
        session.lock(["held c"])
        if session.held.blocking("c", {"Task/1"}):
            begun.set()
            session.held.hold("c", record(1), about("e1", "Task/1"), number, 6)

    def let_go(session: Session) -> None:
        session.lock(["held c"])
        session.held.release(number)
        waiting = session.held.behind(number, 100)
        session.held.drop([number, *(each.number for each in waiting)])

    arrival = threading.Thread(target=lambda: store.transact(arrive))
    arrival.start()
    begun.wait(5)
    store.transact(let_go)
    arrival.join()
    assert store.glance(lambda s: s.held.behind(number, 100)) == []
