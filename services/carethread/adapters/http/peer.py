"""The `Peer` port over HTTP: a FHIR REST request forwarded to another service, its bytes and headers unchanged.

Only what belongs to one connection is left out (RFC 9110 section 7.6.1). GET and HEAD are sent once more when the
connection failed before an answer began; everything else is the caller's to repeat.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from urllib.parse import quote, urlencode

from urllib3 import BaseHTTPResponse, PoolManager, Timeout
from urllib3.exceptions import HTTPError, NewConnectionError, ProtocolError
from urllib3.util import SKIP_HEADER

from carethread.core.errors import Busy, NotSupported, TooLarge
from carethread.core.ports import Request, Response

ANSWER_BYTES = 256 * 1024 * 1024
"""A page of matches with all its includes stays below."""

_PIECE = 64 * 1024
_SAFE_METHODS = {"GET", "HEAD"}
_PATH_CHARACTERS = "/$:@!&'()*+,;=~"
_HOP_BY_HOP = {
    "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer",
    "transfer-encoding", "upgrade",
}  # fmt: skip
_OURS = _HOP_BY_HOP | {"host", "content-length"}
_NOT_ADDED = {"user-agent": SKIP_HEADER, "accept-encoding": SKIP_HEADER}


class HttpPeer:
    """Services at `urls`, name to FHIR base (`http://127.0.0.1:8081/fhir`). An answer takes at most about `seconds`."""

    def __init__(self, urls: Mapping[str, str], *, seconds: float = 30.0, connect_seconds: float = 2.0) -> None:
        self._urls = {service: url.rstrip("/") for service, url in urls.items()}
        self._seconds = seconds
        self._connect_seconds = connect_seconds
        self._pool = PoolManager(num_pools=max(1, len(self._urls)), maxsize=32, retries=False)

    def call(self, service: str, request: Request) -> Response:
        """The service's answer, whatever its status. Raises Busy when the service is away or too slow."""
        deadline = time.monotonic() + self._seconds
        try:
            try:
                return self._send(service, request, deadline)
            except (NewConnectionError, ProtocolError):
                if request.method not in _SAFE_METHODS:
                    raise
                return self._send(service, request, deadline)
        except HTTPError as error:
            raise Busy(f"The service {service} is away or too slow ({type(error).__name__}); try again.") from None

    def knows(self, service: str) -> bool:
        """Whether a URL is set for the service."""
        return service in self._urls

    def close(self) -> None:
        """Close the connections that are kept open."""
        self._pool.clear()

    def _send(self, service: str, request: Request, deadline: float) -> Response:
        answer = self._pool.request(
            request.method,
            self._url(service, request),
            body=(request.content.to_bytes() if request.content else request.body) or None,
            headers=_NOT_ADDED | _end_to_end(request.headers, _OURS),
            timeout=Timeout(connect=self._connect_seconds, read=max(0.001, deadline - time.monotonic())),
            redirect=False,
            preload_content=False,
            decode_content=False,
        )
        try:
            body = _read(service, answer, deadline)
        except BaseException:
            answer.close()
            raise
        answer.release_conn()
        return Response(answer.status, _end_to_end(dict(answer.headers.items()), _HOP_BY_HOP), body)

    def _url(self, service: str, request: Request) -> str:
        if service not in self._urls:
            raise NotSupported(f"No URL is set for the service '{service}'.")
        query = f"?{urlencode(request.query)}" if request.query else ""
        return f"{self._urls[service]}/{quote(request.path, safe=_PATH_CHARACTERS)}{query}"


def _read(service: str, answer: BaseHTTPResponse, deadline: float) -> bytes:
    """The body as it came; a peer that sends a byte now and then does not hold the caller past the deadline."""
    pieces: list[bytes] = []
    size = 0
    while piece := answer.read1(_PIECE, decode_content=False):
        pieces.append(piece)
        size += len(piece)
        if size > ANSWER_BYTES:
            raise TooLarge(f"The answer of {service} is over {ANSWER_BYTES} bytes; ask for less, with _count.")
        if time.monotonic() > deadline:
            raise Busy(f"The service {service} is too slow; try again.")
    return b"".join(pieces)


def _end_to_end(headers: Mapping[str, str], left_out: set[str]) -> dict[str, str]:
    """The headers without those of one connection, which `Connection` may name more of."""
    named = next((value for name, value in headers.items() if name.lower() == "connection"), "")
    left_out = left_out | {token.strip().lower() for token in named.split(",")}
    return {name: value for name, value in headers.items() if name.lower() not in left_out}
