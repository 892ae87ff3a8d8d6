"""The history of the whole base URL: that of each service, joined by time, newest first.

A page link holds for each service which of its pages is being read and how far; those pages never change, so neither
do ours. The whole is settled up to where its slowest service is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from carethread.core.fhir import json
from carethread.core.fhir.search.cursor import decoded, encoded, text, whole
from carethread.core.fhir.search.dates import date_range
from carethread.core.fhir.search.query import CURSOR
from carethread.core.ports import Request, Resource, Response
from carethread.core.service import Limits
from carethread.gateway.asking import Pairs, Refused, Send, next_of
from carethread.interactions.history import beginning
from carethread.interactions.rest.bundle import link_url
from carethread.interactions.rest.exchange import allow, answer
from carethread.interactions.searching.paging import count_of

PATH = "_history"

_PASSED_ON = ("_since", "_at", "_count", "_format")


def history(request: Request, services: Sequence[str], send: Send, base_url: str, limits: Limits) -> Response:
    """A page of the history of all services. Raises Malformed for a page link that was not made here, Busy."""
    allow(request, "GET")
    given = dict(request.query)
    used = [pair for pair in request.query if pair[0] in _PASSED_ON]
    count = count_of(given.get("_count"), limits)
    until, places = "", dict.fromkeys(services, ("", 0))
    if CURSOR in given:
        until, places = decoded(given[CURSOR], partial(_place_of, services))
    readers = [_Reader(name, *place, request, used, send) for name, place in places.items()]
    try:
        entries = _newest(readers, count)
    except Refused as refused:
        return refused.response
    until = until or min(reader.until for reader in readers)
    links = [{"relation": "self", "url": link_url(base_url, PATH, used)}]
    open_ = {reader.service: (reader.cursor, reader.offset) for reader in readers if count and reader.peek()}
    if open_:
        links.append({"relation": "next", "url": link_url(base_url, PATH, [*used, (CURSOR, _encoded(until, open_))])})
    bundle = {"resourceType": "Bundle", "meta": {"lastUpdated": until}, "type": "history", "link": links}
    return answer({**bundle, "entry": entries} if entries else bundle)


class _Reader:
    """One service's history, read on from a place: an entry of one of its pages."""

    def __init__(self, service: str, cursor: str, offset: int, request: Request, used: Pairs, send: Send) -> None:
        self.service, self.cursor, self.offset = service, cursor, offset
        self.until = ""
        self._request, self._used, self._send = request, used, send
        self._page: Resource | None = None

    def peek(self) -> Resource | None:
        """The entry at the place, None at the end. Raises Refused where the service does not answer."""
        page = self._page or self._read()
        while self.offset >= len(page.get("entry", [])):
            following = next_of(page)
            if not following:
                return None
            self.cursor, self.offset = following, 0
            page = self._read()
        found: Resource = page["entry"][self.offset]
        return found

    def _read(self) -> Resource:
        asked = [*self._used, (CURSOR, self.cursor)] if self.cursor else list(self._used)
        headers = {name: value for name, value in self._request.headers.items() if name != "accept"}
        response = self._send(self.service, Request("GET", PATH, asked, headers))
        if response.status != 200:
            raise Refused(response)
        self._page = json.parse_object(response.body)
        self.until = self._page["meta"]["lastUpdated"]
        if not self.cursor:
            moment = date_range(self.until)
            self.cursor = beginning(moment[0] if moment else 0)
        return self._page


def _newest(readers: Sequence[_Reader], count: int) -> list[Resource]:
    """The newest entries of all, and every reader moved on behind what is taken of it."""
    taken: list[Resource] = []
    for reader in readers:
        reader.peek()  # each is asked, even where no entry is wanted, so that each says how far it is settled
    while len(taken) < count:
        ready = [(reader, entry) for reader in readers if (entry := reader.peek())]
        if not ready:
            break
        reader, entry = max(ready, key=lambda each: str(each[1]["response"]["lastModified"]))
        taken.append(entry)
        reader.offset += 1
    return taken


def _encoded(until: str, places: Mapping[str, tuple[str, int]]) -> str:
    return encoded([until, [[service, cursor, offset] for service, (cursor, offset) in places.items()]])


def _place_of(services: Sequence[str], value: Any) -> tuple[str, dict[str, tuple[str, int]]]:
    """The time to which the first page was settled, and each service's place. Raises ValueError, TypeError."""
    until, places = value
    read = {text(service): (text(place), whole(offset)) for service, place, offset in places}
    known = set(read) <= set(services) and all(place for place, _ in read.values())
    if not known or date_range(text(until)) is None:
        raise ValueError
    return until, read
