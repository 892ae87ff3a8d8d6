"""A worker that delivers, as a process of its own, or as many that die where they are told.

`python -m support.delivery_worker DATABASE` delivers; with `--steps` one after the other dies at one of these.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import update

from carethread.adapters.sql.engine import make_engine
from carethread.adapters.sql.store.store import SqlStore
from carethread.adapters.sql.tables import subscribers
from carethread.adapters.webhooks import Webhooks
from carethread.core.clock import system_clock, to_micros
from carethread.core.ports import Session
from carethread.core.ports.channels import Answer
from carethread.subscriptions.engine import Engine
from carethread.subscriptions.together import Together
from support.deaths import SOMETIME, Doom, all_die, die_committing, die_in_turn, environment, parser
from support.servers import Process
from support.subscribers import LOCAL, Desk

T = TypeVar("T")

STEPS = ("claimed", "sending", "sent", "answered", "marking", "committing", "marked", SOMETIME)
"""Where one may die: it has a lease; it is about to send; all is sent and no answer read; answered, not marked; marked,
not committed; the commit asked for but not answered, which takes PostgreSQL; all committed; anywhere."""


class Now(Desk):
    """A desk whose clock is the machine's."""

    def clock(self) -> datetime:
        return system_clock()


class MortalStore(SqlStore):
    """May die when it has committed."""

    def __init__(self, url: str, doom: Doom) -> None:
        super().__init__(make_engine(url, "" if url.startswith("sqlite") else "subscriptions"), "subscriptions")
        self._doom = doom

    def transact(self, work: Callable[[Session], T]) -> T:
        result = super().transact(work)
        self._doom.at("claimed")
        return result


class MortalWebhooks(Webhooks):
    """May die before it sends, when it has sent, and when it was answered."""

    def __init__(self, doom: Doom) -> None:
        super().__init__(LOCAL, http=True)
        self._doom = doom

    def send(self, url: str, headers: Mapping[str, str], body: bytes, seconds: float) -> Answer:
        self._doom.at("sending")
        answer = super().send(url, headers, body, seconds)
        self._doom.at("answered")
        return answer

    def _exchange(self, place: Any, connection: Any, *more: Any) -> Answer:
        answered = type(connection).getresponse

        def getresponse() -> Any:
            self._doom.at("sent")
            return answered(connection)

        connection.getresponse = getresponse
        return super()._exchange(place, connection, *more)


@dataclass
class MortalTogether:
    """May die around the commit of what was done."""

    together: Together
    doom: Doom

    def transact(self, order: str, do: Callable[[Session], T]) -> T:
        def done(session: Session) -> T:
            result = do(session)
            self.doom.at("marking")
            return result

        result = self.together.transact(order, done)
        self.doom.at("marked")
        return result


def expire_leases(store: SqlStore) -> None:
    """As if the leases' time had passed, which the tests do not wait for."""
    with store.engine.begin() as connection:
        connection.execute(update(subscribers).values(expires=0))


def worker(url: str) -> Process:
    """One that lives, not yet started."""
    command = [sys.executable, "-m", __name__, url]
    return Process("delivery-worker", command, lambda: True, env=environment())


def deliverers_die(url: str, steps: Sequence[str], count: int) -> None:
    """Let `count` workers on a database die at each of the steps."""
    all_die(__name__, url, steps=steps, count=count)


def _live(url: str, doom: Doom) -> None:
    store = MortalStore(url, doom)
    expire_leases(store)
    die_committing(doom)
    desk = Now(store, now=to_micros(system_clock()))
    delivery = desk.delivery(MortalWebhooks(doom), holder=f"w{os.getpid()}")
    mortal: Any = MortalTogether(delivery.together, doom)
    Engine(replace(delivery, together=mortal)).run(threading.Event(), store.wait)


def main() -> None:
    arguments = parser()
    arguments.add_argument("database", help="URL of the subscriptions' database, with its tables")
    given = arguments.parse_args()
    if given.steps:
        die_in_turn(given, lambda doom: _live(given.database, doom), lambda step: 1 if step == "committing" else 3)
    else:
        _live(given.database, Doom(""))


if __name__ == "__main__":
    main()
