"""The Bulk Data client is patient, takes no half of a file for a whole one, and trusts no name that a server gives."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3

from carethread.exporter import MANIFEST, ExportFailed, export

BASE = "http://127.0.0.1:1/fhir"
STATUS = f"{BASE}/bulk/1"
KICKED_OFF = (202, {"Content-Location": STATUS}, b"")
BUSY = (503, {"Retry-After": "2"}, b"")
LINE = b'{"resourceType":"Patient","id":"a"}\n'
Reply = tuple[int, dict[str, str], bytes]


class Broken(io.BytesIO):
    """A connection that ends after its first bytes."""

    def read(self, size: int | None = -1, /) -> bytes:
        raise urllib3.exceptions.ProtocolError("broken off")


class Server:
    """Answers each URL with what stands for it, one after the other; the last stays."""

    def __init__(self) -> None:
        self.replies: dict[str, list[Reply | Exception]] = {"$export": [KICKED_OFF], "bulk/1": [manifest()]}
        self.asked: list[str] = []
        self.slept: list[float] = []

    def urlopen(self, _pool: object, method: str, path: str, **options: Any) -> Any:
        self.asked.append(f"{method} {path}")
        if method == "DELETE":
            return urllib3.HTTPResponse(b"", status=202)
        replies = self.replies[path.removeprefix("/fhir/").partition("?")[0]]
        reply = replies.pop(0) if len(replies) > 1 else replies[0]
        if isinstance(reply, Exception):
            raise reply
        status, headers, body = reply
        source = Broken(body) if "X-Broken" in headers else io.BytesIO(body)
        return urllib3.HTTPResponse(source, headers, status, preload_content=options["preload_content"])


def manifest(*output: dict[str, Any], **members: Any) -> Reply:
    whole = {"transactionTime": "2026-01-01T00:00:00.000Z", "output": list(output), **members}
    return 200, {}, json.dumps(whole).encode()


def file(type_name: str = "Patient", **members: Any) -> dict[str, Any]:
    return {"type": type_name, "url": f"{BASE}/file", **members}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    made = Server()
    monkeypatch.setattr(
        urllib3.HTTPConnectionPool,
        "urlopen",
        lambda pool, method, path, **more: made.urlopen(pool, method, path, **more),
    )
    yield made


def run(server: Server, folder: Path, **options: Any) -> dict[str, Any]:
    return export(BASE, folder, sleep=server.slept.append, **options)


def test_files_of_all_kinds_are_kept_and_the_export_is_dropped(server: Server, tmp_path: Path) -> None:
    server.replies["bulk/1"] = [
        (202, {"Retry-After": "7", "X-Progress": "half"}, b""),
        manifest(file(count=1), deleted=[file("Bundle", count=1)], error=[file("OperationOutcome")]),
    ]
    server.replies["file"] = [(200, {}, LINE)]
    told: list[str] = []
    found = run(server, tmp_path, progress=lambda said, done, total: told.append(f"{said} {done}/{total}"))
    names = ["Patient-00000.ndjson", "deleted-Bundle-00001.ndjson", "error-OperationOutcome-00002.ndjson"]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*names, MANIFEST])
    assert (tmp_path / names[0]).read_bytes() == LINE
    assert json.loads((tmp_path / MANIFEST).read_text()) == found
    assert [found["output"][0]["file"], found["deleted"][0]["file"]] == names[:2]
    assert (server.slept, server.asked[-1]) == ([7.0], "DELETE /fhir/bulk/1")
    assert told == ["half 0/0", *(f"{name} {number}/3" for number, name in enumerate(names)), "done 3/3"]


def test_what_is_asked_for(server: Server, tmp_path: Path) -> None:
    server.replies["Patient/$export"] = server.replies["$export"]
    run(server, tmp_path, types=["Patient", "Slot"], since="2026-01-01T00:00:00+01:00", patients=True)
    assert server.asked[0] == (
        "GET /fhir/Patient/$export?_type=Patient%2CSlot&_since=2026-01-01T00%3A00%3A00%2B01%3A00"
    )


def test_a_server_that_is_busy_or_away_is_asked_again(server: Server, tmp_path: Path) -> None:
    server.replies["$export"] = [BUSY, urllib3.exceptions.ProtocolError("away"), KICKED_OFF]
    run(server, tmp_path)
    assert server.slept == [2.0, 0.5]


def test_but_not_for_ever(server: Server, tmp_path: Path) -> None:
    server.replies["$export"] = [BUSY]
    with pytest.raises(ExportFailed, match="status 503"):
        run(server, tmp_path)
    assert len(server.slept) == 8


@pytest.mark.timeout(10)
def test_a_server_that_never_was_there_is_said_at_once(tmp_path: Path) -> None:
    slept: list[float] = []
    with pytest.raises(ExportFailed, match=r"127\.0\.0\.1:1 cannot be reached: Connection refused"):
        export(BASE, tmp_path, sleep=slept.append)
    assert sum(slept) < 1


def test_a_server_that_was_there_is_waited_for(server: Server, tmp_path: Path) -> None:
    pool = urllib3.HTTPConnectionPool("127.0.0.1")
    away = urllib3.exceptions.NewConnectionError(pool, "away")  # type: ignore[arg-type]  # any pool will do
    server.replies["bulk/1"] = [*[away] * 5, manifest()]
    run(server, tmp_path)
    assert len(server.slept) == 5


def test_a_refusal_is_told_in_the_servers_words(server: Server, tmp_path: Path) -> None:
    outcome = {"resourceType": "OperationOutcome", "issue": [{"diagnostics": "No such type."}]}
    server.replies["$export"] = [(400, {}, json.dumps(outcome).encode())]
    with pytest.raises(ExportFailed, match="status 400: No such type"):
        run(server, tmp_path)
    assert server.slept == []


def test_a_file_that_broke_off_is_fetched_again(server: Server, tmp_path: Path) -> None:
    server.replies["bulk/1"] = [manifest(file())]
    server.replies["file"] = [(200, {"X-Broken": ""}, LINE), (200, {}, LINE)]
    run(server, tmp_path)
    assert (tmp_path / "Patient-00000.ndjson").read_bytes() == LINE


@pytest.mark.parametrize("reply", [(200, {"X-Broken": ""}, LINE), (200, {}, LINE), (404, {}, b"")])
def test_what_is_not_whole_is_no_export(server: Server, tmp_path: Path, reply: Reply) -> None:
    server.replies["bulk/1"] = [manifest(file(count=3))]
    server.replies["file"] = [reply]
    with pytest.raises(ExportFailed):
        run(server, tmp_path)
    assert not [path for path in tmp_path.iterdir() if path.suffix != ".part"]


def test_no_name_of_a_server_leads_out_of_the_folder(server: Server, tmp_path: Path) -> None:
    server.replies["bulk/1"] = [manifest(file("../../etc/x"))]
    server.replies["file"] = [(200, {}, LINE)]
    run(server, tmp_path / "in")
    assert sorted(path.name for path in (tmp_path / "in").iterdir()) == ["etcx-00000.ndjson", MANIFEST]


def test_an_answer_without_a_place_to_poll(server: Server, tmp_path: Path) -> None:
    server.replies["$export"] = [(202, {}, b"")]
    with pytest.raises(ExportFailed, match="Content-Location"):
        run(server, tmp_path)


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"output":[{}]}', b'{"output":7}'])
def test_a_manifest_that_is_none(server: Server, tmp_path: Path, body: bytes) -> None:
    server.replies["bulk/1"] = [(200, {}, body)]
    with pytest.raises(ExportFailed, match="manifest"):
        run(server, tmp_path)


def test_a_last_line_without_an_end_counts(server: Server, tmp_path: Path) -> None:
    server.replies["bulk/1"] = [manifest(file(count=2))]
    server.replies["file"] = [(200, {}, LINE + LINE.strip())]
    assert run(server, tmp_path)["output"][0]["count"] == 2


def test_a_folder_that_cannot_be_written_to(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportFailed, match="cannot be written to"):
        run(server, tmp_path / "file" / "in")
