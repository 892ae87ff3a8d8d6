"""history of one instance: http://hl7.org/fhir/R4/http.html#history. Newest first, deletions included."""

from __future__ import annotations

from carethread.core.clock import instant
from carethread.core.context import Context, authorize
from carethread.core.errors import Malformed, NotFound
from carethread.core.fhir import json
from carethread.core.fhir.targets import is_id
from carethread.core.ports import Key, Stored
from carethread.core.service import Runtime
from carethread.interactions.bundle import entry, etag, link_url, searchset
from carethread.interactions.paging import count_of


def history(runtime: Runtime, key: Key, params: list[tuple[str, str]], context: Context) -> bytes:
    """A history Bundle, one page of it. Raises NotFound for what never was."""
    authorize("history-instance", key[0], context)
    if not is_id(key[1]):
        raise NotFound(f"This {key[0]} is not known here.")
    given = dict(params)
    count = count_of(given.get("_count"), runtime.limits)
    before = given.get("_before", "")
    if before and not (before.isascii() and before.isdigit() and len(before) < 10):
        raise Malformed("This page link was not made here; begin without it.", code="value", expression="_before")
    versions, total = runtime.store.snapshot(
        lambda session: session.history(key, count=count + 1, before=int(before) if before else None)
    )
    if not total:
        raise NotFound(f"{key[0]}/{key[1]} is not known here.")
    path = f"{key[0]}/{key[1]}/_history"
    links = {"self": link_url(runtime.base_url, path, params)}
    more_to_come = len(versions) > count > 0
    versions = versions[:count]
    if more_to_come:
        more = [("_count", str(count)), ("_before", str(versions[-1].version))]
        links["next"] = link_url(runtime.base_url, path, more)
    return searchset("history", total, links, [_version(runtime.base_url, stored) for stored in versions])


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
