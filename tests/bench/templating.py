"""Slots that follow their template: how long a change takes on a Schedule with 5,000 of them, on durable PostgreSQL."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from bench.figures import Figure
from carethread.core.context import Context
from carethread.interactions.update import update
from carethread.scheduling import SERVICE
from carethread.scheduling.availability.remaking import remake
from support import postgres
from support.availability import availability, rule, schedule
from support.stores import open_store, runtime

GOAL = "< 2 s"
NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)


def template(minutes: int = 20, modality: str = "in-person", **more: Any) -> dict[str, Any]:
    """Weekdays of eight hours for 300 days."""
    hours = rule("08:00", "17:00", minutes, breaks=[("12:00", "13:00")], modality=modality)
    return schedule(availability(hours, zone="America/New_York", horizon=300, **more))


CHANGES = {
    "slots made": template(),
    "nothing to change": template(),
    "all slots changed": template(modality="video"),
    "a week's absence": template(modality="video", absence={"start": "2026-03-02", "end": "2026-03-08"}),
    "another slot length": template(30, modality="video"),
}


def measure() -> list[Figure]:
    """Change the template of one Schedule again and again."""
    server = postgres.start(durable=True)
    try:
        with postgres.database(server.url) as url:
            return _changes(url)
    finally:
        server.stop()


def _changes(url: str) -> list[Figure]:
    store = open_store(url, "scheduling")
    services, context = runtime(store, SERVICE), Context(clock=lambda: NOW)
    figures = []
    for what, resource in CHANGES.items():
        update(services, ("Schedule", "s"), resource, context)
        began, busy = time.perf_counter(), time.process_time()
        made = remake(services, "s", context)
        seconds, busy = time.perf_counter() - began, time.process_time() - busy
        counts = f"{made.created} made, {made.changed} changed, {made.removed} removed, {made.kept} kept"
        figures.append(Figure(f"template, {what}", GOAL, f"{seconds:.2f} s", f"{counts}; {busy:.2f} s of our CPU"))
    store.close()
    return figures
