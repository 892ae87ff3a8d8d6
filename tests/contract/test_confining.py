"""Where the kernel has no Landlock, SQL runs all the same, and who looks after the installation is told."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from carethread.adapters.analytics import process
from carethread.adapters.analytics.bounds import Bounds
from carethread.adapters.analytics.confining import has_landlock
from carethread.adapters.analytics.talking import Query, packed
from carethread.composition import observing
from carethread.core.metric_names import QUERIES_CONFINED
from carethread.metrics import SERVICE
from support.stores import open_store, runtime

WITHOUT = """
import pathlib, sys
from carethread.adapters.analytics import confining
confining._version = lambda: 0
said = confining.confine(1 << 30)
file = pathlib.Path(sys.argv[1])
try:
    file.write_bytes(b"other")
except OSError:
    print(said, file.read_bytes())
"""


def test_without_landlock_nothing_is_written_and_a_process_says_that_files_could_be_emptied(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"whole")
    asked = subprocess.run([sys.executable, "-c", WITHOUT, tmp_path / "file"], capture_output=True, text=True)
    assert asked.stdout == "False b''\n", asked.stderr


@pytest.mark.parametrize("is_confined", [True, False])
def test_what_a_process_says_of_itself_is_logged_once(
    is_confined: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def read(self: Any, size: int, until: float) -> bytes:
        begins, found = bool(self._hello), real(self, size, until)
        return packed(is_confined) if begins else found

    real = process.Child._read
    monkeypatch.setattr(process.Child, "_read", read)
    children = process.Children(Bounds())
    for _ in range(2):
        children.ask(None, Query("check", "SELECT 1", {}, seconds=30))
        children.close()
    told = [each.message for each in caplog.records]
    assert told == ([] if is_confined else ["queries_not_confined"])


def test_prometheus_reads_whether_queries_are_confined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store(f"sqlite:///{tmp_path}/metrics.db", "metrics")
    made = runtime(store, SERVICE)
    assert observing._of_its_own(made)[QUERIES_CONFINED] == float(has_landlock())
    monkeypatch.setattr(observing, "has_landlock", lambda: False)
    assert observing._of_its_own(made)[QUERIES_CONFINED] == 0
    store.close()
