"""Timers on both databases: each once, together with its effect, whoever works, dies or fails."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

import pytest

from carethread.core.clock import from_micros, system_clock, to_micros
from carethread.core.context import Context
from carethread.core.errands.timing import Timing
from carethread.core.errors import Busy, Invalid
from carethread.core.metric_names import TIMERS_FAILED, TIMERS_FIRED
from carethread.core.ports import Session, Timer
from carethread.core.service import AskFirst, Runtime, Service, TimerHandler, TimersHandler
from support.looping import looping
from support.servers import until
from support.stores import open_store, runtime

NOW, SECOND = 1_800_000_000_000_000, 1_000_000


class Desk:
    """A service whose handlers note in its own database what they were called for."""

    def __init__(self, store, **handlers: TimerHandler) -> None:
        self.store, self.now = store, NOW
        self.seen: Counter[str] = Counter()
        service = Service("records", "", (), timers={"note": note, **handlers})
        self.timing = Timing(runtime(store, service), self.clock, lambda name, value: self.seen.update({name: 1}))

    def handle_together(self, kind: str, handler: TimersHandler) -> None:
        service = replace(self.timing.runtime.service, timers_together={kind: handler})
        self.timing = replace(self.timing, runtime=replace(self.timing.runtime, service=service))

    def clock(self) -> datetime:
        return from_micros(self.now)

    def set(self, kind: str, key: str, seconds: float, payload: bytes = b"") -> None:
        due = NOW + round(seconds * SECOND)
        self.store.transact(lambda session: session.timers.set(kind, key, due, payload))

    def work(self, seconds: float) -> list[str]:
        """What was noted when the clock is so late."""
        self.now = NOW + round(seconds * SECOND)
        while self.timing.step():
            pass
        return noted(self.store)

    def failing(self) -> list[Timer]:
        found: list[Timer] = self.store.glance(lambda session: session.timers.failing(10))
        return found


def note(runtime: Runtime, session: Session, timer: Timer, context: Context) -> None:
    holder = f"{timer.kind}/{timer.key}/{timer.payload.decode()}"
    assert session.claim("noted", f"{timer.key}@{timer.due}", holder) == holder


def noted(store) -> list[str]:
    from sqlalchemy import select

    from carethread.adapters.sql.tables import claims

    with store.engine.connect() as connection:
        return sorted(connection.execute(select(claims.c.holder).where(claims.c.kind == "noted")).scalars())


def failing_with(error: Exception) -> TimerHandler:
    def fail(runtime: Runtime, session: Session, timer: Timer, context: Context) -> None:
        note(runtime, session, timer, context)
        raise error

    return fail


def test_at_its_time_once_with_what_it_was_set_with(store) -> None:
    desk = Desk(store)
    desk.set("note", "Appointment/1", 10, b"p")
    assert desk.work(9.999) == []
    assert desk.work(10) == ["note/Appointment/1/p"]
    assert desk.work(100) == ["note/Appointment/1/p"]
    assert desk.seen == {TIMERS_FIRED: 1}


def test_set_again_it_moves_and_has_the_new_payload(store) -> None:
    desk = Desk(store)
    desk.set("note", "a", 10, b"old")
    desk.set("note", "a", 20, b"new")
    assert desk.work(15) == []
    assert desk.work(20) == ["note/a/new"]
    desk.set("note", "a", 5, b"again")
    assert desk.work(20) == ["note/a/again", "note/a/new"], "a moment that is past is due at once"


def test_cancelled_and_rolled_back_never_happen(store) -> None:
    desk = Desk(store)
    desk.set("note", "a", 10)
    store.transact(lambda session: session.timers.cancel("note", "a"))
    store.transact(lambda session: session.timers.cancel("note", "unknown"))

    def undone(session: Session) -> None:
        session.timers.set("note", "b", NOW)
        raise Invalid("no")

    with pytest.raises(Invalid):
        store.transact(undone)
    assert desk.work(100) == []


def test_a_handler_sets_its_own_timer_again(store) -> None:
    def repeat(runtime: Runtime, session: Session, timer: Timer, context: Context) -> None:
        note(runtime, session, timer, context)
        session.timers.set(timer.kind, timer.key, timer.due + 10 * SECOND)

    desk = Desk(store, repeat=repeat)
    desk.set("repeat", "a", 10)
    assert len(desk.work(29)) == 1 + 1
    assert len(desk.work(30)) == 3


def test_one_that_fails_is_put_off_told_and_blocks_no_other(store) -> None:
    desk = Desk(store, poison=failing_with(Invalid("It has no end.")), bug=failing_with(KeyError("Jane")))
    desk.set("poison", "a", 1)
    desk.set("bug", "b", 2)
    desk.set("gone", "c", 3)
    desk.set("note", "d", 4)
    assert desk.work(5) == ["note/d/"], "and nothing stays of what the failing did"
    assert [(timer.kind, timer.key, timer.attempts, timer.failure) for timer in desk.failing()] == [
        ("poison", "a", 1, "It has no end."),
        ("bug", "b", 1, "It fails with KeyError."),
        ("gone", "c", 1, "records has no handler for timers of the kind gone."),
    ]
    assert desk.seen == {TIMERS_FIRED: 1, TIMERS_FAILED: 3}
    desk.work(5.9)
    assert desk.seen[TIMERS_FAILED] == 3
    for seconds, attempts in ((6, 2), (7.9, 2), (8, 3), (12, 4), (12 + 8, 5)):
        desk.work(seconds)
        assert {timer.attempts for timer in desk.failing()} == {attempts}, "the pauses grow"
    desk.set("poison", "a", 50)
    assert [timer.kind for timer in desk.failing()] == ["bug", "gone"], "set again it is as new"


def test_the_pause_of_one_that_fails_has_an_end(store) -> None:
    desk = Desk(store, poison=failing_with(Invalid("no")))
    desk.set("poison", "a", 0)
    for hours in range(60):
        desk.work(3600 * hours)
    (timer,) = desk.failing()
    assert 55 < timer.attempts < 80 and timer.due == NOW


def test_what_is_away_for_one_delays_no_other_and_is_not_told(store) -> None:
    away = True

    def asking(runtime: Runtime, session: Session, timer: Timer, context: Context) -> None:
        if away:
            raise Busy("The owner is away.")
        note(runtime, session, timer, context)

    desk = Desk(store, asking=asking)
    desk.set("asking", "a", 1)
    desk.set("note", "b", 2)
    assert desk.work(2) == ["note/b/"]
    assert desk.failing() == [] and desk.seen[TIMERS_FAILED] == 0
    for seconds in range(3, 120):
        desk.work(seconds)
    away = False
    assert desk.work(120 + 15) == ["asking/a/", "note/b/"], "asked again within 15 s"


def test_who_lacks_an_answer_is_asked_for_it_while_no_transaction_is_open(store) -> None:
    answers: list[str] = []

    def ask() -> None:
        desk.set("note", "b", 1)
        answers.append("yes")

    def asking(runtime: Runtime, session: Session, timer: Timer, context: Context) -> None:
        if not answers:
            note(runtime, session, timer, context)
            raise AskFirst(ask)
        note(runtime, session, timer, context)

    desk = Desk(store, asking=asking)
    desk.set("asking", "a", 1)
    assert sorted(desk.work(2)) == ["asking/a/", "note/b/"], "nothing stays of the first try"
    assert desk.seen == {TIMERS_FIRED: 2} and desk.failing() == []


def test_a_timer_that_is_set_anew_while_it_fails_keeps_the_new_time(store) -> None:
    desk = Desk(store, poison=failing_with(Invalid("no")))
    desk.set("poison", "a", 1)
    old = Timer("poison", "a", NOW + SECOND)
    desk.set("poison", "a", 7)
    assert not store.transact(lambda session: session.timers.put_off(old, NOW, "no"))
    assert store.glance(lambda session: session.timers.earliest()) == NOW + 7 * SECOND


def test_several_workers_each_timer_once(store) -> None:
    desks = [Desk(store) for _ in range(3)]
    for number in range(60):
        desks[0].set("note", f"{number:02}", number / 100)
    threads = [threading.Thread(target=partial(desk.work, 1)) for desk in desks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(noted(store)) == 60
    assert sum(desk.seen[TIMERS_FIRED] for desk in desks) == 60


@pytest.mark.servers
def test_one_that_another_has_taken_does_not_hold_up_the_rest(postgres_database: str) -> None:
    """On SQLite there is one writer at a time, so nobody waits while another has a timer in his hands."""
    store = open_store(postgres_database)
    desk, taken, go = Desk(store), threading.Event(), threading.Event()
    desk.set("note", "a", 1)
    desk.set("note", "b", 2)

    def slow(session: Session) -> None:
        session.timers.take(NOW + SECOND, 1)
        taken.set()
        go.wait(20)
        raise Invalid("It dies.")

    def other() -> None:
        with pytest.raises(Invalid):
            store.transact(slow)

    thread = threading.Thread(target=other)
    thread.start()
    assert taken.wait(20)
    assert desk.work(3) == ["note/b/"]
    go.set()
    thread.join()
    assert desk.work(3) == ["note/a/", "note/b/"], "who died with it has left it due"
    store.close()


def test_the_loop_wakes_for_the_earliest_and_for_news(store, monkeypatch) -> None:
    desk, looks, glance = Desk(store), Counter[str](), store.glance
    timing = Timing(desk.timing.runtime, observe=desk.timing.observe)

    def counting(work: Callable[[Session], object]) -> object:
        looks["all"] += 1
        return glance(work)

    def set_in(key: str, seconds: float) -> Callable[[Session], None]:
        return lambda session: session.timers.set("note", key, to_micros(system_clock()) + round(seconds * SECOND))

    store.transact(set_in("far", 3600))
    monkeypatch.setattr(store, "glance", counting)
    with looping(timing.run):
        time.sleep(1)
        before = looks["all"]
        time.sleep(2.5)
        assert looks["all"] == before, "it sleeps until there is something to do"
        began = time.monotonic()
        store.transact(set_in("near", 0.5))
        until(lambda: noted(store) == ["note/near/"], seconds=10, what="fired")
        assert 0.4 < time.monotonic() - began < 3


def test_the_loop_lives_through_a_database_that_is_away(store, monkeypatch) -> None:
    desk = Desk(store)
    desk.set("note", "a", 0)
    glance, fail = store.glance, iter([True, True])

    def flaky(work: Callable[[Session], object]) -> object:
        if next(fail, False):
            raise Busy("The database is away.")
        return glance(work)

    monkeypatch.setattr(store, "glance", flaky)
    with looping(desk.timing.run):
        until(lambda: noted(store) == ["note/a/"], seconds=10, what="fired")


def test_a_key_that_no_index_takes_is_refused_at_once(store) -> None:
    with pytest.raises(ValueError, match="400 bytes"):
        store.transact(lambda session: session.timers.set("note", "x" * 401, NOW))


def test_those_of_a_kind_that_is_handled_together_come_first_and_in_one_transaction(store) -> None:
    rounds: list[list[str]] = []

    def together(runtime: Runtime, session: Session, timers: Sequence[Timer], context: Context) -> None:
        rounds.append([timer.key for timer in timers])
        for timer in timers:
            note(runtime, session, timer, context)

    desk = Desk(store)
    desk.handle_together("many", together)
    desk.set("note", "earlier", 1)
    for number in range(3):
        desk.set("many", str(number), 2 + number)
    desk.set("many", "later", 100)
    assert desk.work(10) == ["many/0/", "many/1/", "many/2/", "note/earlier/"]
    assert rounds == [["0", "1", "2"]]
    assert desk.seen == {TIMERS_FIRED: 4}


@pytest.mark.parametrize("error", [Invalid("No."), Busy("It is away."), KeyError("unforeseen")])
def test_of_several_one_that_fails_hinders_no_other(store, error: Exception) -> None:
    def together(runtime: Runtime, session: Session, timers: Sequence[Timer], context: Context) -> None:
        for timer in timers:
            note(runtime, session, timer, context)
            if timer.key == "bad":
                raise error

    desk = Desk(store)
    desk.handle_together("many", together)
    for key in ("a", "bad", "z"):
        desk.set("many", key, 1)
    assert desk.work(1) == ["many/a/", "many/z/"]
    assert store.glance(lambda session: [timer.key for timer in session.timers.ahead("many", 10)]) == ["bad"]


def test_those_ahead_are_told_and_stay(store) -> None:
    desk = Desk(store)
    for key in ("b", "a"):
        desk.set("note", key, 10, key.encode())
    ahead = store.glance(lambda session: [(timer.key, timer.payload) for timer in session.timers.ahead("note", 10)])
    assert ahead == [("a", b"a"), ("b", b"b")]
    assert store.glance(lambda session: len(session.timers.ahead("note", 1))) == 1
    assert desk.work(10) == ["note/a/a", "note/b/b"]


def test_kinds_that_are_last_wait_for_all_others(store) -> None:
    """Many that are due at the same midnight, and longer, do not keep a deadline waiting."""
    desk = Desk(store)
    order: list[str] = []

    def told(runtime: Runtime, session: Session, timers: Sequence[Timer], context: Context) -> None:
        order.append(f"{timers[0].kind} {len(timers)}")

    def one(runtime: Runtime, session: Session, timer: Timer, context: Context) -> None:
        order.append(timer.kind)

    last = frozenset({"many", "sweep"})
    service = Service(
        "records", "", (), timers={"note": one, "sweep": one}, timers_together={"many": told}, timers_last=last
    )
    desk.timing = replace(desk.timing, runtime=replace(desk.timing.runtime, service=service))
    for number in range(30):
        desk.set("many", str(number), 1)
    desk.set("sweep", "all", 1)
    desk.set("note", "a", 2)
    desk.set("note", "b", 3)
    desk.work(4)
    assert order == ["note", "note", "many 25", "many 5", "sweep"]


def test_several_are_set_at_once_each_to_its_moment(store) -> None:
    desk = Desk(store)
    desk.set("note", "a", 99, b"before")
    store.transact(lambda session: session.timers.set_all("note", {"a": NOW + SECOND, "b": NOW + 2 * SECOND}))
    store.transact(lambda session: session.timers.set_all("note", {}))
    assert desk.work(1) == ["note/a/"]
    assert desk.work(2) == ["note/a/", "note/b/"]


def test_what_is_due_sooner_stays(store) -> None:
    desk = Desk(store)
    desk.set("note", "a", 1, b"before")
    desk.set("note", "b", 3, b"before")
    later = {"a": NOW + 2 * SECOND, "b": NOW + 2 * SECOND, "c": NOW + 2 * SECOND}
    store.transact(lambda session: session.timers.set_all("note", later, sooner=True))
    assert desk.work(1) == ["note/a/before"]
    assert sorted(desk.work(2)) == ["note/a/before", "note/b/", "note/c/"]


def test_of_some_kinds_more_are_handled_together(store) -> None:
    desk, sizes = Desk(store), []
    desk.handle_together("many", lambda runtime, session, timers, context: sizes.append(len(timers)))
    service = replace(desk.timing.runtime.service, timers_at_once={"many": 40})
    desk.timing = replace(desk.timing, runtime=replace(desk.timing.runtime, service=service))
    for number in range(50):
        desk.set("many", f"{number:02d}", 1)
    desk.work(1)
    assert sizes == [40, 10]
