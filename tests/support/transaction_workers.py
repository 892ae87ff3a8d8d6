"""A gateway, a service, or all of them, as a process that can be told at which moment of a transaction to die.

`python -m support.transaction_workers ROLE --port P --data DIR [--postgres URL] [--peer NAME=URL]…`: ROLE is `all`,
`gateway`, or a service. The parts are the real ones, but for the HTTP server. `PUT /fhir/$die/7` chooses the eighth
moment from then on: the calls of the journal and of other services, each part that comes in, each commit of a database.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import urllib3
from werkzeug.serving import make_server

from carethread.adapters.http.app import make_app
from carethread.adapters.http.fhir import answering
from carethread.adapters.http.peer import HttpPeer
from carethread.adapters.local import LocalOwners, LocalPeer
from carethread.adapters.sql.engine import make_engine
from carethread.adapters.sql.transactions import journal
from carethread.core.clock import system_clock
from carethread.core.context import Context
from carethread.core.errors import Busy
from carethread.core.ports import Peer, Request, Response
from carethread.core.service import Limits, Runtime
from carethread.gateway.coordinator import Coordinator
from carethread.gateway.routing import gateway
from carethread.interactions.rest.handling import Handler, handle
from carethread.interactions.transaction.message import PATH
from carethread.interactions.transaction.part import decision_at, settle_doubts
from support.deaths import environment
from support.fate import Fate, before_commit, kill9, mortal
from support.owners import SERVICES
from support.servers import Process
from support.stores import BASE, open_store

_SECONDS = 0.1


def worker(role: str, port: int, data: Path, postgres: str, peers: Mapping[str, int]) -> Process:
    """The process, not yet started; its databases are files in a folder, or schemas of a PostgreSQL database."""
    links = [part for name, number in peers.items() for part in ("--peer", f"{name}=http://127.0.0.1:{number}/fhir")]
    command = [sys.executable, "-m", "support.transaction_workers", role, "--port", str(port), "--data", str(data)]
    command += ["--postgres", postgres]
    return Process(f"transaction-{role}", [*command, *links], lambda: _ready(port), env=environment())


def _ready(port: int) -> bool:
    try:
        return urllib3.request("GET", f"http://127.0.0.1:{port}/readyz", timeout=2.0, retries=False).status == 200
    except urllib3.exceptions.HTTPError:
        return False


def _runtimes(names: list[str], given: argparse.Namespace, fate: Fate) -> dict[str, Runtime]:
    here: dict[str, Runtime] = {}
    for name in names:
        store: Any = open_store(given.postgres or f"sqlite:///{given.data}/{name}.db", name)
        store.transact = before_commit(store, fate)
        here[name] = Runtime(SERVICES[name], store, LocalOwners(here), LocalPeer(here), BASE)
    return here


def settling(here: Mapping[str, Runtime], decision: Any) -> None:
    """Owners in doubt ask at once what was decided: their clock is ahead."""
    ahead = Context(clock=lambda: datetime.now(UTC) + timedelta(seconds=20))
    while True:
        time.sleep(_SECONDS)
        for runtime in here.values():
            try:
                settle_doubts(runtime, decision, ahead, handle)
            except Busy:
                continue


def sweeping(coordinator: Coordinator) -> None:
    """What was left is finished at once: the clock is ahead."""
    ahead = Context(clock=lambda: datetime.now(UTC) + timedelta(seconds=20))
    while True:
        try:
            coordinator.sweep(ahead)
        except Busy:
            continue
        finally:
            time.sleep(_SECONDS)


def _with_fate(handler: Handler, fate: Fate) -> Handler:
    """Takes its orders, and has a moment before and after each part of a transaction."""

    def handled(request: Request, context: Context) -> Response:
        head, _, rest = request.path.partition("/")
        if head == "$die":
            fate.left = int(rest)
            return Response(204)
        if head != PATH or request.method == "GET":
            return handler(request, context)
        fate.at(f"before {request.method} of a part")
        response = handler(request, context)
        fate.at(f"after {request.method} of a part")
        return response

    return handled


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("role", choices=("all", "gateway", *SERVICES))
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--postgres", default="")
    parser.add_argument("--peer", action="append", default=[])
    given = parser.parse_args()
    fate = Fate(-1, kill9)
    peers = HttpPeer(dict(link.split("=", 1) for link in given.peer), seconds=10)
    owned = list(SERVICES) if given.role == "all" else [] if given.role == "gateway" else [given.role]
    here = _runtimes(owned, given, fate)
    peer: Peer = LocalPeer(here) if given.role == "all" else peers
    if given.role in ("all", "gateway"):
        engine = make_engine(
            given.postgres or f"sqlite:///{given.data}/gateway.db", "gateway" if given.postgres else ""
        )
        journal.make(engine, "gateway")
        kept = mortal(journal.SqlJournal(engine), fate, "begin", "decide", "drop", "forget")
        coordinator = Coordinator(kept, mortal(peer, fate, "call"), "here")
        coordinator.sweep(Context(), mine=True)
        handler = gateway([*SERVICES.values()], peer, BASE, Limits(), coordinator)
        threading.Thread(target=sweeping, args=(coordinator,), daemon=True).start()
        decision: Any = coordinator.decision
    else:
        handler = lambda request, context: handle(here[given.role], request, context)  # noqa: E731

        def decision(transaction: str) -> Any:
            return decision_at(peers, "gateway", transaction)

    threading.Thread(target=settling, args=(here, decision), daemon=True).start()
    app = make_app(
        answering(_with_fate(handler, fate), system_clock, lambda *_: None),
        max_body_bytes=1_000_000,
        not_ready=list,
        exposition=lambda: (b"", "text/plain"),
        asyncapi=lambda headers: Response(404),
    )
    make_server("127.0.0.1", given.port, app, threaded=True).serve_forever()


if __name__ == "__main__":
    main()
