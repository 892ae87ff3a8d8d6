"""The start of a mirror against its owner: hypothesis writes, deletes, merges and asks between any two chunks, crashes
before and after any commit, and tells the events that are due in any order, some of them twice. Both end equal.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carethread.adapters.local import LocalPeer
from carethread.adapters.sql.events.outbox import SqlOutbox
from carethread.adapters.sql.store import mirroring
from carethread.adapters.sql.store.store import SqlStore
from carethread.core.events import Event
from carethread.core.fhir import json
from carethread.core.fhir.search.merges import survivor
from carethread.core.ports import Chunk, Key, Session, Store, Stored
from carethread.core.service import Mirror, ResourceType, Runtime, Service
from carethread.interactions.mirror import reaction, remember, start
from support.records import Records, link, patient
from support.stores import BASE, open_store

T = TypeVar("T")

NAMES = "abcdefg"
Act = tuple[str, str, str]
ACTS = st.lists(
    st.tuples(
        st.sampled_from(["put", "put", "delete", "merge", "ask", "number"]),
        st.sampled_from(NAMES),
        st.sampled_from(NAMES),
    ),
    max_size=6,
)


class Crash(Exception):
    """The process is gone."""


@dataclass
class Crashing:
    """A mirror's store, whose process ends at one of its next commits: before it, or right after."""

    inner: SqlStore
    left: int = -1
    late: bool = False

    def transact(self, work: Callable[[Session], T]) -> T:
        self.left -= 1
        if self.left == 0 and not self.late:
            raise Crash
        result = self.inner.transact(work)
        if self.left == 0:
            raise Crash
        return result

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


