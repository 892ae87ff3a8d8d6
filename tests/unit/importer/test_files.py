"""Which files are read, in what order, and how their text comes."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from carethread.importer.files import Unreadable, digest, find, is_lines, pieces


def test_a_folder_gives_hospitals_and_practitioners_first(tmp_path):
    names = ["Abel1.json", "hospitalInformation7.json", "practitionerInformation7.json.gz", "sub/B.ndjson", "notes.txt"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("{}")
    extra = tmp_path / "notes.txt"
    found = [str(path.relative_to(tmp_path)) for path in find([tmp_path, tmp_path / "Abel1.json", extra])]
    assert found == [names[1], names[2], names[0], names[3], "notes.txt"]


def test_a_path_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        find([tmp_path / "none"])


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_text_in_pieces_and_every_byte_counted(tmp_path: Path, zipped, size):
    text = '{"name":"Zoë 🙂"}'
    path = tmp_path / "a.json"
    body = b"\xef\xbb\xbf" + text.encode()
    path.write_bytes(gzip.compress(body) if zipped else body)
    counted: list[int] = []
    assert "".join(pieces(path, counted.append, size)) == text
    assert sum(counted) == path.stat().st_size


@pytest.mark.parametrize(
    "body", [b"\xff\xfe{", '{"a":"ë'.encode()[:-1], gzip.compress(b"{}" * 9999, mtime=0)[:-20], b"\x1f\x8bnot gzip"]
)
def test_bytes_that_are_no_text(tmp_path: Path, body):
    path = tmp_path / "a.json"
    path.write_bytes(body)
    with pytest.raises(Unreadable, match="byte"):
        list(pieces(path, lambda _: None))


@pytest.mark.parametrize(
    ("name", "text", "lines"),
    [
        ("a.ndjson.gz", "", True),
        ("a.JSONL", "{", True),
        ("a.json", '{"a":1}\n{"a":2}\n', True),
        ("a.json", '\n{"a":1}\nbroken', True),
        ("a.json", '{"a":1}\n', False),
        ("a.json", '{\n"a":1}\n', False),
        ("a.json", '{"a":1}{"a":2}\n{}', False),
        ("a.json", "", False),
        ("a.json", "x\ny", False),
    ],
)
def test_newline_delimited_json_is_told_by_name_or_by_its_first_line(tmp_path: Path, name, text, lines):
    path = tmp_path / name
    path.write_text(text)
    assert is_lines(path) is lines


def test_the_digest_is_of_the_content(tmp_path: Path):
    for name, text in [("a", "x"), ("b", "x"), ("c", "y")]:
        (tmp_path / name).write_text(text)
    assert digest(tmp_path / "a") == digest(tmp_path / "b") != digest(tmp_path / "c")
