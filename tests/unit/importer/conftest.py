"""A FHIR server in a dictionary, and imports into it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from carethread.importer.client import Answer
from carethread.importer.journal import Journal
from carethread.importer.pipeline import Importer
from carethread.importer.report import Report

BASE = "http://127.0.0.1:1/fhir"
OWNERS = {"CareTeam": "careteams", "Appointment": "scheduling"}


class Killed(BaseException):
    """Stands for kill -9: nothing catches it."""


class FakeServer:
    """Stores what is put, and counts. `refuse` maps a `Type/id` to the status it gets instead."""

    Killed = Killed

    def __init__(self) -> None:
        self.base = BASE
        self.stored: dict[str, Any] = {}
        self.versions: dict[str, int] = {}
        self.batches: list[list[str]] = []
        self.searches: list[str] = []
        self.refuse: dict[str, str] = {}
        self.die_after: int | None = None

    def put_all(self, entries: Sequence[bytes]) -> list[Answer]:
        if self.die_after is not None and len(self.batches) >= self.die_after:
            raise Killed
        parsed = [json.loads(entry) for entry in entries]
        self.batches.append([entry["request"]["url"] for entry in parsed])
        return [self._put(entry["request"]["url"], entry["resource"]) for entry in parsed]

    def _put(self, url: str, resource: dict[str, Any]) -> Answer:
        assert url == f"{resource['resourceType']}/{resource['id']}"
        if url in self.refuse:
            issue = {"severity": "error", "code": "required", "diagnostics": "It is missing.", "expression": ["X.y"]}
            return Answer(self.refuse[url], [issue])
        if self.stored.get(url) == resource:
            return Answer("200 Unchanged", [])
        known = url in self.stored
        self.stored[url] = resource
        self.versions[url] = self.versions.get(url, 0) + 1
        return Answer("200 OK" if known else "201 Created", [])

    def search(self, type_name: str, query: str) -> Iterator[dict[str, Any]]:
        self.searches.append(f"{type_name}?{query}")
        wanted = {token.replace("\\", "") for token in parse_qs(query)["identifier"][0].split(",")}
        for url, resource in self.stored.items():
            tokens = {f"{i.get('system', '')}|{i['value']}" for i in resource.get("identifier", [])}
            if url.startswith(f"{type_name}/") and tokens & wanted:
                yield resource


@pytest.fixture
def server() -> FakeServer:
    return FakeServer()


@pytest.fixture
def importing(server: FakeServer, tmp_path: Path) -> Callable[..., Report]:
    """`importing(path, …, again=False)` imports files into the server and gives the report."""

    def importing(*paths: Path, again: bool = False) -> Report:
        journal = Journal(tmp_path / "state" / "journal.sqlite", BASE)
        report = Report(BASE, tmp_path / "state" / "refused.ndjson", 1, quiet=True, as_json=True)
        try:
            importer = Importer(server, OWNERS, journal, report)  # type: ignore[arg-type]  # a fake of the two methods used
            for path in paths:
                importer.add(path, again=again)
        finally:
            journal.close()
            report.close()
        return report

    return importing


@pytest.fixture
def refused(tmp_path: Path) -> Callable[[], list[dict[str, Any]]]:
    """What the last import listed as refused."""

    def refused() -> list[dict[str, Any]]:
        path = tmp_path / "state" / "refused.ndjson"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    return refused


@pytest.fixture
def file(tmp_path: Path) -> Callable[[str, Any], Path]:
    """`file(name, content)` writes text, bytes or a JSON value, gzipped where the name ends in .gz."""

    def file(name: str, content: Any) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not isinstance(content, str | bytes):
            content = json.dumps(content)
        body = content.encode() if isinstance(content, str) else content
        path.write_bytes(gzip.compress(body) if name.endswith(".gz") else body)
        return path

    return file


@pytest.fixture
def bundle() -> Callable[..., dict[str, Any]]:
    """`bundle(type, (fullUrl, resource, request), …)`, a Bundle in which a missing part is left out."""

    def bundle(
        bundle_type: str, *entries: tuple[str | None, Mapping[str, Any], Mapping[str, Any] | None]
    ) -> dict[str, Any]:
        parts = [{"fullUrl": url, "resource": resource, "request": request} for url, resource, request in entries]
        kept = [{name: part for name, part in entry.items() if part is not None} for entry in parts]
        return {"resourceType": "Bundle", "type": bundle_type, "entry": kept}

    return bundle
