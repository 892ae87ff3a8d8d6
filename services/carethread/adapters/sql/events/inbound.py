"""What is remembered of messages that came in; see `core.ports.inbound`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, bindparam, delete, insert, select

from carethread.adapters.sql.engine import writing
from carethread.adapters.sql.tables import inbound_answers as answers
from carethread.adapters.sql.tables import inbound_versions as versions
from carethread.adapters.sql.upsert import upsert
from carethread.core.ports.inbound import SourceVersion

_AT_ONCE = 500


def forget_answers(engine: Engine, older_than: int) -> int:
    """Delete some answers to messages that came before a moment (microseconds); returns how many. Raises Busy.

    Which version of a resource each sender sent last is kept: a message that comes again brings back nothing older.
    """
    with writing(engine) as connection:
        old = select(answers.c.message).where(answers.c.received < older_than).order_by(answers.c.received)
        return connection.execute(delete(answers).where(answers.c.message.in_(old.limit(_AT_ONCE)))).rowcount


@dataclass(frozen=True, slots=True)
class SqlInbound:
    """Part of a session on one connection."""

    connection: Connection

    def answer(self, message: str) -> bytes | None:
        found = self.connection.execute(select(answers.c.outcome).where(answers.c.message == message)).scalar()
        return None if found is None else bytes(found)

    def keep_answer(self, message: str, received: int, outcome: bytes) -> None:
        self.connection.execute(insert(answers), {"message": message, "received": received, "outcome": outcome})

    def newest(self, sender: str, resources: Iterable[str]) -> dict[str, SourceVersion]:
        among = versions.c.resource.in_(bindparam("resources", expanding=True))
        statement = select(versions).where(versions.c.sender == sender, among)
        rows = self.connection.execute(statement, {"resources": list(resources)})
        return {row.resource: SourceVersion(row.number, row.updated) for row in rows}

    def keep_newest(self, sender: str, newest: Mapping[str, SourceVersion]) -> None:
        rows = [
            {"sender": sender, "resource": resource, "number": version.number, "updated": version.updated}
            for resource, version in newest.items()
        ]
        if rows:
            statement = upsert(self.connection, versions)
            changed = {name: statement.excluded[name] for name in ("number", "updated")}
            keys = list(versions.primary_key)
            self.connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed), rows)
