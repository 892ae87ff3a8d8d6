"""Writes that come at the same time and are in nobody's way, decided and stored together by one transaction.

Each of them is decided with its own context, one after the other, in sight of what those before it have made; what is
refused has left no trace that would have to be undone. The versions of all that may be are stored by one statement and
one commit; nothing is answered before. What concerns more than its `Sight` shows has a transaction of its own.

A create whose rule is content with the new resource, or only looks at what stands, is such a write: it locks nothing
and claims nothing. A service may have others of its own (`Way`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Generic, NoReturn, TypeVar, cast

from carethread.core.context import Context, Principal
from carethread.core.errors import Busy, FhirError, Held
from carethread.core.faults import told
from carethread.core.fhir import json
from carethread.core.fhir.search.query import SearchQuery
from carethread.core.ports import Key, Page, Session, Stored, Write
from carethread.core.service import Runtime
from carethread.interactions.writing.command import Command, Result
from carethread.interactions.writing.stored import follow
from carethread.interactions.writing.unit import WriteUnit

log = logging.getLogger(__name__)

SMALL = 32 * 1024
"""Bytes of a resource that others may wait for; a larger one is stored alone."""

I = TypeVar("I")  # noqa: E741  # an item
R = TypeVar("R")


class Alone(Exception):
    """What is asked concerns more than is in sight."""


class Untouched:
    """A session for who must not touch the database."""

    def __getattr__(self, name: str) -> NoReturn:
        raise Alone


class Sight(Untouched):
    """What those see who are decided together: what stands and what those before have made, to look at only.

    A service's own may show more: what it has locked for all of them beforehand.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def current(self, keys: Iterable[Key], *, lock: bool = False) -> dict[Key, Stored]:
        if lock:
            raise Alone
        return self._session.current(keys)

    def made(self, writes: Sequence[Write]) -> None:
        """What one of them has made is seen by those behind it."""

    def refused(self) -> None:
        """One of them has made nothing."""

    def settle(self) -> None:
        """Keep what goes with all that was made, before the versions are stored."""


@dataclass(frozen=True, slots=True)
class Way(Generic[I, R]):
    """One kind of writes that are stored together: its name, what is in sight of some, and how one is decided."""

    name: str
    sight: Callable[[Runtime, Session, Sequence[I]], Sight]
    decide: Callable[[WriteUnit, I], R]


def done_together(runtime: Runtime, way: Way[I, R], item: I, context: Context) -> R | None:
    """Do something together with what else comes that way; None: nothing was done, it has to be done alone.

    Raises what it is refused for, and Busy when the database is away.
    """
    outcome = runtime.gatherings[way.name].do((item, context), lambda asked: done_at_once(runtime, way, asked))
    if isinstance(outcome, FhirError):
        raise outcome
    return outcome


def done_at_once(
    runtime: Runtime, way: Way[I, R], asked: Sequence[tuple[I, Context]]
) -> Sequence[R | FhirError | None]:
    """What becomes of each of several: what it has made, what it is refused for, or None where it has to be done
    alone."""

    if not asked:
        return []

    def work(session: Session) -> list[R | FhirError | None]:
        try:
            sight = way.sight(runtime, session, [item for item, _ in asked])
        except Held:  # by a transaction across services, for which not all of them shall wait
            return [None] * len(asked)
        outcomes: list[R | FhirError | None] = []
        made: list[tuple[Context, list[Write]]] = []
        for item, context in asked:
            unit = WriteUnit(runtime, cast(Session, sight), context, trial=True)
            try:
                outcomes.append(way.decide(unit, item))
                made.append((context, unit.store()))
                sight.made(made[-1][1])
            except (FhirError, Alone) as error:
                outcomes.append(error if isinstance(error, FhirError) else None)
                sight.refused()
        sight.settle()
        session.write([write for _, writes in made for write in writes])
        _follow(runtime, session, made)
        return outcomes

    try:
        return runtime.store.transact(work)
    except Busy as error:  # the database is away for all of them, and may have kept them
        return [error] * len(asked)
    except Exception as error:  # noqa: BLE001  # nothing was kept, and each finds out whether it was about itself
        log.warning("stored_one_by_one", extra={"way": way.name, "writes": len(asked), **told(error)})
        return [None] * len(asked)


def _follow(runtime: Runtime, session: Session, made: Iterable[tuple[Context, Sequence[Write]]]) -> None:
    """Do what follows from what was stored, at once for those of one sender."""
    senders: dict[tuple[Principal, bool], tuple[Context, dict[Key, str]]] = {}
    for context, writes in made:
        _, traces = senders.setdefault((context.principal, context.backfill), (context, {}))
        traces |= {(write.stored.type, write.stored.id): context.traceparent for write in writes}
    for context, traces in senders.values():
        follow(runtime, session, traces, replace(context, traces=traces))


class _Answering(Untouched):
    """The register of who answers for whom, to look at only."""

    def __init__(self, session: Session) -> None:
        self.at = session.register.at


class Standing(Sight):
    """What stands, looked up once for all of them. Who only looks might have come before the others, so that what those
    have made need not be in sight."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._current: dict[Key, Stored | None] = {}
        self._holders: dict[tuple[str, str], str] = {}
        self._pages: dict[tuple[SearchQuery, int], Page] = {}

    def current(self, keys: Iterable[Key], *, lock: bool = False) -> dict[Key, Stored]:
        if lock:
            raise Alone
        asked = set(keys)
        if new := asked - self._current.keys():
            self._current |= dict.fromkeys(new) | super().current(new)
        return {key: stored for key in asked if (stored := self._current[key])}

    def claimed(self, kind: str, keys: Iterable[str]) -> dict[str, str]:
        asked = [(kind, key) for key in keys]
        if new := [key for _, key in asked if (kind, key) not in self._holders]:
            try:
                found = self._session.claimed(kind, new)
            except Held:  # it is waited for by who needs it, not by all
                raise Alone from None
            self._holders |= {(kind, key): found.get(key, "") for key in new}
        return {key: holder for _, key in asked if (holder := self._holders[kind, key])}

    def search(self, query: SearchQuery, count: int) -> Page:
        if (query, count) not in self._pages:
            self._pages[query, count] = self._session.search(query, count)
        return self._pages[query, count]

    def kin(self, ids: Iterable[str]) -> list[str]:
        return self._session.kin(ids)

    @property
    def register(self) -> _Answering:
        return _Answering(self._session)


_CREATES: Way[Command, Result] = Way(
    "creates", lambda runtime, session, commands: Standing(session), lambda unit, command: unit.do(command)
)


def created_together(runtime: Runtime, command: Command, context: Context) -> Result | None:
    """Do a create together with others, if it is one that can be; None: nothing was done.

    Raises what its rule does, and Busy when the database is away.
    """
    return done_together(runtime, _CREATES, command, context) if _may_be(runtime, command, context) else None


def _may_be(runtime: Runtime, command: Command, context: Context) -> bool:
    """Whether this is a create that is small and whose rule is content with the resource itself, or only looks."""
    if not command.fresh or command.condition or len(json.render(command.resource)) > SMALL:
        return False
    type_ = runtime.service.owns(command.type)
    if type_ is None or type_.rule is None or type_.only_looks:
        return True
    unit = WriteUnit(runtime, cast(Session, Untouched()), context, trial=True)
    try:
        for hook in (type_.gives_up, type_.rule, type_.settles):
            if hook:
                hook(unit, None, command.resource, command.id)
    except Alone:
        return False
    return True
