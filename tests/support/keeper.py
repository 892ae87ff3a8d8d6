"""Ends what a test run noted in its directory, once standard input closes: the run is over, however it ended."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

_POLITE_SECONDS = 5.0


def _end_groups(groups: dict[int, int]) -> None:
    for group, polite in groups.items():
        for number in (polite, signal.SIGCONT):  # a paused process acts on nothing but SIGKILL until it is continued
            with suppress(ProcessLookupError):
                os.killpg(group, number)
    deadline = time.monotonic() + _POLITE_SECONDS
    while groups and time.monotonic() < deadline:
        groups = {group: polite for group, polite in groups.items() if _lives(group)}
        time.sleep(0.02)
    for group in groups:
        with suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)


def _lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def _end_containers(names: list[str]) -> None:
    import docker

    client = docker.from_env()
    for name in names:
        with suppress(docker.errors.NotFound):
            client.containers.get(name).remove(force=True, v=True)


def main(directory: Path) -> None:
    sys.stdin.buffer.read()
    notes = [json.loads(path.read_text()) for path in directory.glob("*.end")]
    _end_groups({note["group"]: note["signal"] for note in notes if "group" in note})
    if names := [note["container"] for note in notes if "container" in note]:
        _end_containers(names)
    for command in (note["command"] for note in notes if "command" in note):
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
