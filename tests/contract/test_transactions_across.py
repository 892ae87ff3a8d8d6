"""Transactions that span services, on real stores: all or nothing, whoever dies when, and nobody sees half of one."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from carethread.adapters.sql.engine import reading
from carethread.adapters.sql.tables import outbox
from carethread.core.clock import instant, to_micros
from carethread.core.context import Context, Principal, new_id
from carethread.core.errors import Busy
from carethread.core.fhir import json
from carethread.core.ports import Peer, Request, Response
from carethread.core.service import Limits, Runtime
from carethread.gateway.coordinator import Coordinator
from carethread.gateway.routing import gateway
from carethread.interactions.rest.handling import Handler, handle
from carethread.interactions.transaction import part
from carethread.interactions.transaction.entries import entries_of
from carethread.interactions.transaction.message import part_for
from carethread.interactions.transaction.part import settle_doubts
from carethread.interactions.transaction.plan import plan
from support.fate import Fate, Killed, before_commit, mortal
from support.owners import (
    SERVICES,
    URN,
    Practice,
    booking,
    count,
    entry,
    intake,
    patient,
    practice,
    put,
    settled,
    slot,
    team,
)
from support.stores import BASE

POSTGRES = pytest.param("postgres", marks=pytest.mark.servers)
Entry = dict[str, Any]


@pytest.fixture(params=["sqlite", POSTGRES])
def services(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Practice]:
    database = request.getfixturevalue("postgres_database") if request.param == "postgres" else ""
    with practice(tmp_path, postgres=database) as made:
        yield made


def total(services: Practice, path: str) -> int:
    found = services.read(path)
    return int(found["total"])


def test_links_lead_across_owners_and_answers_stand_in_the_order_of_the_request(services: Practice) -> None:
    assert services.ask("PUT", "Slot/s1", slot("s1")).status == 201
    status, answer = services.transact(*intake("1"), entry("GET", "Slot/s1"), prefer="return=representation")
    assert status == 200, answer
    made_team, made_visit, made_patient, read_slot = answer["entry"]
    reference = made_patient["response"]["location"].partition("/_history")[0]
    assert made_team["resource"]["subject"] == {"reference": reference}
    assert made_visit["resource"]["participant"][0]["actor"] == {"reference": reference}
    assert [e["response"]["status"][:3] for e in answer["entry"]] == ["201", "201", "201", "200"]
    assert read_slot["resource"]["status"] == "busy"
    assert services.read(reference)["identifier"] == patient("1")["identifier"]
    settled(services)


@pytest.mark.parametrize(
    "wrong, expected, place",
    [
        (entry("POST", "CareTeam", {**team("Patient/1"), "status": "none"}), 422, "Bundle.entry[3].resource.status"),
        (put(booking("a2", "taken")), 409, "Bundle.entry[3].resource.slot[0]"),
        (entry("PUT", "Patient/x", {**patient("x"), "id": "x"}, ifMatch='W/"7"'), 412, "Bundle.entry[3]"),
        (entry("GET", "Patient/nobody"), 404, "Bundle.entry[3]"),
        (entry("GET", "Task?nothing=1"), 200, ""),
        (entry("DELETE", "Patient?identifier=urn:x|twice"), 412, "Bundle.entry[3].request.url"),
        (entry("POST", "Patient", patient("twice"), ifNoneExist="identifier=urn:x|twice"), 412,
         "Bundle.entry[3].request.ifNoneExist"),
        (entry("POST", "CareTeam", team("Patient?identifier=urn:x|nobody")), 412, "Bundle.entry[3]"),
        (entry("POST", "Nonsense", {"resourceType": "Nonsense"}), 404, "Bundle.entry[3].request.url"),
        (entry("PUT", "Slot/taken", slot("taken")), 409, "Bundle.entry[3].resource.status"),
    ],
)  # fmt: skip
def test_one_refused_part_leaves_nothing(services: Practice, wrong: Entry, expected: int, place: str) -> None:
    services.ask("PUT", "Slot/taken", slot("taken"))
    services.ask("PUT", "Appointment/first", booking("first", "taken"))
    for _ in range(2):
        services.ask("POST", "Patient", patient("twice"))
    status, answer = services.transact(*intake("1"), wrong)
    assert status == expected, answer
    if expected != 200:
        assert answer["resourceType"] == "OperationOutcome"
        assert answer["issue"][0]["expression"] == [place]
        assert total(services, "Patient?identifier=urn:x|1") == total(services, "CareTeam?status=active") == 0
        assert services.ask("GET", "Appointment/a1").status == 404
    settled(services)


class Stopped:
    """A peer that lets the owners prepare, then waits to be let on before anything is committed."""

    def __init__(self, peer: Peer, owners: int) -> None:
        self._peer = peer
        self._owners = owners
        self.prepared = threading.Event()
        self.go_on = threading.Event()

    def call(self, service: str, request: Request) -> Response:
        if request.method == "POST":
            self.prepared.set()
            assert self.go_on.wait(20)
        return self._peer.call(service, request)

    def knows(self, service: str) -> bool:
        return self._peer.knows(service)


def test_what_is_prepared_is_seen_by_nobody_and_kept_from_other_writers(services: Practice) -> None:
    services.ask("PUT", "Slot/s1", slot("s1"))
    services.ask("PUT", "Slot/s2", slot("s2"))
    services.ask("PUT", "Patient/old", {**patient("old"), "id": "old"})
    events = {name: count(store, outbox) for name, store in services.stores.items()}
    halfway = Stopped(services.peer, 3)
    coordinator = Coordinator(services.journal, halfway, "here")
    slow = replace(services, handler=_gateway(services, coordinator))
    answers: list[tuple[int, Any]] = []
    writes = [
        put(booking("a1", "s1", URN(1))),
        put({**patient("old"), "id": "old", "active": True}),
        entry("PUT", "CareTeam/new", {**team(URN(1)), "id": "new"}),
        entry("POST", "Patient", patient("1"), URN(1), ifNoneExist="identifier=urn:x|1"),
    ]
    thread = threading.Thread(target=lambda: answers.append(slow.transact(*writes)))
    thread.start()
    try:
        assert halfway.prepared.wait(20)
        assert total(services, "Patient?identifier=urn:x|1") == 0
        assert services.ask("GET", "CareTeam/new").status == 404
        assert services.ask("GET", "CareTeam/new/_history").status == 404
        assert services.ask("GET", "Appointment/a1").status == 404
        assert services.read("Patient/old")["meta"]["versionId"] == "1"
        assert services.read("Slot/s1")["status"] == "free"
        assert {name: count(store, outbox) for name, store in services.stores.items()} == events
        for method, path, body, headers in (
            ("PUT", "Patient/old", {**patient("old"), "id": "old"}, {}),
            ("DELETE", "Patient/old", None, {}),
            ("PUT", "CareTeam/new", {**team("Patient/x"), "id": "new"}, {"if_none_match": "*"}),
            ("PUT", "Appointment/rival", booking("rival", "s1"), {}),
            ("PUT", "Slot/s1", slot("s1", "busy-unavailable"), {}),
            ("POST", "Patient", patient("1"), {"if_none_exist": "identifier=urn:x|1"}),
        ):
            began = time.monotonic()
            response = services.ask(method, path, body, **headers)
            assert (response.status, response.headers.get("Retry-After")) == (503, "1"), (path, response.body)
            assert time.monotonic() - began < 5
        assert services.ask("PUT", "Appointment/other", booking("other", "s2")).status == 201
        assert services.ask("POST", "Patient", patient("1")).status == 201, "a create without criteria is free to be"
    finally:
        halfway.go_on.set()
        thread.join(30)
    [(status, answer)] = answers
    assert status == 200, answer
    assert services.read("Patient/old")["active"] is True
    assert services.read("Slot/s1")["status"] == "busy"
    assert services.ask("PUT", "Appointment/rival", booking("rival", "s1")).status == 409
    assert total(services, "Patient?identifier=urn:x|1") == 2
    settled(services)


def _gateway(services: Practice, coordinator: Coordinator) -> Handler:
    return gateway([*SERVICES.values()], services.peer, BASE, Limits(), coordinator)


JOURNAL = ("begin", "decide", "drop", "forget")


@pytest.mark.parametrize("refused", [False, True], ids=["that is committed", "that is refused"])
def test_killed_at_any_moment_it_is_all_or_nothing(services: Practice, refused: bool) -> None:
    moments: list[str] = []
    outcomes: set[bool] = set()
    step = 1 if services.journal.engine.dialect.name == "sqlite" else 3  # the moments are the same on both
    for moment in range(0, 200, step):
        value = f"{moment}"
        services.ask("PUT", f"Slot/s{value}", slot(f"s{value}"))
        fate = Fate(moment)
        journal, peer = mortal(services.journal, fate, *JOURNAL), mortal(services.peer, fate, "call")
        doomed = replace(services, handler=_gateway(services, Coordinator(journal, peer, "here", sleep=lambda _: None)))
        wrong = [entry("GET", "Task/nobody"), entry("PUT", "Slot/x", slot("y"))] if refused else []
        with pytest.MonkeyPatch.context() as patch:
            for store in services.stores.values():
                patch.setattr(store, "transact", before_commit(store, fate))
            try:
                doomed.transact(*intake(value), *wrong)
            except Killed:
                moments.append(fate.reached)
        _restart(services)
        settled(services)
        seen = {
            total(services, f"Patient?identifier=urn:x|{value}"),
            int(services.ask("GET", f"Appointment/a{value}").status == 200),
            int(services.read(f"Slot/s{value}")["status"] == "busy"),
        }
        assert len(seen) == 1, (fate.reached, seen)
        outcomes |= {bool(seen.pop())}
        if not fate.reached:
            break
    assert outcomes == ({False} if refused else {True, False})
    assert total(services, "CareTeam?status=active") == total(services, "Patient?identifier:missing=false")
    assert len(moments) * step > (8 if refused else 20), moments


def _restart(services: Practice) -> None:
    """What happens when the processes come back: the gateway looks into its journal, then owners in doubt ask it."""
    again = Coordinator(services.journal, services.peer, "here")
    again.sweep(Context(), mine=True)
    later = Context(clock=lambda: datetime.now(UTC) + timedelta(minutes=1))
    for runtime in services.runtimes.values():
        settle_doubts(runtime, again.decision, later, handle)


@pytest.mark.parametrize("services", [POSTGRES], indirect=True)
def test_who_writes_while_a_savepoint_gives_its_locks_up_is_seen(
    services: Practice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL frees what a savepoint has locked when it is rolled back; SQLite has one writer at a time."""
    services.ask("PUT", "Patient/p", {**patient("p"), "id": "p"})
    confirm, rivals = part._confirm, iter([{**patient("p"), "id": "p", "active": False}])

    def after_others(session: Any, seen: Any) -> None:
        for rival in rivals:
            assert services.ask("PUT", "Patient/p", rival).status == 200
        confirm(session, seen)

    monkeypatch.setattr(part, "_confirm", after_others)
    stale = entry("PUT", "Patient/p", {**patient("p"), "id": "p"}, ifMatch='W/"1"')
    look = entry("GET", "Patient/p")  # what it sees is written, and undone by a savepoint
    assert services.transact(stale, entry("POST", "CareTeam", team("Patient/p")), look)[0] == 412
    assert services.read("Patient/p")["active"] is False
    settled(services)


