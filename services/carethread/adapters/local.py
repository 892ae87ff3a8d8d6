"""The `Owners` and `Peer` ports within one process: the other services are runtimes beside this one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from carethread.core.context import Context, authorize, context_of
from carethread.core.errors import Gone, NotFound, NotSupported, TooCostly
from carethread.core.fhir.search.query import CURSOR
from carethread.core.ports import Chunk, Key, Request, Response, Stored
from carethread.core.service import Runtime
from carethread.interactions.read import read, vread
from carethread.interactions.rest.handling import handle, handle_at_once
from carethread.interactions.search import search


class LocalOwners:
    """Owners among `runtimes`, by service name; filled later if need be, for a runtime needs its owners first."""

    def __init__(self, runtimes: Mapping[str, Runtime], *, max_matches: int = 10_000) -> None:
        self._runtimes = runtimes
        self._max_matches = max_matches

    def read(self, service: str, key: Key, version: int = 0) -> Stored | None:
        """One version, or the current one; None for what never was or is deleted. Raises Busy when the database is
        away."""
        owner = self._owner(service, key[0])
        try:
            return vread(owner, key, str(version), Context()) if version else read(owner, key, Context())
        except (NotFound, Gone):
            return None

    def search(self, service: str, type_name: str, params: Sequence[tuple[str, str]]) -> list[Stored]:
        """All matches in order. Raises TooCostly for more than the bound, Malformed for a bad parameter, Busy."""
        runtime, context = self._owner(service, type_name), Context()
        found: list[Stored] = []
        cursor = ""
        while True:
            asked = [*params, (CURSOR, cursor)] if cursor else params
            page = search(runtime, type_name, asked, context, strict=True)
            found.extend(page.matches)
            if len(found) > self._max_matches:
                raise TooCostly(f"More than {self._max_matches} {type_name} match at {service}; narrow the search.")
            cursor = page.next
            if not cursor:
                return found

    def snapshot(self, service: str, type_name: str, after: int = 0) -> Iterator[Chunk]:
        """All that lives of a type, behind a place that an earlier snapshot came to."""
        authorize("search-type", type_name, Context())
        yield from self._owner(service, type_name).store.dump(type_name, after)

    def _owner(self, service: str, type_name: str) -> Runtime:
        """The service, if it owns the type: a mirror that it keeps of another's is no authority."""
        runtime = _runtime(self._runtimes, service)
        if not runtime.service.owns(type_name):
            raise NotSupported(f"The service '{service}' does not own the type '{type_name[:64]}'.")
        return runtime


class LocalPeer:
    """The REST interface of `runtimes`, by service name, without a wire."""

    def __init__(self, runtimes: Mapping[str, Runtime]) -> None:
        self._runtimes = runtimes

    def call(self, service: str, request: Request) -> Response:
        """The service's answer, whatever its status; the caller's trace and mark of history go along."""
        context = context_of(request.headers)
        return handle(_runtime(self._runtimes, service), request, context)

    def call_at_once(self, service: str, requests: Sequence[Request]) -> list[Response | None]:
        """The answers to small transactions that depend on nothing of each other; None: nothing was done, `call`."""
        asked = [(request, context_of(request.headers)) for request in requests]
        return handle_at_once(_runtime(self._runtimes, service), asked)

    def knows(self, service: str) -> bool:
        return service in self._runtimes


def _runtime(runtimes: Mapping[str, Runtime], service: str) -> Runtime:
    if service not in runtimes:
        raise NotSupported(f"The service '{service}' does not run in this process.")
    return runtimes[service]
