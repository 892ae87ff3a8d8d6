"""What an owner wants to know again, when it commits, of a part that it has prepared: what to answer.

Its writes are kept beside that, ready-made. Commit decides nothing any more; only the reads are done then, for they
show what was written as it is then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson

from carethread.core.ports import Key
from carethread.interactions.transaction.message import Part, part_from


@dataclass(frozen=True, slots=True)
class Staged:
    """A part with its reads only, and the entries of all else by number: what is `done`, for nothing is written for it,
    and what is `promised`, of which the time is not known yet. `followed` is what it stores and something follows from.
    """

    reads: Part
    done: Mapping[int, bytes]
    promised: Mapping[int, bytes]
    followed: Sequence[Key] = ()

    def to_bytes(self) -> bytes:
        entries = [[(number, entry.decode()) for number, entry in each.items()] for each in (self.done, self.promised)]
        return orjson.dumps([self.reads.to_bytes().decode(), *entries, *self.followed])


def staged_of(body: bytes) -> Staged:
    """What `to_bytes` has kept."""
    reads, *entries = orjson.loads(body)
    done, promised = ({number: entry.encode() for number, entry in each} for each in entries[:2])
    return Staged(part_from(reads.encode()), done, promised, tuple((type_, id_) for type_, id_ in entries[2:]))
