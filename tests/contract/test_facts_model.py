"""Facts against a plain model: versions in any order, late, repeated and deleted, published at any time, with a crash
anywhere in between. What the engine reads is what the highest versions say that were there when it was published."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from carethread.adapters.analytics.duck import DuckAnalytics
from carethread.adapters.analytics.parquet import ParquetShelf
from carethread.adapters.sql.store.store import SqlStore
from carethread.core.clock import system_clock
from carethread.core.fhir import json
from carethread.core.ports import Progress, Session, Stored
from carethread.core.service import Keeper
from carethread.metrics.facts.days import EARLIEST
from carethread.metrics.facts.differing import Differing
from carethread.metrics.facts.keeping import mirrors
from carethread.metrics.facts.publishing import Publisher
from carethread.metrics.facts.tidying import Tidier
from support.facts_made import READ, SUBJECTS, person, stored, tables, visit

IDS = ("a", "b", "c", "d")
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=5)


@st.composite
def versions(draw: st.DrawFn) -> Stored:
    """One version of one of a few resources: of the same number it is always the same."""
    id_, number = draw(st.sampled_from(IDS)), draw(st.integers(1, 6))
    if draw(st.booleans()):
        status = ("booked", "arrived", "noshow", "booked", "fulfilled", "cancelled")[number - 1]
        guests = [f"Patient/{each}" for each in IDS[: (number * 7 + len(id_)) % 4]]
        comment = {} if number % 2 else {"comment": f'"{id_}",\r\n{number}'}
        return stored(visit(id_, status, guests, **comment), number, deleted=number == 4)
    return stored(person(id_, IDS[number % 4] if number % 3 == 0 else "", active=number % 2 == 0), number)


class Crash(BaseException):
    """The process ends here."""


class Breaking:
    """A shelf that ends the process before or after one of its steps; `left` counts them down."""

    STEPS = frozenset({"write", "fold", "merge", "put", "sweep"})

    def __init__(self, shelf: ParquetShelf) -> None:
        self._shelf = shelf
        self.left = -1

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._shelf, name)
        if name not in self.STEPS:
            return found

        def step(*args: Any, **kwargs: Any) -> Any:
            self._pass()
            answer = found(*args, **kwargs)
            self._pass()
            return answer

        return step

    def _pass(self) -> None:
        if self.left == 0:
            self.left = -1
            raise Crash
        self.left -= 1


class Metrics:
    """A database and a folder that begin empty, with the plain model of what is in each."""

    def __init__(self, store: SqlStore, folder: Path) -> None:
        self.store = store
        self.shelf = Breaking(ParquetShelf(folder, memory=128))
        self.analytics = DuckAnalytics(folder)
        self.keepers = {mirror.type: mirror.keeper for mirror in mirrors(SUBJECTS)}
        self.kept: dict[tuple[str, str], Stored] = {}
        self.published: dict[str, list[Any]] = tables([])
        self.begin()
        self.store.transact(self._empty)

    def _empty(self, session: Any) -> None:
        for subject in SUBJECTS:
            while session.facts.forget(subject.type, subject.mirror, 100):
                pass
            session.mark_mirrored(subject.mirror, None, None)
            session.mark_mirrored(subject.mirror, None, Progress(1, 1, None))

    def begin(self) -> None:
        """A process starts."""
        replacing = threading.Lock()
        self.publisher = Publisher(self.store, self.shelf, SUBJECTS, system_clock, replacing=replacing)
        self.tidier = Tidier(self.shelf, replacing, deltas=1, rows=4, linger=-60)

    def arrive(self, some: Sequence[Stored]) -> None:
        for type_name, keeper in self.keepers.items():
            assert keeper is not None
            of_type = [keeper.made(each) for each in some if each.type == type_name]
            if of_type:
                self.store.transact(partial(_keep, keeper, of_type))
        for each in some:
            key = each.type, each.id
            if key not in self.kept or self.kept[key].version < each.version:
                self.kept[key] = each

    def tidy(self) -> None:
        assert not self.tidier.tidy(), "nothing fails"

    def sweep(self) -> None:
        self.tidier.sweep()

    def live(self) -> dict[str, list[Any]]:
        return tables(json.parse(each.body) for each in self.kept.values() if not each.deleted)

    def read(self) -> dict[str, list[Any]]:
        with self.analytics.look() as facts:
            return {name: sorted(facts.query(sql).rows, key=repr) for name, sql in READ.items()}

    def work(self, step: Callable[[], object], breaks_at: int | None) -> None:
        """Do a step, or break off in it and start again."""
        self.shelf.left = -1 if breaks_at is None else breaks_at
        try:
            step()
        except Crash:
            self.begin()
        self.shelf.left = -1


def _keep(keeper: Keeper, given_: Sequence[Any], session: Session) -> None:
    keeper.keep(session, given_)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("arrive"), st.lists(versions(), min_size=1, max_size=5)),
        st.tuples(st.sampled_from(["publish", "tidy", "sweep"]), st.none() | st.integers(0, 14)),
    ),
    min_size=3,
    max_size=14,
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_what_is_read_is_what_the_highest_versions_say(store: SqlStore, steps: list[tuple[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        metrics = Metrics(store, Path(folder))
        metrics.publisher.publish()
        for name, given_ in steps:
            if name == "arrive":
                metrics.arrive(given_)
            elif name == "publish":
                metrics.work(metrics.publisher.publish, given_)
                found = metrics.read()
                assert found in (metrics.live(), metrics.published), "whole: all of it or nothing"
                if given_ is None:
                    assert found == metrics.live()
                metrics.published = found
            else:
                metrics.work(getattr(metrics, name), given_)
                assert metrics.read() == metrics.published
        metrics.publisher.publish()
        assert metrics.read() == metrics.live()


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rounds=st.lists(st.lists(st.lists(versions(), min_size=1, max_size=4), max_size=3), min_size=1, max_size=5))
def test_what_is_found_to_differ_is_what_is_read_otherwise(store: SqlStore, rounds: list[list[list[Stored]]]) -> None:
    """However many publications lie between, and whatever is merged or folded meanwhile."""
    with tempfile.TemporaryDirectory() as folder:
        metrics, times = Metrics(store, Path(folder)), count(0, 60)
        differing = Differing(metrics.shelf, SUBJECTS, {}, lambda: next(times))
        metrics.publisher = Publisher(store, metrics.shelf, SUBJECTS, system_clock, told=differing.published)
        metrics.publisher.publish()
        differing.found()
        for arriving in rounds:
            before = metrics.read()
            for some in arriving:
                metrics.arrive(some)
                metrics.publisher.publish()
                metrics.tidy()
            after = metrics.read()
            assert differing.found() == {name: EARLIEST for name in READ if before[name] != after[name]}
