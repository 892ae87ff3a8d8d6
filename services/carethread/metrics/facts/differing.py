"""What publications have changed of the past: the rows that stood before are compared with those that stand.

Most of what arrives is of today or of days to come, and much of it changes no row but for when it was stored. So who
judges the past again is told of the tables in which rows of resources differ, each with when the earliest of these rows
is (`days`), before or after; of a table that is told by parts also of the columns that do (`patients.birth_date`). That
reads files, which takes the longer the larger they are (35 ms for a million visits), so what is published within two
seconds is compared together.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from carethread.core.errors import Busy
from carethread.core.facts.manifest import Manifest, Published
from carethread.core.facts.relation import KEY
from carethread.core.ports.analytics import Shelf
from carethread.metrics.facts.days import DAYS, EARLIEST, EVER, NOT_COMPARED, Day, Row
from carethread.metrics.facts.subjects import Subject

EVERY_SECONDS = 2.0

_MOST = 5000
"""Resources of a type that are compared; so many at once are an import, which is of the past."""

_Rows = Mapping[str, Sequence[Row]]
"""The rows of a table, by resource."""

_Tables = Mapping[str, Published]


@dataclass
class Changes:
    """What was published: the resources that changed, by type, and the tables that were made anew as a whole."""

    ids: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    anew: set[str] = field(default_factory=set)

    def __bool__(self) -> bool:
        return bool(self.ids or self.anew)


class Differing:
    """Gathers what one process publishes; for one thread."""

    def __init__(
        self,
        shelf: Shelf,
        subjects: Sequence[Subject],
        days: Mapping[str, Day] = DAYS,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._shelf = shelf
        self._subjects = subjects
        self._days = days
        self._steady = steady
        self._before: _Tables = {}
        self._gathered = Changes()
        self._due = float("-inf")

    def published(self, before: _Tables, changes: Changes) -> None:
        """What has changed in tables, which stood until now."""
        if not self._gathered:
            self._before = before
        self._gathered.anew |= changes.anew
        for type_name, ids in changes.ids.items():
            self._gathered.ids[type_name] |= ids

    def found(self) -> dict[str, datetime]:
        """The tables that differ, each with when its earliest row is; none where that was asked a moment ago.

        Raises Busy, and what reading files raises; what was gathered is then still gathered.
        """
        if not self._gathered or self._steady() < self._due:
            return {}
        after = (self._shelf.manifest() or Manifest()).tables
        days: dict[str, datetime] = {}
        for subject in self._subjects:
            if ids := self._gathered.ids.get(subject.type):
                days |= self._of_type(subject, self._before, after, sorted(ids))
        days |= dict.fromkeys(self._gathered.anew, EARLIEST)
        self._gathered = Changes()
        self._due = self._steady() + EVERY_SECONDS
        return days

    def _of_type(self, subject: Subject, before: _Tables, after: _Tables, ids: Sequence[str]) -> dict[str, datetime]:
        names = [each.name for each in subject.relations if each.name in before and each.name in after]
        if len(ids) > _MOST:
            return dict.fromkeys(names, EARLIEST)
        try:
            stood = {name: self._rows(name, before[name], ids) for name in names}
            stands = {name: self._rows(name, _since(before[name], after[name]), ids) for name in names}
        except Busy:  # the files of before are gone, or damaged
            return dict.fromkeys(names, EARLIEST)
        found: dict[str, datetime] = {}
        for name in names:
            columns = [column for column, _ in after[name].columns if column != NOT_COMPARED]
            differ = _differing(ids, columns, stood[name], stands[name])
            own = self._days.get(name, EVER).of_columns or columns
            for column in columns:
                if column not in own and _differing(differ, [column], stood[name], stands[name]):
                    found[f"{name}.{column}"] = EARLIEST
            differ = _differing(differ, own, stood[name], stands[name])
            days = [day for id_ in differ for day in self._of_resource(name, id_, stood, stands)]
            if days:
                found[name] = min(days)
        return found

    def _rows(self, name: str, table: Published, ids: Sequence[str]) -> _Rows:
        found: defaultdict[str, list[Row]] = defaultdict(list)
        columns = [column for column, _ in table.columns]
        for row in self._shelf.rows(table, ids):
            named = dict(zip(columns, row, strict=True))
            found[named[KEY]].append(named)
        return found

    def _of_resource(
        self, name: str, id_: str, stood: Mapping[str, _Rows], stands: Mapping[str, _Rows]
    ) -> Iterable[datetime]:
        """When a resource's rows in a table are, before and after; of any day where another table has to say it
        that has none."""
        known = self._days.get(name, EVER)

        def rows(table: str) -> list[Row]:
            return [row for state in (stood, stands) for row in state.get(table, {}).get(id_, ())]

        days = [known.of(row) for row in rows(name) if known.is_said(row)]
        if len(days) < len(rows(name)):
            days += [self._days.get(known.like, EVER).of(row) for row in rows(known.like)] or [EARLIEST]
        return [day for day in days if day is not None]


def _since(before: Published, after: Published) -> Published:
    """A table as far as it may tell of what has changed: in the same base nothing has."""
    return replace(after, base=()) if after.base == before.base else after


def _differing(ids: Iterable[str], columns: Sequence[str], stood: _Rows, stands: _Rows) -> list[str]:
    """The resources whose rows say something else in these columns than before, or are more or fewer."""
    return [id_ for id_ in ids if _told(stood.get(id_, ()), columns) != _told(stands.get(id_, ()), columns)]


def _told(rows: Sequence[Row], columns: Sequence[str]) -> list[str]:
    """What rows say, whatever their order."""
    return sorted(repr([row.get(name) for name in columns]) for row in rows)
