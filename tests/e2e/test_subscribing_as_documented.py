"""The first steps of docs/subscriptions.md do what the page says: its receiver, its commands, its websocket client."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from carethread.core.webhooks.signature import key
from support.processes import CareThread, carethread
from support.servers import Process, free_port, until
from support.subscribers import subscription

PAGE = (Path(__file__).parents[2] / "docs" / "subscriptions.md").read_text(encoding="utf-8")
SETTINGS = re.search(r"^CARETHREAD_.* carethread up", PAGE, re.MULTILINE)

Rewritten = Callable[[str], str]


def block(heading: str, language: str, beginning: str = "") -> str:
    """The first block of a language below a heading that begins so."""
    below = re.split(rf"^##+ {heading}\n", PAGE, flags=re.MULTILINE)[1]
    found: list[str] = re.findall(rf"^```{language}\n(.*?)^```", below, re.MULTILINE | re.DOTALL)
    return next(text for text in found if text.startswith(beginning))


@pytest.fixture(scope="module")
def practice() -> Iterator[CareThread]:
    assert SETTINGS
    env = dict(setting.split("=") for setting in SETTINGS[0].split() if "=" in setting)
    with carethread("up", env=env) as server:
        yield server


@pytest.fixture
def here(practice: CareThread) -> Rewritten:
    """The page's text with the addresses of this test."""
    port = str(free_port())
    return lambda text: text.replace("http://127.0.0.1:8080/fhir", practice.fhir.base).replace("8099", port)


def program(here: Rewritten, source: str, file: Path, *arguments: str) -> Process:
    file.write_text(here(source))
    process = Process(file.stem, [sys.executable, str(file), *arguments], lambda: True)
    process.start()
    return process


def run(here: Rewritten, commands: str) -> None:
    subprocess.run(["bash", "-ec", here(commands).replace("curl ", "curl --silent --fail ")], timeout=30, check=True)


def names(parameters: dict[str, Any]) -> list[str]:
    return [each["name"] for each in parameters["parameter"]]


def test_a_receiver_is_told(practice: CareThread, here: Rewritten, tmp_path: Path) -> None:
    given = key("choose-a-long-one", "desk-visits")
    receiver = program(here, block("Try it on a laptop", "python"), tmp_path / "receiver.py", given)
    try:
        run(here, block("Try it on a laptop", "sh", "curl"))
        last = here("event-notification POST http://127.0.0.1:8080/fhir/Appointment/visit-1")
        until(lambda: last in receiver.output(), seconds=30, what="the booking", details=receiver.output)
        assert re.search(r"^handshake$", receiver.output(), re.MULTILINE)
    finally:
        receiver.kill9()
    shown = json.loads(block("Try it on a laptop", "json"))["entry"]
    told = practice.fhir.get("Subscription/desk-visits/$events").json["entry"]
    assert names(shown[0]["resource"]) == names(told[0]["resource"])
    assert [sorted(each) for each in shown] == [sorted(each) for each in told]
    assert told[1]["request"] == shown[1]["request"]
    report = practice.fhir.get("Subscription/desk-visits/$delivery-report?from=2020-01-01&to=2099-01-01").json
    assert names(json.loads(block("Operations", "json"))) == [name for name in names(report) if name != "gap"]


def test_a_websocket_is_told(practice: CareThread, here: Rewritten, tmp_path: Path) -> None:
    sent = subscription("desk-socket", "", channel="websocket", content="id-only")
    assert practice.fhir.put("Subscription/desk-socket", sent).status == 201
    client = program(here, block("Websockets", "python"), tmp_path / "client.py")
    try:
        run(here, block("Try it on a laptop", "sh", "curl").split("\n\n")[1].replace("visit-1", "visit-2"))
        last = f"POST {practice.fhir.base}/Appointment/visit-2"
        until(lambda: last in client.output(), seconds=30, what="the booking", details=client.output)
    finally:
        client.kill9()
