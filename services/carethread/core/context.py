"""What every interaction knows about its call: who asks, the clock, the source of ids, the trace, and whether it is
history.

`authorize` and `restrict` are the one place for authorization: every interaction calls the first before it acts, and
every search compiles through the second. They allow everything until authentication is configured.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from uuid import UUID

from carethread.core.clock import Clock, system_clock

if TYPE_CHECKING:
    from carethread.core.fhir.search.query import SearchQuery

BACKFILL_HEADER = "X-CareThread-Backfill"
"""Request header; `true` marks what is written as history: projections take it, but no reminder or alarm fires."""


_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
"""https://www.w3.org/TR/trace-context/#traceparent-header, version 00."""


def new_id() -> str:
    """A UUIDv7 (RFC 9562 section 5.7), the id of everything that we make: milliseconds, then 74 random bits."""
    bits = secrets.randbits(74)
    high, low = bits >> 62, bits & (1 << 62) - 1
    return str(UUID(int=time.time_ns() // 1_000_000 << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low))


def new_traceparent() -> str:
    """A W3C trace context with a fresh trace: `00-<32 hex>-<16 hex>-01`."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks: a person, a system or one of our own services."""

    name: str


ANONYMOUS = Principal("anonymous")


@dataclass(frozen=True, slots=True)
class Context:
    """One call's surroundings, passed to every interaction."""

    principal: Principal = ANONYMOUS
    clock: Clock = system_clock
    new_id: Callable[[], str] = new_id
    traceparent: str = field(default_factory=new_traceparent)
    backfill: bool = False
    idempotent: bool = False
    """Whether an update that changes nothing makes no version, so that what comes back as an echo ends there."""
    traces: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """Of what several calls have stored together, the trace of each resource, by its type and id."""

    def about(self, key: tuple[str, str]) -> Context:
        """The same, with the trace of a resource."""
        trace = self.traces.get(key, self.traceparent)
        return self if trace == self.traceparent else replace(self, traceparent=trace)


def context_of(headers: Mapping[str, str], clock: Clock = system_clock) -> Context:
    """The context of a call by its headers or metadata, whose names are lower case; a trace goes on if it is one."""
    trace = headers.get("traceparent", "")
    return Context(
        clock=clock,
        traceparent=trace if _TRACEPARENT.fullmatch(trace) else new_traceparent(),
        backfill=headers.get(BACKFILL_HEADER.lower()) == "true",
    )


def authorize(interaction: str, type_name: str, context: Context) -> None:
    """Raise Forbidden when the principal may not do `interaction` (a R4 code such as `read`) on the type."""


def restrict(query: SearchQuery, context: Context) -> SearchQuery:
    """The query narrowed to what the principal may see."""
    return query