def test_an_owner_away_after_the_decision_is_told_when_it_is_back(services: Practice) -> None:
    services.ask("PUT", "Slot/s1", slot("s1"))

    class Away:
        def call(self, service: str, request: Request) -> Response:
            if request.method == "POST" and service == "records":
                raise Busy("records is away.")
            return services.peer.call(service, request)

        def knows(self, service: str) -> bool:
            return services.peer.knows(service)

    coordinator = Coordinator(services.journal, Away(), "here", sleep=lambda _: None)
    status, answer = replace(services, handler=_gateway(services, coordinator)).transact(*intake("1"))
    assert status == 200, answer
    promised = answer["entry"][2]["response"]
    assert promised["status"] == "201 Created"
    assert "lastModified" not in promised, "when it will be is not known yet"
    [left] = services.journal.left()
    assert left.decided
    assert total(services, "Patient?identifier=urn:x|1") == 0, "some owners are done before others"
    assert services.ask("GET", "Appointment/a1").status == 200
    _restart(services)
    assert services.ask("GET", promised["location"].partition("/_history")[0]).status == 200
    settled(services)


def test_an_owner_away_before_the_decision_ends_it(services: Practice) -> None:
    services.ask("PUT", "Slot/s1", slot("s1"))

    class Away:
        def call(self, service: str, request: Request) -> Response:
            if service == "scheduling":
                raise Busy("scheduling is away.")
            return services.peer.call(service, request)

        def knows(self, service: str) -> bool:
            return services.peer.knows(service)

    coordinator = Coordinator(services.journal, Away(), "here", sleep=lambda _: None)
    status, _ = replace(services, handler=_gateway(services, coordinator)).transact(*intake("1"))
    assert status == 503
    assert total(services, "Patient?identifier=urn:x|1") == 0
    settled(services)


