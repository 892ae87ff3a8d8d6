"""What rules must not wait for in a transaction is found out before: see `core.service.Service.asks_ahead`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial

from carethread.core.context import Context
from carethread.core.errors import FhirError
from carethread.core.ports import Resource, Session
from carethread.core.service import Runtime
from carethread.interactions.writing.command import Command
from carethread.interactions.writing.unit import patched


def ask_ahead(runtime: Runtime, commands: Iterable[Command], context: Context) -> None:
    """Have the service find out what its rules take for known of these commands, which are done in one transaction."""
    if runtime.service.asks_ahead:
        runtime.service.asks_ahead(runtime, list(_resources(runtime, commands)), context)


def _resources(runtime: Runtime, commands: Iterable[Command]) -> Iterator[Resource]:
    """What would be stored, as far as that can be seen by now: what is wrong is told where the command is done."""
    for command in commands:
        try:
            found = runtime.store.snapshot(partial(_patched, command)) if command.change else command.resource
        except FhirError:
            continue
        if found is not None:
            yield {**found, "id": found.get("id", command.id)}


def _patched(command: Command, session: Session) -> Resource | None:
    if command.condition:
        found = session.search(command.condition.query, 2).matches
        current = found[0] if len(found) == 1 else None
    else:
        current = session.current([command.key]).get(command.key)
    if current is None or command.change is None:
        return None
    return patched(replace(command, id=current.id), command.change, current)
