"""The gateway's journal of transactions that span services: one row from the first word to the last.

A row without a decision is undecided; one that is missing was dropped, or is done everywhere. Commit and drop are each
one statement on an undecided row, so of two that decide one is first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Engine,
    MetaData,
    String,
    Table,
    and_,
    bindparam,
    delete,
    insert,
    inspect,
    not_,
    select,
    true,
    update,
)
from sqlalchemy.exc import OperationalError, ProgrammingError

from carethread.adapters.sql.engine import glancing, is_sqlite, writing
from carethread.adapters.sql.migrate import make_room
from carethread.core.errors import Busy
from carethread.core.ports import Decision, Left

metadata = MetaData()

transactions = Table(
    "transactions",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("owners", String(400), nullable=False),
    Column("holder", String(255), nullable=False),
    Column("begun", BigInteger, nullable=False),
    Column("decided", Boolean, nullable=False),
)

_THIS = transactions.c.id == bindparam("transaction")
_UNDECIDED = and_(_THIS, not_(transactions.c.decided))
_BEGIN = insert(transactions)
_DECIDE = update(transactions).where(_UNDECIDED).values(decided=true())
_DROP = delete(transactions).where(_UNDECIDED)
_DECIDED = select(transactions.c.decided).where(_THIS)
_FORGET = delete(transactions).where(_THIS)
_DONE = update(transactions).where(transactions.c.id == bindparam("_id")).values(owners="")
_LEFT = select(transactions).order_by(transactions.c.begun)
_CALLED = _LEFT.where(transactions.c.id >= bindparam("first"), transactions.c.id < bindparam("behind"))


def make(engine: Engine, schema: str) -> bool:
    """Make the journal where it is missing; whether it was. Raises Busy.

    It is one table that is empty most of the time, so it has no migrations: a later shape takes another name.
    """
    make_room(engine, schema)
    with writing(engine) as connection:
        missing = not inspect(connection).has_table(transactions.name)
        metadata.create_all(connection)
    return missing


class SqlJournal:
    """See `core.ports.Journal`."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @contextmanager
    def _once(self) -> Iterator[Connection]:
        """A connection for one statement that writes, which PostgreSQL commits by itself."""
        way = writing if is_sqlite(self.engine) else glancing
        with _made(way(self.engine)) as connection:
            yield connection

    def begin(self, transaction: str, owners: Sequence[str], holder: str, begun: int) -> None:
        row = {"id": transaction, "owners": ",".join(owners), "holder": holder, "begun": begun, "decided": False}
        with self._once() as connection:
            connection.execute(_BEGIN, row)

    def decide(self, transaction: str) -> bool:
        with self._once() as connection:
            return connection.execute(_DECIDE, {"transaction": transaction}).rowcount == 1

    def drop(self, transaction: str) -> bool:
        with _made(writing(self.engine)) as connection:
            connection.execute(_DROP, {"transaction": transaction})
            return not connection.execute(_DECIDED, {"transaction": transaction}).scalar_one_or_none()

    def decision(self, transaction: str) -> Decision:
        with _made(glancing(self.engine)) as connection:
            decided = connection.execute(_DECIDED, {"transaction": transaction}).scalar_one_or_none()
        return "drop" if decided is None else "commit" if decided else "undecided"

    def forget(self, transaction: str) -> None:
        with self._once() as connection:
            connection.execute(_FORGET, {"transaction": transaction})

    def note_done(self, transaction: str) -> None:
        with _made(writing(self.engine)) as connection:
            connection.execute(_DONE, {"_id": transaction})

    def left(self, prefix: str = "") -> list[Left]:
        called = {"first": prefix, "behind": prefix[:-1] + chr(ord(prefix[-1]) + 1)} if prefix else None
        with _made(glancing(self.engine)) as connection:
            rows = connection.execute(_CALLED, called).all() if called else connection.execute(_LEFT).all()
        return [
            Left(row.id, row.owners.split(",") if row.owners else [], row.holder, row.begun, row.decided)
            for row in rows
        ]


@contextmanager
def _made(opened: AbstractContextManager[Connection]) -> Iterator[Connection]:
    """The connection; a journal that is not made yet is as good as away."""
    try:
        with opened as connection:
            yield connection
    except (OperationalError, ProgrammingError) as error:
        raise Busy("The gateway's database is not migrated.") from error
