"""Versions on their way through a rebuild: spread over files by their resource, so that each file is made by itself.

Whatever the order in which versions come, all of a resource are in one file, and of these the highest counts; so only
that one is looked at, and a file's resources fit into memory however many there are in all.
"""

from __future__ import annotations

import marshal
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO
from zlib import crc32

Version = tuple[str, str, int, bytes]
"""Type, id, number, body: empty for one that deletes."""

_TOGETHER = 256
"""Versions that are written at once."""


class Spool:
    """Files in a folder, as many as `parts`; closed before they are read."""

    def __init__(self, folder: Path, parts: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.paths = [folder / f"{part}.spool" for part in range(parts)]
        self._files: list[BinaryIO] = [path.open("wb") for path in self.paths]
        self._waiting: list[list[Version]] = [[] for _ in range(parts)]
        self.count = 0

    def add(self, version: Version) -> None:
        part = crc32(version[1].encode()) % len(self._files)
        waiting = self._waiting[part]
        waiting.append(version)
        self.count += 1
        if len(waiting) >= _TOGETHER:
            marshal.dump(waiting, self._files[part])
            waiting.clear()

    def close(self) -> None:
        for waiting, file in zip(self._waiting, self._files, strict=True):
            if waiting:
                marshal.dump(waiting, file)
            file.close()


def read(path: Path) -> Iterator[list[Version]]:
    """What was added to a file."""
    with path.open("rb") as file:
        while True:
            try:
                yield marshal.load(file)
            except EOFError:
                return


def newest(path: Path) -> list[Version]:
    """The highest version of each resource in a file, in the order of types and ids."""
    found: dict[tuple[str, str], Version] = {}
    for versions in read(path):
        for version in versions:
            key = version[0], version[1]
            stands = found.get(key)
            if stands is None or stands[2] < version[2]:
                found[key] = version
    return [found[key] for key in sorted(found)]
