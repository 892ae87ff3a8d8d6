"""Entries gathered by owner into chunks, and chunks sent a few at a time.

Two chunks that write the same resource are never on their way together, so that a resource's versions arrive in the
order of the file. Chunks without a resource in common may overtake one another: references need no order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import NamedTuple

from carethread.core.errors import Issue
from carethread.core.fhir.json import render
from carethread.importer.client import Answer
from carethread.importer.report import Place

ENTRIES = 200
BYTES = 1_000_000
CONNECTIONS = 2


class Sent(NamedTuple):
    """One entry on its way: where it stands and what it writes, and what to warn of."""

    place: Place
    warnings: Sequence[Issue]


@dataclass(slots=True)
class Chunk:
    """Entries of one owner, in the order of the file."""

    owner: str
    sent: list[Sent] = field(default_factory=list)
    entries: list[bytes] = field(default_factory=list)
    urls: set[str] = field(default_factory=set)
    size: int = 0

    def add(self, sent: Sent, body: bytes) -> None:
        """Put one more entry at the end."""
        self.sent.append(sent)
        self.entries.append(body)
        self.urls.add(sent.place.resource)
        self.size += len(body)

    def has_room(self, sent: Sent, body: bytes) -> bool:
        """Whether the entry fits: an empty chunk takes any, no chunk takes a resource twice."""
        room = len(self.entries) < ENTRIES and self.size + len(body) <= BYTES and sent.place.resource not in self.urls
        return not self.entries or room


def put_entry(url: str, resource: object) -> bytes:
    """The Bundle entry that writes the resource to `Type/id`, as it stands in a batch."""
    return render({"request": {"method": "PUT", "url": url}, "resource": resource})


class Sender:
    """Sends chunks through `put_all` in the background and hands each with its answers to `done`, in this thread."""

    def __init__(
        self, put_all: Callable[[Sequence[bytes]], list[Answer]], done: Callable[[Chunk, list[Answer]], None]
    ) -> None:
        self._put_all = put_all
        self._done = done
        self._gathering: dict[str, Chunk] = {}
        self._under_way: deque[tuple[Chunk, Future[list[Answer]]]] = deque()
        self._threads = ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="import")

    def __enter__(self) -> Sender:
        return self

    def __exit__(self, *error: object) -> None:
        self._threads.shutdown(cancel_futures=True)

    def add(self, owner: str, sent: Sent, body: bytes) -> None:
        """Gather one entry; sends its owner's chunk first where it has no room. Raises what `put_all` does."""
        chunk = self._gathering.setdefault(owner, Chunk(owner))
        if not chunk.has_room(sent, body):
            self._send(chunk)
            chunk = self._gathering[owner] = Chunk(owner)
        chunk.add(sent, body)

    def finish(self) -> None:
        """Send what is gathered and wait for every answer."""
        for chunk in self._gathering.values():
            self._send(chunk)
        self._gathering.clear()
        while self._under_way:
            self._settle()

    def _send(self, chunk: Chunk) -> None:
        while len(self._under_way) > CONNECTIONS or any(
            not chunk.urls.isdisjoint(other.urls) for other, _ in self._under_way
        ):
            self._settle()
        self._under_way.append((chunk, self._threads.submit(self._put_all, chunk.entries)))

    def _settle(self) -> None:
        chunk, answers = self._under_way.popleft()
        self._done(chunk, answers.result())
