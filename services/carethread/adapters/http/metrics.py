"""What Prometheus reads from an HTTP process."""

from __future__ import annotations

from prometheus_client import CONTENT_TYPE_LATEST, Counter, Histogram, generate_latest

from carethread.core.metric_names import HTTP_REQUESTS, HTTP_SECONDS

_requests = Counter(HTTP_REQUESTS, "FHIR requests answered.", ["method", "status"])
_seconds = Histogram(
    HTTP_SECONDS,
    "From a FHIR request's arrival to its answer, in seconds.",
    ["method"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)


def observe(method: str, status: int, seconds: float) -> None:
    """Count one request and its time."""
    _requests.labels(method, str(status)).inc()
    _seconds.labels(method).observe(seconds)


def exposition() -> tuple[bytes, str]:
    """The text format and its content type."""
    return generate_latest(), CONTENT_TYPE_LATEST
