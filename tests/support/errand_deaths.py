"""Workers of timers and requests that die by SIGKILL at a named step: `python -m support.errand_deaths --help`.

A timer's effect is one row in `claims` for each time that its handler was called with success.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from unittest.mock import patch

from sqlalchemy import update

from carethread.adapters.local import LocalOwners, LocalPeer
from carethread.adapters.sql.engine import make_engine
from carethread.adapters.sql.requests import SqlRequests
from carethread.adapters.sql.store.store import SqlStore
from carethread.adapters.sql.tables import requests
from carethread.core.context import Context, new_id
from carethread.core.errands.sending import Sending
from carethread.core.errands.timing import Timing
from carethread.core.ports import Request, Response, Session, Timer, Wanted
from carethread.core.service import ResourceType, Runtime, Service
from support.deaths import SOMETIME, Doom, all_die, die_in_turn, parser
from support.stores import BASE

TIMER_STEPS = ("taken", "handled", "fired", SOMETIME)
"""In order: before the effect; after it and before the commit; after the commit; anywhere."""

REQUEST_STEPS = ("sending", "answered", SOMETIME)
"""In order: before the owner has it; after it and before it is noted; anywhere."""

EFFECT = "effect"


@dataclass(frozen=True)
class Handler:
    """Writes a row for each call."""

    doom: Doom

    def __call__(self, runtime: Runtime, session: Session, timer: Timer, context: Context) -> None:
        self.doom.at("taken")
        session.claim(EFFECT, new_id(), timer.key)
        self.doom.at("handled")


@dataclass(frozen=True)
class MortalPeer:
    """The way to the owner, on which the sender may die."""

    peer: LocalPeer
    doom: Doom

    def call(self, service: str, request: Request) -> Response:
        self.doom.at("sending")
        answer = self.peer.call(service, request)
        self.doom.at("answered")
        return answer

    def call_at_once(self, service: str, requests: Sequence[Request]) -> list[Response | None]:
        self.doom.at("sending")
        answers = self.peer.call_at_once(service, requests)
        self.doom.at("answered")
        return answers

    def knows(self, service: str) -> bool:
        return self.peer.knows(service)


def die_keeping(doom: Doom) -> None:
    """Let one that is to die at `kept` do so when a request is kept, and not committed."""
    put = SqlRequests.put

    def kept(self: SqlRequests, *wanted: Wanted) -> None:
        put(self, *wanted)
        if wanted:
            doom.at("kept")

    patch.object(SqlRequests, "put", kept).start()


def timing(store: SqlStore, doom: Doom) -> Timing:
    """What works off the timers of the kind `note`."""
    service = Service("scheduling", "", (), timers={"note": Handler(doom)})
    return Timing(Runtime(service, store, LocalOwners({}), LocalPeer({}), BASE))


def sending(store: SqlStore, careteams: SqlStore, doom: Doom) -> Sending:
    """What sends requests of `scheduling` to the Tasks of `careteams`."""
    here: dict[str, Runtime] = {}
    peer = MortalPeer(LocalPeer(here), doom)
    types = (ResourceType("Task"),)
    here["careteams"] = Runtime(Service("careteams", "", types), careteams, LocalOwners({}), peer, BASE)
    sender = replace(here["careteams"], service=Service("scheduling", "", ()), store=store)
    return Sending(sender, {"Task": "careteams"}, "gateway", at_once=peer.call_at_once)


def die_with_timers(url: str, steps: Sequence[str], count: int) -> None:
    """Let workers of timers die at each of the steps."""
    all_die(__name__, "timers", url, url, steps=steps, count=count)


def die_with_requests(url: str, careteams: str, steps: Sequence[str], count: int) -> None:
    """Let senders die at each of the steps."""
    all_die(__name__, "requests", url, careteams, steps=steps, count=count)


def expire(store: SqlStore) -> None:
    """As if the leases of the dead were over."""
    with store.engine.begin() as connection:
        connection.execute(update(requests).values(next=0))


def _live(what: str, url: str, careteams: str, doom: Doom) -> None:
    """Work until the doom has come."""
    store = SqlStore(make_engine(url), "scheduling")
    if what == "timers":
        worker = replace(timing(store, doom), observe=lambda name, value: doom.at("fired"))
        worker.run(threading.Event())
    else:
        expire(store)
        sending(store, SqlStore(make_engine(careteams), "careteams"), doom).run(threading.Event())


def _main() -> None:
    arguments = parser()
    arguments.add_argument("what", choices=["timers", "requests"])
    arguments.add_argument("url")
    arguments.add_argument("careteams")
    given = arguments.parse_args()
    die_in_turn(given, partial(_live, given.what, given.url, given.careteams), lambda step: 4)


if __name__ == "__main__":
    _main()
