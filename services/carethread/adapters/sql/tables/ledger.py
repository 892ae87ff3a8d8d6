"""What happened to hand-offs, and which needs were open when; see `core.ports.ledger` and `core.ports.needs`."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    UniqueConstraint,
    event,
)

from carethread.adapters.sql.tables.base import ROW, TEXT, metadata

ledger = Table(
    "ledger",
    metadata,
    Column("number", ROW, primary_key=True, autoincrement=True),
    Column("about", TEXT, nullable=False),
    Column("turn", Integer, nullable=False),
    Column("patient", TEXT, nullable=False),
    Column("step", String(16), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("by", TEXT, nullable=False),
    Column("sender", TEXT, nullable=False),
    Column("receiver", TEXT, nullable=False),
    Column("deadline", BigInteger, nullable=False),
    Column("why", String, nullable=False),
    UniqueConstraint("about", "turn"),
    Index("ledger_by_patient", "patient", "number"),
    sqlite_autoincrement=True,
)
"""Triggers of the database refuse to change or delete a row."""

_REFUSALS = {
    "sqlite": [
        f"CREATE TRIGGER ledger_no_{what.lower()} BEFORE {what} ON ledger "
        "BEGIN SELECT RAISE(ABORT, 'the ledger is only added to'); END"
        for what in ("UPDATE", "DELETE")
    ],
    "postgresql": [
        "CREATE FUNCTION ledger_stays() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the ledger is only added to'; END $$",
        "CREATE TRIGGER ledger_stays BEFORE UPDATE OR DELETE ON ledger FOR EACH ROW EXECUTE FUNCTION ledger_stays()",
        "CREATE TRIGGER ledger_stays_whole BEFORE TRUNCATE ON ledger EXECUTE FUNCTION ledger_stays()",
    ],
}


@event.listens_for(ledger, "after_create")
def _refuse_changes(table: Table, connection: Connection, **_: object) -> None:
    for statement in _REFUSALS[connection.dialect.name]:
        connection.exec_driver_sql(statement)


needs = Table(
    "needs",
    metadata,
    Column("need", TEXT, nullable=False),
    Column("patient", TEXT, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    PrimaryKeyConstraint("need", "since"),
    Index("needs_by_patient", "patient", "until", "since"),
)
