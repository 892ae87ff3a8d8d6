"""Workers that make slots and die by SIGKILL at a named step: `python -m support.availability_deaths --help`.

A worker changes the template whenever there is nothing left to make.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

from carethread.adapters.sql.engine import make_engine
from carethread.adapters.sql.store.store import SqlStore
from carethread.core.context import Context
from carethread.core.errands.timing import Timing
from carethread.interactions.update import update
from carethread.scheduling import SERVICE
from carethread.scheduling.availability import remaking
from carethread.scheduling.availability.stranded import ask_for
from support.availability import availability, rule, schedule
from support.deaths import SOMETIME, Doom, all_die, die_committing, main
from support.stores import runtime

STEPS = ("written", "committing", SOMETIME)
"""In order: with a stretch written and not committed; while that is committed; anywhere."""

NOW = datetime(2026, 3, 2, 6, tzinfo=UTC)


def template(minutes: int) -> dict[str, Any]:
    """Eight weeks of mornings."""
    return schedule(availability(rule("08:00", "12:00", minutes), horizon=56))


def change(store: SqlStore, minutes: int) -> None:
    update(runtime(store, SERVICE), ("Schedule", "s"), template(minutes), Context(clock=lambda: NOW))


def timing(store: SqlStore) -> Timing:
    """What works off the timers of scheduling."""
    return Timing(runtime(store, SERVICE), clock=lambda: NOW)


def die(url: str, count: int) -> None:
    """Let workers die at each of the steps."""
    all_die(__name__, url, steps=STEPS if url.startswith("postgres") else ("written", SOMETIME), count=count)


def _live(url: str, doom: Doom) -> None:
    """Work until the doom has come."""
    store = SqlStore(make_engine(url), "scheduling")

    def written(*arguments: Any) -> None:
        doom.at("written")
        ask_for(*arguments)

    patch.object(remaking, "STRETCH", 40).start()
    patch.object(remaking, "ask_for", written).start()
    die_committing(doom)
    worker = timing(store)
    while True:
        if not worker.step():
            change(store, random.choice([20, 30, 40, 60]))


if __name__ == "__main__":
    main(_live, "url")
