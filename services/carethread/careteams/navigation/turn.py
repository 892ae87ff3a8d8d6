"""One transaction of navigation: what it writes, when it is, and the places that people have in it.

Whoever gets a place, or gives one up, holds one lock for that: who is free and who waits is then known for sure, so
that no limit is passed and nobody waits beside a free place.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from carethread.careteams.navigation.terms import NAMES
from carethread.careteams.tasks import OPEN
from carethread.core.clock import instant, to_micros
from carethread.core.context import Context
from carethread.core.ports import Resource, Session
from carethread.core.service import Runtime
from carethread.interactions.writing.unit import WriteUnit


@dataclass(frozen=True, slots=True)
class Turn:
    """`now` is in microseconds."""

    unit: WriteUnit
    now: int
    _holders: dict[tuple[str, str], str] = field(default_factory=dict)
    """Who holds the places that were looked at: nobody else changes them meanwhile."""

    @property
    def session(self) -> Session:
        return self.unit.session

    @property
    def base_url(self) -> str:
        return self.unit.base_url

    @property
    def said(self) -> str:
        """Now, as FHIR writes it."""
        return instant(self.now)

    def new_id(self) -> str:
        return self.unit.context.new_id()

    def look(self, kinds: Iterable[str], keys: Iterable[str]) -> None:
        """Look at many places at once."""
        wanted = sorted(set(keys))
        for kind in kinds:
            found = self.session.claimed(kind, wanted)
            self._holders.update({(kind, key): found.get(key, "") for key in wanted})

    def holder(self, kind: str, key: str) -> str:
        """Who or what holds a place; empty where nobody does."""
        if (kind, key) not in self._holders:
            self.look([kind], [key])
        return self._holders[kind, key]

    def claim(self, kind: str, key: str, holder: str) -> None:
        """Have somebody hold a place that is free."""
        self._holders[kind, key] = self.session.claim(kind, key, holder)

    def give_up(self, kind: str, key: str) -> str:
        """Free a place; returns who held it."""
        holder = self.holder(kind, key)
        if holder:
            others = [each for each in self.session.places(kind, holder) if each != key]
            self.session.release(kind, holder, others)
            self._holders[kind, key] = ""
        return holder

    def put(self, kind: str, key: str, resource: Resource) -> str:
        """Write a resource and have it hold the place that it is about; returns its reference."""
        name = f"{resource['resourceType']}/{resource['id']}"
        self.unit.update(resource)
        if self.holder(kind, key) != name:
            self.give_up(kind, key)
            self.claim(kind, key, name)
        return name

    def held(self, kind: str, key: str) -> Resource | None:
        """The resource that holds a place, as it stands."""
        type_name, _, id_ = self.holder(kind, key).partition("/")
        return self.unit.find((type_name, id_)) if id_ else None

    def open_task(self, kind: str, key: str) -> Resource | None:
        """The Task that holds a place, if somebody has to do it."""
        task = self.held(kind, key)
        return task if task and task.get("status") in OPEN else None

    def close(self, kind: str, key: str, status: str, *, note: str = "") -> None:
        """Give up a place, and close its Task if it is open."""
        task = self.open_task(kind, key)
        self.give_up(kind, key)
        if task:
            self.unit.update(noted({**task, "status": status, "lastModified": self.said}, note, self.said))


def begin(runtime: Runtime, session: Session, context: Context) -> Turn:
    """A turn, in which nobody else gives or takes places."""
    session.lock([NAMES])
    return Turn(WriteUnit(runtime, session, context), to_micros(context.clock()))


def noted(resource: Resource, text: str, time: str, author: str = "") -> Resource:
    """A resource with one more note; the same without a text."""
    if not text:
        return resource
    by = {"authorReference": {"reference": author}} if author else {}
    return {**resource, "note": [*resource.get("note", ()), {**by, "time": time, "text": text}]}
