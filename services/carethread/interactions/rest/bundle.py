"""Bundles, joined from the bytes of stored resources: nothing is parsed to be written again.

Source: http://hl7.org/fhir/R4/bundle.html.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import quote, urlencode

from carethread.core.clock import instant
from carethread.core.fhir import json


def searchset(
    kind: str,
    total: int | None,
    links: Mapping[str, str],
    entries: Sequence[bytes],
    *,
    updated: int | None = None,
) -> bytes:
    """A Bundle of type `kind` with links by relation; an empty one has no `entry`.

    `updated` are the microseconds up to which it is complete.
    """
    head: dict[str, object] = {"resourceType": "Bundle"}
    if updated is not None:
        head["meta"] = {"lastUpdated": instant(updated)}
    head["type"] = kind
    if total is not None:
        head["total"] = total
    if links:
        head["link"] = [{"relation": relation, "url": url} for relation, url in links.items()]
    body = json.render(head)
    return body if not entries else body[:-1] + b',"entry":[' + b",".join(entries) + b"]}"


def entry(full_url: str, resource: bytes = b"", **members: bytes) -> bytes:
    """One Bundle.entry; `members` are further members as JSON bytes, such as search or response."""
    parts = [b'"fullUrl":' + json.render(full_url)] if full_url else []
    if resource:
        parts.append(b'"resource":' + resource)
    parts += [b'"%s":%s' % (name.encode(), value) for name, value in members.items()]
    return b"{" + b",".join(parts) + b"}"


def etag(version: int) -> str:
    """The weak ETag of a version: `W/"3"`."""
    return f'W/"{version}"'


def link_url(base_url: str, path: str, params: Sequence[tuple[str, str]]) -> str:
    """An absolute URL with its query, of the characters that RFC 3986 allows there; `|` is not one of them."""
    query = urlencode(params, quote_via=quote, safe=":,$/.-_~")
    return (f"{base_url}/{path}" if path else base_url) + (f"?{query}" if query else "")
