"""One subscription's life against a simple model: whatever happens in whatever order, each event is told in the order
of its number, at least once while anybody takes it, and nothing is forgotten."""

from __future__ import annotations

from pathlib import Path
from tempfile import mkdtemp

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from carethread.core.ports.channels import Answer
from support.stores import open_store
from support.subscribers import DAY, SECOND, Desk, subscription, told

URL = "http://127.0.0.1:9/in"
HEARTBEAT = 600


class Life(RuleBasedStateMachine):
    """`happened` events matched while the subscription was not off; `rejected` numbers the receiver takes never."""

    @initialize(max_count=st.integers(1, 4))
    def begin(self, max_count: int) -> None:
        self.store = open_store(f"sqlite:///{mkdtemp()}/subscriptions.db", "subscriptions")
        self.desk = Desk(self.store)
        self.happened = 0
        self.rejected: set[int] = set()
        self.up = True
        self.got: list[int] = []
        self.desk.script.answers[URL] = self.answer
        self.desk.put(subscription("s1", URL, max_count=max_count, heartbeat=HEARTBEAT))

    def answer(self, body: bytes) -> Answer:
        if not self.up:
            return Answer(problem="timeout")
        numbers = told(body)[1]
        if self.rejected & set(numbers):
            return Answer(422)
        self.got += numbers
        return Answer(200)

    @property
    def status(self) -> str:
        return str(self.desk.get("s1")["status"])

    @rule(times=st.integers(1, 4))
    def happen(self, times: int) -> None:
        if self.status != "off":
            self.desk.happen("s1", times=times)
            self.happened += times

    @rule()
    def deliver(self) -> None:
        self.desk.deliver()

    @rule(seconds=st.sampled_from([1, 60, 3600, 2 * 86400]))
    def wait(self, seconds: int) -> None:
        self.desk.now += seconds * SECOND

    @rule(up=st.booleans())
    def receiver(self, up: bool) -> None:
        self.up = up

    @rule()
    def a_poison_is_next(self) -> None:
        if len(self.rejected) < 2:
            self.rejected.add(self.happened + 1)

    @precondition(lambda self: self.status in ("error", "active"))
    @rule()
    def asked_for_another_try(self) -> None:
        self.desk.put({**self.desk.get("s1"), "status": "requested"})

    @rule(count=st.integers(1, 3))
    def resend(self, count: int) -> None:
        settled = [number for number, state in self.desk.states("s1").items() if state == "acknowledged"][-count:]
        self.store.transact(lambda session: session.deliveries.reopen("s1", settled, self.desk.now))

    @invariant()
    def numbers_have_no_gap(self) -> None:
        assert list(self.desk.states("s1")) == list(range(1, self.happened + 1))

    @invariant()
    def first_tellings_are_in_order(self) -> None:
        first = list(dict.fromkeys(self.got))
        assert first == sorted(first)

    @invariant()
    def acknowledged_is_what_was_taken(self) -> None:
        for number, state in self.desk.states("s1").items():
            assert state != "acknowledged" or number in self.got
            assert state != "quarantined" or number in self.rejected

    def teardown(self) -> None:
        """Once the receiver is there and all have patience, everything is told; the poison is named."""
        if not hasattr(self, "desk"):
            return
        self.up = True
        if self.status in ("error", "requested"):
            self.desk.put({**self.desk.get("s1"), "status": "requested"})
        for _ in range(60):
            self.desk.deliver()
            self.desk.now += DAY // 12
        for number, state in self.desk.states("s1").items():
            assert state == ("quarantined" if number in self.rejected else "acknowledged")
        assert self.status == "active"
        database = Path(self.store.engine.url.database or "")
        self.store.close()
        for file in database.parent.iterdir():
            file.unlink()
        database.parent.rmdir()


Life.TestCase.settings = settings(max_examples=10, stateful_step_count=20, deadline=None)
TestLife = Life.TestCase
