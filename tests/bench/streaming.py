"""200 streams of events from one server: what they hold, how late they hear, what a delivery costs; and slow readers.

The readers are a process of their own, so that what is measured is the server. Half of them read nothing at first,
until far more has happened than is held for them, then everything.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import grpc

from bench.figures import Figure, percentile, proportional_memory
from carethread.v1 import events_pb2, events_pb2_grpc, fhir_pb2, fhir_pb2_grpc
from support import run
from support.processes import CareThread, carethread

STREAMS = 200
EVENTS = 300
PER_SECOND = 20
_MIB = 1024 * 1024
_TICKS = os.sysconf("SC_CLK_TCK")
_BODY = {
    "resourceType": "Patient",
    "active": True,
    "name": [{"family": "Made-up", "given": ["Person", "of a benchmark"]}],
    "address": [{"line": ["a line of an address that makes the resource larger than most are"] * 180}],
}


def measure() -> list[Figure]:
    """One server of all services on SQLite; patients are created one after another."""
    with carethread("up") as server:
        rpc = _rpc_process(server)
        with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
            grpc.channel_ready_future(channel).result(30)
        time.sleep(2)  # its other threads have begun
        alone = proportional_memory(rpc)
        report = run.folder("streaming") / "readers.json"
        readers = subprocess.Popen(
            [sys.executable, "-m", "bench.streaming", f"127.0.0.1:{server.grpc_port}", str(report)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )
        try:
            assert readers.stdout is not None
            readers.stdout.readline()  # all are there
            before = _cpu(rpc)
            most = _write(server, rpc)
            readers.wait(120)
        finally:
            readers.kill()
            readers.wait()
        spent = _cpu(rpc) - before
        seen: dict[str, Any] = json.loads(report.read_text())
    deliveries = STREAMS * EVENTS
    complete = "all complete" if seen["complete"] == STREAMS else f"{seen['complete']} complete"
    late = seen["late"]
    return [
        Figure(
            f"memory of the process with {STREAMS} streams",
            "< 300 MB",
            f"{most / 1e6:.0f} MB, {alone / 1e6:.0f} MB without streams",
            "PSS at its highest, half of the streams unread",
        ),
        Figure(
            "an event from commit to a stream that is read",
            "",
            f"p50 {percentile(late, 0.5) * 1000:.0f} ms, p99 {percentile(late, 0.99) * 1000:.0f} ms",
            f"{PER_SECOND} events/s to {STREAMS // 2} streams",
        ),
        Figure(
            "a delivery's cost at the server",
            "",
            f"{spent / deliveries * 1e6:.0f} µs of CPU",
            f"{deliveries} deliveries, {complete}; creates and relay included",
        ),
    ]


def _write(server: CareThread, rpc: int) -> int:
    """Create the patients at a steady pace; returns the most memory seen on the way."""
    most = 0
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        stub: Any = fhir_pb2_grpc.FhirServiceStub(channel)
        request = fhir_pb2.CreateRequest(type="Patient", json=json.dumps(_BODY).encode())
        began = time.monotonic()
        for number in range(EVENTS):
            stub.Create(request, timeout=30)
            time.sleep(max(0.0, began + (number + 1) / PER_SECOND - time.monotonic()))
            if number % 50 == 49:
                most = max(most, proportional_memory(rpc))
    time.sleep(1)
    return max(most, proportional_memory(rpc))


def _rpc_process(server: CareThread) -> int:
    """The process beside HTTP, which serves gRPC."""
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
    return next(int(pid) for pid in children if b"up-worker" in Path(f"/proc/{pid}/cmdline").read_bytes())


def _cpu(pid: int) -> float:
    """CPU seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


async def _read_all(target: str, report: Path) -> None:
    """The readers' process: every second stream is read only when those beside it are at the end."""
    finished = asyncio.Event()
    late: list[float] = []
    async with grpc.aio.insecure_channel(target) as channel:
        stub: Any = events_pb2_grpc.EventServiceStub(channel)
        request = events_pb2.SubscribeRequest(services=["records"], types=["Patient"])
        streams = [stub.Subscribe(request) for _ in range(STREAMS)]
        for stream in streams:
            await stream.read()
        print("ready", flush=True)

        async def read(stream: Any, patient: bool) -> bool:
            if not patient:
                await finished.wait()
            numbers: list[int] = []
            while len(numbers) < EVENTS:
                message = await stream.read()
                now = time.time()
                for event in message.events:
                    numbers.append(event.sequence)
                    if patient:
                        late.append(now - event.time_micros / 1e6)
            finished.set()
            return numbers == list(range(numbers[0], numbers[0] + EVENTS))

        complete = await asyncio.gather(*(read(stream, n % 2 == 0) for n, stream in enumerate(streams)))
    report.write_text(json.dumps({"complete": sum(complete), "late": late}))


def main(arguments: Sequence[str]) -> None:
    asyncio.run(_read_all(arguments[0], Path(arguments[1])))


if __name__ == "__main__":
    main(sys.argv[1:])
