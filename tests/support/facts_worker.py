"""Processes that keep facts, publish and tidy them, and die where they are told.

`python -m support.facts_worker URL FOLDER --steps …`
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from carethread.adapters.analytics.parquet import ParquetShelf
from carethread.adapters.sql.engine import make_engine
from carethread.adapters.sql.store.store import SqlStore
from carethread.core.clock import system_clock
from carethread.core.facts.manifest import File
from carethread.core.ports import Progress, Session
from carethread.metrics.facts.keeping import keeper
from carethread.metrics.facts.publishing import Publisher
from carethread.metrics.facts.tidying import Tidier
from support.deaths import Doom, die_in_turn, parser, toil
from support.facts_made import SUBJECTS, stored, visit

STEPS = ("text", "written", "coming", "replaced", "kept", "committing", "sometime")
"""Where they may die: the text of a file is there; the file is; the next manifest lies beside the old one; in its
place; facts are committed; their commit is asked for but not answered, which takes PostgreSQL; any time."""

VISITS = ("a", "b", "c")
"""They change together, so that whoever reads them sees the same number in all."""


class MortalShelf(ParquetShelf):
    """May die between any two of its steps."""

    def __init__(self, folder: Path, doom: Doom) -> None:
        super().__init__(folder, memory=64)
        self._doom = doom

    def _copy(self, name: str, asked: str) -> File:
        self._doom.at("text")
        file = super()._copy(name, asked)
        self._doom.at("written")
        return file

    def _rename(self, coming: Path, path: Path) -> None:
        self._doom.at("coming")
        super()._rename(coming, path)
        self._doom.at("replaced")


def opened(url: str) -> SqlStore:
    """The database, which is migrated already."""
    return SqlStore(make_engine(url, "" if url.startswith("sqlite") else "metrics"), "metrics")


def fill(session: Session) -> None:
    """All that the owners had is here: nothing."""
    for subject in SUBJECTS:
        session.mark_mirrored(subject.mirror, None, Progress(1, 1, None))


def keep(store: SqlStore) -> int:
    """The next version of all visits, in one transaction; its number."""
    visits = keeper(SUBJECTS[0])

    def work(session: Session) -> int:
        number = session.facts.reached().changed + 1
        facts = [visits.made(stored(visit(id_, minutesDuration=number), number)) for id_ in VISITS]
        visits.keep(session, facts)
        return number

    return store.transact(work)


def _live(url: str, folder: Path, doom: Doom) -> None:
    store, shelf, replacing = opened(url), MortalShelf(folder, doom), threading.Lock()
    publisher = Publisher(store, shelf, SUBJECTS, system_clock, replacing=replacing)
    tidier = Tidier(shelf, replacing, deltas=2, rows=20, linger=1)

    def kept() -> Any:
        keep(store)
        doom.at("kept")

    def tidied() -> None:
        for error in tidier.tidy().values():
            raise error

    with shelf.hold():
        toil(doom, kept, publisher.publish, tidied, tidier.sweep)


def main() -> None:
    arguments = parser()
    arguments.add_argument("database", help="URL of the database")
    arguments.add_argument("folder", type=Path, help="of the published files")
    given = arguments.parse_args()
    die_in_turn(given, lambda doom: _live(given.database, given.folder, doom), lambda step: 6)


if __name__ == "__main__":
    main()
