"""What was prepared can always be committed, whatever others write meanwhile: a state machine of writers and parts.

Parts of transactions across services are prepared, then committed or dropped in any order, while clients, importers and
Bundles write the same few resources. Nobody's write may make a commit fail, or show in a part what was not promised.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import delete, select

from carethread.adapters.sql.engine import reading, writing
from carethread.adapters.sql.store import store as sql_store
from carethread.adapters.sql.tables import claims, metadata
from carethread.core.context import Context, new_id
from carethread.core.errors import FhirError
from carethread.core.fhir import json
from carethread.core.ports import Key, Request
from carethread.interactions.rest.handling import handle
from carethread.interactions.transaction.entries import entries_of
from carethread.interactions.transaction.message import part_for, part_of
from carethread.interactions.transaction.part import commit, drop, prepare
from carethread.interactions.transaction.plan import plan
from carethread.interactions.writing.conditional import condition_of
from support.owners import Practice, booking, entry, practice, put, settled, slot

POSTGRES = pytest.param("postgres", 5, 15, marks=pytest.mark.servers)
SLOTS = st.sampled_from(["s0", "s1"])
APPOINTMENTS = st.sampled_from(["a0", "a1"])
STATUSES = st.sampled_from(["booked", "booked", "cancelled"])
CRITERIA = st.sampled_from(["status=booked", "status=cancelled", "identifier=urn:x|1"])

PUTS = st.one_of(
    st.builds(lambda a, s, status: put(booking(a, s, status=status)), APPOINTMENTS, SLOTS, STATUSES),
    st.builds(lambda s, status: put(slot(s, status)), SLOTS, st.sampled_from(["free", "busy", "busy-unavailable"])),
)
WRITES = st.one_of(
    PUTS,
    PUTS,
    st.builds(lambda a: entry("DELETE", f"Appointment/{a}"), APPOINTMENTS),
    st.builds(lambda s: entry("DELETE", f"Slot/{s}"), SLOTS),
    st.builds(lambda s, c: entry("POST", "Appointment", booking("x", s), ifNoneExist=c), SLOTS, CRITERIA),
    st.builds(lambda c: entry("DELETE", f"Appointment?{c}"), CRITERIA),
    st.builds(
        lambda a, v: put(booking(a, "s0", status="cancelled"), ifMatch=f'W/"{v}"'), APPOINTMENTS, st.integers(1, 4)
    ),
)
BUNDLES = st.lists(WRITES, min_size=1, max_size=2)


class Prepared(RuleBasedStateMachine):
    """A front desk on which transactions across services are under way."""

    services: ClassVar[Practice]
    committed: ClassVar[int]
    """Parts, over all examples: a service that refused to prepare anything would hold every promise."""

    @initialize()
    def begin(self) -> None:
        self.runtime = self.services.runtimes["scheduling"]
        self.store = self.services.stores["scheduling"]
        with writing(self.store.engine) as connection:
            for table in metadata.sorted_tables:
                connection.execute(delete(table))
        self.parts: dict[str, tuple[dict[int, Any], dict[Key, int]]] = {}
        for id_ in ("s0",):
            self.ask("PUT", f"Slot/{id_}", slot(id_))

    def ask(self, method: str, path: str, body: Any, **headers: str) -> int:
        sent = {"content-type": "application/fhir+json", **headers}
        return handle(self.runtime, Request(method, path, (), sent, json.render(body)), Context()).status

    @rule(entries=BUNDLES)
    def prepares(self, entries: list[Any]) -> None:
        def match(type_name: str, criteria: str) -> list[str]:
            condition = condition_of(self.runtime, type_name, criteria, Context())
            found = self.store.snapshot(lambda session: session.search(condition.query, 2)).matches
            return [stored.id for stored in found]

        transaction = new_id()
        try:
            bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
            steps = plan(entries_of(bundle, 10), match, new_id)
            part = part_of(Request("PUT", "", body=part_for(steps, "", Context()).to_bytes()))
            promised = prepare(self.runtime, transaction, part, Context(), handle)
        except FhirError:
            return
        self.parts[transaction] = {n: _lasting(said) for n, said in promised.items()}, self.held(transaction)

    def held(self, transaction: str) -> dict[Key, int]:
        with reading(self.store.engine) as connection:
            rows = connection.exec_driver_sql("SELECT type, id, version, held FROM resources").all()
        return {(row.type, row.id): row.version for row in rows if row.held == transaction}

    @rule(data=st.data())
    def commits(self, data: st.DataObject) -> None:
        if self.parts:
            transaction = data.draw(st.sampled_from(sorted(self.parts)))
            promised, _ = self.parts[transaction]
            answers = self.commit(transaction)
            del self.parts[transaction]
            assert {n: _lasting(said) for n, said in answers.items()} == promised
            assert commit(self.runtime, transaction, Context(), handle) == {}

    def commit(self, transaction: str) -> Any:
        type(self).committed += 1
        return commit(self.runtime, transaction, Context(), handle)

    @rule(data=st.data())
    def drops(self, data: st.DataObject) -> None:
        if self.parts:
            transaction = data.draw(st.sampled_from(sorted(self.parts)))
            del self.parts[transaction]
            drop(self.runtime, transaction)

    @rule(entries=BUNDLES, kind=st.sampled_from(["batch", "transaction"]), backfill=st.booleans())
    def others_write(self, entries: list[Any], kind: str, backfill: bool) -> None:
        told = {"x-carethread-backfill": "true"} if backfill else {}
        status = self.ask("POST", "", {"resourceType": "Bundle", "type": kind, "entry": entries}, **told)
        assert status < 500 or (status == 503 and self.parts)

    @invariant()
    def what_is_held_stands(self) -> None:
        for transaction, (_, held) in getattr(self, "parts", {}).items():
            assert self.held(transaction) == held

    @invariant()
    def what_is_claimed_is_busy(self) -> None:
        if not hasattr(self, "store"):
            return
        with reading(self.store.engine) as connection:
            taken = connection.execute(
                select(claims.c.key).where(claims.c.kind == "slot", claims.c.holder.like("App%"))
            )
            keys = [("Slot", id_) for id_ in taken.scalars()]
        found = self.store.snapshot(lambda session: session.current(keys))
        assert all(json.parse(s.body)["status"] == "busy" for s in found.values() if not s.deleted)

    def teardown(self) -> None:
        for transaction in getattr(self, "parts", {}):
            self.commit(transaction)
        if hasattr(self, "store"):
            settled(self.services)


def _lasting(said: bytes) -> Any:
    """An entry but for when it was: what must be the same in promise and deed."""
    entry = json.parse_object(said)
    entry["response"].pop("lastModified", None)
    return entry


@pytest.fixture
def services(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Practice]:
    database = request.getfixturevalue("postgres_database") if request.param == "postgres" else ""
    monkeypatch.setattr(sql_store, "_HELD_SECONDS", 0.0)  # nobody is going to decide while we wait
    with practice(tmp_path, ["scheduling"], postgres=database) as made:
        yield made


@pytest.mark.parametrize("services, examples, steps", [("sqlite", 50, 25), POSTGRES], indirect=["services"])
def test_what_is_prepared_can_always_be_committed(services: Practice, examples: int, steps: int) -> None:
    Prepared.services, Prepared.committed = services, 0
    run_state_machine_as_test(
        Prepared,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            phases=[Phase.reuse, Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert Prepared.committed >= examples // 10
