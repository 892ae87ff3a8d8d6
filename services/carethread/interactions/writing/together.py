"""Creates that concern nothing else, stored together by one transaction where they come at the same time.

Such a create locks nothing and claims nothing: it cannot be in another's way, and what is refused of it has left no
trace that would have to be undone. So one after the other is decided, each with its own context, and the versions of
all that may be are stored by one statement and one commit; nothing is answered before. Whatever else is written has a
transaction of its own: who waits for a lock must not keep others waiting who want none.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import NamedTuple, NoReturn, cast

from carethread.core.context import Context, Principal
from carethread.core.errors import Busy, FhirError
from carethread.core.faults import told
from carethread.core.fhir import json
from carethread.core.ports import Key, Session, Stored, Write
from carethread.core.service import Runtime
from carethread.interactions.writing.command import Command, Result
from carethread.interactions.writing.stored import follow
from carethread.interactions.writing.unit import WriteUnit

log = logging.getLogger(__name__)

_SMALL = 32 * 1024
"""Bytes of a resource that others may wait for; a larger one is stored alone."""


class _Create(NamedTuple):
    command: Command
    context: Context


class _Alone(Exception):
    """The create concerns more than the new resource."""


class _Untouched:
    """A session for who must not touch the database."""

    def __getattr__(self, name: str) -> NoReturn:
        raise _Alone


class _Looking(_Untouched):
    """A session for who may only look, and hold nothing."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def current(self, keys: Iterable[Key], *, lock: bool = False) -> dict[Key, Stored]:
        if lock:
            raise _Alone
        return self._session.current(keys)


def created_together(runtime: Runtime, command: Command, context: Context) -> Result | None:
    """Do a create together with others, if it is one that can be; None: nothing was done.

    Raises what its rule does, and Busy when the database is away.
    """
    if not _may_be(runtime, command, context):
        return None
    outcome = runtime.gathering.do(_Create(command, context), lambda creates: _store(runtime, creates))
    if isinstance(outcome, FhirError):
        raise outcome
    return outcome


def _may_be(runtime: Runtime, command: Command, context: Context) -> bool:
    """Whether this is a create that is small and whose rule is content with the resource itself."""
    if not command.fresh or command.condition or len(json.render(command.resource)) > _SMALL:
        return False
    type_ = runtime.service.owns(command.type)
    if type_ is None or type_.rule is None:
        return True
    unit = WriteUnit(runtime, cast(Session, _Untouched()), context, trial=True)
    try:
        for hook in (type_.gives_up, type_.rule, type_.settles):
            if hook:
                hook(unit, None, command.resource, command.id)
    except _Alone:
        return False
    return True


def _store(runtime: Runtime, creates: Sequence[_Create]) -> Sequence[Result | FhirError | None]:
    """What becomes of each: its result, what it is refused for, or None where it has to be done alone."""

    def work(session: Session) -> list[Result | FhirError | None]:
        looking = cast(Session, _Looking(session))
        outcomes: list[Result | FhirError | None] = []
        writes: list[Write] = []
        for command, context in creates:
            unit = WriteUnit(runtime, looking, context, trial=True)
            try:
                outcomes.append(unit.do(command))
                writes += unit.store()
            except FhirError as error:
                outcomes.append(error)
            except _Alone:
                outcomes.append(None)
        session.write(writes)
        _follow(runtime, session, creates, outcomes)
        return outcomes

    try:
        return runtime.store.transact(work)
    except Busy as error:  # the database is away for all of them, and may have kept them
        return [error] * len(creates)
    except Exception as error:  # noqa: BLE001  # nothing was kept, and each finds out whether it was about itself
        log.warning("stored_one_by_one", extra={"creates": len(creates), **told(error)})
        return [None] * len(creates)


def _follow(
    runtime: Runtime, session: Session, creates: Sequence[_Create], outcomes: Sequence[Result | FhirError | None]
) -> None:
    """Do what follows from what was stored, at once for those of one sender."""
    senders: dict[tuple[Principal, bool], list[_Create]] = {}
    for create, outcome in zip(creates, outcomes, strict=True):
        if isinstance(outcome, Result):
            senders.setdefault((create.context.principal, create.context.backfill), []).append(create)
    for some in senders.values():
        follow(runtime, session, [create.command.key for create in some], some[0].context)
