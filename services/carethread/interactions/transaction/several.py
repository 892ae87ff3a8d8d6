"""Several transactions that depend on nothing of each other, stored by one commit (`interactions.writing.together`).

Each is whole or not at all, with its own context and trace. What they write is locked at once, in order; so each is
decided without a statement of its own. One that reads, that has criteria, or that changes what another of them has
changed, or that is refused, is done alone. A rule may look at what goes with other resources (places, who answers for
whom, what is found), and finds it as it was before all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from carethread.core.context import Context
from carethread.core.errors import FhirError
from carethread.core.ports import Key, Resource, Session, Stored, Write
from carethread.core.service import Runtime
from carethread.interactions.rest.bundle import searchset
from carethread.interactions.transaction.answers import done
from carethread.interactions.transaction.entries import entries_of
from carethread.interactions.transaction.perform import checked, decided
from carethread.interactions.transaction.plan import Step, plan
from carethread.interactions.writing.command import Command, Result
from carethread.interactions.writing.together import Alone, Standing, Way, done_at_once


@dataclass(frozen=True, slots=True)
class _Planned:
    steps: Sequence[Step]
    commands: Mapping[int, Command]


def transactions(runtime: Runtime, asked: Sequence[tuple[Resource, Context]], wanted: str = "") -> list[bytes | None]:
    """The answer to each Bundle; None: nothing was done, it is to be done alone. `wanted` is as for `transaction`."""
    planned = [_planned(runtime, bundle, context) for bundle, context in asked]
    ready = [(each, context) for each, (_, context) in zip(planned, asked, strict=True) if each]
    became = done_at_once(runtime, _WAY, ready)
    outcomes = iter(became)
    return [_answer(next(outcomes), wanted) if each else None for each in planned]


def _planned(runtime: Runtime, bundle: Resource, context: Context) -> _Planned | None:
    try:
        steps = plan(entries_of(bundle, runtime.limits.bundle_entries), _unknown, context.new_id)
        commands = checked(runtime, steps, context)
    except (Alone, FhirError):
        return None
    return None if any(step.is_read for step in steps) else _Planned(steps, commands)


def _unknown(type_name: str, criteria: str) -> NoReturn:
    raise Alone


def _answer(outcome: Mapping[int, Result] | FhirError | None, wanted: str) -> bytes | None:
    if outcome is None or isinstance(outcome, FhirError):
        return None
    return searchset("transaction-response", None, {}, [done(outcome[number], wanted) for number in sorted(outcome)])


class _Locked(Standing):
    """What stands of all that is to be written, locked beforehand. What one of them has written is out of sight."""

    def __init__(self, session: Session, keys: Iterable[Key]) -> None:
        super().__init__(session)
        self._locked = set(keys)
        self._stands = session.current(self._locked, lock=True)
        self._written: set[Key] = set()

    def current(self, keys: Iterable[Key], *, lock: bool = False) -> dict[Key, Stored]:
        asked = set(keys)
        others = asked - self._locked
        if asked & self._written or (lock and others):
            raise Alone
        found = {key: self._stands[key] for key in asked if key in self._stands}
        return found | super().current(others) if others else found

    def made(self, writes: Sequence[Write]) -> None:
        self._written |= {(write.stored.type, write.stored.id) for write in writes}


_WAY: Way[_Planned, Mapping[int, Result]] = Way(
    "transactions",
    lambda runtime, session, planned: _Locked(
        session, (command.key for each in planned for command in each.commands.values() if not command.fresh)
    ),
    lambda unit, planned: decided(unit, planned.steps, planned.commands),
)
