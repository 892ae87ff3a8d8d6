"""From a record on the bus to an event, and to what the event concerns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from carethread.core.errors import Malformed
from carethread.core.events import Event, from_headers
from carethread.core.fhir import json
from carethread.core.fhir.targets import parse_reference
from carethread.core.ports import About, Record
from carethread.core.service import Runtime

Reading = Callable[[Runtime, Record], Event]
"""How a record becomes an event. Malformed, or any other error but Busy: it never will."""

Concerning = Callable[[Runtime, Event], About]
"""What an event is about, and what it needs; asked only while something is put aside."""


def resource_event(runtime: Runtime, record: Record) -> Event:
    """The event; a body that did not fit into it is asked of its owner: that of the version that the event names, or
    of the newest where that is not kept any more."""
    event = from_headers(record.headers, record.key, record.value)
    if event.dataref:
        owner, key = event.service, (event.resource_type, event.resource_id)
        stored = runtime.owners.read(owner, key, event.version) or runtime.owners.read(owner, key)
        if stored is not None and not stored.deleted:
            return replace(event, data=stored.body, version=stored.version)
    return event


def about_resource(runtime: Runtime, event: Event) -> About:
    """A version of a resource is about the resource, and needs all to which its body refers."""
    itself = f"{event.resource_type}/{event.resource_id}"
    try:
        body = json.parse(event.data)
    except Malformed:
        return About(event.id, (itself,))
    targets = (parse_reference(text, runtime.base_url) for text in _references(body))
    needs = frozenset(f"{target.type}/{target.id}" for target in targets if target and target.id)
    return About(event.id, (itself,), needs - {itself})


def _references(node: Any) -> Iterator[str]:
    """Every Reference.reference in a body (http://hl7.org/fhir/R4/references.html#literal)."""
    if isinstance(node, dict):
        for name, value in node.items():
            if name == "reference" and isinstance(value, str):
                yield value
            else:
                yield from _references(value)
    elif isinstance(node, list):
        for each in node:
            yield from _references(each)
