"""The FHIR server as an importer sees it: batches of PUTs, and searches by identifier.

A server that is busy or away is asked again, as `Retry-After` says or ever more slowly, until it was away for
`patience` seconds; every request can be repeated without harm. A batch that is refused as a whole is halved until the
entry at fault stands alone. Sources: http://hl7.org/fhir/R4/http.html, RFC 9110 section 10.2.3.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

import urllib3

from carethread.core.context import BACKFILL_HEADER
from carethread.core.errors import Malformed
from carethread.core.fhir.json import parse

PATIENCE_SECONDS = 60.0
TIMEOUT = urllib3.Timeout(connect=5, read=300)

_HEADERS = {"Accept": "application/fhir+json", "User-Agent": "carethread-import"}
_WRITE = {**_HEADERS, "Content-Type": "application/fhir+json", BACKFILL_HEADER: "true"}
_BUSY = frozenset({429, 502, 503, 504})
_HALVE = frozenset({400, 409, 412, 413, 422, 500})
_MOST_WAIT = 8.0


class Away(Exception):
    """The server did not answer, or not as a FHIR server that takes batches does; says how."""


class Answer(NamedTuple):
    """What became of one entry: the response's status line, such as `201 Created`, and OperationOutcome.issue."""

    status: str
    issues: list[dict[str, Any]]

    @property
    def code(self) -> int:
        """The HTTP status, 0 where the line does not begin with one."""
        head = self.status[:3]
        return int(head) if head.isdecimal() else 0


class Client:
    """Speaks to one FHIR base URL; its methods may be called from several threads."""

    def __init__(
        self,
        base: str,
        *,
        connections: int = 2,
        patience: float = PATIENCE_SECONDS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Raises ValueError unless `base` is an http or https URL."""
        parts = urlsplit(base)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError(f"The base URL is http or https, a host and a path, not '{base}'.")
        self.base = base.rstrip("/")
        self._path = parts.path.rstrip("/")
        self._pool = urllib3.connection_from_url(base, maxsize=connections, block=True, timeout=TIMEOUT)
        self._patience = patience
        self._sleep = sleep

    def close(self) -> None:
        """Close the connections."""
        self._pool.close()

    def put_all(self, entries: Sequence[bytes]) -> list[Answer]:
        """Send Bundle entries as one batch; one answer for each, in order. Raises Away."""
        status, body = self._send("POST", self._path or "/", _bundle(entries))
        if status in _HALVE:
            if len(entries) == 1:
                return [Answer(str(status), _issues(body))]
            middle = len(entries) // 2
            return self.put_all(entries[:middle]) + self.put_all(entries[middle:])
        answers = [_answer(each) for each in _entries(body)] if status == 200 else []
        if len(answers) != len(entries):
            what = f"status {status} and {len(answers)} entries"
            raise Away(f"{self.base} answered a batch of {len(entries)} entries with {what}.")
        return self._again(entries, answers)

    def search(self, type_name: str, query: str) -> Iterator[dict[str, Any]]:
        """The resources that match a query string, all pages; none where the server refuses the query. Raises Away."""
        path: str | None = f"{self._path}/{type_name}?{query}"
        while path:
            status, body = self._send("GET", path)
            if status != 200:
                return
            for entry in _entries(body):
                if isinstance(entry.get("resource"), dict) and entry["resource"].get("resourceType") == type_name:
                    yield entry["resource"]
            path = _next_page(body)

    def _again(self, entries: Sequence[bytes], answers: list[Answer]) -> list[Answer]:
        """The answers, after those entries were sent again that found their owner busy."""
        waits = _waits()
        waited = 0.0
        while busy := [place for place, answer in enumerate(answers) if answer.code in _BUSY]:
            waited += self._wait(next(waits), waited, f"status {answers[busy[0]].code}")
            status, body = self._send("POST", self._path or "/", _bundle([entries[place] for place in busy]))
            for place, each in zip(busy, _entries(body) if status == 200 else (), strict=False):
                answers[place] = _answer(each)
        return answers

    def _send(self, method: str, path: str, body: bytes | None = None) -> tuple[int, Any]:
        waits = _waits()
        waited = 0.0
        while True:
            pause = next(waits)
            try:
                response = self._pool.urlopen(
                    method, path, body=body, headers=_WRITE if body else _HEADERS, retries=False, redirect=False
                )
            except urllib3.exceptions.HTTPError as error:
                waited += self._wait(pause, waited, type(error).__name__)
                continue
            if response.status in _BUSY:
                asked = _retry_after(response.headers.get("Retry-After"))
                waited += self._wait(pause if asked is None else asked, waited, f"status {response.status}")
                continue
            try:
                return response.status, parse(response.data)
            except Malformed:
                return response.status, None

    def _wait(self, seconds: float, waited: float, why: str) -> float:
        if waited + seconds > self._patience:
            raise Away(f"{self.base} is away or busy: {why}, still after {waited:.0f} seconds.")
        self._sleep(seconds)
        return seconds


def identifier_query(identifiers: Iterable[tuple[str, str]]) -> str:
    """The query string that finds the resources with any of these (system, value) identifiers."""
    tokens = (f"{_escape(system)}|{_escape(value)}" for system, value in identifiers)
    return "identifier=" + ",".join(quote(token, safe="") for token in tokens)


def _escape(text: str) -> str:
    # http://hl7.org/fhir/R4/search.html#escaping
    return "".join("\\" + c if c in "\\,|$" else c for c in text)


def _waits() -> Iterator[float]:
    seconds = 0.25
    while True:
        yield seconds
        seconds = min(seconds * 2, _MOST_WAIT)


def _retry_after(header: str | None) -> float | None:
    if not header:
        return None
    if header.strip().isdecimal():
        return float(header)
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - time.time())
    except ValueError:
        return None


def _bundle(entries: Sequence[bytes]) -> bytes:
    return b'{"resourceType":"Bundle","type":"batch","entry":[' + b",".join(entries) + b"]}"


def _entries(bundle: Any) -> list[dict[str, Any]]:
    entries = bundle.get("entry", []) if isinstance(bundle, dict) else []
    return [entry for entry in entries if isinstance(entry, dict)]


def _answer(entry: dict[str, Any]) -> Answer:
    response = entry.get("response")
    response = response if isinstance(response, dict) else {}
    return Answer(str(response.get("status", "")), _issues(response.get("outcome") or entry.get("resource")))


def _issues(outcome: Any) -> list[dict[str, Any]]:
    if not isinstance(outcome, dict) or outcome.get("resourceType") != "OperationOutcome":
        return []
    return [issue for issue in outcome.get("issue", []) if isinstance(issue, dict)]


def _next_page(bundle: Any) -> str | None:
    links = bundle.get("link", []) if isinstance(bundle, dict) else []
    url = next((link.get("url") for link in links if link.get("relation") == "next"), None)
    if not isinstance(url, str):
        return None
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}"