def test_what_is_never_decided_is_dropped_in_time_by_whoever_looks(services: Practice) -> None:
    services.ask("PUT", "Slot/s1", slot("s1"))
    fate = Fate(0)
    doomed = Coordinator(mortal(services.journal, fate, "decide"), services.peer, "elsewhere")
    with pytest.raises(Killed):
        replace(services, handler=_gateway(services, doomed)).transact(*intake("1"))
    other = Coordinator(services.journal, services.peer, "here")
    assert other.sweep(Context(), mine=True) == 0, "another machine may still be at it"
    assert other.sweep(Context(clock=lambda: datetime.now(UTC) + timedelta(minutes=1))) == 1
    settled(services)
    assert services.ask("PUT", "Appointment/a2", booking("a2", "s1")).status == 201


def test_of_what_was_dropped_meanwhile_nothing_is_committed(services: Practice) -> None:
    services.ask("PUT", "Slot/s1", slot("s1"))

    class Late:
        """A journal that is asked to decide when a sweep has been here."""

        def decide(self, transaction: str) -> bool:
            services.journal.drop(transaction)
            return services.journal.decide(transaction)

        def __getattr__(self, name: str) -> Any:
            return getattr(services.journal, name)

    coordinator = Coordinator(Late(), services.peer, "here", sleep=lambda _: None)
    status, _ = replace(services, handler=_gateway(services, coordinator)).transact(*intake("1"))
    assert status == 503
    assert total(services, "Patient?identifier=urn:x|1") == 0
    settled(services)


