"""The names of the metrics, each with its unit and meaning; an observer counts or stores them.

A name's end says its kind, as Prometheus has it (https://prometheus.io/docs/practices/naming/): `_total` only grows,
`_seconds` is a distribution of durations, anything else is a state at the moment of asking.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

Observe = Callable[[str, float], None]
"""Called with a metric's name and a value to add, or for a duration to record."""

HTTP_REQUESTS = "carethread_http_requests_total"
HTTP_SECONDS = "carethread_http_request_seconds"

RELAY_SENT = "carethread_relay_sent_events_total"
RELAY_LAG = "carethread_relay_lag_seconds"
RELAY_OUTAGES = "carethread_relay_outages_total"
RELAY_STEP_DOWNS = "carethread_relay_step_downs_total"

CONSUMER_EVENTS = "carethread_consumer_events_total"
CONSUMER_LAG = "carethread_consumer_lag_seconds"
CONSUMER_RETRIES = "carethread_consumer_retries_total"
CONSUMER_BURIED = "carethread_consumer_buried_events_total"

OUTBOX_UNSENT = "carethread_outbox_unsent_events"

MEANINGS: Mapping[str, str] = {
    HTTP_REQUESTS: "FHIR requests answered, by method and status.",
    HTTP_SECONDS: "From a FHIR request's arrival to its answer, by method.",
    RELAY_SENT: "Events that the bus has taken, resent ones included.",
    RELAY_LAG: "From an event's time to the moment when the bus had taken it; the oldest of each batch.",
    RELAY_OUTAGES: "Attempts that failed because the bus or the database was away.",
    RELAY_STEP_DOWNS: "Times that a relay found another one leading.",
    CONSUMER_EVENTS: "Events whose position has moved on, buried ones included.",
    CONSUMER_LAG: "From an event's time to the commit of its effect; the oldest of each batch.",
    CONSUMER_RETRIES: "Batches that were put off because something was away.",
    CONSUMER_BURIED: "Events that can never succeed, put aside for a person.",
    OUTBOX_UNSENT: "Committed events that are not marked as sent; the last batch is marked some seconds after it.",
}


def unobserved(name: str, value: float) -> None:
    """Nobody is watching."""
