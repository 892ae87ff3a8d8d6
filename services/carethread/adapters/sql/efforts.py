"""What it took to fill forms in, in a service's own database; see `core.ports.efforts`."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, bindparam, delete, select, update
from sqlalchemy.dialects.sqlite import insert

from carethread.adapters.sql.arrays import array, numbers, texts
from carethread.adapters.sql.direct import run
from carethread.adapters.sql.engine import is_sqlite
from carethread.adapters.sql.tables import efforts, fit
from carethread.core.ports.efforts import Effort

_TEXTS = ("response", "form", "department", "author", "ending")
_NUMBERS = tuple(name for name in Effort.__slots__ if name not in _TEXTS)
_EFFORT = tuple(efforts.c[name] for name in Effort.__slots__)

_BEGIN = insert(efforts).on_conflict_do_nothing()
_BEGIN_TEXT = (
    f"WITH made AS (INSERT INTO efforts ({', '.join((*_TEXTS, *_NUMBERS))}) SELECT * FROM unnest("
    + ", ".join(array(place, "text" if place <= len(_TEXTS) else "bigint") for place in range(1, len(_EFFORT) + 1))
    + ") ON CONFLICT DO NOTHING) SELECT 1"
)
_KEEP = (
    update(efforts)
    .where(efforts.c.response == bindparam("whose"))
    .values({name: bindparam(name) for name in Effort.__slots__ if name != "response"})
)
_OF = select(*_EFFORT).where(efforts.c.response.in_(bindparam("responses", expanding=True)))
_DROP = delete(efforts).where(efforts.c.response.in_(bindparam("responses", expanding=True)))
_STARTED = (
    select(*_EFFORT)
    .where(
        efforts.c.form == bindparam("url"),
        efforts.c.started >= bindparam("begin"),
        efforts.c.started < bindparam("end"),
    )
    .order_by(efforts.c.started, efforts.c.response)
    .limit(bindparam("most"))
)


class SqlEfforts:
    """One transaction's view of the efforts."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def begin(self, efforts: Sequence[Effort]) -> None:
        if not efforts:
            return
        if is_sqlite(self._connection):
            self._connection.execute(_BEGIN, [_row(each) for each in efforts])
            return
        rows = [_row(each) for each in efforts]
        columns = [texts(str(row[name]) for row in rows) for name in _TEXTS]
        run(self._connection, _BEGIN_TEXT, [*columns, *(numbers(row[name] for row in rows) for name in _NUMBERS)])

    def keep(self, efforts: Sequence[Effort]) -> None:
        if efforts:
            self._connection.execute(_KEEP, [{**_row(each), "whose": each.response} for each in efforts])

    def drop(self, responses: Collection[str]) -> None:
        if responses:
            self._connection.execute(_DROP, {"responses": sorted(responses)})

    def of(self, responses: Collection[str]) -> dict[str, Effort]:
        found = self._connection.execute(_OF, {"responses": sorted(responses)}) if responses else ()
        return {row[0]: Effort(*row) for row in found}

    def started(self, form: str, begin: int, end: int, most: int) -> list[Effort]:
        asked = {"url": fit(form), "begin": begin, "end": end, "most": most}
        return [Effort(*row) for row in self._connection.execute(_STARTED, asked)]


def _row(effort: Effort) -> dict[str, str | int]:
    return {name: getattr(effort, name) for name in Effort.__slots__} | {"form": fit(effort.form)}
