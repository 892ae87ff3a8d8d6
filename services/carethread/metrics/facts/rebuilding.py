"""Rebuilding all facts from what else tells of resources: the event log, or files of an export.

Versions are spread over files first; then processes make of each file what the database takes and a Parquet file for
each table, side by side. At the end one transaction replaces all facts and puts the consumer behind what was read; what
came meanwhile it reads again. A rebuild that breaks off has changed nothing.
"""

from __future__ import annotations

import gc
import marshal
import multiprocessing
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from carethread.core.errors import Busy
from carethread.core.facts.manifest import File, Mark, Prepared, Published, empty
from carethread.core.ports import Place, Resource
from carethread.core.ports.analytics import REBUILDING, Shelf
from carethread.core.ports.facts import Loading
from carethread.metrics.facts.making import parsed, split
from carethread.metrics.facts.spooling import Spool, Version, newest
from carethread.metrics.facts.subjects import Subject, subjects

_PARTS_A_PROCESS = 4

_SELDOM = (100_000, 50, 100)
"""Thresholds of the collector of cycles: what is read and made has none, and to look for them takes a third of it."""


@dataclass
class Read:
    """What a source has told of at its end: the greatest sequence of each service and type, where the consumer goes on,
    and the moment (microseconds) up to which nothing is left out."""

    sequences: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(dict))
    positions: dict[Place, int] = field(default_factory=dict)
    moment: int = 0


@dataclass(frozen=True, slots=True)
class _Part:
    """What became of one file: where the rows for the database lie, how many, and the Parquet file of each table."""

    rows: Path
    count: int
    files: Mapping[str, File]


def rebuild(
    versions: Iterable[Version],
    read: Read,
    given: Sequence[Subject],
    shelf: Shelf,
    loading: Loading,
    *,
    processes: int = 2,
    parts: int = 0,
    folder: Path | None = None,
) -> int:
    """Replace all facts by those of versions, which come in any order and as often as they like; how many resources.

    `read` is complete when `versions` has ended. `processes` work side by side, 0: this one does. Versions lie in
    `folder` meanwhile. Raises Busy.
    """
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
    made: list[_Part] = []
    with (
        _seldom_collecting(),
        _making(given, shelf, processes) as each_made,
        TemporaryDirectory(prefix=REBUILDING, dir=folder) as name,
    ):
        spool = Spool(Path(name), parts or max(1, processes) * _PARTS_A_PROCESS)
        for version in versions:
            spool.add(version)
        spool.close()
        mirrors = {each.mirror: (each.type, read.sequences.get(each.owner, {}).get(each.type, 0)) for each in given}
        rows = _rows(each_made(spool.paths), made, shelf)
        generation, last = loading.replace(rows, read.sequences, mirrors, read.positions, read.moment)
    shelf.prepare(_prepared(given, made, Mark(last, generation)))
    return sum(part.count for part in made)


@contextmanager
def _seldom_collecting() -> Iterator[None]:
    before = gc.get_threshold()
    gc.set_threshold(*_SELDOM)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _rows(parts: Iterable[_Part], made: list[_Part], shelf: Shelf) -> Iterator[Sequence[tuple[str, str, int, str]]]:
    for part in parts:
        made.append(part)
        shelf.touch([file.path for each in made for file in each.files.values()])
        with part.rows.open("rb") as file:
            yield marshal.load(file)
        part.rows.unlink()


def _prepared(given: Sequence[Subject], made: Sequence[_Part], mark: Mark) -> Prepared:
    """The tables that were made, for who publishes to list."""
    tables: dict[str, Published] = {}
    for relation in (relation for subject in given for relation in subject.relations):
        base = tuple(part.files[relation.name] for part in made if relation.name in part.files)
        tables[relation.name] = Published(relation.view, relation.columns, base) if base else empty(relation)
    return Prepared(mark, tables)


@contextmanager
def _making(
    given: Sequence[Subject], shelf: Shelf, processes: int
) -> Iterator[Callable[[list[Path]], Iterable[_Part]]]:
    """What makes parts of files: new processes, for a fork would have the threads and connections of this one, half; or
    this one, where it is to be none."""
    if not processes:
        yield lambda paths: (make(path, given, shelf) for path in paths)
        return
    definitions = [definition for subject in given for definition in subject.definitions]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context, initializer=_begin, initargs=(definitions, shelf)) as running:
        running.submit(_ready)  # all of them begin now, while this one reads
        try:
            yield lambda paths: running.map(_make, paths)
        except BrokenProcessPool:
            said = "A process that makes facts was ended, perhaps for want of memory; nothing has changed. Try again"
            raise Busy(f"{said}, with fewer processes.") from None


_here: dict[str, partial[_Part]] = {}
"""What a process makes parts with, once it has begun."""


def _begin(definitions: Sequence[Resource], shelf: Shelf) -> None:
    given = subjects(definitions)
    for subject in given:
        _ = subject.made
    _here["make"] = partial(make, given=given, shelf=shelf)
    gc.set_threshold(*_SELDOM)


def _ready() -> None:
    """The process has begun."""


def _make(path: Path) -> _Part:
    return _here["make"](path)


def make(path: Path, given: Sequence[Subject], shelf: Shelf) -> _Part:
    """Make rows and files of the versions in a file, which is removed."""
    by_type = {subject.type: subject for subject in given}
    rows: list[tuple[str, str, int, str]] = []
    texts: dict[str, list[str]] = defaultdict(list)
    for type_name, id_, version, body in newest(path):
        subject = by_type[type_name]
        text = subject.made(parsed(body)) if body else ""
        rows.append((type_name, id_, version, text))
        for relation, part in zip(subject.relations, split(text, len(subject.relations)), strict=True):
            if part:
                texts[relation.name].append(part)
    path.unlink()
    relations = {relation.name: relation for subject in given for relation in subject.relations}
    files = {name: shelf.write(relations[name], parts) for name, parts in texts.items()}
    loaded = path.with_suffix(".rows")
    with loaded.open("wb") as file:
        marshal.dump(rows, file)
    return _Part(loaded, len(rows), files)
