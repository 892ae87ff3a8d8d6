"""Facts from a version that arrives to what the engine reads, on both databases."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from carethread.adapters.analytics.duck import DuckAnalytics
from carethread.adapters.analytics.parquet import ParquetShelf
from carethread.adapters.local import LocalOwners, LocalPeer
from carethread.adapters.sql.store.store import SqlStore
from carethread.core.clock import system_clock
from carethread.core.errors import Busy
from carethread.core.events import Event
from carethread.core.facts.manifest import Damaged
from carethread.core.ports import Progress, Session, Stored
from carethread.core.service import Reaction, ResourceType, Runtime, Service
from carethread.interactions.mirror import reaction, start
from carethread.metrics.facts import differing as differing_module
from carethread.metrics.facts.days import EARLIEST, Day
from carethread.metrics.facts.differing import EVERY_SECONDS, Changes, Differing
from carethread.metrics.facts.keeping import mirrors
from carethread.metrics.facts.publishing import Publisher
from carethread.metrics.facts.tidying import Tidier
from support.facts_made import READ, SUBJECTS, person, stored, tables, visit
from support.stores import BASE, open_store, put, runtime, service_of


class Practice:
    """Metrics over a database and a folder, beside an owner of all types whose snapshot is told."""

    def __init__(self, store: SqlStore, folder: Path) -> None:
        self.mirrors = mirrors(SUBJECTS)
        service = Service("metrics", "", (ResourceType("Measure"),), distils=lambda: self.mirrors)
        self.owners = LocalOwners({})
        self.runtime = Runtime(service, store, self.owners, LocalPeer({}), BASE)
        self.shelf = ParquetShelf(folder, memory=128)
        self.replacing = threading.Lock()
        self.publisher = Publisher(store, self.shelf, SUBJECTS, system_clock, replacing=self.replacing)
        self.tidier = Tidier(self.shelf, self.replacing, deltas=2, rows=6)
        self.analytics = DuckAnalytics(folder)
        self.sequence = 0

    def arrive(self, *versions: Stored) -> None:
        """The consumer is told of versions."""
        for mirror in self.mirrors:
            of_type = [each for each in versions if each.type == mirror.type]
            if of_type:
                events = [self._event(each, mirror.owner) for each in of_type]
                self.runtime.store.transact(partial(_handled, self.runtime, reaction(mirror), events))

    def _event(self, version: Stored, owner: str) -> Event:
        self.sequence += 1
        verb = "deleted" if version.deleted else "updated"
        data = b'{"resourceType":"stub"}' if version.deleted else version.body
        return Event(f"e{self.sequence}", owner, verb, version.type, version.id, version.version, version.updated,
                     "", data, self.sequence)  # fmt: skip

    def read(self) -> dict[str, list[Any]]:
        """What the engine finds."""
        with self.analytics.look() as facts:
            return {name: sorted(facts.query(sql).rows, key=repr) for name, sql in READ.items()}


def _handled(runtime_: Runtime, made_of: Reaction, events: Sequence[Event], session: Session) -> None:
    made_of.handle(runtime_, session, events)


class Owner(LocalOwners):
    """An owner of every type, with its own store."""

    def __init__(self, store: SqlStore) -> None:
        owning = runtime(store, service_of("Appointment", "Patient"))
        super().__init__({"scheduling": owning, "records": owning})


@pytest.fixture
def owner(tmp_path: Path) -> SqlStore:
    return open_store(f"sqlite:///{tmp_path}/owner.db")


@pytest.fixture
def practice(store: SqlStore, owner: SqlStore, tmp_path: Path) -> Practice:
    made = Practice(store, tmp_path / "facts")
    object.__setattr__(made.runtime, "owners", Owner(owner))
    return made


def filled(practice: Practice) -> Practice:
    for mirror in practice.mirrors:
        start(practice.runtime, mirror)
    return practice


def test_what_the_owner_had_and_what_arrives_is_read(practice: Practice, owner: SqlStore) -> None:
    before = [visit("a", guests=["Patient/p", "Practitioner/q"]), visit("b"), person("p", active=True)]
    put(owner, before)
    with pytest.raises(Busy):
        practice.read()
    practice.publisher.publish()
    with pytest.raises(Busy, match="visits"):
        practice.read()
    filled(practice).publisher.publish()
    assert practice.read() == tables(before)
    practice.arrive(stored(visit("a", "noshow"), 2), stored(visit("c"), 1), stored(visit("b"), 2, deleted=True))
    assert practice.read() == tables(before), "nothing is read before it is published"
    practice.publisher.publish()
    assert practice.read() == tables([visit("a", "noshow"), visit("c"), before[2]])


DAYS = {"visits": Day(("day",)), "guests": Day(like="visits"), "patient_links": Day(("survivor_id",), but="active")}
MARCH, APRIL, MAY = map(datetime.fromisoformat, ("2029-03-05", "2029-04-05", "2029-05-05"))


class Differences:
    """What the publications of a practice change, by a clock that goes when it is told."""

    def __init__(self, practice: Practice, days: Mapping[str, Day] = DAYS) -> None:
        self.now = 0.0
        self.practice = practice
        self.differing = Differing(practice.shelf, SUBJECTS, days, lambda: self.now)
        told, store = self.differing.published, practice.runtime.store
        self.publisher = Publisher(store, practice.shelf, SUBJECTS, system_clock, told=told)
        filled(practice)

    def arrive(self, *versions: Stored) -> dict[str, datetime]:
        self.publish(*versions)
        return self.found()

    def publish(self, *versions: Stored) -> None:
        self.practice.arrive(*versions)
        self.publisher.publish()

    def found(self) -> dict[str, datetime]:
        self.now += EVERY_SECONDS
        return self.differing.found()


def of_day(id_: str, day: datetime, *args: Any, **more: Any) -> dict[str, Any]:
    return visit(id_, *args, created=f"{day:%Y-%m-%d}", **more)


def test_what_differs_from_before_is_found_with_when_its_earliest_row_is(practice: Practice) -> None:
    told = Differences(practice)
    told.publish()
    assert told.found() == {}, "nothing is there yet"
    some = of_day("a", MAY, guests=["Patient/p"]), of_day("b", MARCH)
    assert told.arrive(*map(stored, some)) == {"visits": MARCH, "guests": MAY}
    assert told.arrive(stored(some[0], 2), stored(some[1], 2)) == {}, "another version, the same rows"
    assert told.arrive(stored(of_day("a", MAY, "noshow", ["Patient/p"]), 3)) == {"visits": MAY}
    assert told.arrive(stored(of_day("a", MAY, "noshow", ["Patient/q"]), 4)) == {"guests": MAY}
    assert told.arrive(stored(of_day("b", MAY), 3)) == {"visits": MARCH}, "where it was is changed too"
    assert told.arrive(stored(of_day("b", APRIL), 4), stored(of_day("a", MAY), 5)) == {"visits": APRIL, "guests": MAY}
    assert told.arrive(stored(some[0], 6, deleted=True)) == {"visits": MAY}, "of what is gone its rows tell the day"
    assert told.arrive(stored(visit("c"))) == {"visits": EARLIEST}, "no day at all"
    assert told.arrive(stored(person("p"))) == {}, "of no day that anybody counts"
    assert told.arrive(stored(person("p", active=True), 2)) == {"patient_links": EARLIEST}


def test_of_a_table_that_is_told_by_parts_the_columns_that_differ_are_found(practice: Practice) -> None:
    told = Differences(practice, {"patient_links": Day(but="active", of_columns=("active",))})
    parts = dict.fromkeys(("patient_links.id", "patient_links.survivor_id"), EARLIEST)
    told.publish()
    assert told.arrive(stored(person("p"))) == parts, "who comes brings all that is said of them"
    assert told.arrive(stored(person("p", gender="other"), 2)) == {}, "no column of it"
    assert told.arrive(stored(person("p", "q"), 3)) == {"patient_links.survivor_id": EARLIEST}
    assert told.arrive(stored(person("p", "q", active=True), 4)) == {"patient_links": EARLIEST}
    assert told.arrive(stored(person("p"), 5, deleted=True)) == {"patient_links": EARLIEST, **parts}


def test_what_is_published_within_a_moment_is_compared_together(practice: Practice) -> None:
    told = Differences(practice)
    told.arrive(stored(of_day("a", MARCH, "noshow")), stored(of_day("b", APRIL)))
    told.publish(stored(of_day("a", MARCH, "fulfilled"), 2))
    assert told.differing.found() == {}, "it was asked a moment ago"
    told.publish(stored(of_day("a", MARCH, "noshow"), 3), stored(of_day("b", APRIL, "noshow"), 2))
    assert not practice.tidier.tidy()
    assert told.found() == {"visits": APRIL}, "what was changed and changed back is as it was"
    told.publish(stored(of_day("a", MARCH, "noshow"), 4))
    for number in range(8):
        told.publish(stored(of_day("c", MAY), number + 1))
        assert not practice.tidier.tidy()
    assert told.found() == {"visits": MAY}, "whatever was folded meanwhile"


def test_what_was_not_compared_is_compared_the_next_time(practice: Practice, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever failed, and with what is published until then."""
    told = Differences(practice)
    told.arrive(stored(of_day("a", APRIL)), stored(of_day("b", MAY)))
    told.publish(stored(of_day("a", APRIL, "noshow"), 2))
    with monkeypatch.context() as failing, pytest.raises(OSError, match="No space"):
        failing.setattr(ParquetShelf, "rows", _no_space)
        told.found()
    told.publish(stored(of_day("b", MAY, guests=["Patient/p"]), 2))
    assert told.differing.found() == {"visits": APRIL, "guests": MAY}
    assert told.found() == {}


