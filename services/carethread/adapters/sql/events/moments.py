"""Between the numbers of a service's events and their times."""

from __future__ import annotations

from sqlalchemy import Engine, func, select

from carethread.adapters.sql.engine import glancing
from carethread.adapters.sql.tables import outbox


def sequence_since(engine: Engine, since: int) -> int | None:
    """The lowest number of an event at or after a moment (microseconds); None where there is none. Raises Busy.

    Events are numbered as they are committed: a few with higher numbers may be a little older.
    """
    with glancing(engine) as connection:
        asked = select(func.min(outbox.c.sequence)).where(outbox.c.time >= since)
        found: int | None = connection.execute(asked).scalar_one()
        return found


def moment_of(engine: Engine, sequence: int) -> int | None:
    """The earliest time, in microseconds, of the events from a number on; None where there are none. Raises Busy."""
    with glancing(engine) as connection:
        asked = select(func.min(outbox.c.time)).where(outbox.c.sequence >= sequence)
        found: int | None = connection.execute(asked).scalar_one()
        return found
