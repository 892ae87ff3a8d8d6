"""`carethread facts` on an embedded installation: what is said, what is refused, and the same facts after a rebuild."""

from __future__ import annotations

import errno
import os
import threading
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from carethread.adapters.sql.events.bus import EmbeddedPublisher
from carethread.cli import cli
from carethread.composition import facts as composition_facts
from carethread.composition.analysing import Late
from carethread.composition.facts import publish_loop
from carethread.composition.parts import migrate, runtimes
from carethread.core.events import Event
from carethread.core.fhir import json
from carethread.core.settings import Settings
from carethread.metrics.facts import running
from carethread.metrics.facts.tidying import Tidier
from support.facts_made import person, visit

VISITS = [visit(f"v{number}", "fulfilled", ["Patient/p"]) for number in range(3)]


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of an installation whose metrics has not begun, and a log that tells of three visits."""
    monkeypatch.setenv("CARETHREAD_DATA", str(tmp_path))
    migrate(Settings(data=tmp_path), ["metrics"])
    sender = EmbeddedPublisher(tmp_path / "bus.db")
    sender.fence("scheduling", 1)
    sender.send([
        Event(f"e{number}", "scheduling", "created", "Appointment", each["id"], 1, 1_700_000_000_000_000, "k",
              json.render(each), number + 1)
        for number, each in enumerate(VISITS)
    ])  # fmt: skip
    sender.close()
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["facts", *arguments])


def manifest(*files: str, **more: str) -> bytes:
    """What an export's folder tells of itself."""
    told = {"transactionTime": "2026-01-01T00:00:00Z", "output": [{"type": "Patient", "file": name} for name in files]}
    return json.render({**told, **more})


def counted(data: Path, table: str) -> int:
    with Late(Settings(data=data)).look() as facts:
        count: int = facts.query(f"SELECT count(*) FROM {table}").rows[0][0]
    return count


def test_a_manifest_that_cannot_be_read_is_told(data: Path) -> None:
    (data / "metrics-facts").mkdir()
    (data / "metrics-facts" / "manifest.json").write_bytes(b'{"format": 1')
    said = run("status")
    assert (said.exit_code, said.output) == (1, "Error: The manifest of the facts cannot be read: JSONDecodeError.\n")


def test_a_full_disk_is_told(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(composition_facts, "rebuild_facts", full)
    said = run("rebuild")
    assert said.exit_code == 1
    assert said.output == f"Error: No space left on device: {data / 'metrics-facts'}. What stood stands.\n"


def test_files_stay_longer_than_any_answer_takes(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 2,000 seconds, which is how long one may take that nobody waits for."""
    settings = Settings(data=data, facts_seconds=200)
    tidiers: list[Tidier] = []
    monkeypatch.setattr(running, "run", lambda _, tidier, *__: tidiers.append(tidier))
    publish_loop(settings, runtimes(settings, ["metrics"])["metrics"], threading.Event())
    (left := settings.facts_folder / "visits" / "left.parquet").parent.mkdir(parents=True)
    left.touch()
    for seconds, swept in ((2_200, 0), (2_400, 1)):
        os.utime(left, times=(time.time() - seconds,) * 2)
        assert tidiers[0].sweep() == swept


def test_what_the_log_tells_is_rebuilt_and_said(data: Path) -> None:
    before = run("status")
    assert before.exit_code == 1
    assert "No facts are published" in before.output
    done = run("rebuild", "--processes", "1")
    assert done.exit_code == 0, done.output
    assert done.output == "Rebuilt the facts of 3 resources.\n"
    assert counted(data, "appointments") == 3
    said = run("status").output
    assert "scheduling Appointment: through event 3\n" in said
    assert "appointments: 3 rows, 0 later ones in 0 files\n" in said


def test_an_export_takes_the_place_of_what_was_there(data: Path, tmp_path: Path) -> None:
    assert run("rebuild", "--processes", "1").exit_code == 0
    folder = tmp_path / "export"
    folder.mkdir()
    (folder / "Patient.ndjson").write_bytes(json.render(person("p")) + b"\n")
    (folder / "error-OperationOutcome.ndjson").write_bytes(b'{"resourceType":"OperationOutcome"}\n')
    (folder / "manifest.json").write_bytes(manifest("Patient.ndjson", request="https://care.example/fhir/$export"))
    done = run("rebuild", "--export", str(folder), "--processes", "1")
    assert done.output == "Rebuilt the facts of 1 resources.\n"
    assert "Whole up to 2026-01-01T00:00:00.000Z" in run("status").output
    assert (counted(data, "patients"), counted(data, "appointments")) == (1, 0)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--export", "{folder}/odd"], "--since says it"),
        (["--since", "2026-01-01T00:00:00Z"], "belongs to --export"),
        (["--export", "{folder}", "--since", "2026-01-01T00:00:00Z"], "no *.ndjson files"),
        (["--export", "{folder}/part"], "asked for with _type"),
        (["--export", "{folder}/odd", "--since", "2026-01-01"], "no instant with a zone"),
        (["--export", "{folder}/odd", "--since", "2026-01-01T00:00:00Z"], "odd.ndjson, line 1"),
        (["--processes", "0"], "processes"),
    ],
)
def test_what_cannot_be_rebuilt_is_refused(data: Path, tmp_path: Path, more: list[str], told: str) -> None:
    folder = tmp_path / "export"
    (folder / "odd").mkdir(parents=True)
    (folder / "odd" / "odd.ndjson").write_bytes(b"{}\n")
    (folder / "part").mkdir()
    (folder / "part" / "manifest.json").write_bytes(manifest(request="https://care.example/fhir/$export?_type=Patient"))
    done = run("rebuild", *[each.format(folder=folder) for each in more])
    assert done.exit_code != 0
    assert told in done.output
    assert not (data / "metrics-facts" / "manifest.json").exists()