def test_commit_and_drop_may_be_told_again(services: Practice) -> None:
    services.ask("PUT", "Slot/s1", slot("s1"))

    class Twice:
        def call(self, service: str, request: Request) -> Response:
            first = services.peer.call(service, request)
            second = services.peer.call(service, request)
            assert first.status == second.status
            return first if request.method == "POST" else second

        def knows(self, service: str) -> bool:
            return services.peer.knows(service)

    coordinator = Coordinator(services.journal, Twice(), "here", sleep=lambda _: None)
    twice = replace(services, handler=_gateway(services, coordinator))
    assert twice.transact(*intake("1"))[0] == 200
    assert twice.transact(*intake("2"), entry("GET", "Task/nobody"))[0] == 404
    settled(services)


def prepared(services: Practice, name: str, transaction: str, *entries: Entry, context: Context | None = None) -> None:
    """One owner's part of a transaction that is never decided."""
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": list(entries)}
    steps = plan(entries_of(bundle, 10), lambda type_name, criteria: [], new_id)
    context = context or Context()
    part.prepare(services.runtimes[name], transaction, part_for(steps, "", context), context, handle)


def test_in_a_batch_only_what_is_held_is_refused(services: Practice) -> None:
    for id_ in ("s1", "s2"):
        services.ask("PUT", f"Slot/{id_}", slot(id_))
    services.ask("PUT", "Patient/held", {**patient("h"), "id": "held"})
    prepared(
        services,
        "records",
        "t1",
        put({**patient("h"), "id": "held"}),
        entry("POST", "Patient", patient("1"), ifNoneExist="identifier=urn:x|1"),
    )
    prepared(services, "scheduling", "t2", put(booking("a1", "s1")))
    entries = [
        put({**patient("h"), "id": "held", "active": True}),
        put({**patient("f"), "id": "free"}),
        entry("POST", "Patient", patient("1"), ifNoneExist="identifier=urn:x|1"),
        entry("POST", "Patient", patient("2"), ifNoneExist="identifier=urn:x|2"),
        put(booking("b1", "s1")),
        put(booking("b2", "s2")),
        entry("GET", "Patient/held"),
    ]
    response = services.ask("POST", "", {"resourceType": "Bundle", "type": "batch", "entry": entries})
    answers = json.parse_object(response.body)["entry"]
    assert [e["response"]["status"][:3] for e in answers] == ["503", "201", "503", "201", "503", "201", "200"]
    assert answers[0]["response"]["outcome"]["issue"][0]["code"] == "transient"
    assert services.read("Patient/held")["meta"]["versionId"] == "1"
    assert services.read("Slot/s1")["status"] == "free"
    assert services.read("Slot/s2")["status"] == "busy"
    for name, transaction in (("records", "t1"), ("scheduling", "t2")):
        part.drop(services.runtimes[name], transaction)
    settled(services)


