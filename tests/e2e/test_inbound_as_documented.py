"""The sender and the reader of docs/inbound.md do what the page says, with a real broker."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from carethread.core.context import new_id
from support.processes import carethread
from support.servers import Process, until

PAGE = (Path(__file__).parents[2] / "docs" / "inbound.md").read_text(encoding="utf-8")

pytestmark = [pytest.mark.servers, pytest.mark.timeout(180)]


def test_a_message_is_answered(kafka_bootstrap: str, tmp_path: Path) -> None:
    prefix = f"i{new_id()[-8:]}"
    env = {
        "CARETHREAD_KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap,
        "CARETHREAD_KAFKA_TOPIC_PREFIX": prefix,
        "CARETHREAD_KAFKA_PARTITIONS": "1",
    }
    sender, reader = (
        source.replace("127.0.0.1:9092", kafka_bootstrap).replace("carethread.in", f"{prefix}.in")
        for source in re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    )
    with carethread("up", env=env) as server:
        processes = []
        for name, source in (("sender", sender), ("reader", reader)):
            (tmp_path / f"{name}.py").write_text(source.replace("ward-engine", prefix))
            processes.append(Process(name, [sys.executable, str(tmp_path / f"{name}.py")], lambda: True))
        try:
            for process in processes:
                process.start()
            told = processes[1].output
            until(lambda: "adt-1002 dev.carethread.inbound" in told(), seconds=90, what="the answer", details=told)
        finally:
            for process in processes:
                process.kill9()
        assert server.fhir.get("Patient/ward-8").json["active"] is True
    (line,) = [line for line in told().splitlines() if line.startswith("adt-1002")]
    _, kind, answer = line.split(" ", 2)
    assert kind == re.findall(r"`adt-1002 (\S+)`", PAGE)[0]
    shown = json.loads(re.findall(r"^```json\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)[0])
    assert json.loads(answer) == shown
