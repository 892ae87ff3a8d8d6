"""Facts are gathered from each owner as soon as it is there, whatever of the others is away."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event as Signal
from threading import Thread

import pytest

from carethread.adapters.local import LocalOwners, LocalPeer
from carethread.adapters.sql.store.store import SqlStore
from carethread.composition import worker
from carethread.core.errors import Busy, NotSupported
from carethread.core.ports import Chunk
from carethread.core.service import Mirror, ResourceType, Runtime, Service
from carethread.metrics.facts.keeping import mirrors
from support.facts_made import SUBJECTS, person, stored
from support.servers import until
from support.stores import BASE


class Away(LocalOwners):
    """Owners of which one is away at first."""

    def __init__(self, error: Exception) -> None:
        super().__init__({})
        self.error: Exception | None = error

    def snapshot(self, service: str, type_name: str, after: int = 0) -> Iterator[Chunk]:
        if type_name == "Appointment" and self.error:
            raise self.error
        found = [stored(person("p"))] if type_name == "Patient" and not after else []
        yield Chunk(7, 1 if found else after, found)


@pytest.mark.parametrize("error", [Busy("away"), NotSupported("nobody has it")])
def test_an_owner_that_is_away_holds_up_its_own_types_only(
    store: SqlStore, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "_AGAIN_SECONDS", 0.01)
    owners, stop = Away(error), Signal()
    made: tuple[Mirror, ...] = mirrors(SUBJECTS)
    service = Service("metrics", "", (ResourceType("Measure"),), distils=lambda: made)
    runtime = Runtime(service, store, owners, LocalPeer({}), BASE)
    thread = Thread(target=worker._filling_loop, args=(runtime, stop))
    thread.start()
    try:
        until(lambda: _filled(store, 1), seconds=20, what="people gathered")
        assert not _filled(store, 0)
        owners.error = None
        if isinstance(error, Busy):
            until(lambda: _filled(store, 0), seconds=20, what="visits gathered")
        thread.join(20)
        assert not thread.is_alive(), "what nobody has is left until the next start"
    finally:
        stop.set()
        thread.join(20)
    reached = store.snapshot(lambda session: session.facts.reached())
    assert reached.sources["records"] == {"Patient": 7}
    found = store.glance(lambda session: session.facts.since("Patient", 0, reached.changed, 9))
    assert [id_ for _, id_, _ in found] == ["p"]


def _filled(store: SqlStore, number: int) -> bool:
    progress = store.mirrored(SUBJECTS[number].mirror)
    return progress is not None and progress.place is None
