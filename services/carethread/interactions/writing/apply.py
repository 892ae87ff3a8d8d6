"""Commands done in one transaction: all or none, or each by itself."""

from __future__ import annotations

from collections.abc import Sequence

from carethread.core.context import Context
from carethread.core.errors import FhirError
from carethread.core.ports import Session
from carethread.core.service import Runtime
from carethread.interactions.writing.command import Command, Result
from carethread.interactions.writing.unit import WriteUnit


def apply(runtime: Runtime, commands: Sequence[Command], context: Context) -> list[Result]:
    """Do all commands in one transaction, or none. Resources must have passed `check_resource`."""

    def work(session: Session) -> list[Result]:
        unit = WriteUnit(runtime, session, context)
        unit.look(commands)
        results = [unit.do(command) for command in commands]
        unit.store()
        return results

    return runtime.store.transact(work)


def apply_each(runtime: Runtime, commands: Sequence[Command], context: Context) -> list[Result | FhirError]:
    """Do each command by itself, all that succeed in one transaction; the others' errors stand in their places."""

    def work(session: Session) -> list[Result | FhirError]:
        unit = WriteUnit(runtime, session, context)
        unit.look(commands)
        results = [unit.attempt(command) for command in commands]
        unit.store()
        return results

    return runtime.store.transact(work)
