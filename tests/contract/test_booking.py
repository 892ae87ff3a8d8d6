"""Booking on the real store: whatever is written in whatever order, slots, claims, versions and events agree.

A state machine writes Slots and Appointments as clients, importers and Bundles do, and predicts each outcome with a
model of a few lines; after each step the database must say the same.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import delete as delete_rows
from sqlalchemy import select

from carethread.adapters.sql.engine import reading, writing
from carethread.adapters.sql.store.store import SqlStore
from carethread.adapters.sql.tables import claims, metadata, outbox, resources, versions
from carethread.core.context import Context
from carethread.core.errors import Busy, Conflict, FhirError, Invalid
from carethread.core.fhir import json
from carethread.core.ports import Request, Resource, Response
from carethread.core.service import Runtime
from carethread.interactions.delete import delete
from carethread.interactions.transaction import batch, transaction
from carethread.interactions.update import update
from carethread.scheduling import SERVICE
from carethread.scheduling.rules import APPOINTMENT, HOLDING
from carethread.scheduling.visits.transitions import is_move
from support.stores import open_store, runtime

POSTGRES = pytest.param("postgres", marks=pytest.mark.servers)
SLOTS = [f"s{n}" for n in range(3)]
APPOINTMENTS = [f"a{n}" for n in range(4)]


def slot(id_: str, status: str = "free") -> Resource:
    return {
        "resourceType": "Slot",
        "id": id_,
        "schedule": {"reference": "Schedule/s"},
        "status": status,
        "start": "2031-03-02T09:00:00Z",
        "end": "2031-03-02T09:30:00Z",
    }


def appointment(id_: str, status: str, slots: Sequence[str], ours: bool = True) -> Resource:
    made: Resource = {
        "resourceType": "Appointment",
        "id": id_,
        "meta": {"profile": [APPOINTMENT]} if ours else {"source": "urn:made-up:ehr"},
        "status": status,
        "slot": [{"reference": f"Slot/{s}"} for s in slots],
        "start": "2031-03-02T09:00:00Z",
        "end": "2031-03-02T09:30:00Z",
        "participant": [{"actor": {"reference": f"Patient/{id_}"}, "status": "accepted"}],
    }
    return made if slots else {name: value for name, value in made.items() if name != "slot"}


class Practice:
    """The model: what stands, who has which slot, how many versions there are."""

    def __init__(self) -> None:
        self.living: dict[tuple[str, str], Resource] = {}
        self.versions: dict[tuple[str, str], int] = {}
        self.holders: dict[str, str] = {}

    def status(self, slot_id: str) -> str | None:
        stands = self.living.get(("Slot", slot_id))
        return stands["status"] if stands else None

    def jumps(self, booking: Resource) -> bool:
        """Whether one of ours comes to a status that cannot follow, or is over before it begins: all are ahead."""
        before, now = self.living.get(("Appointment", booking["id"])), booking["status"]
        was = before["status"] if before else ""
        early = now in ("fulfilled", "noshow") and was != now
        return _is_ours(booking) and (early or (before is not None and not is_move(was, now)))

    def put(self, resource: Resource, backfill: bool = False) -> bool:
        """Whether the write is allowed; if so it is done."""
        key = resource["resourceType"], resource["id"]
        if key[0] == "Slot":
            held = key[1] in self.holders
            if held and resource["status"] != "busy":
                if key in self.living and not backfill:
                    return False
                resource = {**resource, "status": "busy"}
        elif (not backfill and self.jumps(resource)) or not self._move(
            key[1], _wanted(resource), backfill or not _is_ours(resource)
        ):
            return False
        if not (backfill and self.living.get(key) == resource):
            self._keep(key, resource if backfill else self._marked(resource))
        return True

    def _marked(self, booking: Resource) -> Resource:
        """One of ours that comes to a status says when, or by whom it was cancelled."""
        before, now = self.living.get((booking["resourceType"], booking["id"])), booking["status"]
        if before is None or before["status"] == now or not _is_ours(booking):
            return booking
        told = now in ("arrived", "checked-in") or (now == "cancelled" and before["status"] in HOLDING)
        return {**booking, "extension": now} if told else booking

    def put_together(self, resources: Sequence[Resource]) -> bool:
        """All or nothing, whatever the order: first each gives up what it had, then each takes what it wants."""
        before = deepcopy(self)
        bookings = sorted((r for r in resources if r["resourceType"] == "Appointment"), key=lambda r: str(r["id"]))
        for booking in bookings:
            for s in [s for s, holder in self.holders.items() if holder == booking["id"] and s not in _wanted(booking)]:
                del self.holders[s]
                self._mark(s, "free")
        for each in resources:
            if each["resourceType"] == "Slot" and not self.put(each):
                return False
        for booking in bookings:
            ours = _is_ours(booking)
            if before.jumps(booking):
                return False
            for s in _wanted(booking):
                mine = self.holders.get(s) == booking["id"]
                open_ = s not in self.holders and self.status(s) in ("free", "busy-tentative")
                if ours and not open_ and not (mine and self.status(s)):
                    return False
                if s not in self.holders or mine:
                    self.holders[s] = booking["id"]
                    self._mark(s, "busy")
            self._keep(("Appointment", booking["id"]), before._marked(booking))
        for s in {s for s in before.holders if s not in self.holders}:
            rivals = [a for (kind, a), r in self.living.items() if kind == "Appointment" and s in _wanted(r)]
            if rivals:
                self.holders[s] = min(rivals)
                self._mark(s, "busy")
        written = {(r["resourceType"], r["id"]) for r in resources}
        changed = {key for key, r in self.living.items() if key in written or before.living.get(key) != r}
        self.versions = {key: before.versions.get(key, 0) + (key in changed) for key in self.versions}
        return True

    def delete(self, key: tuple[str, str]) -> bool:
        if key not in self.living:
            return True
        if key[0] == "Slot" and key[1] in self.holders:
            return False
        if key[0] == "Appointment":
            self._move(key[1], [], False)
        del self.living[key]
        self.versions[key] += 1
        return True

    def _move(self, id_: str, wanted: list[str], told: bool) -> bool:
        new = [s for s in wanted if self.holders.get(s) != id_]
        free = {s for s in new if s not in self.holders and self.status(s) in ("free", "busy-tentative")}
        if not told and (len(free) < len(new) or not all(map(self.status, wanted))):
            return False
        for s in [s for s, holder in self.holders.items() if holder == id_ and s not in wanted]:
            del self.holders[s]
            rivals = [
                a for (kind, a), r in self.living.items() if kind == "Appointment" and s in _wanted(r) and a != id_
            ]
            if rivals:
                self.holders[s] = min(rivals)
            self._mark(s, "busy" if rivals else "free")
        for s in new:
            if s not in self.holders:
                self.holders[s] = id_
                self._mark(s, "busy")
        return True

    def _mark(self, slot_id: str, status: str) -> None:
        stands = self.living.get(("Slot", slot_id))
        if stands and stands["status"] != status:
            self._keep(("Slot", slot_id), {**stands, "status": status})

    def _keep(self, key: tuple[str, str], resource: Resource) -> None:
        self.living[key] = resource
        self.versions[key] = self.versions.get(key, 0) + 1


def _as_sent(resource: Resource) -> Resource:
    """Without what the service adds: its stamp, and what the course of a visit leaves."""
    return {name: value for name, value in resource.items() if name not in ("meta", "extension")}


def _is_ours(booking: Resource) -> bool:
    """Whether our rules bind it; what else is told is never refused."""
    return "profile" in booking.get("meta", {})


def _wanted(resource: Resource) -> list[str]:
    held = [s["reference"].partition("/")[2] for s in resource.get("slot", [])]
    return sorted(set(held)) if resource["status"] in HOLDING else []


STATUSES = st.sampled_from(
    ["proposed", "pending", "booked", "arrived", "fulfilled", "cancelled", "noshow", "checked-in", "waitlist"]
)
BOOKINGS = st.builds(
    appointment,
    st.sampled_from(APPOINTMENTS),
    STATUSES,
    st.lists(st.sampled_from(SLOTS), min_size=1, max_size=2),
    st.sampled_from([True, True, False]),
)
SLOT_WRITES = st.builds(
    slot, st.sampled_from(SLOTS), st.sampled_from(["free", "busy", "busy-tentative", "busy-unavailable", "free"])
)
SEVERAL = st.lists(
    st.one_of(BOOKINGS, BOOKINGS, SLOT_WRITES),
    min_size=1,
    max_size=4,
    unique_by=lambda r: r["id"],
)


class Booking(RuleBasedStateMachine):
    """One practice from empty on."""

    store: ClassVar[SqlStore]
    services: ClassVar[Runtime]

    @initialize()
    def begin(self) -> None:
        empty(self.store)
        self.model = Practice()
        for id_ in SLOTS[:2]:
            self.model.put(slot(id_))
            put(self.services, slot(id_))

    @rule(resource=st.one_of(BOOKINGS, SLOT_WRITES), backfill=st.sampled_from([False, False, True]))
    def write(self, resource: Resource, backfill: bool) -> None:
        allowed = deepcopy(self.model).put(resource, backfill)
        assert put(self.services, resource, backfill) is allowed
        if allowed:
            self.model.put(resource, backfill)

    @rule(key=st.sampled_from([*(("Slot", s) for s in SLOTS), *(("Appointment", a) for a in APPOINTMENTS)]))
    def remove(self, key: tuple[str, str]) -> None:
        try:
            delete(self.services, key, Context())
            done = True
        except Conflict:
            done = False
        assert self.model.delete(key) is done

    @rule(resources=st.lists(st.one_of(BOOKINGS, SLOT_WRITES), min_size=1, max_size=5))
    def write_each(self, resources: list[Resource]) -> None:
        """A batch may write the same resource more than once; what is refused leaves nothing."""
        answer = json.parse(batch(self.services, bundle("batch", resources), Context(), _no_reads))
        statuses = [entry["response"]["status"][:3] for entry in answer["entry"]]
        expected = [self.model.put(resource) for resource in resources]
        assert [status not in ("409", "422") for status in statuses] == expected, statuses

    @rule(resources=SEVERAL)
    def write_all(self, resources: list[Resource]) -> None:
        """A transaction writes all or nothing, and each resource once."""
        after = deepcopy(self.model)
        allowed = after.put_together(resources)
        try:
            transaction(self.services, bundle("transaction", resources), Context(), _no_reads)
            done = True
        except (Conflict, Invalid):
            done = False
        assert done is allowed
        self.model = after if allowed else self.model

    @invariant()
    def the_database_says_the_same(self) -> None:
        model = getattr(self, "model", None)
        if model is None:
            return
        assert held(self.store) == {s: f"Appointment/{a}" for s, a in model.holders.items()}
        found = self.store.snapshot(lambda s: s.current(model.versions))
        assert {key: stored.version for key, stored in found.items()} == model.versions
        living = {key: json.parse(stored.body) for key, stored in found.items() if not stored.deleted}
        assert {key: _as_sent(body) for key, body in living.items()} == {
            key: _as_sent(body) for key, body in model.living.items()
        }
        consistent(self.store)


def bundle(kind: str, resources: Sequence[Resource]) -> Resource:
    entries = [
        {"resource": r, "request": {"method": "PUT", "url": f"{r['resourceType']}/{r['id']}"}} for r in resources
    ]
    return {"resourceType": "Bundle", "type": kind, "entry": entries}


def _no_reads(_: Runtime, __: Request, ___: Context) -> Response:
    raise AssertionError("there is nothing to read in these Bundles")


def put(services: Runtime, resource: Resource, backfill: bool = False) -> bool:
    """Write as a client does; whether it was not refused."""
    try:
        update(services, (resource["resourceType"], resource["id"]), resource, Context(backfill=backfill))
    except (Conflict, Invalid):
        return False
    return True


def held(store: SqlStore) -> dict[str, str]:
    with reading(store.engine) as connection:
        return {row.key: row.holder for row in connection.execute(select(claims))}


def consistent(store: SqlStore) -> None:
    """A claimed slot is busy; versions are 1, 2, 3…; each has exactly one event."""
    with reading(store.engine) as connection:
        events = [tuple(r) for r in connection.execute(select(outbox.c.type, outbox.c.id, outbox.c.version))]
        kept = connection.execute(
            select(resources.c.type, resources.c.id, versions.c.version).join(
                versions, versions.c.row == resources.c.row
            )
        )
        stored = [tuple(r) for r in kept]
    keys = {event[:2] for event in events}
    found = store.snapshot(lambda s: s.current(keys))
    assert sorted(events) == sorted((*key, n) for key, v in found.items() for n in range(1, v.version + 1))
    assert sorted(stored) == sorted(events)
    for slot_id in held(store):
        stands = found.get(("Slot", slot_id))
        assert not stands or stands.deleted or json.parse(stands.body)["status"] == "busy"


def empty(store: SqlStore) -> None:
    with writing(store.engine) as connection:
        for table in metadata.sorted_tables:
            connection.execute(delete_rows(table))


@pytest.fixture
def store(database_url: str) -> Iterator[SqlStore]:
    opened = open_store(database_url, "scheduling")
    yield opened
    opened.close()


@pytest.mark.parametrize(
    "database_url, examples, steps",
    [pytest.param("sqlite", 60, 25), pytest.param("postgres", 12, 20, marks=pytest.mark.servers)],
    indirect=["database_url"],
)
def test_whatever_is_written_all_agree(store: SqlStore, examples: int, steps: int) -> None:
    Booking.store, Booking.services = store, runtime(store, SERVICE)
    run_state_machine_as_test(
        Booking,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            phases=[Phase.reuse, Phase.generate, Phase.shrink],  # to explain would take minutes
            suppress_health_check=list(HealthCheck),
        ),
    )


def race(*works: Callable[[], object]) -> list[object]:
    """Run all at once; what each returned, or the error that it raised."""
    results: list[object] = [None] * len(works)
    barrier = threading.Barrier(len(works))

    def run(place: int) -> None:
        barrier.wait()
        try:
            results[place] = works[place]()
        except FhirError as error:
            results[place] = error

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


def test_of_many_that_book_one_slot_one_has_it(store: SqlStore) -> None:
    services = runtime(store, SERVICE)
    put(services, slot("s0"))
    results = race(*(lambda n=n: put(services, appointment(f"a{n}", "booked", ["s0"])) for n in range(8)))
    assert sorted(map(str, results)) == ["False"] * 7 + ["True"]
    consistent(store)


def test_many_that_move_among_few_slots_leave_all_in_order(store: SqlStore) -> None:
    """Booking, moving, cancelling, deleting and re-posting at once: no deadlock reaches a caller, nothing is lost."""
    services = runtime(store, SERVICE)
    for id_ in SLOTS:
        put(services, slot(id_))

    def work(seed: int) -> Callable[[], object]:
        chance = random.Random(seed)

        def run() -> int:
            done = 0
            for _ in range(25):
                id_ = chance.choice(APPOINTMENTS)
                match chance.randrange(5):
                    case 0:
                        done += put(services, appointment(id_, "cancelled", []))
                    case 1:
                        delete(services, ("Appointment", id_), Context())
                    case 2:
                        done += put(services, slot(chance.choice(SLOTS)))
                    case _:
                        wanted = chance.sample(SLOTS, k=chance.randint(1, 2))
                        done += put(services, appointment(id_, "booked", wanted))
            return done

        return run

    results = race(*(work(seed) for seed in range(4)))
    assert not [r for r in results if isinstance(r, Busy)]
    assert all(isinstance(r, int) and r > 0 for r in results), results
    consistent(store)
    keys = [*(("Slot", id_) for id_ in SLOTS), *(("Appointment", id_) for id_ in APPOINTMENTS)]
    found = store.snapshot(lambda s: s.current(keys))
    living = {key: json.parse(v.body) for key, v in found.items() if not v.deleted}
    expected = {
        s: f"Appointment/{id_}" for (kind, id_), r in living.items() if kind == "Appointment" for s in _wanted(r)
    }
    assert held(store) == expected
    for id_ in SLOTS:
        assert living["Slot", id_]["status"] == ("busy" if id_ in expected else "free")
