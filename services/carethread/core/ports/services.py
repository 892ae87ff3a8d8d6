"""Other services: requests handed on to them, and questions asked of the owners of types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from carethread.core.ports.values import Chunk, Key, Stored


class Content(Protocol):
    """What stands in the place of a request's bytes until a wire needs them."""

    def to_bytes(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Request:
    """A FHIR REST request below the base URL. `path` has no leading slash; header names are lower case.

    Between our own services, `content` may stand instead of the body: a peer in this process takes it as it is.
    """

    method: str
    path: str
    query: Sequence[tuple[str, str]] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    content: Content | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """A FHIR REST response; header names as they go on the wire."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class Peer(Protocol):
    """The other services over REST, in this process or over HTTP. Raises Busy when one is away."""

    def call(self, service: str, request: Request) -> Response: ...

    def knows(self, service: str) -> bool:
        """Whether the service is part of this installation."""
        ...


class Owners(Protocol):
    """What a mirror asks its owner: gRPC, or the same process. Raises Busy when the owner is away."""

    def read(self, service: str, key: Key, version: int = 0) -> Stored | None:
        """One version, or the current one; None for what never was or is deleted."""
        ...

    def search(self, service: str, type_name: str, params: Sequence[tuple[str, str]]) -> list[Stored]: ...

    def snapshot(self, service: str, type_name: str, after: int = 0) -> Iterator[Chunk]:
        """All that lives of a type, or what of it is behind a place that an earlier snapshot came to."""
        ...
