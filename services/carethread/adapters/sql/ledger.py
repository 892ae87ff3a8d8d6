"""The ledger of hand-offs in a service's own database; see `core.ports.ledger`."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, bindparam, func, insert, select

from carethread.adapters.sql.tables import ledger
from carethread.core.ports.ledger import Entry

_ENTRY = tuple(ledger.c[name] for name in Entry.__slots__)
_ABOUT = ledger.c.about.in_(bindparam("abouts", expanding=True))
_OF = select(*_ENTRY).where(_ABOUT).order_by(ledger.c.about, ledger.c.turn)
_TURNS = select(ledger.c.about, func.max(ledger.c.turn)).where(_ABOUT).group_by(ledger.c.about)
_OF_PATIENTS = (
    select(ledger.c.number, *_ENTRY)
    .where(ledger.c.patient.in_(bindparam("patients", expanding=True)), ledger.c.number > bindparam("behind"))
    .order_by(ledger.c.number)
    .limit(bindparam("count"))
)
_ADD = insert(ledger).inline()


class SqlLedger:
    """One transaction's view of the ledger."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, entries: Sequence[Entry]) -> None:
        if entries:
            rows = [{name: getattr(entry, name) for name in Entry.__slots__} for entry in entries]
            self._connection.execute(_ADD, rows)

    def turns(self, abouts: Collection[str]) -> dict[str, int]:
        found = self._connection.execute(_TURNS, {"abouts": list(abouts)}) if abouts else ()
        return dict(row._tuple() for row in found)

    def of(self, abouts: Collection[str]) -> list[Entry]:
        return [Entry(*row) for row in self._connection.execute(_OF, {"abouts": list(abouts)})] if abouts else []

    def of_patients(self, patients: Collection[str], behind: int, count: int) -> list[tuple[int, Entry]]:
        asked = {"patients": list(patients), "behind": behind, "count": count}
        return [(number, Entry(*row)) for number, *row in self._connection.execute(_OF_PATIENTS, asked)]
