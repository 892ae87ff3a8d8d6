"""What tells of resources from the beginning: the event log, and files of an export (`$export`, NDJSON)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping

import orjson

from carethread.core.clock import instant
from carethread.core.errors import Busy, Invalid, Malformed
from carethread.core.events import Event
from carethread.core.ports import Keeping, Place, Record, Subscription
from carethread.metrics.facts.folder import Export, lines
from carethread.metrics.facts.rebuilding import Read
from carethread.metrics.facts.spooling import Version

_MARGIN_MICROS = 3_600_000_000
"""By how much clocks may differ, and transactions last: what is read twice changes nothing."""

_FROM_EXPORT = "Make an export (carethread export FOLDER) and rebuild from that (--export FOLDER)."

_SILENT_POLLS = 3
"""So often a bus may give nothing before its end; the last of Kafka's offsets may be no record."""


def events(
    bus: Subscription, types: Iterable[str], read: Read, whole: Callable[[Record], Event], *, partial: bool = False
) -> Iterator[Version]:
    """The versions that the log has of the types, through where it ends now; `whole` gets what was too large for it.

    Raises Invalid where the beginning is not kept any more, unless `partial`; Busy where the bus is away.
    """
    wanted = frozenset(types)
    read.moment = time.time_ns() // 1000
    kept = bus.kept(0)
    lost = sorted(f"{place[0]} since {instant(each.since)}" for place, each in kept.items() if each.since)
    if lost and not partial:
        raise Invalid(f"The log does not have all any more: {', '.join(lost)}. {_FROM_EXPORT}")
    ends = {place: each.end for place, each in kept.items()}
    read.positions.update({place: each.start for place, each in kept.items()})
    silent = 0
    while silent < _SILENT_POLLS and any(read.positions[place] < end for place, end in ends.items()):
        found = bus.poll(1.0)
        silent = 0 if found else silent + 1
        for place, records in found.items():
            for record in records:
                version = _version(record, read.sequences, whole)
                if version[0] in wanted:
                    yield version
            read.positions[place] = records[-1].position + 1
    if any(read.positions[place] < end - 1 for place, end in ends.items()):
        raise Busy("The bus has not given all that it has; try again.")


def _version(record: Record, sequences: Mapping[str, dict[str, int]], whole: Callable[[Record], Event]) -> Version:
    headers = dict(record.headers)
    subject = headers["ce_subject"].decode()
    type_name, id_, _, number = subject.split("/")
    service = headers["ce_source"].decode().rpartition("/")[2]
    sequence = int(headers["ce_sequence"])
    of_service = sequences[service]
    if sequence > of_service.get(type_name, 0):
        of_service[type_name] = sequence
    deleted = headers["ce_type"].endswith(b".deleted")
    if "ce_dataref" in headers and not deleted:
        event = whole(record)
        return type_name, id_, event.version, event.data
    return type_name, id_, int(number), b"" if deleted else record.value


def behind(bus: Keeping, since: int, *, partial: bool = False) -> dict[Place, int]:
    """Where the consumer goes on after an export of a moment (microseconds). Raises Invalid where the log does not
    reach back to it, unless `partial`; Busy."""
    kept = bus.kept(max(0, since - _MARGIN_MICROS))
    lost = sorted(f"{place[0]} since {instant(each.since)}" for place, each in kept.items() if each.since > since)
    if lost and not partial:
        raise Invalid(f"The log does not reach back to the export: {', '.join(lost)}. {_FROM_EXPORT}")
    return {place: each.start for place, each in kept.items()}


def exported(export: Export, types: Iterable[str]) -> Iterator[Version]:
    """The resources of the types in an export. Raises Malformed, naming the line, for what is no resource, and for a
    file that is cut short."""
    wanted = frozenset(types)
    for path in export.paths:
        for number, line in lines(path, export.counts.get(path)):
            try:
                resource = orjson.loads(line)
                if (type_name := resource["resourceType"]) not in wanted:
                    continue
                id_, version = resource["id"], int(resource.get("meta", {}).get("versionId", 1))
            except (KeyError, TypeError, ValueError, AttributeError):
                told = f"{path.name}, line {number}, is no resource with an id and a whole number as its version."
                raise Malformed(told) from None
            yield type_name, id_, version, line
