"""A mirror of a part: copies are made of what it keeps only, and what is a copy stays one."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from carethread.adapters.local import LocalOwners, LocalPeer
from carethread.adapters.sql.store.store import SqlStore
from carethread.careteams.keeping import TRACES, is_kept
from carethread.core.context import Context
from carethread.core.events import Event
from carethread.core.fhir import json
from carethread.core.ports import Resource, Session, Stored
from carethread.core.service import Mirror, ResourceType, Runtime, Service
from carethread.interactions.mirror import keep, reaction, start
from support.stores import BASE, put, runtime, service_of

SURVEY = "http://terminology.hl7.org/CodeSystem/observation-category"


def observation(id_: str, category: str = "laboratory", **members: object) -> Resource:
    coding = {"system": SURVEY, "code": category}
    return {"resourceType": "Observation", "id": id_, "status": "final", "category": [{"coding": [coding]}], **members}


def copied(resource: Resource, version: int = 1, *, deleted: bool = False) -> Stored:
    body = b"" if deleted else json.render(resource)
    method = "DELETE" if deleted else "PUT"
    return Stored("Observation", resource["id"], version, 1_700_000_000_000_000 + version, deleted, body, method)


class Copies:
    """A service with a mirror of some Observations; `told` is what followed, with whether it was history."""

    def __init__(self, store: SqlStore) -> None:
        self.told: list[tuple[list[str], bool]] = []
        self.mirror = Mirror("Observation", "records", stored=self.stored, keeps=is_kept, traces=TRACES)
        service = Service("careteams", "", (ResourceType("Task"),), mirrors=(self.mirror,))
        self.runtime = Runtime(service, store, LocalOwners({}), LocalPeer({}), BASE)

    def stored(self, runtime: Runtime, session: Session, ids: Sequence[str], context: Context) -> None:
        self.told.append((list(ids), context.backfill))

    def keep(self, *versions: Stored) -> None:
        self.runtime.store.transact(lambda session: keep(self.runtime, session, versions))

    def here(self, *names: str) -> dict[str, int]:
        keys = [("Observation", name) for name in names]
        found = self.runtime.store.snapshot(lambda session: session.current(keys))
        return {id_: one.version for (_, id_), one in found.items() if not one.deleted}


@pytest.fixture
def copies(store: SqlStore) -> Copies:
    return Copies(store)


def test_copies_are_made_of_what_is_kept(copies: Copies) -> None:
    copies.keep(copied(observation("a")), copied(observation("b", "survey")), copied(observation("c", "vital-signs")))
    assert copies.here("a", "b", "c") == {"b": 1}
    assert copies.told == [(["b"], False)]


def test_what_comes_to_be_kept_gets_a_copy(copies: Copies) -> None:
    copies.keep(copied(observation("a")))
    copies.keep(copied(observation("a", "survey"), 2))
    assert copies.here("a") == {"a": 2}


def test_what_there_is_a_copy_of_stays_one(copies: Copies) -> None:
    copies.keep(copied(observation("a", "survey")))
    copies.keep(copied(observation("a"), 2))
    assert copies.here("a") == {"a": 2}
    copies.keep(copied(observation("a"), 3, deleted=True))
    assert copies.here("a") == {}
    copies.keep(copied(observation("a", "survey"), 2))
    assert copies.here("a") == {}, "what is late does not come back"


@pytest.mark.parametrize(
    ("resource", "kept"),
    [
        (observation("a", "social-history"), True),
        (observation("a", note=[{"text": "survey"}]), False),
        (observation("a", meta={"profile": ["https://carethread.dev/fhir/StructureDefinition/about-me"]}), True),
        (observation("a", meta={"profile": ["http://example.org/https://carethread.dev/"]}), False),
        (observation("a", code={"coding": [{"system": "http://loinc.org", "code": "71802-3"}]}), True),
        (observation("a", code={"coding": [{"system": "http://example.org", "code": "71802-3"}]}), False),
        ({"resourceType": "Observation", "id": "a", "status": "final"}, False),
    ],
)
def test_what_careteams_keeps(copies: Copies, resource: Resource, kept: bool) -> None:
    copies.keep(copied(resource))
    assert bool(copies.here("a")) is kept


def test_events_of_history_are_told_apart(copies: Copies) -> None:
    events = [event(observation("a", "survey"), backfill=True), event(observation("b", "survey"), backfill=False)]
    handle = reaction(copies.mirror).handle
    copies.runtime.store.transact(lambda session: handle(copies.runtime, session, events))
    assert copies.told == [(["a"], True), (["b"], False)]


def event(resource: Resource, *, backfill: bool) -> Event:
    return Event(
        id=resource["id"],
        service="records",
        verb="created",
        resource_type="Observation",
        resource_id=resource["id"],
        version=1,
        time=1_700_000_000_000_000,
        key="Patient/p",
        data=json.render(resource),
        backfill=backfill,
    )


def test_a_snapshot_brings_what_is_kept_as_history(copies: Copies, tmp_path) -> None:
    from support.stores import open_store

    owner = open_store(f"sqlite:///{tmp_path}/owner.db")
    put(owner, [observation("a"), observation("b", "survey"), observation("c")])
    records = runtime(owner, service_of("Observation"))
    owned = Runtime(
        copies.runtime.service, copies.runtime.store, LocalOwners({"records": records}), LocalPeer({}), BASE
    )
    start(owned, copies.mirror)
    assert copies.here("a", "b", "c") == {"b": 1}
    assert copies.told == [(["b"], True)]
    owner.close()
