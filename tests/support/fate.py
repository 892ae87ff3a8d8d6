"""Death at a chosen moment: ports whose calls may be the last thing that a process does."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from carethread.adapters.sql.store.store import SqlStore


class Killed(BaseException):
    """The process is gone, as far as a test within one process can tell."""


def die(what: str) -> NoReturn:
    raise Killed(what)


def kill9(what: str) -> None:
    os.write(1, f"dies {what}\n".encode())
    os.kill(os.getpid(), signal.SIGKILL)


class Fate:
    """Counts the moments that it is asked about, and ends the process at the one that was chosen; -1: at none."""

    def __init__(self, moment: int = -1, end: Callable[[str], None] = die) -> None:
        self.left = moment
        self.reached = ""
        self._end = end

    def at(self, what: str) -> None:
        self.left -= 1
        if self.left == -1:
            self.reached = what
            self._end(what)


def mortal(port: Any, fate: Fate, *calls: str) -> Any:
    """The port; before each of these calls, and after it, is a moment."""
    return _Mortal(port, fate, calls)


class _Mortal:
    def __init__(self, port: Any, fate: Fate, calls: Sequence[str]) -> None:
        self._port = port
        self._fate = fate
        self._calls = calls

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._port, name)
        if name not in self._calls:
            return call

        def called(*arguments: Any) -> Any:
            self._fate.at(f"before {name}")
            result = call(*arguments)
            self._fate.at(f"after {name}")
            return result

        return called


def before_commit(store: SqlStore, fate: Fate) -> Callable[..., Any]:
    """`transact` with a moment when all is written and nothing is committed."""
    transact = store.transact

    def called(work: Callable[[Any], Any]) -> Any:
        def until_the_end(session: Any) -> Any:
            result = work(session)
            fate.at("before the database's commit")
            return result

        return transact(until_the_end)

    return called
