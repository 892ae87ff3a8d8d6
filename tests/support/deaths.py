"""Processes that die by SIGKILL at a named step, one after the other.

Each is a fork of a process that has all imported and nothing opened, so that a hundred deaths take a minute or two.
"""

from __future__ import annotations

import logging
import os
import random
import signal
import sys
import threading
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from sqlalchemy import Connection

from carethread.adapters.sql import engine as engines
from support.servers import Process, until

log = logging.getLogger(__name__)

_ROOT = Path(__file__).parents[2]

SOMETIME = "sometime"
"""No step, but a random moment of the first second."""

_SECONDS = 60.0
"""The longest that one lives."""


def kills(few: int) -> int:
    """How often one is killed at each step: by the setting CARETHREAD_TEST_KILLS, else a few times."""
    return int(os.environ.get("CARETHREAD_TEST_KILLS", few))


def environment() -> dict[str, str]:
    """What a process of ours sees: the code, and none of the settings of the machine."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("CARETHREAD_")}
    path = os.pathsep.join((str(_ROOT / "services"), str(_ROOT / "tests")))
    return {**inherited, "PYTHONPATH": path}


@dataclass
class Doom:
    """Dies when `step` is reached for the `nth` time."""

    step: str
    nth: int = 1

    def at(self, step: str) -> None:
        if step == self.step:
            self.nth -= 1
            if self.nth <= 0:
                os.kill(os.getpid(), signal.SIGKILL)


def die_committing(doom: Doom) -> None:
    """Let one that is to die at `committing` ask PostgreSQL for a commit, and not live to hear the answer."""
    commit = engines._commit

    def asked(connection: Connection) -> None:
        driver: Any = connection.connection.driver_connection
        if not hasattr(driver, "pgconn"):  # a SQLite beside it
            commit(connection)
            return
        if doom.step != "committing" or doom.nth > 1:
            doom.at("committing")
            commit(connection)
            return
        driver.pgconn.send_query(b"COMMIT")
        time.sleep(random.uniform(0, 0.002))
        doom.at("committing")

    engines._commit = asked


def toil(doom: Doom, *steps: Callable[[], object]) -> NoReturn:
    """Do the steps in turn, again and again, until the doom has come."""
    die_committing(doom)
    while True:
        for step in steps:
            step()


def possible(steps: Sequence[str], url: str) -> list[str]:
    """Those of the steps that there are with the database: SQLite's commit is one call, there is nothing between."""
    return [step for step in steps if step != "committing" or not url.startswith("sqlite")]


def all_die(module: str, *arguments: str, steps: Sequence[str], count: int) -> None:
    """Let `count` processes die at each of the steps, as the module's `main` runs them."""
    command = [sys.executable, "-m", module, *arguments, "--steps", *steps, "--kills", str(count)]
    mother = Process(module.rpartition(".")[2], command, lambda: True, env=environment())
    mother.start()
    try:
        seconds = 60.0 + 10 * count * len(steps)
        until(lambda: not mother.alive, seconds=seconds, what="all dead", details=mother.output)
    finally:
        mother.kill9()
    assert mother.exit_code == 0, mother.output()


def parser() -> ArgumentParser:
    """What every such module is told."""
    made = ArgumentParser()
    made.add_argument("--steps", nargs="+", help="where they die")
    made.add_argument("--kills", type=int, default=1, help="how many, at each step")
    return made


def die_in_turn(given: Namespace, live: Callable[[Doom], object], most: Callable[[str], int] = lambda step: 1) -> None:
    """Fork one after the other, each to die when it comes to its step for some time of at most `most`."""
    for step in given.steps * given.kills:
        _die(Doom(step, random.randint(1, most(step))), live)


def main(live: Callable[..., object], *names: str, most: int = 8) -> None:
    """The program of a module: each lives with the arguments of these names, and comes to its step for some time of at
    most `most`."""
    arguments = parser()
    for name in names:
        arguments.add_argument(name)
    given = arguments.parse_args()
    die_in_turn(given, partial(live, *(getattr(given, name) for name in names)), lambda step: most)


def _die(doom: Doom, live: Callable[[Doom], object]) -> None:
    began = time.monotonic()
    child = os.fork()
    if not child:
        try:
            if doom.step == SOMETIME:
                threading.Thread(target=_die_sometime, daemon=True).start()
            live(doom)
        except BaseException:
            log.exception("failed")
            raise
        finally:
            os._exit(1)
    while time.monotonic() < began + _SECONDS:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            if os.waitstatus_to_exitcode(status) != -signal.SIGKILL:
                raise SystemExit(f"one that was to die at {doom.step} ended by itself")
            return
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    raise SystemExit(f"one never came to the step {doom.step}")


def _die_sometime() -> None:
    time.sleep(random.uniform(0, 1))
    os.kill(os.getpid(), signal.SIGKILL)
