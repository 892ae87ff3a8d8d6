"""history of an instance, a type and the system: http://hl7.org/fhir/R4/http.html#history.

Newest first, deletions included. A page of a type's or the system's history stops where the past is settled: who asks
again with `_since` the Bundle's lastUpdated, or the newest time that he was shown, has missed nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from carethread.core.clock import instant, to_micros
from carethread.core.context import Context, authorize
from carethread.core.errors import Malformed, NotFound
from carethread.core.fhir import json
from carethread.core.fhir.search.cursor import decoded, encoded, whole
from carethread.core.fhir.search.dates import asked_range
from carethread.core.fhir.search.query import CURSOR
from carethread.core.fhir.targets import is_id
from carethread.core.ports import Key, Session, Span, Stored
from carethread.core.service import Runtime
from carethread.interactions.rest.bundle import entry, etag, link_url, searchset
from carethread.interactions.searching.paging import count_of

Params = Sequence[tuple[str, str]]

_MOST = 2**62
"""More than any row in a page link."""

_ELSEWHERE = ("_format", "_pretty")
"""Parameters that the edge answers."""


def settled(runtime: Runtime, context: Context) -> int:
    """The time, in microseconds, that nothing which is not committed yet can come before.

    Ask for it before the view is taken that is read; what is younger is left for the next time. Raises Busy.
    """
    now = to_micros(context.clock())
    return (now - runtime.store.oldest_write()) // 1000 * 1000


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the parameters ask for, and those of them that had an effect."""

    span: Span
    count: int
    used: Params


def instance_history(runtime: Runtime, key: Key, params: Params, context: Context, *, strict: bool = False) -> bytes:
    """A history Bundle of one resource, one page of it. Raises NotFound for what never was, Malformed."""
    authorize("history-instance", key[0], context)
    if not is_id(key[1]):
        raise NotFound(f"This {key[0]} is not known here.")
    asked = _read(runtime, Span((key[0],), key[1]), params, strict=strict)

    def work(session: Session) -> tuple[list[Stored], int]:
        if not session.history_total(Span((key[0],), key[1])):
            raise NotFound(f"{key[0]}/{key[1]} is not known here.")
        return session.history(asked.span, asked.count + 1), session.history_total(asked.span)

    found, total = runtime.store.snapshot(work)
    return _bundle(runtime, f"{key[0]}/{key[1]}/_history", asked, found, total)


def history(
    runtime: Runtime, type_name: str | None, params: Params, context: Context, *, strict: bool = False
) -> bytes:
    """A history Bundle of a type, or of all that the service owns; one page of it. Raises Malformed, Busy."""
    owned = tuple(sorted(type_.name for type_ in runtime.service.types))
    authorize("history-type" if type_name else "history-system", type_name or "", context)
    horizon = settled(runtime, context)
    asked = _read(runtime, Span((type_name,) if type_name else owned, until=horizon), params, strict=strict)
    found = runtime.store.snapshot(lambda session: session.history(asked.span, asked.count + 1))
    return _bundle(runtime, f"{type_name}/_history" if type_name else "_history", asked, found, None)


def _read(runtime: Runtime, span: Span, params: Params, *, strict: bool) -> _Asked:
    """The span that the parameters leave of the whole one."""
    used: list[tuple[str, str]] = []
    count = runtime.limits.default_page
    for name, value in params:
        match name:
            case "_count":
                count = count_of(value, runtime.limits)
            case "_since":
                span = replace(span, since=_range(name, value)[0])
            case "_at":
                span = replace(span, at=_range(name, value))
            case _ if name == CURSOR:
                span = _resumed(span, value)
                continue
            case _ if name not in _ELSEWHERE:
                if strict:
                    raise Malformed(
                        "A history takes _since, _at and _count.", code="not-supported", expression=name[:100]
                    )
                continue
        used.append((name, value))
    return _Asked(span, count, used)


def _range(name: str, value: str) -> tuple[int, int]:
    found = asked_range(value)
    if found is None:
        raise Malformed("This is a date or an instant, such as 2026-03-01T09:00:00Z.", code="value", expression=name)
    return found


def _resumed(span: Span, cursor: str) -> Span:
    """Where the page before ended. Raises Malformed for a link that was not made here."""

    def place(value: Any) -> Span:
        until, updated, row, version = map(whole, value)
        return replace(span, until=min(until, span.until), after=(updated, row, version))

    return decoded(cursor, place)


def beginning(until: int) -> str:
    """The place before the newest version at or before a time: the page link of a first page that does not change."""
    return encoded([until, until, _MOST, 0])


def _bundle(runtime: Runtime, path: str, asked: _Asked, found: Sequence[Stored], total: int | None) -> bytes:
    used = list(asked.used)
    links = {"self": link_url(runtime.base_url, path, used)}
    shown = found[: asked.count]
    if len(found) > asked.count > 0:
        last = shown[-1]
        cursor = encoded([asked.span.until, last.updated, last.row, last.version])
        links["next"] = link_url(runtime.base_url, path, [*used, (CURSOR, cursor)])
    entries = [_version(runtime.base_url, stored) for stored in shown]
    updated = None if asked.span.id else asked.span.until
    return searchset("history", total, links, entries, updated=updated)


def _version(base_url: str, stored: Stored) -> bytes:
    url = f"{stored.type}/{stored.id}"
    request = {"method": stored.method, "url": stored.type if stored.method == "POST" else url}
    status = "204 No Content" if stored.deleted else "201 Created" if stored.version == 1 else "200 OK"
    response = {"status": status, "etag": etag(stored.version), "lastModified": instant(stored.updated)}
    return entry(
        f"{base_url}/{url}",
        stored.body,
        request=json.render(request),
        response=json.render(response),
    )
