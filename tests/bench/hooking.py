"""Webhooks: how many notifications a second one worker delivers, each by itself, to a receiver beside it.

The figure that counts is deliveries for each CPU second of the worker; deliveries a second depend on what else the
machine does, the receiver among it.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from bench.figures import Figure, cpu_seconds
from carethread.core.clock import system_clock, to_micros
from support import postgres, run
from support.delivery_worker import Now
from support.receiver import receiver
from support.servers import Process, until
from support.stores import open_store
from support.subscribers import subscription

SUBSCRIPTIONS, EVENTS = 20, 150
GOAL = 300
_ROOT = Path(__file__).parents[2]


def measure() -> list[Figure]:
    """On both databases, one event a notification; then in batches of twenty."""
    server = postgres.start(durable=True)
    try:
        with postgres.database(server.url) as url:
            figures = [_figure("PostgreSQL", url, 1), _figure("PostgreSQL, batches of 20", url, 20)]
    finally:
        server.stop()
    folder = run.folder("hooking")
    return [_figure("SQLite", f"sqlite:///{folder}/subscriptions.db", 1), *figures]


def _figure(what: str, url: str, batch: int) -> Figure:
    store = open_store(url, "subscriptions")
    desk = Now(store, now=to_micros(system_clock()))
    names = [f"s{batch}-{number}" for number in range(SUBSCRIPTIONS)]
    with receiver() as department:
        for name in names:
            desk.put(subscription(name, f"{department.url}/{name}", max_count=batch))
        desk.happen(*names, times=EVENTS)
        env = {**os.environ, "PYTHONPATH": f"{_ROOT / 'services'}:{_ROOT / 'tests'}"}
        command = [sys.executable, "-m", "support.delivery_worker", url]
        worker = Process("delivery-worker", command, lambda: True, env=env)
        worker.start()
        try:
            until(lambda: len(department.got) >= SUBSCRIPTIONS, seconds=60, what="handshakes")
            began, cpu = time.monotonic(), cpu_seconds(worker.pid)
            until(lambda: not _waits(desk, names), seconds=120, what="told", details=worker.output)
            seconds, cpu = time.monotonic() - began, cpu_seconds(worker.pid) - cpu
        finally:
            worker.stop()
        sent = len(department.got) - SUBSCRIPTIONS
    store.close()
    events = SUBSCRIPTIONS * EVENTS
    told = f"{events} events, {sent} requests in {seconds:.1f} s; {sent / cpu:.0f} requests/CPU-s of the worker"
    return Figure(f"webhook deliveries, {what}", f">= {GOAL} events/s", f"{events / seconds:,.0f} events/s", told)


def _waits(desk: Now, names: list[str]) -> bool:
    return desk.store.glance(lambda session: any(session.deliveries.pending(name, 1) for name in names))
