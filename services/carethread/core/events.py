"""One envelope on every transport: CloudEvents 1.0, in binary mode where the transport has headers.

An Event is one version of one resource. `ce_id` is the deduplication key, `ce_sequence` is gap-free per service, and
the key keeps all that concerns one patient in order. Source: CloudEvents 1.0.2, Kafka protocol binding 1.0.2.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from carethread.core.clock import instant, to_micros
from carethread.core.errors import Malformed

TYPE_PREFIX = "dev.carethread."
CONTENT_TYPE = "application/fhir+json"

VERBS = ("created", "updated", "deleted", "booked", "arrived", "checkedin", "fulfilled", "noshow", "cancelled",
         "merged", "unmerged", "leadchanged")  # fmt: skip
"""What an event can say that happened; all but the first three are more than these, and are in their place."""

INBOUND, INBOUND_OUTCOME, DEAD_LETTER = "inbound", "inbound-outcome", "dead-letter"
"""What else than resources has a topic: `carethread.inbound.v1`."""

Headers = list[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Event:
    """One version of a resource on its way to whoever wants to know.

    `time` is microseconds since the epoch; `verb` is the last part of `ce_type` (`created`, `booked`, …); `changed`
    names the top-level elements that an update changed; `data` is the resource as stored, or for a delete, and where
    `dataref` names the URL to fetch, a stub with resourceType, id and meta. `extra` are headers beyond the catalogue,
    of what is published beside resources.
    """

    id: str
    service: str
    verb: str
    resource_type: str
    resource_id: str
    version: int
    time: int
    key: str
    data: bytes
    sequence: int = 0
    dataschema: str = ""
    department: str = ""
    backfill: bool = False
    changed: tuple[str, ...] = ()
    previous_status: str = ""
    traceparent: str = ""
    dataref: str = ""
    extra: tuple[tuple[str, bytes], ...] = ()

    @property
    def type(self) -> str:
        """The `ce_type`: `dev.carethread.appointment.booked`."""
        return f"{TYPE_PREFIX}{self.resource_type.lower()}.{self.verb}"

    @property
    def subject(self) -> str:
        """The `ce_subject`: `Appointment/123/_history/4`."""
        return f"{self.resource_type}/{self.resource_id}/_history/{self.version}"

    @property
    def deleted(self) -> bool:
        """Whether this version is the resource's deletion."""
        return self.verb == "deleted"


def topic(resource_type: str, prefix: str = "carethread") -> str:
    """The topic of a resource type: `carethread.appointment.v1`."""
    return f"{prefix}.{resource_type.lower()}.v1"


def to_headers(event: Event) -> Headers:
    """The envelope as binary-mode headers, in the order of the catalogue; optional ones only where they say
    something."""
    headers = {
        "ce_specversion": "1.0",
        "ce_id": event.id,
        "ce_source": f"/carethread/{event.service}",
        "ce_type": event.type,
        "ce_subject": event.subject,
        "ce_time": instant(event.time),
        "ce_sequence": str(event.sequence),
        "ce_dataschema": event.dataschema,
        "ce_department": event.department,
        "ce_backfill": "true" if event.backfill else "",
        "ce_changed": ",".join(event.changed),
        "ce_previousstatus": event.previous_status,
        "ce_dataref": event.dataref,
        "traceparent": event.traceparent,
        "content-type": CONTENT_TYPE,
    }
    if any(name == "content-type" for name, _ in event.extra):
        del headers["content-type"]
    return [*((name, value.encode()) for name, value in headers.items() if value), *event.extra]


def from_headers(headers: Iterable[tuple[str, bytes]], key: str, data: bytes) -> Event:
    """Read an envelope. Raises Malformed naming the header that is missing or wrong."""
    got = {name: value.decode() for name, value in headers}
    try:
        resource_type, resource_id, _, version = got["ce_subject"].split("/")
        return Event(
            id=got["ce_id"],
            service=got["ce_source"].rpartition("/")[2],
            verb=got["ce_type"].rpartition(".")[2],
            resource_type=resource_type,
            resource_id=resource_id,
            version=int(version),
            time=to_micros(datetime.fromisoformat(got["ce_time"])),
            key=key,
            data=data,
            sequence=int(got["ce_sequence"]),
            dataschema=got.get("ce_dataschema", ""),
            department=got.get("ce_department", ""),
            backfill=got.get("ce_backfill") == "true",
            changed=tuple(filter(None, got.get("ce_changed", "").split(","))),
            previous_status=got.get("ce_previousstatus", ""),
            traceparent=got.get("traceparent", ""),
            dataref=got.get("ce_dataref", ""),
        )
    except KeyError as error:
        raise Malformed(f"The event has no header {error.args[0]}.", expression=error.args[0]) from None
    except ValueError:
        raise Malformed(
            "ce_subject must be Type/id/_history/version, ce_sequence a whole number and ce_time an instant.",
            expression="ce_subject",
        ) from None
