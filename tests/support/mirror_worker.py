"""A service that fills its mirror of Patients from an owner's database, as processes that die where they are told.

`python -m support.mirror_worker OWNER_URL URL --steps …`
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from carethread.adapters.local import LocalOwners, LocalPeer
from carethread.adapters.sql.engine import make_engine
from carethread.adapters.sql.store import mirroring
from carethread.adapters.sql.store.store import SqlStore
from carethread.core.ports import Session, Store
from carethread.core.service import Mirror, ResourceType, Runtime, Service
from carethread.interactions.mirror import start
from support.deaths import Doom, all_die, die_committing, die_in_turn, parser
from support.stores import BASE

T = TypeVar("T")

STEPS = ("copied", "committing", "kept")
"""Where it may die: a chunk is written, not committed; its commit asked for but not answered, which takes PostgreSQL;
committed."""

MOST, PIECE = 3, 5
"""How many chunks of how many Patients one copies at most before it dies."""

MIRROR = Mirror("Patient", "records")


class MortalStore(SqlStore):
    """May die before it commits a chunk, and after."""

    def __init__(self, store: SqlStore, service: str, doom: Doom) -> None:
        super().__init__(store.engine, service)
        self._doom = doom

    def transact(self, work: Callable[[Session], T]) -> T:
        progress = self.mirrored("Patient")
        if progress is None or (progress.place is not None and progress.place < 0):
            return super().transact(work)  # nothing is copied yet

        def done(session: Session) -> T:
            result = work(session)
            self._doom.at("copied")
            return result

        result = super().transact(done)
        self._doom.at("kept")
        return result


def opened(url: str, service: str) -> SqlStore:
    """A service's database, which is migrated already."""
    return SqlStore(make_engine(url, "" if url.startswith("sqlite") else service), service)


def service(owner_url: str, store: Store) -> Runtime:
    """The service with its mirror, not started."""
    owning = Service("records", "", (ResourceType("Patient"),))
    owner = Runtime(owning, opened(owner_url, "records"), LocalOwners({}), LocalPeer({}), BASE)
    copying = Service("scheduling", "", (ResourceType("Slot"),), mirrors=(MIRROR,))
    return Runtime(copying, store, LocalOwners({"records": owner}), LocalPeer({}), BASE)


def mirrors_die(owner_url: str, url: str, steps: Sequence[str], count: int) -> None:
    """Let `count` of them die at each of the steps; each takes up to MOST chunks further."""
    all_die(__name__, owner_url, url, steps=steps, count=count)


def _live(owner_url: str, url: str, doom: Doom) -> None:
    mirroring.PIECE_COUNT = PIECE
    die_committing(doom)
    start(service(owner_url, MortalStore(opened(url, "scheduling"), "scheduling", doom)), MIRROR)


def main() -> None:
    arguments = parser()
    arguments.add_argument("owner", help="URL of the owner's database")
    arguments.add_argument("database", help="URL of the mirror's database")
    given = arguments.parse_args()
    die_in_turn(given, lambda doom: _live(given.owner, given.database, doom), lambda step: MOST)


if __name__ == "__main__":
    main()
