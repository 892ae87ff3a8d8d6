"""The folder of an export: gzipped or not, with errors, cut short, of changes only."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from carethread.core.errors import Malformed
from carethread.core.fhir import json
from carethread.metrics.facts.folder import Export, export_in
from carethread.metrics.facts.sources import exported
from support.facts_made import person, visit

PEOPLE = [person(f"p{number}") for number in range(3)]
TEXT = b"".join(json.render(each) + b"\n" for each in PEOPLE)
OUTCOME = b'{"resourceType":"OperationOutcome","issue":[]}\n'


def told(folder: Path, *files: dict[str, Any], **more: Any) -> Path:
    """A folder with a manifest."""
    manifest = {"transactionTime": "2026-01-01T00:00:00Z", "request": "https://care.example/fhir/$export"}
    (folder / "manifest.json").write_bytes(json.render({**manifest, "output": list(files), **more}))
    return folder


def ids(folder: Path) -> list[str]:
    return [id_ for _, id_, _, _ in exported(export_in(folder), ["Patient"])]


@pytest.mark.parametrize("name", ["Patient.ndjson", "Patient.ndjson.gz", "packed.ndjson"])
@pytest.mark.parametrize("has_manifest", [True, False])
def test_files_are_read_whether_gzipped_or_not(tmp_path: Path, name: str, has_manifest: bool) -> None:
    (tmp_path / name).write_bytes(TEXT if name == "Patient.ndjson" else gzip.compress(TEXT))
    (tmp_path / "error-OperationOutcome-00001.ndjson").write_bytes(OUTCOME)
    (tmp_path / "Appointment.ndjson").write_bytes(json.render(visit("a")))
    (tmp_path / "Odd.ndjson").write_bytes(OUTCOME)
    if has_manifest:
        told(tmp_path, {"file": name, "count": 3}, {"file": "Appointment.ndjson"}, {"file": "Odd.ndjson"})
    assert ids(tmp_path) == ["p0", "p1", "p2"]
    assert export_in(tmp_path).moment == (1_767_225_600_000_000 if has_manifest else None)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (TEXT[:-20], "Patient.ndjson, line 3, is no resource"),
        (TEXT[: len(TEXT) // 3], "Patient.ndjson has 1 resources, and the export's manifest tells of 3"),
        (b"", "Patient.ndjson has 0 resources"),
        (gzip.compress(TEXT)[:-12], "gzip data of Patient.ndjson is cut short"),
        (gzip.compress(TEXT)[:14] + bytes(20), "gzip data of Patient.ndjson is cut short or damaged"),
    ],
    ids=["within a line", "between lines", "empty", "gzip", "damaged gzip"],
)
def test_a_file_that_is_cut_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "Patient.ndjson").write_bytes(content)
    with pytest.raises(Malformed, match=said):
        ids(told(tmp_path, {"file": "Patient.ndjson", "count": 3}))


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(Malformed, match=r"not there: Patient\.ndjson"):
        ids(told(tmp_path, {"file": "Patient.ndjson"}))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"deleted": [{"type": "Bundle", "file": "deleted-Bundle-00001.ndjson"}]}, "tells what was deleted"),
        ({"request": "https://care.example/fhir/$export?_since=2026-01-01T00:00:00Z"}, "export with _since"),
    ],
)
def test_an_export_of_what_changed_is_refused(tmp_path: Path, more: dict[str, Any], said: str) -> None:
    (tmp_path / "Patient.ndjson").write_bytes(TEXT)
    with pytest.raises(Malformed, match=said):
        export_in(told(tmp_path, {"file": "Patient.ndjson"}, **more))


def test_deletions_are_known_by_their_name_where_there_is_no_manifest(tmp_path: Path) -> None:
    (tmp_path / "Patient.ndjson").write_bytes(TEXT)
    (tmp_path / "deleted.ndjson").write_bytes(b'{"resourceType":"Bundle","type":"transaction"}\n')
    with pytest.raises(Malformed, match="tells what was deleted"):
        export_in(tmp_path)


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ("https://care.example/fhir/$export?_type=Patient,Slot", "asked for with _type;"),
        ("https://care.example/fhir/Patient/$export", "of patients only"),
        ("https://care.example/fhir/Group/g/$export?_outputFormat=ndjson", "of patients only"),
        ("https://care.example/fhir/$export?_outputFormat=ndjson", ""),
        ("", ""),
    ],
)
def test_who_wants_all_is_told_what_is_a_part(request_: str, said: str) -> None:
    export = Export((), moment=5, request=request_)
    if said:
        with pytest.raises(Malformed, match=said):
            export.of_all()
    else:
        assert (export.of_all(), export.of_all(7)) == (5, 7)


def test_somebody_has_to_tell_as_of_when_an_export_is() -> None:
    assert Export(()).of_all(7) == 7
    with pytest.raises(Malformed, match="--since says it"):
        Export(()).of_all()