@dataclass
class World:
    """An owner with two processes, and a service with a mirror of its Patients."""

    writers: Sequence[Records]
    copy: SqlStore
    mirror: Mirror
    epoch: int
    through: int = 0
    bus: list[Event] = field(default_factory=list)
    script: list[list[Act]] = field(default_factory=list)
    acts: int = 0
    runs: int = 0

    def __post_init__(self) -> None:
        self.crashing = Crashing(self.copy)
        service = Service("scheduling", "", (ResourceType("Slot"),), mirrors=(self.mirror,))
        self.runtime = Runtime(service, cast(Store, self.crashing), cast(Any, self), LocalPeer({}), BASE)
        self.owner = self.writers[0].store

    def begin(self, script: list[list[Act]]) -> None:
        """As if nothing had ever been here: what the last run has left is deleted, and copies of it are in the way."""
        for name in NAMES:
            self.writers[0].ask("DELETE", f"Patient/{self.id(name)}")
        self.runs += 1
        self.copy.transact(lambda session: session.mark_mirrored(self.name, None, None))
        self.number()
        self.bus, self.script = [], script

    def id(self, name: str) -> str:
        return f"r{self.runs}-{name}"

    @property
    def name(self) -> str:
        return "Patient:merged" if self.mirror.merged_only else "Patient"

    def read(self, service: str, key: Key, version: int = 0) -> Stored | None:
        raise AssertionError

    def search(self, service: str, type_name: str, params: Sequence[tuple[str, str]]) -> list[Stored]:
        raise AssertionError

    def snapshot(self, service: str, type_name: str, after: int = 0) -> Iterator[Chunk]:
        """The owner's own, with something happening before each chunk is sent."""
        for chunk in self.owner.dump(type_name, after):
            self.act(self.script.pop(0) if self.script else [])
            yield chunk

    def act(self, acts: Sequence[Act]) -> None:
        for what, one, two in acts:
            self.acts += 1
            name, other = self.id(one), self.id(two)
            writer = self.writers[self.acts % len(self.writers)]
            if what == "number":
                self.number()
            elif what == "ask" and not self.mirror.merged_only:
                known = self.owner.glance(lambda session, name=name: session.current([("Patient", name)]))  # type: ignore[misc]
                remember(self.plain, [stored for stored in known.values() if not stored.deleted])
            elif what == "delete":
                writer.ask("DELETE", f"Patient/{name}")
            elif what in ("put", "merge"):
                body = patient(name, *([link(other)] if what == "merge" else []))
                writer.ask("PUT", f"Patient/{name}", {**body, "birthDate": f"{1900 + self.acts % 100}-01-01"})

    @property
    def plain(self) -> Runtime:
        """Another process of the service."""
        return Runtime(self.runtime.service, self.copy, self.runtime.owners, self.runtime.peer, BASE)

    def number(self) -> None:
        """Let the relay publish what is committed."""
        events = SqlOutbox(self.owner.engine, "records", BASE).take(self.epoch, self.through, 1000, 60) or []
        self.through = max([self.through, *(event.sequence for event in events)])
        self.bus += events

    def start(self, crash: int = -1, *, late: bool = False) -> bool:
        self.crashing.left, self.crashing.late = crash, late
        try:
            start(self.runtime, self.mirror)
        except Crash:
            return False
        finally:
            self.crashing.left = -1
        return True

    def tell(self, chance: random.Random) -> None:
        """What came since the mirror began, as the place for that time has it or an earlier one."""
        progress = self.copy.mirrored(self.name)
        assert progress and progress.place is None
        latest = next((n for n, event in enumerate(self.bus) if event.time >= progress.began), len(self.bus))
        due = self.bus[chance.choice((latest, chance.randint(0, latest))) :]
        due += chance.choices(due, k=len(due) // 3)
        chance.shuffle(due)
        handle = reaction(self.mirror).handle
        while due:
            some, due = due[:3], due[3:]
            self.copy.transact(lambda session, some=some: handle(self.runtime, session, some))  # type: ignore[misc]

    def living(self, store: SqlStore) -> dict[str, tuple[int, bytes]]:
        found = store.glance(lambda session: session.current([("Patient", self.id(name)) for name in NAMES]))
        return {stored.id: (stored.version, stored.body) for stored in found.values() if not stored.deleted}


def _merged(living: Mapping[str, tuple[int, bytes]]) -> dict[str, tuple[int, bytes]]:
    return {id_: each for id_, each in living.items() if survivor(json.parse(each[1]), BASE)}


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.servers)])
def urls(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    if request.param == "sqlite":
        folder: Path = tmp_path_factory.mktemp("mirror")
        yield f"sqlite:///{folder}/records.db", f"sqlite:///{folder}/scheduling.db"
    else:
        from support import postgres

        with postgres.database(request.getfixturevalue("postgres_url")) as url:
            yield url, url


@pytest.mark.timeout(300)
@pytest.mark.parametrize("merged_only", [False, True])
def test_a_mirror_ends_equal_to_its_owner(
    urls: tuple[str, str], merged_only: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ExitStack() as stores:
        owners = [stores.enter_context(closing(open_store(urls[0]))) for _ in range(2)]
        copy = stores.enter_context(closing(open_store(urls[1], "scheduling")))
        epoch = SqlOutbox(owners[0].engine, "records", BASE).lead("test", 600) or 0
        world = World([Records(store) for store in owners], copy, Mirror("Patient", "records", merged_only), epoch)

        @settings(max_examples=15, deadline=None)
        @given(
            before=ACTS,
            script=st.lists(ACTS, max_size=10),
            crashes=st.lists(st.tuples(st.integers(1, 6), st.booleans()), max_size=4),
            count=st.integers(1, 3),
            seed=st.integers(0, 1000),
        )
        def ends_equal(
            before: list[Act],
            script: list[list[Act]],
            crashes: list[tuple[int, bool]],
            count: int,
            seed: int,
        ) -> None:
            monkeypatch.setattr(mirroring, "PIECE_COUNT", count)
            world.begin(script)
            world.act(before)
            for crash, late in crashes:
                world.start(crash, late=late)
                world.act(world.script.pop() if world.script else [])
            assert world.start()
            world.act(world.script.pop() if world.script else [])
            world.number()
            world.tell(random.Random(seed))
            owned, copied = world.living(world.owner), world.living(copy)
            if not merged_only:
                assert copied == owned
            else:  # of who is not merged, a copy may be there and be old: nothing follows from it
                assert _merged(copied) == _merged(owned)

        ends_equal()
