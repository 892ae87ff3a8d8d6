"""The consumers of docs/events.md do what the page says: Python, Java and Apache Camel, as they stand there."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from carethread.adapters.kafka import KafkaPublisher, KafkaSettings
from carethread.core.context import new_id
from support.event_workers import event
from support.maven import jars
from support.run import Unavailable
from support.servers import Process, until

PAGE = Path(__file__).parents[2] / "docs" / "events.md"
POM = Path(__file__).parents[1] / "support" / "event_programs" / "pom.xml"

pytestmark = [pytest.mark.servers, pytest.mark.timeout(180)]


def program(heading: str, language: str) -> str:
    """The first block of a language below a heading of the page."""
    below = PAGE.read_text(encoding="utf-8").partition(f"## {heading}\n")[2]
    found = re.search(rf"^```{language}\n(.*?)^```", below, re.MULTILINE | re.DOTALL)
    assert found, f"the page has no {language} below {heading}"
    return found[1]


@pytest.fixture
def appointments(kafka_bootstrap: str) -> Iterator[tuple[str, str]]:
    """A broker and a topic on which a booking, a no-show of long ago and two no-shows are, one of them twice."""
    settings = KafkaSettings(kafka_bootstrap, f"u{new_id()[-8:]}", partitions=1)
    booked, old, missed, again = (event(number) for number in range(1, 5))
    old, missed, again = (replace(e, verb="noshow") for e in (old, missed, again))
    publisher = KafkaPublisher(settings)
    publisher.fence("scheduling", 1)
    publisher.send([booked, replace(old, backfill=True), missed, missed, again])
    yield kafka_bootstrap, f"{settings.topic_prefix}.appointment.v1"
    publisher.close()


def check(source: str, command: list[str], file: Path, appointments: tuple[str, str]) -> str:
    """What the program says until it has told of the last no-show."""
    bootstrap, topic = appointments
    text = source.replace("127.0.0.1:9092", bootstrap).replace("carethread.appointment.v1", topic)
    file.write_text(re.sub(r"noshow-list[a-z-]*", f"noshows-{new_id()[-8:]}", text))
    process = Process(file.stem, command, lambda: True)
    process.start()
    try:
        last = "no-show: Appointment/a4/_history/1"
        until(lambda: last in process.output(), seconds=90, what="the last no-show", details=process.output)
        return process.output()
    finally:
        process.kill9()


def lines(output: str) -> list[str]:
    return [line for line in output.splitlines() if line.startswith("no-show")]


def test_python(appointments: tuple[str, str], tmp_path: Path) -> None:
    file = tmp_path / "noshows.py"
    source = program("In Python", "python").replace("noshows.db", str(tmp_path / "noshows.db"))
    said = check(source, [sys.executable, str(file)], file, appointments)
    assert lines(said) == [f"no-show: Appointment/a{n}/_history/1" for n in (3, 4)], "once each"


@pytest.mark.parametrize(
    ("heading", "name", "times"), [("In Java", "NoShows", 2), ("In Apache Camel", "NoShowRoute", 1)]
)
def test_java(appointments: tuple[str, str], tmp_path: Path, heading: str, name: str, times: int) -> None:
    java = shutil.which("java")
    if java is None:
        pytest.skip("no java")
    try:
        libraries = jars(POM)
    except Unavailable as reason:
        pytest.skip(str(reason))
    file = tmp_path / f"{name}.java"
    command = [java, "-Xmx256m", "-XX:TieredStopAtLevel=1", "-cp", f"{libraries}/*", str(file)]
    said = check(program(heading, "java"), command, file, appointments)
    first = ["no-show: Appointment/a3/_history/1"] * times
    assert lines(said) == [*first, "no-show: Appointment/a4/_history/1"], said
