"""Work of the desk in a transaction of its own."""

from __future__ import annotations

from collections.abc import Callable

from carethread.core.context import Context
from carethread.core.ports import Session, Stored
from carethread.core.service import Runtime
from carethread.interactions.writing.unit import WriteUnit


def doing(runtime: Runtime, context: Context, work: Callable[[WriteUnit], Stored]) -> Stored:
    """Do it and store what it staged: all of it or nothing. What it gives is an Appointment as it is stored then."""

    def within(session: Session) -> Stored:
        unit = WriteUnit(runtime, session, context)
        made = work(unit)
        unit.store()
        return made

    return runtime.store.transact(within)
