"""What Prometheus reads: every process counts for itself, and the one that serves HTTP shows the sum.

Processes that `core.settings.share_metrics` gave a folder keep their values there, in files that prometheus_client maps
into memory (https://prometheus.github.io/client_python/multiprocess/): a process that was started again goes on where
its predecessor ended. Without a folder a process shows its own values. Labels name services, methods,
statuses, measures and departments only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Histogram,
    disable_created_metrics,
    generate_latest,
    start_wsgi_server,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from prometheus_client.values import MutexValue, ValueClass

from carethread.core.errors import Busy
from carethread.core.metric_names import HTTP_REQUESTS, HTTP_SECONDS, LABELS, MEANINGS, Observe
from carethread.core.service import Sample

States = Mapping[str, Callable[[], Mapping[str, float | Sequence[Sample]]]]
"""By service what tells its gauges by name, each one number or several with labels. It raises Busy."""

_HTTP_LABELS = {HTTP_REQUESTS: ("service", "method", "status"), HTTP_SECONDS: ("service", "method")}
_HTTP_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_LAG_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200)
"""Seconds: from a bus that is at hand to one that was away for an afternoon."""

disable_created_metrics()  # type: ignore[no-untyped-call]  # times of creation, which only a process without folder shows
_registry = CollectorRegistry()
_counters = {
    name: Counter(name, meaning, _HTTP_LABELS.get(name, ("service",)), registry=_registry)
    for name, meaning in MEANINGS.items()
    if name.endswith("_total")
}
_histograms = {
    name: Histogram(
        name,
        meaning,
        _HTTP_LABELS.get(name, ("service",)),
        registry=_registry,
        buckets=_HTTP_BUCKETS if name == HTTP_SECONDS else _LAG_BUCKETS,
    )
    for name, meaning in MEANINGS.items()
    if name.endswith("_seconds")
}

_GAUGES = [name for name in MEANINGS if not name.endswith(("_total", "_seconds"))]


def observer(service: str) -> Observe:
    """What counts for one service's relay and consumer; counters are there from now on, so that an alert sees the first
    event that is buried."""
    for name in _counters.keys() - _HTTP_LABELS.keys():
        _counters[name].labels(service)

    def observe(name: str, value: float) -> None:
        if name in _counters:
            _counters[name].labels(service).inc(value)
        else:
            _histograms[name].labels(service).observe(value)

    return observe


def http_observer(service: str) -> Callable[[str, int, float], None]:
    """What counts a request to one service or to the gateway: its method, its status and its duration in seconds."""

    def observe(method: str, status: int, seconds: float) -> None:
        _counters[HTTP_REQUESTS].labels(service, method, str(status)).inc()
        _histograms[HTTP_SECONDS].labels(service, method).observe(seconds)

    return observe


def exposition(states: States) -> tuple[bytes, str]:
    """The text format and its content type."""
    registry = CollectorRegistry()
    if ValueClass is MutexValue:
        registry.register(_registry)
    else:
        _Shared(registry)
    registry.register(_States(states))
    return generate_latest(registry), CONTENT_TYPE_LATEST


def serve(host: str, port: int, states: States) -> None:
    """Show the same at a port of its own, in a thread. Raises OSError where the port cannot be listened on."""
    registry = CollectorRegistry()
    registry.register(_registry)
    registry.register(_States(states))
    start_wsgi_server(port, host, registry)


class _Shared(MultiProcessCollector):
    """The sum of all processes. A file that its process has only just opened is empty, and prometheus_client reads none
    such; files only grow."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(registry)  # type: ignore[no-untyped-call]  # registers itself

    def collect(self) -> Iterable[Metric]:
        begun = [str(file) for file in Path(self._path).glob("*.db") if file.stat().st_size]
        return self.merge(begun)  # type: ignore[no-untyped-call, no-any-return]


class _States(Collector):
    """The gauges that are asked of the databases; a service whose database is away has no sample."""

    def __init__(self, states: States) -> None:
        self._states = states

    def collect(self) -> Iterable[GaugeMetricFamily]:
        labels = {name: ("service", *LABELS.get(name, ())) for name in _GAUGES}
        gauges = {name: GaugeMetricFamily(name, MEANINGS[name], labels=labels[name]) for name in _GAUGES}
        for service, state in self._states.items():
            try:
                for name, told in state().items():
                    for more, value in [({}, told)] if isinstance(told, int | float) else told:
                        gauges[name].add_metric([{"service": service, **more}[label] for label in labels[name]], value)
            except Busy:
                continue
        return gauges.values()
