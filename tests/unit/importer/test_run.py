"""The whole run: exit codes, what is written where, and what is said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from carethread import importer
from carethread.importer import client as client_module
from carethread.importer.client import Away, Client

_BASE = "http://127.0.0.1:1/fhir"


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Client, "put_all", lambda _self, entries: server.put_all(entries))
    monkeypatch.setattr(Client, "search", lambda _self, type_name, query: server.search(type_name, query))


def test_all_imported(file, capsys, server):
    path = file("in/a.json", {"resourceType": "Patient", "id": "1"})
    assert importer.run([path.parent], _BASE, {}) == importer.IMPORTED
    out, err = capsys.readouterr()
    assert "Patient" in out
    assert "1 imported" in out
    assert "a.json imported: 1 resources" in err
    assert importer.run([path], _BASE, {}, quiet=True) == importer.IMPORTED
    assert capsys.readouterr() == ("", "")
    assert importer.run([path], _BASE, {}, as_json=True, again=True, quiet=True) == importer.IMPORTED
    summary = json.loads(capsys.readouterr().out)
    assert summary["types"] == {"Patient": {"unchanged": 1}}
    assert summary["peak_memory"] > 0
    assert list(server.versions.values()) == [1]
    assert sorted(each.name for each in importer.STATE.iterdir()) == ["journal.sqlite"]


def test_something_refused(file, capsys, server):
    server.refuse["Patient/1"] = "422 Unprocessable Content"
    assert importer.run([file("a.json", {"resourceType": "Patient", "id": "1"})], _BASE, {}) == importer.REFUSED
    assert "refused.ndjson" in capsys.readouterr().out
    (line,) = (importer.STATE / "refused.ndjson").read_text().splitlines()
    assert json.loads(line)["resource"] == "Patient/1"


def test_a_broken_file_is_said_even_when_quiet(file, capsys, tmp_path):
    assert importer.run([file("a.json", "{")], _BASE, {}, quiet=True, refused=tmp_path / "other") == importer.REFUSED
    assert "a.json: Not JSON at line 1 column 2" in capsys.readouterr().err
    assert (tmp_path / "other").exists()


@pytest.mark.parametrize(
    ("paths", "base", "said"),
    [
        (["none.json"], _BASE, "no file or folder"),
        (["empty"], _BASE, "No file to import"),
        (["a.json"], "nowhere", "base URL"),
    ],
)
def test_arguments_that_cannot_be_used(file, capsys, tmp_path, paths, base, said):
    file("a.json", "{}")
    (tmp_path / "empty").mkdir()
    assert importer.run([tmp_path / path for path in paths], base, {}) == importer.UNUSABLE
    assert said in capsys.readouterr().err


def test_a_journal_that_is_none(file, capsys):
    path = file("a.json", "{}")
    assert importer.run([path], _BASE, {}, journal=path) == importer.UNUSABLE
    assert "journal" in capsys.readouterr().err


def test_a_server_that_is_away(file, capsys, monkeypatch):
    def away(*_: object) -> None:
        raise Away("It is away.")

    monkeypatch.setattr(client_module.Client, "put_all", away)
    assert importer.run([file("a.json", {"resourceType": "Patient", "id": "1"})], _BASE, {}) == importer.AWAY
    assert "Run the same command again" in capsys.readouterr().err
