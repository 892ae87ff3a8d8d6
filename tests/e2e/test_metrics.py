"""What Prometheus sees: all processes of a start in one answer, and nobody's name in it."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import pytest
import urllib3

from carethread.core.metric_names import (
    CONSUMER_EVENTS,
    CONSUMER_LAG,
    HAND_OFFS_WAITING,
    HTTP_REQUESTS,
    LABELS,
    MEASURE_VALUE,
    OUTBOX_UNSENT,
    RELAY_LAG,
    RELAY_SENT,
)
from carethread.core.settings import GATEWAY, INBOUND, SERVICES
from support.processes import CareThread, carethread
from support.servers import free_port, until
from support.visits import appointment, create, moment, patient, schedule, slot

_SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')

Samples = dict[str, dict[tuple[tuple[str, str], ...], float]]


def scrape(server: CareThread) -> Samples:
    """Values by name and labels."""
    answer = urllib3.request("GET", f"{server.url}/metrics", timeout=5.0, retries=False)
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/plain")
    samples: Samples = defaultdict(dict)
    for name, labels, value in _SAMPLE.findall(answer.data.decode()):
        samples[name][tuple(_LABEL.findall(labels))] = float(value)
    return samples


def of(samples: Samples, name: str, service: str) -> float:
    return sum(value for labels, value in samples[name].items() if ("service", service) in labels)


def folders(server: CareThread) -> set[Path]:
    """The metrics folders that the server's processes have files in."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"\0CARETHREAD_DATA={server.data}\0" not in "\0" + (process / "environ").read_text():
                continue
            lines = (process / "maps").read_text().splitlines()
        except (OSError, UnicodeDecodeError):
            continue
        found |= {Path(line.split(maxsplit=5)[5]).parent for line in lines if "carethread-metrics-" in line}
    return found


def test_the_workers_counters_are_seen_over_http():
    with carethread("up") as server:
        free = slot(server.fhir, schedule(server.fhir), moment("2031-01-06"))
        visit = create(server.fhir, appointment(free, "Patient/a"))
        create(server.fhir, patient("1"))

        def arrived() -> bool:
            seen = scrape(server)
            sent = of(seen, RELAY_SENT, "scheduling") and of(seen, RELAY_SENT, "records")
            return bool(sent and of(seen, CONSUMER_EVENTS, "metrics"))

        until(arrived, seconds=30, what="relay and consumer are seen", details=lambda: str(dict(scrape(server))))
        seen = scrape(server)
        assert of(seen, f"{RELAY_LAG}_count", "scheduling") >= 1
        assert of(seen, f"{CONSUMER_LAG}_count", "metrics") >= 1
        assert 0 < of(seen, f"{CONSUMER_LAG}_sum", "metrics") < 60
        assert of(seen, HTTP_REQUESTS, "gateway") >= 4
        assert set(seen[OUTBOX_UNSENT]) == {(("service", name),) for name in (*SERVICES, INBOUND)}
        assert seen[HAND_OFFS_WAITING] == {(("service", "careteams"),): 0}
        until(lambda: not any(scrape(server)[OUTBOX_UNSENT].values()), seconds=30, what="every event is marked as sent")

        labels = {label for values in seen.values() for each in values for label in each}
        assert {name for name, _ in labels} - set(LABELS[MEASURE_VALUE]) == {"service", "method", "status", "le"}
        assert {value for name, value in labels if name == "service"} == {*SERVICES, GATEWAY, INBOUND}
        assert visit["id"] not in str(labels)

        kept = folders(server)
        assert len(kept) == Path("/proc/self/maps").exists(), "one for all processes; only Linux tells"
        for folder in kept:
            (folder / "counter_0.db").touch()
        assert scrape(server)[HTTP_REQUESTS], "a process that has only just opened its file does not matter"
    assert not any(folder.exists() for folder in kept)


def test_a_process_alone_counts_without_a_folder():
    with carethread("serve", "records", "--role", "http") as server:
        create(server.fhir, patient("1"))
        seen = scrape(server)
        assert seen[HTTP_REQUESTS] == {(("method", "POST"), ("service", "records"), ("status", "201")): 1.0}
        assert seen[OUTBOX_UNSENT] == {(("service", "records"),): 1.0}, "nobody relays"


@pytest.mark.parametrize("role", [(), ("--role", "http")])
def test_the_gateway_has_metrics_of_itself_and_of_what_comes_in(role):
    with carethread("serve", "gateway", *role) as server:
        assert server.fhir.get("metadata").status == 200
        seen = scrape(server)
        assert of(seen, HTTP_REQUESTS, "gateway") == 1
        assert seen[OUTBOX_UNSENT] == {(("service", INBOUND),): 0.0}


def test_a_role_without_http_shows_its_metrics_at_a_port_of_its_own() -> None:
    port = free_port()
    with carethread("serve", "records", "--role", "rpc", env={"CARETHREAD_METRICS_PORT": str(port)}, ready="grpc"):
        answer = urllib3.request("GET", f"http://127.0.0.1:{port}/metrics", timeout=5.0, retries=False)
    assert answer.status == 200
    assert b'carethread_outbox_unsent_events{service="records"} 0' in answer.data