def test_a_part_in_doubt_is_told_with_its_age(services: Practice) -> None:
    begun = datetime(2026, 3, 2, tzinfo=UTC)
    context = Context(clock=lambda: begun)
    prepared(services, "records", "t1", entry("POST", "Patient", patient("1")), context=context)
    store = services.stores["records"]
    assert store.doubts(to_micros(begun)) == {}
    assert store.doubts(to_micros(begun) + 1) == {"t1": to_micros(begun)}
    part.drop(services.runtimes["records"], "t1")
    assert store.doubts(to_micros(begun) + 1) == {}


def test_a_part_is_its_senders_whoever_commits_it(services: Practice) -> None:
    sender = Context(principal=Principal("front desk"), backfill=True)
    prepared(services, "records", "t1", put({**patient("1"), "id": "p"}), entry("GET", "Patient/p"), context=sender)
    seen: list[Context] = []

    def read(runtime: Runtime, request: Request, context: Context) -> Response:
        seen.append(context)
        return handle(runtime, request, context)

    later = Context(clock=lambda: datetime.now(UTC) + timedelta(minutes=1), principal=Principal("records"))
    assert settle_doubts(services.runtimes["records"], lambda transaction: "commit", later, read) == 1
    assert [(each.principal, each.backfill) for each in seen] == [(sender.principal, True)]
    with reading(services.stores["records"].engine) as connection:
        told = connection.execute(select(outbox.c.backfill, outbox.c.traceparent)).all()
    assert [tuple(row) for row in told] == [(True, sender.traceparent)]
    updated = services.read("Patient/p")["meta"]["lastUpdated"]
    assert updated > instant(to_micros(datetime.now(UTC))), "the time is that of the commit"
    settled(services)


def test_a_slot_that_is_given_up_goes_to_who_was_told_of_it_meanwhile(services: Practice) -> None:
    """History that comes while a transaction gives up a slot waits for it, and does not miss the slot."""
    services.ask("PUT", "Slot/s1", slot("s1"))
    services.ask("PUT", "Appointment/a1", booking("a1", "s1"))
    prepared(services, "scheduling", "t1", put(booking("a1", "s1", status="cancelled")))
    told = {"x-carethread-backfill": "true"}
    assert services.ask("PUT", "Appointment/a2", booking("a2", "s1"), **told).status == 503
    later = Context(clock=lambda: datetime.now(UTC) + timedelta(minutes=1))
    assert settle_doubts(services.runtimes["scheduling"], lambda transaction: "commit", later, handle) == 1
    assert services.read("Slot/s1")["status"] == "free"
    assert services.ask("PUT", "Appointment/a2", booking("a2", "s1"), **told).status == 201
    assert services.read("Slot/s1")["status"] == "busy"
    settled(services)
