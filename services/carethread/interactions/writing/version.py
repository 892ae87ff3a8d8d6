"""A version: what the resource gets when it is stored, and the event that tells of it."""

from __future__ import annotations

import re

from carethread.core.clock import instant
from carethread.core.fhir import json
from carethread.core.fhir.search import IndexRows
from carethread.core.ports import Key, Resource, Stored

STAMP_BYTES = 1000
"""More than the id and meta that a resource gets here take."""


_STAMPED = re.compile(rb'\{"resourceType":"\w+","id":"[\w.-]+","meta":\{[^{}]*?,"lastUpdated":"([^"]*)"')
"""A resource's own time where it stands in most: no object in its meta before it. The comma and the quotes say that it
is a member, for in a string these have backslashes."""


def is_version(resource: Resource, stored: Stored) -> bool:
    """Whether the stored version says just this."""
    return json.render(stamped(resource, stored.id, stored.version, stored.updated)) == stored.body


def stamped(resource: Resource, id_: str, version: int, updated: int) -> Resource:
    """The resource with its id, versionId and lastUpdated, every other member where the caller put it."""
    meta = {**resource.get("meta", {}), "versionId": str(version), "lastUpdated": instant(updated)}
    out: Resource = {}
    for name, value in resource.items():
        out[name] = value
        if name == "resourceType" and "id" not in resource:
            out["id"] = id_
        if "meta" not in resource and name == ("id" if "id" in resource else "resourceType"):
            out["meta"] = meta
    out["id"] = id_
    out["meta"] = meta
    return out


def restamped(body: bytes, now: int) -> bytes:
    """The version, the body of one that is stored, as of now (microseconds) unless it is younger."""
    if not body:
        return body
    time = instant(now)
    if found := _STAMPED.match(body):
        start, end = found.span(1)
        return body[:start] + max(body[start:end], time.encode()) + body[end:]
    resource: Resource = json.parse(body)
    resource["meta"]["lastUpdated"] = max(resource["meta"]["lastUpdated"], time)
    return json.render(resource)


def partition_key(key: Key, index: IndexRows | None) -> str:
    """What keeps order: the one patient whom the resource is about, else the resource itself.

    A group visit has many patients and is keyed by its Appointment.
    """
    own = f"{key[0]}/{key[1]}"
    if index is None or key[0] == "Patient":
        return own
    patients = [
        row[2] for row in index.reference if row[0] in ("patient", "subject") and row[1] == "Patient" and row[2]
    ]
    first = dict.fromkeys(patients)
    if not first or (key[0] == "Appointment" and len(first) > 1):
        return own
    return f"Patient/{next(iter(first))}"
