"""Commands done in one transaction: all or none, or each by itself."""

from __future__ import annotations

from collections.abc import Sequence

from carethread.core.context import Context
from carethread.core.errors import HELD, FhirError, Held
from carethread.core.ports import Session
from carethread.core.service import Runtime
from carethread.interactions.writing.ahead import ask_ahead
from carethread.interactions.writing.command import Command, Result
from carethread.interactions.writing.together import created_together
from carethread.interactions.writing.unit import WriteUnit


def apply(runtime: Runtime, commands: Sequence[Command], context: Context) -> list[Result]:
    """Do all commands in one transaction, or none. Resources must have passed `check_resource`.

    A create that concerns nothing else may share its transaction with those of other threads.
    """
    for command in commands if len(commands) == 1 else ():
        _ask(runtime, command, context)
    ask_ahead(runtime, commands, context)
    if len(commands) == 1 and (result := created_together(runtime, commands[0], context)):
        return [result]

    def work(session: Session) -> list[Result]:
        unit = WriteUnit(runtime, session, context)
        unit.look(commands)
        results = [unit.do(command) for command in commands]
        unit.store()
        return results

    return runtime.store.transact(work)


def _ask(runtime: Runtime, command: Command, context: Context) -> None:
    """Ask the owners what a write depends on. Raises what it is refused for, and Busy while one is away."""
    type_ = runtime.service.owns(command.type)
    if type_ and type_.asks and command.resource is not None:
        type_.asks(runtime, command.resource, context)


def apply_each(runtime: Runtime, commands: Sequence[Command], context: Context) -> list[Result | FhirError]:
    """Do each command by itself, all that succeed in one transaction; the others' errors stand in their places.

    What a transaction across services holds is waited for; if it takes too long, only what needs that is refused.
    """

    def patient(session: Session) -> list[Result | FhirError]:
        unit = WriteUnit(runtime, session, context)
        unit.look(commands)
        results = [unit.attempt(command) for command in commands]
        for result in results:
            if isinstance(result, Held):
                raise result
        unit.store()
        return results

    def impatient(session: Session) -> list[Result | FhirError]:
        unit = WriteUnit(runtime, session, context)
        held = session.undecided([c.key for c in commands if not (c.fresh or c.condition)])
        unit.look([c for c in commands if not c.condition and c.key not in held])
        results = [Held(HELD) if c.key in held and not c.condition else unit.attempt(c) for c in commands]
        unit.store()
        return results

    ask_ahead(runtime, commands, context)
    try:
        return runtime.store.transact(patient)
    except Held:
        return runtime.store.transact(impatient)
