"""Which creates share a transaction, and that each gets its own answer, on a store that only notes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pytest

from carethread.adapters.local import LocalOwners, LocalPeer
from carethread.core.context import Context
from carethread.core.errors import Busy, Conflict, FhirError, Forbidden
from carethread.core.ports import Resource, Store, Write
from carethread.core.service import ResourceType, Ruling, Runtime, Service, Unit
from carethread.interactions.writing.apply import apply
from carethread.interactions.writing.command import Command, Result

CONTEXT = Context()


class Noting:
    """A store of nothing, which notes the writes of each transaction that comes to its end; `refuse` may break one."""

    def __init__(self) -> None:
        self.begun = 0
        self.stored: list[list[Write]] = []
        self.locked = 0
        self.refuse: Callable[[Sequence[Write]], None] = lambda writes: None
        self.before: Callable[[], None] = lambda: None

    def transact(self, work: Callable[[Any], Any]) -> Any:
        self.begun += 1
        self.before()
        writes: list[Write] = []
        result = work(_Session(self, writes))
        self.refuse(writes)
        self.stored.append(writes)
        return result


class _Session:
    def __init__(self, store: Noting, writes: list[Write]) -> None:
        self._store = store
        self.write = writes.extend

    def current(self, keys: Any, *, lock: bool = False) -> dict[Any, Any]:
        self._store.locked += lock
        return {}

    def claim(self, kind: str, key: str, holder: str) -> str:
        return holder


def _rule(unit: Unit, before: Resource | None, after: Resource | None, id_: str) -> Ruling:
    said = (after or {}).get("comment", "")
    if said == "claims":
        unit.session.claim("kind", "key", id_)
    if said == "finds":
        unit.find(("Slot", "other"))
    if said == "refused":
        raise Conflict("No.")
    return Ruling()


def practice() -> tuple[Runtime, Noting]:
    store = Noting()
    types = (ResourceType("Slot", rule=_rule), ResourceType("Schedule"))
    service = Service("records", "Made up.", types)
    return Runtime(service, cast(Store, store), LocalOwners({}), LocalPeer({}), "https://care.example/fhir"), store


def slot(number: int = 0, comment: str = "") -> Command:
    return Command("Slot", f"s{number}", {"resourceType": "Slot", "comment": comment}, fresh=True, verb="POST")


def done(runtime: Runtime, commands: Sequence[Command]) -> list[Result | BaseException]:
    """What came of each: the first is at work until all others wait, so that these are done together."""
    store = cast(Noting, runtime.store)
    ready = threading.Event()

    def before() -> None:
        ready.set()
        deadline = time.monotonic() + 10
        while store.begun == 1 and len(runtime.gatherings["creates"]._waiting) < len(commands) - 1:
            assert time.monotonic() < deadline
            time.sleep(0.001)

    def one(command: Command) -> Result | BaseException:
        try:
            return apply(runtime, [command], CONTEXT)[0]
        except (FhirError, ValueError) as error:
            return error

    store.before = before
    with ThreadPoolExecutor(len(commands)) as pool:
        first = pool.submit(one, commands[0])
        assert ready.wait(10)
        others = [pool.submit(one, command) for command in commands[1:]]
        return [each.result(10) for each in (first, *others)]


def ids(store: Noting) -> list[list[str]]:
    return [sorted(write.stored.id for write in writes) for writes in store.stored]


def test_one_alone_is_one_transaction() -> None:
    runtime, store = practice()
    result = apply(runtime, [slot()], CONTEXT)[0]
    assert (result.outcome, store.begun, ids(store), store.locked) == ("created", 1, [["s0"]], 0)


def test_those_that_come_meanwhile_are_stored_at_once_each_with_its_own_answer() -> None:
    runtime, store = practice()
    outcomes = done(runtime, [slot(n) for n in range(6)])
    assert [o.stored.id for o in outcomes if isinstance(o, Result) and o.stored] == [f"s{n}" for n in range(6)]
    assert ids(store) == [["s0"], [f"s{n}" for n in range(1, 6)]]


@pytest.mark.parametrize(
    "command",
    [
        slot(1, "claims"),
        slot(1, "finds"),
        slot(1, "x" * 40_000),
        Command("Slot", "s1", {"resourceType": "Slot", "id": "s1"}),
        Command("Slot", "s1", None, verb="DELETE"),
    ],
    ids=["claims", "finds", "large", "update", "delete"],
)
def test_what_concerns_more_waits_for_nobody_and_nobody_for_it(command: Command) -> None:
    runtime, store = practice()
    held = threading.Event()

    def keep(items: Sequence[object]) -> list[None]:
        assert held.wait(10)
        return [None]

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(runtime.gatherings["creates"].do, object(), keep)
        assert apply(runtime, [command], CONTEXT)[0].outcome in ("created", "deleted")
        assert store.begun == 1
        held.set()
        first.result(10)


def test_what_a_rule_refuses_never_begins_a_transaction() -> None:
    runtime, store = practice()
    with pytest.raises(Conflict):
        apply(runtime, [slot(0, "refused")], CONTEXT)
    assert store.begun == 0


def test_a_database_that_is_away_is_away_for_all_of_them() -> None:
    runtime, store = practice()

    def away(writes: Sequence[Write]) -> None:
        if len(writes) > 1:
            raise Busy("The database went away.")

    store.refuse = away
    outcomes = done(runtime, [slot(n) for n in range(5)])
    assert isinstance(outcomes[0], Result)
    assert [type(o) for o in outcomes[1:]] == [Busy] * 4
    assert store.begun == 2, "what may have been kept is not tried again"


def test_when_the_database_refuses_them_each_is_tried_alone() -> None:
    runtime, store = practice()

    def refuse(writes: Sequence[Write]) -> None:
        if any(write.stored.id == "s3" for write in writes):
            raise ValueError("a constraint")

    store.refuse = refuse
    outcomes = done(runtime, [slot(n) for n in range(5)])
    assert [type(o).__name__ for o in outcomes] == ["Result", "Result", "Result", "ValueError", "Result"]
    assert sorted(id_ for each in ids(store) for id_ in each) == ["s0", "s1", "s2", "s4"]


def test_what_one_is_refused_for_in_the_transaction_is_its_own() -> None:
    runtime, store = practice()
    calls: list[str] = []

    def rule(unit: Unit, before: Resource | None, after: Resource | None, id_: str) -> Ruling:
        calls.append(id_)
        if id_ == "s2" and calls.count(id_) > 1:  # not yet where it is only asked whether it concerns more
            raise Forbidden("No.")
        if id_ == "s3" and calls.count(id_) == 2:
            unit.find(("Slot", "other"))
        return Ruling()

    types = (ResourceType("Slot", rule=rule),)
    runtime = Runtime(
        Service("records", "Made up.", types), runtime.store, runtime.owners, runtime.peer, runtime.base_url
    )
    outcomes = done(runtime, [slot(n) for n in range(5)])
    assert [type(o).__name__ for o in outcomes] == ["Result", "Result", "Forbidden", "Result", "Result"]
    assert ids(store)[:2] == [["s0"], ["s1", "s4"]], "s3 wanted more after all, and was done by itself"
    assert ids(store)[2:] == [["s3"]]