def _no_space(*_: Any) -> Any:
    raise OSError("No space left on device")


def test_what_cannot_be_compared_is_of_any_day(
    practice: Practice, owner: SqlStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = Differences(practice)
    told.arrive(stored(of_day("a", MARCH)))
    told.publish(stored(of_day("a", MARCH), 2))
    for file in tmp_path.glob("facts/visits/*.parquet"):
        file.unlink()
    assert told.found() == {"visits": EARLIEST, "guests": EARLIEST}, "files of before are gone"
    monkeypatch.setattr(differing_module, "_MOST", 1)
    assert told.arrive(stored(of_day("x", MAY)), stored(of_day("y", MAY))) == {
        "visits": EARLIEST,
        "guests": EARLIEST,
    }, "so many at once are an import"
    practice.runtime.store.transact(lambda session: session.facts.forget("Appointment", "", 10))
    practice.runtime.store.transact(lambda session: session.mark_mirrored(SUBJECTS[0].mirror, None, None))
    put(owner, [visit("new")])
    start(practice.runtime, practice.mirrors[0])
    told.publish()
    assert told.found() == {"visits": EARLIEST, "guests": EARLIEST}, "a type began anew"


def test_a_lower_version_changes_nothing_and_what_is_deleted_stays_so(practice: Practice) -> None:
    filled(practice)
    practice.arrive(stored(visit("a", "noshow"), 3), stored(visit("b"), 2, deleted=True))
    practice.arrive(stored(visit("a", "booked"), 2), stored(visit("b"), 1), stored(visit("a", "arrived"), 3))
    practice.publisher.publish()
    assert practice.read() == tables([visit("a", "noshow")])
    practice.arrive(stored(visit("b", "arrived"), 3))
    practice.publisher.publish()
    assert practice.read() == tables([visit("a", "noshow"), visit("b", "arrived")])


def test_versions_of_one_resource_that_come_together(practice: Practice) -> None:
    filled(practice)
    practice.arrive(stored(visit("a", "pending"), 1), stored(visit("a", "noshow"), 3), stored(visit("a", "booked"), 2))
    practice.publisher.publish()
    assert practice.read() == tables([visit("a", "noshow")])


TEXTS = ('say "hi"', "a,b", "line\nline", "\r", "\r\n", " spaced ", "\t", "'", "\\N", "NULL", "ü😀", '"', "\\",
         "x" * 70_000)  # fmt: skip


def test_any_text_comes_through(practice: Practice) -> None:
    filled(practice)
    slots = [{"reference": text} for text in TEXTS]
    resources = [visit(f"v{number}", comment=text, slot=slots) for number, text in enumerate(TEXTS)]
    practice.arrive(*map(stored, resources), stored(visit("z", comment="a\x1eb")))
    practice.publisher.publish()
    assert practice.read() == tables([*resources, visit("z", comment="a b")])


def test_what_a_view_cannot_be_applied_to_is_left_out_of_it_alone(practice: Practice) -> None:
    filled(practice)
    odd = visit("odd", guests=["Patient/p"], minutesDuration=[1, 2])
    practice.arrive(stored(odd), stored(visit("a")))
    practice.publisher.publish()
    found = practice.read()
    assert [row[0] for row in found["visits"]] == ["a"]
    assert found["guests"] == [("odd", "Patient/p", 0)]


def test_later_rows_are_merged_and_folded_and_files_swept(practice: Practice, tmp_path: Path) -> None:
    filled(practice)
    live: dict[str, dict[str, Any]] = {}
    for number in range(12):
        id_ = f"v{number % 5}"
        live[id_] = visit(id_, guests=[f"Patient/{number}"])
        practice.arrive(stored(live[id_], number + 1))
        practice.publisher.publish()
        assert not practice.tidier.tidy()
        assert practice.read() == tables(live.values())
    manifest = practice.shelf.manifest()
    assert manifest is not None
    assert all(len(table.deltas) <= 3 for table in manifest.tables.values())
    assert sum(each.rows for each in manifest.tables["visits"].base) >= 4
    here = {str(file.relative_to(tmp_path / "facts")) for file in (tmp_path / "facts").glob("*/*.parquet")}
    assert here > manifest.files()
    assert practice.tidier.sweep() == 0, "somebody may still read the manifest before"
    Tidier(practice.shelf, practice.replacing, linger=-60).sweep()
    here = {str(file.relative_to(tmp_path / "facts")) for file in (tmp_path / "facts").glob("*/*.parquet")}
    assert here == manifest.files()
    assert practice.read() == tables(live.values())


def test_a_table_with_a_damaged_file_is_told_and_the_others_are_tidied(practice: Practice, tmp_path: Path) -> None:
    filled(practice)
    for number in range(4):
        practice.arrive(stored(visit("a", minutesDuration=number + 1, guests=[f"Patient/{number}"]), number + 1))
        practice.publisher.publish()
    before = practice.shelf.manifest()
    assert before is not None
    (tmp_path / "facts" / before.tables["guests"].deltas[1].path).write_bytes(b"x")
    for _ in range(2):
        assert set(practice.tidier.tidy()) == {"guests"}
    after = practice.shelf.manifest()
    assert after is not None
    assert [len(after.tables[name].deltas) for name in ("guests", "visits")] == [3, 1]
    assert practice.tidier.sweep() == 0


@pytest.mark.parametrize("text", [b"", b'{"format": 1, "time": 17', b'{"format": 1, "tables": []}'])
def test_a_manifest_that_cannot_be_read_is_replaced_by_who_publishes(
    practice: Practice, tmp_path: Path, text: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    filled(practice)
    practice.arrive(stored(visit("a")), stored(person("p")))
    practice.publisher.publish()
    (tmp_path / "facts" / "manifest.json").write_bytes(text)
    with pytest.raises(Damaged), practice.analytics.look():
        pass
    with pytest.raises(Damaged):
        practice.tidier.sweep()
    practice.publisher.publish()
    assert practice.read() == tables([visit("a"), person("p")])
    assert [each.message for each in caplog.records] == ["manifest_replaced"]


def test_a_manifest_of_another_format_stays(practice: Practice, tmp_path: Path) -> None:
    (tmp_path / "facts").mkdir(exist_ok=True)
    (manifest := tmp_path / "facts" / "manifest.json").write_bytes(b'{"format": 2}')
    with pytest.raises(Busy, match="has format 2"):
        practice.publisher.publish()
    assert manifest.read_bytes() == b'{"format": 2}'


def test_what_has_changed_is_told_though_a_file_is_damaged(practice: Practice, tmp_path: Path) -> None:
    """Of any day, since nobody knows."""
    filled(practice)
    for number in range(2):
        practice.arrive(stored(visit("a", minutesDuration=number + 1), number + 1))
        practice.publisher.publish()
    before = practice.shelf.manifest()
    assert before is not None
    (file := tmp_path / "facts" / before.tables["visits"].files[0].path).write_bytes(b"PAR1" + bytes(300) + b"PAR1")
    differing = Differing(practice.shelf, SUBJECTS)
    changes = Changes()
    changes.ids["Appointment"].add("a")
    differing.published(before.tables, changes)
    assert differing.found()["visits"] == EARLIEST, file


def test_a_glimpse_stays_as_it_is(practice: Practice) -> None:
    filled(practice)
    practice.arrive(stored(visit("a")))
    practice.publisher.publish()
    with practice.analytics.look() as facts:
        practice.arrive(stored(visit("b")))
        practice.publisher.publish()
        assert facts.query("SELECT id FROM visits").rows == [("a",)]
        assert facts.query("SELECT count(*) FROM guests").rows == [(0,)]
    assert len(practice.read()["visits"]) == 2


def test_the_manifest_tells_up_to_where_events_are_in(practice: Practice) -> None:
    filled(practice)
    practice.arrive(stored(visit("a")), stored(visit("b")), stored(person("p")))
    practice.publisher.publish()
    with practice.analytics.look() as facts:
        assert facts.marks.sources == {"scheduling": {"Appointment": 2}, "records": {"Patient": 3}}
        assert facts.views["visits"] == "https://example.org/ViewDefinition/visits|1"


def test_a_type_that_begins_anew_stands_until_it_is_whole(practice: Practice, owner: SqlStore) -> None:
    filled(practice)
    practice.arrive(stored(visit("gone")), stored(person("p")))
    practice.publisher.publish()
    before = practice.read()
    practice.runtime.store.transact(lambda session: session.facts.forget("Appointment", "", 10))
    practice.runtime.store.transact(lambda session: session.mark_mirrored(SUBJECTS[0].mirror, None, None))
    practice.publisher.publish()
    assert practice.read() == before
    put(owner, [visit("new")])
    start(practice.runtime, practice.mirrors[0])
    practice.publisher.publish()
    assert practice.read() == tables([visit("new"), person("p")])


def test_other_views_make_all_anew(store: SqlStore) -> None:
    """The mirror has another name then; that of before is forgotten, should it come back."""

    def work(session: Any) -> None:
        session.mark_mirrored("Appointment:facts:old", None, Progress(1, 1, None))
        session.mark_mirrored("Appointment", None, Progress(1, 1, None))
        session.facts.forget("Appointment", "Appointment:facts:new", 10)

    store.transact(work)
    assert store.mirrored("Appointment:facts:old") is None
    assert store.mirrored("Appointment") is not None
