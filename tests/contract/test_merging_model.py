"""Merges against a slow model: hypothesis merges, parts and deletes patients; every search follows, and copies do.

The copies take the events in any order and some of them twice: one of all patients, one of the merged only.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from carethread.adapters.sql.events.outbox import SqlOutbox
from carethread.adapters.sql.store.store import SqlStore
from carethread.core.events import Event
from carethread.core.service import Limits, Mirror, Runtime
from carethread.interactions.mirror import reaction
from support.records import Records, link, patient
from support.stores import BASE, open_store, runtime, service_of

_runs = itertools.count()
NAMES = "abcd"
NAME = st.sampled_from(NAMES)


def told(store: SqlStore, epoch: int, through: list[int]) -> list[Event]:
    """The events that were not taken yet."""
    events = SqlOutbox(store.engine, "records", BASE, Limits()).take(epoch, through[0], 1000, 60) or []
    through[0] = max([through[0], *(event.sequence for event in events)])
    return events


class Merges(RuleBasedStateMachine):
    """`into` is the model: of each patient that lives, in whom it was merged, if in anybody."""

    records: Records
    copies: Sequence[tuple[Runtime, Mirror]]
    epoch: int
    through: list[int]

    def __init__(self) -> None:
        super().__init__()
        self.run = f"r{next(_runs)}"
        self.into: dict[str, str | None] = {}
        told(self.records.store, self.epoch, self.through)
        for name in NAMES:
            observed = {"resourceType": "Observation", "id": self.id(f"o-{name}"), "status": "final"}
            subject = {"reference": f"Patient/{self.id(name)}"}
            self.records.put({**observed, "code": {"text": "pulse"}, "subject": subject})

    def id(self, name: str) -> str:
        return f"{self.run}-{name}"

    @rule(name=NAME)
    def part(self, name: str) -> None:
        self.records.put(patient(self.id(name)))
        self.into[name] = None

    @rule(name=NAME, into=NAME)
    def merge(self, name: str, into: str) -> None:
        answer = self.records.ask("PUT", f"Patient/{self.id(name)}", patient(self.id(name), link(self.id(into))))
        assert answer.status == 422 if self.refused(name, into) else answer.status in (200, 201), answer.body
        if answer.status != 422:
            self.into[name] = into

    def refused(self, name: str, into: str) -> bool:
        if self.into.get(name) == into:
            return False
        if into == name or into not in self.into:
            return True
        last: str | None = into
        while last and last != name:
            last = self.into.get(last)
        return last == name

    @rule(name=NAME)
    def delete(self, name: str) -> None:
        assert self.records.ask("DELETE", f"Patient/{self.id(name)}").status == 204
        self.into.pop(name, None)

    @rule(seed=st.integers(0, 99))
    def tell(self, seed: int) -> None:
        chance = random.Random(seed)
        events = told(self.records.store, self.epoch, self.through)
        for copy, mirror in self.copies:
            come = [*events, *(event for event in events if chance.random() < 0.3)]
            chance.shuffle(come)
            come = [event for event in come if event.resource_type == "Patient"]
            for start in range(0, len(come), 2):
                batch = come[start : start + 2]
                handle = reaction(mirror).handle
                copy.store.transact(lambda session, r=copy, b=batch, h=handle: h(r, session, b))  # type: ignore[misc]
            for name in NAMES:
                found = copy.store.snapshot(lambda session, n=name: session.kin([self.id(n)]))  # type: ignore[misc]
                assert found == sorted(map(self.id, self.person(name)))

    def person(self, name: str) -> set[str]:
        """All who are one with `name`, found by looking at everybody until nobody is new."""
        found = {name}
        while True:
            more = {n for n, i in self.into.items() if i in found} | {
                i for n, i in self.into.items() if n in found and i
            }
            if more <= found:
                return found
            found |= more

    @invariant()
    def searches_follow(self) -> None:
        for name in NAMES:
            whole = {f"Observation/{self.id(f'o-{each}')}" for each in self.person(name)}
            assert self.records.found(f"Observation?patient={self.id(name)}") == whole
            chained = whole if name in self.into else set()
            assert self.records.found(f"Observation?patient.identifier=mrn-{self.id(name)}") == chained
            referred = {f"Patient/{self.id(each)}" for each in self.person(name) if each in self.into}
            assert self.records.found(f"Patient?_has:Observation:patient:_id={self.id(f'o-{name}')}") == referred


@pytest.fixture
def copies(database_url: str) -> Iterator[list[tuple[Runtime, Mirror]]]:
    with ExitStack() as stack:
        made = []
        for name, merged_only in (("whole", False), ("merged", True)):
            url = database_url.replace("store.db", f"{name}.db")
            store = stack.enter_context(closing(open_store(url, name)))
            made.append((runtime(store, service_of("Task")), Mirror("Patient", "records", merged_only=merged_only)))
        yield made


def test_searches_and_copies_follow_every_merge(store: SqlStore, copies: list[tuple[Runtime, Mirror]]) -> None:
    epoch = SqlOutbox(store.engine, "records", BASE, Limits()).lead("test", 600)
    assert epoch is not None
    members = {"records": Records(store), "copies": copies, "epoch": epoch, "through": [0]}
    machine = type("MergesHere", (Merges,), members)
    run_state_machine_as_test(machine, settings=settings(max_examples=10, stateful_step_count=12, deadline=None))
