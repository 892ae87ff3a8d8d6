"""The headers of what is published and taken in, as a table: name, pattern of the value, whether always, and meaning.

Source: CloudEvents 1.0.2 and its Kafka binding in binary mode; docs/events.md tells the same in words.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

Json = dict[str, Any]


class Header(NamedTuple):
    """`pattern` is a regular expression (ECMA 262) for the whole value; empty for any text."""

    name: str
    pattern: str
    always: bool
    meaning: str


_INSTANT = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z$"
_TRACE = r"^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$"

_ENVELOPE = (
    Header("ce_specversion", "^1\\.0$", True, "CloudEvents 1.0."),
    Header("ce_id", "^[0-9a-f-]{36}$", True, "UUIDv7, the same when the event is sent again."),
    Header("ce_source", "^/carethread/[a-z]+$", True, "The service that publishes."),
    Header("ce_type", r"^dev\.carethread\.[a-z-]+\.[a-z]+$", True, "Resource type in lower case, and what happened."),
    Header("ce_subject", r"^[A-Za-z-]+/[^/]+/_history/\d+$", True, "Which version of what."),
    Header("ce_time", _INSTANT, True, "When it was stored."),
    Header("ce_sequence", r"^\d+$", True, "Counts all resource events of the service without gaps; 0 for others."),
    Header("traceparent", _TRACE, False, "W3C trace context of the request."),
)
_JSON = Header("content-type", r"^application/fhir\+json$", True, "FHIR JSON.")

RESOURCE = (
    *_ENVELOPE,
    _JSON,
    Header("ce_dataschema", "", False, "Canonical of the resource's first profile, else of its type's definition."),
    Header("ce_department", "", False, "Id of the Organization, where the department is known."),
    Header("ce_backfill", "^true$", False, "Imported history: copy it, but remind, alert and invite nobody."),
    Header("ce_changed", "^[a-zA-Z_]+(,[a-zA-Z_]+)*$", False, "On updates, the top-level elements that changed."),
    Header("ce_previousstatus", "", False, "On updates, the status before."),
    Header("ce_dataref", "^https?://", False, "Where the value is a stub: the URL of the whole."),
)
"""Of a version of a resource."""

INCOMING = (
    Header("ce_id", "", False, "The sender's id for this message; else the MessageHeader's."),
    Header("ce_source", "", False, "A URI of the sender; else the MessageHeader's source.endpoint."),
    Header("ce_correlationid", "", False, "Comes back with the outcome; else ce_id does."),
    Header("ce_backfill", "^true$", False, "Imported history: nobody is reminded, alerted or invited."),
    Header("content-type", r"^application/(fhir\+)?json", False, "FHIR JSON."),
    Header("traceparent", _TRACE, False, "W3C trace context of the sender."),
)
"""Of what integration engines send in."""

OUTCOME = (
    *_ENVELOPE,
    _JSON,
    Header("ce_correlationid", "", True, "The message's ce_correlationid, else its ce_id."),
    Header("ce_recipient", "", True, "The message's sender."),
)
"""Of what became of it."""

DEAD = (
    *_ENVELOPE,
    Header("content-type", "", True, "The original's, else application/octet-stream."),
    Header("dead-consumer", "", True, "Which consumer could not take it in."),
    Header("dead-letter", r"^\d+$", True, "Its number there, for `carethread dead-letters`."),
    Header("dead-topic", "", True, "Where it lay: topic,"),
    Header("dead-partition", r"^\d+$", True, "partition"),
    Header("dead-offset", r"^\d+$", True, "and offset."),
    Header("dead-bytes", r"^\d+$", True, "How long its value is."),
    Header("dead-outcome", "", True, "Why, as an OperationOutcome in JSON."),
)
"""Of a dead letter; the original's headers follow, each as `original-` and its name."""


def schema(headers: Sequence[Header]) -> Json:
    """The headers as a JSON Schema object; other headers may be there."""
    properties = {
        header.name: {
            "type": "string",
            **({"pattern": header.pattern} if header.pattern else {}),
            "description": header.meaning,
        }
        for header in headers
    }
    return {"type": "object", "required": [h.name for h in headers if h.always], "properties": properties}
