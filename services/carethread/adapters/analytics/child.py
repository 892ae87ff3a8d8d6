"""The process that runs queries, begun by `process.Child`: it answers one after the other until nobody asks any more.

It has nothing to lose and nothing to give: it can write nowhere (`confining`), its environment is empty, and its memory
is bounded by the system. It ends with its parent, whose end of the pipe closes then, though a query runs; and by itself
when nothing has been asked for a while, so that nothing is held for nobody.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any, BinaryIO

from carethread.adapters.analytics.bounds import Bounds, Full
from carethread.adapters.analytics.confining import confine
from carethread.adapters.analytics.reading import check
from carethread.adapters.analytics.sandbox import Tables
from carethread.adapters.analytics.talking import LENGTH, Opening, Query, packed, trusted
from carethread.core.errors import FhirError

BROKEN = 70
"""The status of a process that could not go on (EX_SOFTWARE)."""

_MEGABYTE = 1 << 20

_BESIDE, _BY_THREAD = 224, 16
"""Megabytes that the program takes beside its queries, and more for each thread: most of them only might be."""

_KEPT = 1.5
"""As many times the memory of its queries is the engine's, whose allocator keeps addresses that it has given back: a
system that refuses it those makes a query of ours fail, or hang, that its own bound would have let through."""

_MOST_OPENED = 2
"""States that are there at the same time; who began with one that is older opens it anew."""


def main() -> None:
    """Serve the pipes that are the standard input and output."""
    asked: queue.SimpleQueue[Any] = queue.SimpleQueue()
    first = _read(sys.stdin.buffer)
    if not isinstance(first, Bounds):
        os._exit(0)
    confine((int(first.memory * _KEPT) + _BESIDE + _BY_THREAD * first.threads) * _MEGABYTE)
    sys.stdout.buffer.write(packed(True))
    sys.stdout.buffer.flush()
    threading.Thread(target=_answer, args=(asked, sys.stdout.buffer, first.idle), daemon=True).start()
    while (message := _read(sys.stdin.buffer)) is not None:
        asked.put(message)
    os._exit(0)  # whatever runs: nobody waits for it


def _read(source: BinaryIO) -> Any:
    """The next message; None: there will be none."""
    head = source.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(head)
    body = source.read(length)
    return trusted(body) if len(body) == length else None


def _answer(asked: queue.SimpleQueue[Any], answers: BinaryIO, idle: float) -> None:
    """Whatever else goes wrong is of no use to anybody: who asked is told by the end."""
    try:
        _serve(asked, answers, idle)
    finally:
        os._exit(BROKEN)


def _serve(asked: queue.SimpleQueue[Any], answers: BinaryIO, idle: float) -> None:
    opened: dict[int, Tables] = {}
    while True:
        try:
            opening, query = asked.get(timeout=idle)
        except queue.Empty:
            os._exit(0)
        try:
            for message in answered(opened, opening, query):
                answers.write(packed(message))
        except (FhirError, Full) as error:
            answers.write(packed(error))
        except MemoryError:
            answers.write(packed(Full()))
        answers.flush()


def answered(opened: dict[int, Tables], opening: Opening | None, query: Query) -> Iterator[Any]:
    """What there is to say: names of columns, then lists of rows, and None at the end. Raises what `Glimpse` does."""
    if opening is None:
        check(query.sql)
        yield None
        return
    tables = opened.pop(opening.number, None) or Tables(opening.folder, opening.manifest, opening.bounds)
    opened[opening.number] = tables  # the last
    tables.sandbox.until = time.monotonic() + query.seconds
    while len(opened) > _MOST_OPENED:
        opened.pop(next(iter(opened))).close()
    for kept in query.kept:
        tables.keep(kept.name, kept.sql, kept.parameters)
    tables.make("\n".join((query.sql, *query.beside.values())))
    if query.kind == "columns":
        yield tables.sandbox.columns(query.sql, query.parameters, query.beside)
    else:
        columns, chunks = tables.sandbox.begin(query.sql, query.parameters)
        yield columns
        yield from chunks
    yield None


if __name__ == "__main__":
    main()
