"""One test run: a directory that its workers share, and a keeper that ends what the run started.

The keeper is a process whose standard input closes when the process that made the run is gone, however it went; it then
ends every process group and container that is still noted in the directory. So a crash, a timeout or a kill -9 of the
tests leaves nothing behind.
"""

from __future__ import annotations

import atexit
import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_VARIABLE = "CARETHREAD_TEST_RUN"
_MEMORY = Path("/dev/shm")
_ROOM = 8 * 2**30
_keepers: list[subprocess.Popen[bytes]] = []


class Unavailable(Exception):
    """No server of this kind can be had on this machine; the text says what was tried."""


def begin() -> Path:
    """The run's directory, made on the first call; workers started after it inherit it."""
    if _VARIABLE in os.environ:
        return Path(os.environ[_VARIABLE])
    _stay_in_memory()
    directory = Path(tempfile.mkdtemp(prefix="carethread-test-"))
    directory.chmod(0o755)  # a server that runs as another user must reach its own folder inside
    os.environ[_VARIABLE] = str(directory)
    keeper = [sys.executable, str(Path(__file__).with_name("keeper.py")), str(directory)]
    _keepers.append(subprocess.Popen(keeper, stdin=subprocess.PIPE, start_new_session=True))
    atexit.register(finish)
    return directory


def _stay_in_memory() -> None:
    """Have temporary files, of this process and those that it starts, in memory where it has room: each commit of a
    database waits for the disk. TMPDIR says otherwise."""
    if "TMPDIR" not in os.environ and os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free >= _ROOM:
        os.environ["TMPDIR"] = tempfile.tempdir = str(_MEMORY)


def finish() -> None:
    """End what the run started; only the process that began the run does anything."""
    while _keepers:
        _keepers.pop().communicate()
        os.environ.pop(_VARIABLE, None)


def folder(name: str) -> Path:
    """A new, empty folder of the run; it goes when the run ends."""
    path = begin() / f"{name}-{uuid.uuid4().hex[:8]}"
    path.mkdir()
    return path


def note(name: str, **what: str | int | list[str]) -> Path:
    """Tell the keeper what to end; a note that is unlinked is forgotten.

    Either `container=NAME`, or `group=PID` with the `signal` that ends it politely, or a `command` that ends it.
    """
    path = begin() / f"{name}-{uuid.uuid4().hex[:8]}.end"
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(what))
    draft.rename(path)
    return path


@contextmanager
def _locked(name: str) -> Iterator[Path]:
    path = begin() / f"{name}.once"
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield path


def once(name: str, start: Callable[[], str]) -> str:
    """The address that `start` gives to the first worker that asks, for all of them; `Unavailable` is shared too."""
    with _locked(name) as path:
        known = path.read_text()
        if not known:
            try:
                known = json.dumps({"address": start()})
            except Unavailable as error:
                known = json.dumps({"reason": str(error)})
            path.write_text(known)
    found: dict[str, str] = json.loads(known)
    if "reason" in found:
        raise Unavailable(found["reason"])
    return found["address"]
