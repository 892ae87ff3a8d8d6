"""The names of the metrics, each with its unit and meaning; an observer counts or stores them."""

from __future__ import annotations

from collections.abc import Callable

Observe = Callable[[str, float], None]
"""Called with a metric's name and a value to add, or for a duration to record."""

HTTP_REQUESTS = "carethread_http_requests_total"
"""FHIR requests answered, by method and status."""
HTTP_SECONDS = "carethread_http_request_seconds"
"""From a FHIR request's arrival to its answer, by method."""

RELAY_SENT = "carethread_relay_sent_events_total"
"""Events that the bus has taken, resent ones included."""
RELAY_LAG = "carethread_relay_lag_seconds"
"""From an event's time to the moment when the bus had taken it; the oldest of each batch."""
RELAY_OUTAGES = "carethread_relay_outages_total"
"""Attempts that failed because the bus or the database was away."""
RELAY_STEP_DOWNS = "carethread_relay_step_downs_total"
"""Times that a relay found another one leading."""

CONSUMER_EVENTS = "carethread_consumer_events_total"
"""Events whose position has moved on, buried ones included."""
CONSUMER_LAG = "carethread_consumer_lag_seconds"
"""From an event's time to the commit of its effect; the oldest of each batch."""
CONSUMER_RETRIES = "carethread_consumer_retries_total"
"""Batches that were put off because something was away."""
CONSUMER_BURIED = "carethread_consumer_buried_events_total"
"""Events that can never succeed, put aside for a person."""


def unobserved(name: str, value: float) -> None:
    """Nobody is watching."""
