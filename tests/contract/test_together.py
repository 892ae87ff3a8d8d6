"""Creates that share a transaction, among all else that is written: every answer right, no trace of what is refused."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import create_engine, select, text
from sqlalchemy.exc import IntegrityError

from carethread.adapters.sql.engine import reading
from carethread.adapters.sql.store.store import SqlStore
from carethread.adapters.sql.tables import outbox, resources, versions
from carethread.core.context import Context, new_id
from carethread.core.errors import Busy, Conflict, FhirError, Invalid, PreconditionFailed, TooLarge
from carethread.core.fhir import json
from carethread.core.ports import Resource
from carethread.core.service import Limits, Runtime
from carethread.interactions.create import create
from carethread.interactions.delete import delete
from carethread.interactions.update import update
from carethread.interactions.writing.command import Result
from carethread.interactions.writing.conditional import condition_of
from carethread.scheduling import SERVICE
from support.gate import Gate
from support.stores import open_store, runtime

CONTEXT = Context()
THREADS = 16
ROUNDS = 6


@pytest.fixture
def scheduling(database_url: str) -> Iterator[Runtime]:
    store = open_store(database_url, "scheduling", pool=THREADS)
    yield runtime(store, SERVICE)
    store.close()


def appointment(*slots: str, **more: Any) -> Resource:
    return {
        "resourceType": "Appointment",
        "status": "booked",
        **({"slot": [{"reference": f"Slot/{slot}"} for slot in slots]} if slots else {}),
        "start": "2026-03-02T09:00:00Z",
        "end": "2026-03-02T09:30:00Z",
        "participant": [{"actor": {"reference": "Patient/p"}, "status": "accepted"}],
        **more,
    }


def slot(id_: str) -> Resource:
    return {
        "resourceType": "Slot",
        "id": id_,
        "schedule": {"reference": "Schedule/s"},
        "status": "free",
        "start": "2026-03-02T09:00:00Z",
        "end": "2026-03-02T09:30:00Z",
    }


def engine_of(runtime: Runtime) -> Any:
    store = runtime.store
    assert isinstance(store, SqlStore)
    return store.engine


def kept(runtime: Runtime) -> dict[tuple[str, str, int], bytes]:
    """Every version with its body; each has one event, and no event is without its version."""
    with reading(engine_of(runtime)) as connection:
        joined = versions.join(resources, versions.c.row == resources.c.row)
        stored = select(resources.c.type, resources.c.id, versions.c.version, versions.c.body).select_from(joined)
        found = {(t, i, v): bytes(body) for t, i, v, body in connection.execute(stored)}
        events = select(outbox.c.type, outbox.c.id, outbox.c.version)
        told = Counter((t, i, v) for t, i, v in connection.execute(events))
    assert told == Counter(found.keys())
    return found


Outcome = Result | FhirError


def attempt(work: Callable[[], Result]) -> Outcome:
    try:
        return work()
    except FhirError as error:
        return error


def at_once(works: Sequence[Callable[[], Result]]) -> list[Outcome]:
    start = threading.Barrier(len(works))

    def run(work: Callable[[], Result]) -> Outcome:
        start.wait()
        return attempt(work)

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


def test_among_all_else_that_is_written_every_answer_is_right(scheduling: Runtime) -> None:
    """Each round all kinds of writes at once; what must come of them does not depend on who comes first."""
    shared = create(scheduling, "Schedule", {"resourceType": "Schedule", "actor": [{"display": "x"}]}, CONTEXT).stored
    assert shared
    expected: Counter[str] = Counter()
    for number in range(ROUNDS):
        place, criteria = f"s{number}", f"identifier=urn:x|{number}"
        update(scheduling, ("Slot", place), slot(place), CONTEXT)
        gone = create(scheduling, "Appointment", appointment(), CONTEXT).stored
        assert gone
        named = appointment(identifier=[{"system": "urn:x", "value": str(number)}])
        changed = json.parse(shared.body) | {"comment": f"round {number}"}
        condition = condition_of(scheduling, "Appointment", criteria, CONTEXT)

        def plain(number: int = number) -> Result:
            return create(scheduling, "Appointment", appointment(minutesDuration=number + 1), CONTEXT)

        def booking(place: str = place) -> Result:
            return create(scheduling, "Appointment", appointment(place), CONTEXT)

        def replacing(changed: Resource = changed, version: int = number + 1) -> Result:
            return update(scheduling, ("Schedule", changed["id"]), changed, CONTEXT, if_match=f'W/"{version}"')

        def conditional(named: Resource = named, condition: Any = condition) -> Result:
            return create(scheduling, "Appointment", named, CONTEXT, condition=condition)

        def removing(id_: str = gone.id) -> Result:
            return delete(scheduling, ("Appointment", id_), CONTEXT)

        def invalid() -> Result:
            return create(scheduling, "Appointment", appointment(status="nonsense"), CONTEXT)

        works: list[Callable[[], Result]] = [plain, booking, replacing, plain, conditional, plain, removing, invalid]
        outcomes = at_once(works * (THREADS // len(works)))
        for kind in (plain, booking, replacing, conditional, removing, invalid):
            got = [outcome for outcome, work in zip(outcomes, works * 2, strict=True) if work is kind]
            done = [each for each in got if isinstance(each, Result)]
            refused = [type(each) for each in got if isinstance(each, FhirError)]
            names = Counter(each.outcome for each in done)
            match kind.__name__:
                case "plain":
                    assert (names, refused) == ({"created": 6}, [])
                    for each in done:
                        assert each.stored and json.parse(each.stored.body)["minutesDuration"] == number + 1
                case "booking":
                    assert (names, refused) == ({"created": 1}, [Conflict])
                case "replacing":
                    assert (names, refused) == ({"updated": 1}, [PreconditionFailed])
                case "conditional":
                    assert (names, refused) == ({"created": 1, "unchanged": 1}, [])
                    assert len({each.stored.id for each in done if each.stored}) == 1
                case "removing":
                    assert (names, refused) == ({"deleted": 2}, [])
                case _:
                    assert (names, refused) == ({}, [Invalid] * 2)
        stands = kept(scheduling)
        for outcome in outcomes:
            if isinstance(outcome, Result) and outcome.stored:
                found = outcome.stored
                assert stands[found.type, found.id, found.version] == found.body
        # 6 plain ones, the booking, the conditional one, the one that goes, its deletion; the slot free and then busy
        expected += Counter({"Appointment": 10, "Slot": 2, "Schedule": 1})
    expected["Schedule"] += 1
    assert Counter(type_name for type_name, _, _ in kept(scheduling)) == expected


def test_those_that_come_meanwhile_are_stored_by_one_transaction(
    scheduling: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(scheduling, THREADS - 1, monkeypatch)
    contexts = [Context(backfill=number == 3) for number in range(THREADS)]
    resources_sent = [appointment(minutesDuration=number + 1) for number in range(THREADS)]

    def work(number: int) -> Callable[[], Result]:
        return lambda: create(scheduling, "Appointment", resources_sent[number], contexts[number])

    outcomes = at_once([work(number) for number in range(THREADS)])
    assert gate.transactions == 2
    stands = kept(scheduling)
    assert len(stands) == THREADS
    with reading(engine_of(scheduling)) as connection:
        events = {
            id_: (trace, backfill)
            for id_, trace, backfill in connection.execute(select(outbox.c.id, outbox.c.traceparent, outbox.c.backfill))
        }
    for number, outcome in enumerate(outcomes):
        assert isinstance(outcome, Result) and outcome.outcome == "created" and outcome.stored
        stored = outcome.stored
        assert stands["Appointment", stored.id, 1] == stored.body
        assert json.parse(stored.body)["minutesDuration"] == number + 1
        assert events[stored.id] == (contexts[number].traceparent, number == 3), "each has its own context"


def test_one_that_is_refused_leaves_no_trace_and_the_others_are_stored(
    scheduling: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    tight = replace(scheduling, limits=Limits(body_bytes=2000))
    gate = Gate(tight, 7, monkeypatch)

    def work(number: int) -> Callable[[], Result]:
        said = "x" * 5000 if number % 4 == 1 else "x"
        return lambda: create(tight, "Appointment", appointment(description=said), CONTEXT)

    outcomes = at_once([work(number) for number in range(8)])
    refused = [number for number, outcome in enumerate(outcomes) if isinstance(outcome, TooLarge)]
    assert refused == [1, 5]
    assert gate.transactions == 2
    assert {key[1] for key in kept(scheduling)} == {o.stored.id for o in outcomes if isinstance(o, Result) and o.stored}


def test_one_that_the_database_refuses_is_alone_with_it(scheduling: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = create(scheduling, "Appointment", appointment(), CONTEXT).stored
    assert taken
    Gate(scheduling, 5, monkeypatch)
    clash = Context(new_id=iter([taken.id, *(new_id() for _ in range(50))]).__next__)
    broken: list[Exception] = []

    def clashing() -> Result:
        try:
            return create(scheduling, "Appointment", appointment(), clash)
        except IntegrityError as error:
            broken.append(error)
            raise Busy("as expected") from error

    outcomes = at_once([clashing, *[lambda: create(scheduling, "Appointment", appointment(), CONTEXT)] * 5])
    assert isinstance(outcomes[0], Busy) and len(broken) == 1
    made = {o.stored.id for o in outcomes[1:] if isinstance(o, Result) and o.stored}
    assert len(made) == 5
    assert {key[1] for key in kept(scheduling)} == {taken.id, *made}


@pytest.mark.servers
def test_a_database_that_closes_its_connections_meanwhile_stores_each_once(
    postgres_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(postgres_database, "scheduling", pool=THREADS)
    scheduling = runtime(store, SERVICE)
    gate = Gate(scheduling, 7, monkeypatch)
    other = create_engine(postgres_database, isolation_level="AUTOCOMMIT")
    closed: list[int] = []

    def closing() -> Any:
        if gate.transactions == 2 and not closed:  # the first unit of the seven looks at the clock
            with other.connect() as connection:
                ended = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
                closed.append(connection.execute(text(f"{ended} AND datname = current_database()")).scalar_one())
        return CONTEXT.clock()

    context = Context(clock=closing)
    try:
        outcomes = at_once([lambda: create(scheduling, "Appointment", appointment(), context)] * 8)
        made = {o.stored.id for o in outcomes if isinstance(o, Result) and o.stored}
        assert closed and closed[0] > 0
        assert len(made) == 8
        assert {key[1] for key in kept(scheduling)} == made
    finally:
        other.dispose()
        store.close()
