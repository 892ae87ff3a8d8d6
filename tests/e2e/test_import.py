"""What an EHR sends, imported through the command line into running services."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from support.processes import CareThread, carethread

_ROOT = Path(__file__).parents[2]
_SYNTHEA = _ROOT.parent / "shared" / "data" / "synthea"
_FILES = sorted(_SYNTHEA.glob("*.json.gz"))

pytestmark = [
    pytest.mark.skipif(not _FILES, reason="the Synthea Bundles are not at ../shared/data/synthea"),
    pytest.mark.timeout(300),
]


@pytest.fixture
def server() -> Iterator[CareThread]:
    with carethread("up") as process:
        yield process


def _command(server: CareThread, state: Path, *arguments: str | Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "carethread", "import", "--base", server.fhir.base, "--json", *map(str, arguments)],
        cwd=state,
        env={**os.environ, "PYTHONPATH": str(_ROOT / "services")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _import(server: CareThread, state: Path, *arguments: str | Path) -> dict[str, Any]:
    process = _command(server, state, *arguments)
    out, err = process.communicate(timeout=240)
    refused = state / "carethread-import" / "refused.ndjson"
    assert process.returncode == 0, err[-2000:] + (refused.read_text()[:2000] if refused.exists() else "")
    summary: dict[str, Any] = json.loads(out)
    return summary


@cache
def _sent(path: Path) -> Counter[str]:
    with gzip.open(path) as stream:
        return Counter(entry["resource"]["resourceType"] for entry in json.load(stream)["entry"])


def _expected(paths: list[Path]) -> Counter[str]:
    return sum(map(_sent, paths), Counter())


def _count(server: CareThread, type_name: str) -> int:
    total = server.fhir.get(f"{type_name}?_summary=count").json["total"]
    assert isinstance(total, int)
    return total


def _stored(server: CareThread, type_name: str) -> Iterator[dict[str, Any]]:
    """All resources of a type, page by page."""
    path: str | None = f"{type_name}?_count=500"
    while path:
        page = server.fhir.get(path).json
        yield from (entry["resource"] for entry in page.get("entry", []))
        following = next((link["url"] for link in page["link"] if link["relation"] == "next"), None)
        path = following.partition("/fhir/")[2] if following else None


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("reference"), str):
            yield value["reference"]
        for child in value.values():
            yield from _references(child)
    elif isinstance(value, list):
        for child in value:
            yield from _references(child)


def test_every_bundle_imports_whole_and_twice_changes_nothing(server, tmp_path):
    expected = _expected(_FILES)
    summary = _import(server, tmp_path, _SYNTHEA)
    assert {name: outcomes["created"] for name, outcomes in summary["types"].items()} == expected
    assert (summary["refusals"], summary["warnings"]) == (0, 0)
    assert summary["peak_memory"] < 300e6
    assert {name: _count(server, name) for name in expected} == expected
    assert _import(server, tmp_path, _SYNTHEA)["files"]["skipped"] == len(_FILES)
    assert _import(server, tmp_path, "--again", _SYNTHEA)["outcomes"]["unchanged"] == expected.total()
    assert {name: _count(server, name) for name in expected} == expected


def test_references_lead_to_what_was_imported(server, tmp_path):
    _import(server, tmp_path, *_FILES[:4])
    encounters = list(_stored(server, "Encounter"))
    references = {reference for encounter in encounters for reference in _references(encounter)}
    assert {reference.partition("/")[0] for reference in references} >= {"Patient", "Practitioner", "Location"}
    for reference in references:
        assert server.fhir.get(reference).status == 200, reference


def test_killed_half_way_and_run_again_it_completes(server, tmp_path):
    files = _FILES[:2] + _FILES[-7:-1]
    expected = _expected(files)
    for part in (0.2, 0.5, 0.8):
        running = _command(server, tmp_path, *files)
        deadline = time.monotonic() + 120
        while running.poll() is None and _count(server, "Observation") < part * expected["Observation"]:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        running.send_signal(signal.SIGKILL)
        running.communicate(timeout=10)
    _import(server, tmp_path, *files)
    for name in expected:
        stored = list(_stored(server, name))
        assert len(stored) == len({resource["id"] for resource in stored}) == expected[name], name
        assert {resource["meta"]["versionId"] for resource in stored} == {"1"}, name
