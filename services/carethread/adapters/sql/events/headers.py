"""An event's headers as one column."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from carethread.core.events import Headers


def pack(headers: Sequence[tuple[str, bytes]]) -> bytes:
    """Headers as JSON, in order; Latin-1 takes every byte and gives it back."""
    return orjson.dumps([(name, value.decode("latin-1")) for name, value in headers])


def unpack(packed: bytes) -> Headers:
    """The headers that `pack` was given."""
    return [(name, value.encode("latin-1")) for name, value in orjson.loads(packed)]
