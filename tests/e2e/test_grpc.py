"""gRPC from outside, on real processes: the documentation's examples, a server that is killed, TLS by settings."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
import uuid
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import json_format
from grpc_health.v1 import health_pb2
from sqlalchemy import create_engine, text

from carethread.v1 import (
    careteams_pb2,
    events_pb2,
    events_pb2_grpc,
    fhir_pb2,
    fhir_pb2_grpc,
    metrics_pb2,
    metrics_pb2_grpc,
    questionnaires_pb2,
    scheduling_pb2,
)
from support import run
from support.certificates import authority
from support.processes import CareThread, carethread
from support.servers import free_port, until

pytestmark = pytest.mark.timeout(180)

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "grpc.md").read_text()
DOCUMENTED = "127.0.0.1:8090"


@pytest.fixture(scope="module")
def server() -> Iterator[CareThread]:
    with carethread("up") as started:
        with grpc.insecure_channel(address(started)) as channel:
            grpc.channel_ready_future(channel).result(30)
        yield started


def address(server: CareThread) -> str:
    return f"127.0.0.1:{server.grpc_port}"


def counts(server: CareThread) -> bool:
    """Whether facts are published, so that metrics counts."""
    measure = metrics_pb2.MeasureChoice(id="no-show-rate")
    request = metrics_pb2.EvaluateRequest(measure=measure, period_start="2031-03", period_end="2031-03")
    with grpc.insecure_channel(address(server)) as channel:
        try:
            metrics_pb2_grpc.MetricsServiceStub(channel).Evaluate(request, timeout=30)
        except grpc.RpcError as error:
            assert error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.NOT_FOUND), error
            return False
    return True


def test_the_pages_examples_run(server):
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 8
    until(lambda: counts(server), seconds=60, what="facts")
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(blocks).replace(DOCUMENTED, address(server))],
        env={**os.environ, "PYTHONPATH": str(ROOT / "services")},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[0].startswith("WRITE_OUTCOME_CREATED Patient ")
    assert lines[1] == "2"
    assert lines[3].startswith("INVALID_ARGUMENT ['Patient.gender'] The code 'femal'")
    assert [line.split()[1] for line in lines[4:6]] == [
        "dev.carethread.patient.created",
        "dev.carethread.patient.updated",
    ]
    assert lines[6:9] == ["pending True", "booked 2", "False"]
    assert lines[9:13] == ["PractitionerRole/somebody", "accepted", "['offered', 'accepted']", "document"]
    assert lines[13:18] == ["in-progress phq-2|1.0.0", "True", "6 positive", "['Observation', 'Provenance']", "True"]
    assert lines[18:] == ["0", "0 [] no-show-rate", "['2031-03-03', '2031-03-10']"]


def test_the_pages_commands_name_calls_and_messages_that_there_are():
    """grpcurl is not there to be run: its JSON has to be that of the message."""
    messages = {
        "carethread.v1.FhirService/Search": fhir_pb2.SearchRequest,
        "carethread.v1.FhirService/Create": fhir_pb2.CreateRequest,
        "carethread.v1.EventService/Subscribe": events_pb2.SubscribeRequest,
        "carethread.v1.SchedulingService/FindSlots": scheduling_pb2.FindSlotsRequest,
        "carethread.v1.SchedulingService/WatchSlots": scheduling_pb2.WatchSlotsRequest,
        "carethread.v1.CareTeamService/WhoIsAccountable": careteams_pb2.WhoIsAccountableRequest,
        "carethread.v1.CareTeamService/Ledger": careteams_pb2.LedgerRequest,
        "carethread.v1.CareTeamService/AboutMe": careteams_pb2.AboutMeRequest,
        "carethread.v1.CareTeamService/Huddle": careteams_pb2.HuddleRequest,
        "carethread.v1.QuestionnaireService/Populate": questionnaires_pb2.PopulateRequest,
        "carethread.v1.QuestionnaireService/Score": questionnaires_pb2.ScoreRequest,
        "carethread.v1.QuestionnaireService/Assign": questionnaires_pb2.AssignRequest,
        "carethread.v1.MetricsService/Evaluate": metrics_pb2.EvaluateRequest,
        "carethread.v1.MetricsService/Series": metrics_pb2.SeriesRequest,
        "carethread.v1.MetricsService/Explain": metrics_pb2.ExplainRequest,
        "grpc.health.v1.Health/Check": health_pb2.HealthCheckRequest,
    }
    found = re.findall(rf"^grpcurl -plaintext -d '(.*)' {DOCUMENTED} (\S+)$", PAGE, re.MULTILINE)
    assert {call for _, call in found} == set(messages)
    for body, call in found:
        message = json_format.Parse(body, messages[call]())
        if isinstance(message, fhir_pb2.CreateRequest):
            assert message.json == b64decode("eyJyZXNvdXJjZVR5cGUiOiAiUGF0aWVudCJ9")


class Subscriber:
    """A client that comes back with its cursor whenever its stream ends."""

    def __init__(self, target: str) -> None:
        self.numbers: list[int] = []
        self.interruptions = 0
        self._cursor = {"records": 0}
        self._stop = threading.Event()
        self._stream: Any = None
        self._channel = grpc.insecure_channel(target, [("grpc.max_reconnect_backoff_ms", 500)])
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        stub: Any = events_pb2_grpc.EventServiceStub(self._channel)
        while not self._stop.is_set():
            request = events_pb2.SubscribeRequest(services=["records"], after=self._cursor)
            self._stream = stub.Subscribe(request, wait_for_ready=True)
            try:
                for message in self._stream:
                    for event in message.events:
                        self.numbers.append(event.sequence)
                        self._cursor["records"] = event.sequence
            except grpc.RpcError as error:
                assert error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED), error
                self.interruptions += not self._stop.is_set()

    def hears(self, count: int) -> None:
        until(lambda: len(self.numbers) >= count, seconds=40, what=f"{count} events")

    def is_interrupted(self, times: int) -> None:
        until(lambda: self.interruptions >= times, seconds=30, what="the stream interrupted")

    def stop(self) -> None:
        self._stop.set()
        self._stream.cancel()
        self._thread.join(10)
        self._channel.close()


def writes_while(server: CareThread, disturb: Callable[[], None], subscriber: Subscriber, *, times: int) -> int:
    """Write patients over REST while the gRPC process is disturbed; returns how many events there are then."""
    made = 0
    for _ in range(times):
        heard = len(subscriber.numbers)
        for _ in range(25):
            assert server.fhir.post("Patient", {"resourceType": "Patient", "active": True}).status == 201
            made += 1
        subscriber.hears(heard + 1)
        interrupted = subscriber.interruptions + 1
        disturb()
        subscriber.is_interrupted(interrupted)
    return made


def rpc_process(server: CareThread) -> int:
    """The process beside HTTP; it may just be starting again."""

    def found() -> list[int]:
        threads = Path(f"/proc/{server.pid}/task").iterdir()  # whichever of them has started it
        children = [int(pid) for thread in threads for pid in (thread / "children").read_text().split()]
        return [pid for pid in children if b"up-worker" in Path(f"/proc/{pid}/cmdline").read_bytes()]

    until(lambda: bool(found()), seconds=20, what="the process for gRPC")
    return found()[0]


def test_a_stream_outlives_kills_of_its_server(server):
    subscriber = Subscriber(address(server))
    subscriber.hears(1)

    def kill() -> None:
        os.kill(rpc_process(server), signal.SIGKILL)

    made = writes_while(server, kill, subscriber, times=2)
    subscriber.hears(made)
    time.sleep(0.5)
    subscriber.stop()
    assert subscriber.numbers == list(range(1, len(subscriber.numbers) + 1))


@pytest.mark.servers
def test_a_stream_outlives_kills_of_its_role_on_postgresql(postgres_database):
    ports = {"CARETHREAD_HTTP_PORT": str(free_port()), "CARETHREAD_GRPC_PORT": str(free_port())}
    env = {
        **ports,
        "CARETHREAD_DATABASE_URL": postgres_database,
        "CARETHREAD_DATA": str(run.folder("data")),
        "CARETHREAD_RECORDS_GRPC_TARGET": f"127.0.0.1:{ports['CARETHREAD_GRPC_PORT']}",
    }
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("CARETHREAD_")}
    subprocess.run(
        [sys.executable, "-m", "carethread", "migrate", "records", "gateway"],
        env={**inherited, "PYTHONPATH": str(ROOT / "services"), **env},
        check=True,
        capture_output=True,
        timeout=120,
    )
    with ExitStack() as stack:
        rpc = CareThread("serve", "records", "--role", "rpc", env=env, ready="grpc")
        stack.callback(rpc.stop)
        rpc.start()
        stack.enter_context(carethread("serve", "records", "--role", "worker", env=env, ready=""))
        http = stack.enter_context(carethread("serve", "records", "--role", "http", env=env))
        subscriber = Subscriber(address(rpc))

        def kill() -> None:
            rpc.kill9()
            rpc.start()

        made = writes_while(http, kill, subscriber, times=2)
        subscriber.hears(made)
        engine = create_engine(postgres_database)
        with engine.connect() as connection:
            count = connection.execute(text("SELECT count(*) FROM records.outbox")).scalar_one()
        engine.dispose()
        subscriber.hears(count)
        subscriber.stop()
        assert subscriber.numbers == list(range(1, count + 1))


def test_tls_by_settings(tmp_path):
    ours = authority(tmp_path)
    pair, client = ours.issue("server"), ours.issue("client")
    settings = {
        "CARETHREAD_GRPC_TLS_CERT": str(pair.cert),
        "CARETHREAD_GRPC_TLS_KEY": str(pair.key),
        "CARETHREAD_GRPC_TLS_CA": str(ours.ca),
        "CARETHREAD_GRPC_TLS_CLIENT_CA": str(ours.ca),
    }
    wrong = CareThread("up", env={**settings, "CARETHREAD_GRPC_TLS_KEY": str(client.key)}, ready="")
    wrong.start()
    until(lambda: not wrong.alive, seconds=20, what="the end of one that cannot start")
    assert "CARETHREAD_GRPC_TLS_KEY" in wrong.output()
    credentials = grpc.ssl_channel_credentials(ours.ca.read_bytes(), client.key.read_bytes(), client.cert.read_bytes())
    with carethread("up", env=settings) as server, grpc.secure_channel(address(server), credentials) as channel:
        fhir: Any = fhir_pb2_grpc.FhirServiceStub(channel)
        id_ = uuid.uuid4().hex
        body = b'{"resourceType":"Patient","id":"%s","name":[{"family":"Made"}]}' % id_.encode()
        request = fhir_pb2.UpdateRequest(type="Patient", id=id_, json=body)
        fhir.Update(request, timeout=30, wait_for_ready=True)
        appointment = {
            "resourceType": "Appointment",
            "status": "proposed",
            "participant": [{"actor": {"reference": f"Patient/{id_}"}, "status": "accepted"}],
        }
        assert server.fhir.post("Appointment", appointment).status == 201
        found = server.fhir.get("Appointment?patient.name=made")  # by a mirror that was filled over TLS
        until(
            lambda: server.fhir.get("Appointment?patient.name=made").json["total"] == 1, seconds=20, what="the mirror"
        )
        assert found.status == 200
        with grpc.insecure_channel(address(server)) as plain:
            stub: Any = fhir_pb2_grpc.FhirServiceStub(plain)
            with pytest.raises(grpc.RpcError) as caught:
                stub.Read(fhir_pb2.ReadRequest(type="Patient", id=id_), timeout=10)
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
