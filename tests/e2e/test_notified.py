"""Departments that are told of what is booked over REST: by webhook, websocket and gRPC stream, by `carethread up`."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import grpc
import pytest
from websockets.sync.client import connect

from carethread.core.webhooks.signature import SIGNATURE, TIMESTAMP, key, signed
from carethread.v1 import events_pb2, events_pb2_grpc
from support.processes import SOURCES, CareThread, carethread
from support.receiver import Receiver, receiver
from support.servers import until
from support.subscribers import IG, subscription, told


@pytest.fixture(scope="module")
def practice() -> Iterator[CareThread]:
    env = {
        "CARETHREAD_WEBHOOK_HTTP": "true",
        "CARETHREAD_WEBHOOK_NETWORKS": "127.0.0.0/8",
        "CARETHREAD_WEBHOOK_SECRETS": "made-up",
    }
    with carethread("up", env=env) as server:
        yield server


def book(practice: CareThread, id_: str) -> None:
    appointment = {
        "resourceType": "Appointment",
        "id": id_,
        "status": "booked",
        "start": "2027-03-01T09:00:00Z",
        "end": "2027-03-01T09:20:00Z",
        "participant": [{"actor": {"display": "Front desk"}, "status": "accepted"}],
    }
    assert practice.fhir.put(f"Appointment/{id_}", appointment).status in (200, 201)


def test_by_webhook(practice) -> None:
    with receiver() as department:
        sent = subscription("hook", f"{department.url}/in", content="full-resource")
        assert practice.fhir.put("Subscription/hook", sent).status == 201
        until(
            lambda: practice.fhir.get("Subscription/hook").json["status"] == "active",
            seconds=20,
            what="active",
            details=practice.output,
        )
        book(practice, "hooked-1")
        book(practice, "hooked-2")
        until(lambda: all_numbers(department) == [1, 2], seconds=20, what="told", details=practice.output)
        first = department.got[1]
        stamp = int(first.headers[TIMESTAMP])
        assert first.headers[SIGNATURE] == signed([key("made-up", "hook")], stamp, first.body)[SIGNATURE]
        assert json.loads(first.body)["entry"][1]["resource"]["id"] == "hooked-1"


def all_numbers(department: Receiver) -> list[int]:
    return [number for got in list(department.got) for number in told(got.body)[1]]


def test_by_websocket(practice) -> None:
    sent = subscription("socket", "", channel="websocket", content="id-only")
    assert practice.fhir.put("Subscription/socket", sent).status == 201
    book(practice, "socketed-1")
    binding = practice.fhir.get("Subscription/socket/$get-ws-binding-token").json
    said = {each["name"]: each for each in binding["parameter"]}
    url, token = said["websocket-url"]["valueUrl"], said["token"]["valueString"]
    assert url == f"ws://127.0.0.1:{practice.ws_port}"
    with connect(url) as client:
        client.send(f"bind-with-token {token}")
        assert told(client.recv(10))[0] == "handshake"
        assert told(client.recv(10)) == ("event-notification", [1], "active")
        book(practice, "socketed-2")
        assert told(client.recv(10)) == ("event-notification", [2], "active")
    book(practice, "socketed-3")
    with connect(url) as client:
        client.send(f"bind-with-token {token}")
        with pytest.raises(Exception, match="used"):
            client.recv(10)
    binding = practice.fhir.get("Subscription/socket/$get-ws-binding-token").json
    (token,) = [each["valueString"] for each in binding["parameter"] if each["name"] == "token"]
    with connect(url) as client:
        client.send(f"bind-with-token {token}")
        assert told(client.recv(10))[0] == "handshake"
        kind, numbers, _ = told(client.recv(10))
        assert kind == "event-notification" and numbers in ([3], [2, 3]), (
            "what came meanwhile, perhaps with what was not acknowledged"
        )


def test_by_grpc_stream(practice) -> None:
    sent = subscription("streamed", "", content="id-only")
    coding = {"system": "https://carethread.dev/fhir/CodeSystem/subscription-channel", "code": "grpc-stream"}
    custom = {"url": f"{IG}/backport-channel-type", "valueCoding": coding}
    sent["channel"]["_type"] = {"extension": [custom]}
    assert practice.fhir.put("Subscription/streamed", sent).status == 201
    book(practice, "streamed-1")
    assert read(practice, 2) == [("handshake", [], "requested"), ("event-notification", [1], "active")]
    book(practice, "streamed-2")
    again = read(practice, 2)
    assert again == [("handshake", [], "active"), ("event-notification", [2], "active")], "what came meanwhile"


def read(practice: CareThread, count: int) -> list[tuple[str, list[int], str]]:
    """So many notifications, each acknowledged."""
    said: queue.Queue[events_pb2.NotificationsRequest | None] = queue.Queue()
    said.put(events_pb2.NotificationsRequest(subscription="streamed"))
    found = []
    with grpc.insecure_channel(f"127.0.0.1:{practice.grpc_port}") as channel:
        stream = events_pb2_grpc.EventServiceStub(channel).Notifications(iter(said.get, None), timeout=30)
        for message in stream:
            found.append(told(message.json))
            said.put(events_pb2.NotificationsRequest(acknowledge=message.number))
            if len(found) == count:
                said.put(None)
                list(stream)
    return found


def prove(practice: CareThread, *options: str) -> subprocess.CompletedProcess[str]:
    env = {"PYTHONPATH": str(SOURCES), "CARETHREAD_DATA": str(practice.data)}
    command = [sys.executable, "-m", "carethread", "events", "prove", *options]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False)


def test_proved(practice) -> None:
    """Everything that the tests above have seen was committed, published, delivered and acknowledged; then nobody
    takes it."""
    begin = datetime.now(UTC).isoformat()
    with receiver() as department:
        sent = subscription("proved", f"{department.url}/in")
        assert practice.fhir.put("Subscription/proved", sent).status == 201
        book(practice, "proved-1")
        until(lambda: len(department.got) >= 2, seconds=20, what="told", details=practice.output)
        until(
            lambda: "1 acknowledged" in prove(practice, "--from", begin, "--to", later()).stdout,
            seconds=30,
            what="settled",
            details=lambda: str(prove(practice, "--from", begin, "--to", later())),
        )
        done = prove(practice, "--from", begin, "--to", datetime.now(UTC).isoformat())
        assert "subscription proved (active): 1 matched, 1 acknowledged, 0 pending" in done.stdout, done
        department.behave[""] = "500"
        book(practice, "proved-2")
        until(lambda: len(department.got) >= 3, seconds=20, what="tried", details=practice.output)
    done = prove(practice, "--from", begin, "--to", later())
    assert done.returncode == 1
    (gap,) = [line for line in done.stdout.splitlines() if line.startswith("GAP  subscription proved")]
    assert "pending: Appointment/proved-2/_history/1 of" in gap and "number 2" in gap


def later() -> str:
    return (datetime.now(UTC) + timedelta(seconds=5)).isoformat()


def test_a_period_that_is_none(practice) -> None:
    assert prove(practice, "--from", "yesterday").returncode == 2
    assert prove(practice, "--from", "2026-01-02T00:00:00Z", "--to", "2026-01-01T00:00:00Z").returncode == 2
