"""Publishing: what changed in the database since the last time becomes files, and a manifest that lists them.

What was published before stays as it is; a delta tells of each resource that changed all its rows, so that the order of
changes does not matter. A type that began anew is published whole, once its mirror has all that its owner had; until
then the old files stand. How far each type is stands in the manifest, in the same replacement as the files: whatever a
crash leaves half done is not listed, and is done again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from carethread.core.clock import Clock, to_micros
from carethread.core.facts.manifest import Damaged, File, Manifest, Mark, Published, empty
from carethread.core.facts.relation import Relation
from carethread.core.ports import Store
from carethread.core.ports.analytics import Shelf
from carethread.core.ports.facts import Reached
from carethread.metrics.facts.differing import Changes
from carethread.metrics.facts.making import split
from carethread.metrics.facts.subjects import Subject

_AT_ONCE = 20_000
"""Facts that are read in one transaction, and written as one delta; a fact takes about half a kilobyte."""

_IN_A_FILE = 200_000
"""Facts in one file of a base."""

_STILL_MICROS = 10_000_000
"""Where nothing changed, the manifest says after this time that it is whole up to now."""

Change = Callable[[Published | None], Published]
"""From a table as it stands to a table."""

Told = Callable[[Mapping[str, Published], Changes], None]
"""Who is told of the tables as they stood before, and of what has changed in them."""


@dataclass(frozen=True, slots=True)
class _Found:
    """What changed of a type: the text of rows by table, and who has none in it; `through` which change, and the facts
    that these are of: the change, the id, and the text of all tables, empty of what is gone."""

    rows: Mapping[str, list[str]]
    gone: Mapping[str, list[str]]
    through: int
    facts: Sequence[tuple[int, str, str]]


@dataclass
class _Coming:
    """What is to be listed from now on."""

    marks: dict[str, Mark]
    changes: dict[str, Change]
    awaited: list[str]
    whole: bool = True
    """Whether all that has changed is in it."""
    count: int = 0
    began: list[int] = field(default_factory=list)
    """Of the types that begin anew, the moments as of which they do."""
    told: Changes = field(default_factory=Changes)


class Publisher:
    """What a process publishes in a shelf that it holds. `reaching` tells the moment (microseconds) up to which all
    events are in, None where nothing new is known of that; without it this is now. `told` is told of what has been
    published."""

    def __init__(
        self,
        store: Store,
        shelf: Shelf,
        subjects: Sequence[Subject],
        clock: Clock,
        reaching: Callable[[], int | None] | None = None,
        replacing: threading.Lock | None = None,
        told: Told = lambda before, changes: None,
    ) -> None:
        self._store = store
        self._shelf = shelf
        self._subjects = subjects
        self._reaching = reaching or (lambda: to_micros(clock()))
        self._is_told = reaching is not None
        self._replacing = replacing or threading.Lock()
        self._told = told

    def publish(self) -> int:
        """Publish what changed, or a part of that where it is much; 0 where nothing did. Raises Busy."""
        until = self._reaching()
        reached = self._store.snapshot(lambda session: session.facts.reached())
        before = self._stands()
        coming = _Coming(dict(before.types), {}, [])
        for subject in self._subjects:
            self._subject(subject, reached, before, coming)
        if not coming.whole or (self._is_told and coming.began):  # it was told before, perhaps, a rebuild was over
            until = None
        self._list(reached.sources, until, coming)
        if coming.told:
            self._told(before.tables, coming.told)
        return coming.count

    def _stands(self) -> Manifest:
        """What is listed; nothing where that cannot be read, so that all is listed anew."""
        try:
            return self._shelf.manifest() or Manifest()
        except Damaged:
            return Manifest()

    def _subject(self, subject: Subject, reached: Reached, before: Manifest, coming: _Coming) -> None:
        """What is to be published of a type."""
        is_listed = all(_is_of(before.tables.get(each.name), each) for each in subject.relations)
        if subject.mirror not in reached.filled:
            coming.awaited += [each.name for each in subject.relations if each.name not in before.tables]
            coming.whole &= not is_listed  # what stands of it is as old as it is
            return
        mark = before.types.get(subject.type)
        generation = reached.generations.get(subject.type, 0)
        if mark is None or mark.generation != generation or not is_listed:
            tables, through = self._prepared(subject, generation) or self._anew(subject, reached.changed)
            coming.changes |= {name: _always(table) for name, table in tables.items()}
            coming.told.anew |= {name for name, each in tables.items() if each.base or name in before.tables}
            coming.marks[subject.type] = Mark(through, generation)
            coming.began.append(reached.filled[subject.mirror])
            coming.whole &= through == reached.changed
            coming.count += 1
        elif mark.changed < reached.changed:
            found = self._find(subject, mark.changed, reached.changed)
            coming.changes |= self._deltas(subject, found, before.number + 1)
            if found.facts:
                coming.told.ids[subject.type] = {id_ for _, id_, _ in found.facts}
            coming.marks[subject.type] = Mark(found.through, generation)
            coming.whole &= found.through == reached.changed
            coming.count += len(found.facts)

    def _list(self, sources: Mapping[str, Mapping[str, int]], until: int | None, coming: _Coming) -> None:
        """List what was written beside what stands by now, which `tidying` may have changed meanwhile."""
        names = {each.name for subject in self._subjects for each in subject.relations}
        with self._replacing:
            stands = self._stands()
            tables = {name: table for name, table in stands.tables.items() if name in names}
            tables |= {name: change(tables.get(name)) for name, change in coming.changes.items()}
            types = {each.type: coming.marks[each.type] for each in self._subjects if each.type in coming.marks}
            after = replace(stands, sources=sources, types=types, tables=tables, awaited=tuple(coming.awaited))
            time = _time(stands.time, until, coming.began)
            if after == stands and time < stands.time + _STILL_MICROS:
                return
            self._shelf.put(replace(after, time=time, number=stands.number + 1))

    def _prepared(self, subject: Subject, generation: int) -> tuple[dict[str, Published], int] | None:
        """The tables of a type, and as of which change, where a rebuild has made them already."""
        found = self._shelf.prepared()
        if found is None or found.mark.generation != generation:
            return None
        tables = {each.name: found.tables[each.name] for each in subject.relations if each.name in found.tables}
        fits = all(_is_of(tables.get(each.name), each) for each in subject.relations)
        return (tables, found.mark.changed) if fits else None

    def _anew(self, subject: Subject, through: int) -> tuple[dict[str, Published], int]:
        """The tables of a type of all that is kept of it, as of a change.

        What changes meanwhile has a number beyond `through`, and is in the next delta.
        """
        tables = {each.name: empty(each) for each in subject.relations}
        waiting: dict[str, list[str]] = {each.name: [] for each in subject.relations}
        after = count = 0
        while after < through:
            found = self._find(subject, after, through)
            for name, rows in found.rows.items():
                waiting[name] += rows
            after, count = found.through, count + len(found.facts)
            if count >= _IN_A_FILE or after >= through:
                for each in subject.relations:
                    if waiting[each.name]:
                        file = self._shelf.write(each, waiting[each.name])
                        tables[each.name] = replace(tables[each.name], base=(*tables[each.name].base, file))
                        waiting[each.name] = []
                count = 0
        return tables, through

    def _find(self, subject: Subject, after: int, through: int) -> _Found:
        facts = self._store.glance(lambda session: session.facts.since(subject.type, after, through, _AT_ONCE))
        names = [each.name for each in subject.relations]
        rows: dict[str, list[str]] = {name: [] for name in names}
        gone: dict[str, list[str]] = {name: [] for name in names}
        for _, id_, text in facts:
            for name, part in zip(names, split(text, len(names)), strict=True):
                if part:
                    rows[name].append(part)
                else:
                    gone[name].append(id_)
        return _Found(rows, gone, facts[-1][0] if len(facts) == _AT_ONCE else through, facts)

    def _deltas(self, subject: Subject, found: _Found, number: int) -> dict[str, Change]:
        if not found.facts:
            return {}
        return {
            each.name: _with_delta(
                self._shelf.write(each, found.rows[each.name], delta=number, gone=found.gone[each.name])
            )
            for each in subject.relations
        }


def _time(before: int, until: int | None, began: Sequence[int]) -> int:
    """Up to which moment all is whole: what began anew may do so from an earlier one, as after a rebuild."""
    if until is not None:
        return max(until, before)
    return min([*began, *([before] if before else [])], default=before)


def _is_of(table: Published | None, relation: Relation) -> bool:
    return table is not None and (table.view, table.columns) == (relation.view, relation.columns)


def _always(table: Published) -> Change:
    return lambda _: table


def _with_delta(file: File) -> Change:
    def change(table: Published | None) -> Published:
        assert table is not None  # it was listed before, and nothing but a publication takes it away
        return replace(table, deltas=(*table.deltas, file))

    return change
