"""Two services over their stores, of which one requests things of the other, and workers of the first that die by
SIGKILL at a named step.

A module has a `Pair` of its own, and is a program: `python -m support.calling_deaths --help`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from carethread.adapters.local import LocalOwners, LocalPeer
from carethread.adapters.sql.engine import make_engine
from carethread.adapters.sql.store.store import SqlStore
from carethread.adapters.sql.tables import metadata
from carethread.core.context import Context
from carethread.core.errands.sending import Sending
from carethread.core.fhir import json
from carethread.core.ports import Request, Resource, Response
from carethread.core.service import Runtime, Service
from carethread.interactions.mirror import keep
from carethread.interactions.rest.handling import handle
from support.deaths import SOMETIME, Doom, all_die, main, possible, toil
from support.errand_deaths import MortalPeer, die_keeping, expire
from support.stores import BASE, version

STEPS = ("kept", "committing", "sending", "answered", SOMETIME)
"""In order: a request is kept, and not committed; while it is; before the owner has it; before that is noted; anywhere.
"""


class Pair:
    """Who requests, and who owns what is requested; nobody else is there to be asked."""

    services: ClassVar[tuple[Service, Service]]
    """The two in this order."""

    most: ClassVar[int] = 8
    """A worker dies when it comes to its step for some time of at most so many."""

    def __init__(self, url: str, owner: str, doom: Doom) -> None:
        self.here: dict[str, Runtime] = {}
        self.stores: dict[str, SqlStore] = {}
        peer = MortalPeer(LocalPeer(self.here), doom)
        for service, where in zip(self.services, (url, owner), strict=True):
            self.stores[service.name] = store = SqlStore(make_engine(where), service.name)
            self.here[service.name] = Runtime(service, store, LocalOwners(self.here), peer, BASE)
        self.owners = {each.name: service.name for service in self.services for each in service.types}
        sender = self.services[0].name
        self.runtime, self.store = self.here[sender], self.stores[sender]
        self.sending = Sending(self.runtime, self.owners, "gateway")

    def prepare(self) -> None:
        """What is there before all."""

    def act(self) -> None:
        """Do something at random."""
        raise NotImplementedError

    def staff(self, known: Iterable[Resource], teams: Iterable[Resource]) -> None:
        """Have care teams know people, and for whom they answer."""
        careteams, copies = self.here["careteams"], [version(each).stored for each in known]
        careteams.store.transact(lambda session: keep(careteams, session, copies))
        for team in teams:
            assert self.ask("PUT", f"CareTeam/{team['id']}", team).status == 201

    def ask(self, method: str, path: str, body: Any = None, service: str = "") -> Response:
        """The answer of the service, or of the type's owner."""
        content = b"" if body is None else json.render(body)
        request = Request(method, path, (), {"content-type": "application/fhir+json"}, content)
        return handle(self.here[service or self.owners[path.partition("/")[0]]], request, Context())

    def all(self, type_name: str) -> list[Resource]:
        """All that its owner has of a type."""
        chunks = self.stores[self.owners[type_name]].dump(type_name)
        return [json.parse_object(each.body) for chunk in chunks for each in chunk.versions]

    @classmethod
    def main(cls) -> None:
        """The program of its module."""

        def live(url: str, owner: str, doom: Doom) -> None:
            die_keeping(doom)
            pair = cls(url, owner, doom)
            expire(pair.store)
            toil(doom, pair.act, pair.sending.step)

        main(live, "url", "owner", most=cls.most)


_Pair = TypeVar("_Pair", bound=Pair)


@contextmanager
def after_deaths(kind: type[_Pair], url: str, folder: Path, count: int, acts: int = 20) -> Iterator[_Pair]:
    """The two after `count` deaths at each step and `acts` of one that lives, when all is sent that can be.

    The owner has a SQLite in the folder.
    """
    owner = f"sqlite:///{folder}/owner.db"
    pair = kind(url, owner, Doom("never"))
    for store in pair.stores.values():
        metadata.create_all(store.engine)
    pair.prepare()
    all_die(kind.__module__, url, owner, steps=possible(STEPS, url), count=count)
    for _ in range(acts):
        pair.act()
    expire(pair.store)
    while pair.sending.step():
        pass
    yield pair
    for store in pair.stores.values():
        store.close()
