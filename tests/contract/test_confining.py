"""Where the kernel has no Landlock, SQL runs all the same, and who looks after the installation is told."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from carethread.adapters.analytics.confining import has_landlock
from carethread.composition import observing
from carethread.core.metric_names import QUERIES_CONFINED
from carethread.metrics import SERVICE
from support.stores import open_store, runtime

WITHOUT = """
import pathlib, sys
from carethread.adapters.analytics import confining
confining._version = lambda: 0
confining.confine(1 << 30)
file = pathlib.Path(sys.argv[1])
try:
    file.write_bytes(b"other")
except OSError:
    print(file.read_bytes())
"""


def test_without_landlock_nothing_is_written_but_files_can_be_emptied(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"whole")
    asked = subprocess.run([sys.executable, "-c", WITHOUT, tmp_path / "file"], capture_output=True, text=True)
    assert asked.stdout == "b''\n", asked.stderr


def test_prometheus_reads_whether_queries_are_confined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store(f"sqlite:///{tmp_path}/metrics.db", "metrics")
    made = runtime(store, SERVICE)
    assert observing._of_its_own(made)[QUERIES_CONFINED] == float(has_landlock())
    monkeypatch.setattr(observing, "has_landlock", lambda: False)
    assert observing._of_its_own(made)[QUERIES_CONFINED] == 0
    store.close()
