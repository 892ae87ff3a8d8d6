"""Replay: read again what was read, so that projections are made anew. Effects that happened stay in the inbox.

Somebody leaves a request in the database; whichever process of the consumer sees it first sets the positions back, in
one transaction. Whatever the others had read by then they cannot commit (compare-and-set), and they go back as well.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping

import orjson

from carethread.core.clock import instant
from carethread.core.consuming.reacting import Reader
from carethread.core.ports import Keeping, Place, Replay, ReplayState, Session

log = logging.getLogger(__name__)


class Replaying:
    """One process's part in the replays of its consumer."""

    def __init__(self, reader: Reader, bus: Keeping) -> None:
        self._reader = reader
        self._bus = bus
        self._seen: int | None = None
        """The last replay that this process goes along with; None before its first look."""
        self._targets: dict[Place, int] = {}
        """Where the replay that runs ends at each place."""

    def again(self, place: Place, position: int) -> bool:
        """Whether what lies at a position is read once more by a replay: it is old, but nobody is late with it."""
        return position < self._targets.get(place, 0)

    def attend(self) -> list[Place]:
        """Begin, follow and end replays; returns the places to go back to, when one has begun. Raises Busy."""
        replay = self._reader.runtime.store.glance(lambda session: session.replays.find(self._reader.name))
        if replay is not None and replay.state == "asked":
            self._begin(replay)
            replay = self._reader.runtime.store.glance(lambda session: session.replays.find(self._reader.name))
        current = replay.number if replay is not None and replay.state in ("running", "done") else 0
        fresh, self._seen = current not in (0, self._seen) and self._seen is not None, current
        self._targets = _places(replay.targets) if replay is not None and replay.state == "running" else {}
        if replay is not None and replay.state == "running":
            self._follow(replay)
        return list(_places(replay.targets)) if fresh and replay is not None else []

    def _begin(self, replay: Replay) -> None:
        kept = self._bus.kept(replay.since)
        lost = {place: k.since for place, k in kept.items() if k.since > replay.since}
        if lost and not replay.partial:
            self._tell(replay, "refused", f"Not all of this is kept any more: {_told(lost)}.")
            return
        if replay.reset:
            for reaction in self._reader.reactions:
                if reaction.kind == "projection" and reaction.reset:
                    reaction.reset(self._reader.runtime)
        ends = _packed({place: k.end for place, k in kept.items()})
        count = sum(k.end > k.start for k in kept.values())

        def work(session: Session) -> bool:
            message = f"Reads {count} of {len(kept)} places again{'; not all is kept' if lost else ''}."
            if not session.replays.tell(self._reader.name, replay.number, "running", message, ends):
                return False
            session.set_back(self._reader.name, {place: k.start for place, k in kept.items()})
            return True

        if self._reader.runtime.store.transact(work):
            log.warning("replay_begins", extra={"consumer": self._reader.name, "replay": replay.number})

    def _follow(self, replay: Replay) -> None:
        positions = self._reader.runtime.store.positions(self._reader.name)
        targets = _places(replay.targets)
        if all(positions.get(place, 0) >= end for place, end in targets.items()):
            self._tell(replay, "done", "All that was there is read again.")

    def _tell(self, replay: Replay, state: ReplayState, message: str) -> None:
        def work(session: Session) -> None:
            session.replays.tell(self._reader.name, replay.number, state, message, replay.targets)

        self._reader.runtime.store.transact(work)
        log.info("replay_ends", extra={"consumer": self._reader.name, "replay": replay.number, "state": state})


def _told(lost: Mapping[Place, int]) -> str:
    since: dict[str, int] = defaultdict(int)
    for (topic, _), moment in lost.items():
        since[topic] = max(since[topic], moment)
    return ", ".join(f"{topic} is kept since {instant(moment)}" for topic, moment in sorted(since.items()))


def _packed(positions: Mapping[Place, int]) -> bytes:
    packed: dict[str, dict[str, int]] = defaultdict(dict)
    for (topic, partition), position in positions.items():
        packed[topic][str(partition)] = position
    return orjson.dumps(packed)


def _places(packed: bytes) -> dict[Place, int]:
    return {
        (topic, int(partition)): position
        for topic, positions in orjson.loads(packed).items()
        for partition, position in positions.items()
    }
