"""Which files an import reads, and their text, a piece at a time: plain or gzipped, by content and not by name."""

from __future__ import annotations

import codecs
import gzip
import hashlib
import io
import json
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import cast

from carethread.core.errors import Malformed
from carethread.core.fhir.json import raw_decode

PIECE_BYTES = 512 * 1024
SUFFIXES = (".json", ".ndjson", ".jsonl", ".json.gz", ".ndjson.gz", ".jsonl.gz")

_LINES = re.compile(r"\.(ndjson|jsonl)(\.gz)?$", re.IGNORECASE)
_FIRST = (re.compile("hospital", re.IGNORECASE), re.compile("practitioner", re.IGNORECASE))


class Unreadable(Exception):
    """A file's bytes cannot be turned into text; says why."""


def find(paths: Sequence[Path]) -> list[Path]:
    """The files of an import, in the order to read them: as given, and a folder's sorted by name.

    In a folder, hospitals and practitioners come first whatever their names begin with, for what others refer to.
    Raises FileNotFoundError for a path that is not there.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            inside = (p for p in path.rglob("*") if p.name.lower().endswith(SUFFIXES) and p.is_file())
            found.update(dict.fromkeys(sorted(inside, key=_rank)))
        elif path.exists():
            found[path] = None
        else:
            raise FileNotFoundError(path)
    return list(found)


def _rank(path: Path) -> tuple[int, str]:
    first = next((rank for rank, word in enumerate(_FIRST) if word.search(path.name)), len(_FIRST))
    return first, str(path)


def is_lines(path: Path) -> bool:
    """Whether this is newline-delimited JSON: the name says so, or the first of several lines is a whole JSON
    object."""
    if _LINES.search(path.name):
        return True
    head = ""
    try:
        for piece in pieces(path, lambda _: None):
            head = (head + piece).lstrip()
            first, _, rest = head.partition("\n")
            if rest.strip() or len(head) > 2 * PIECE_BYTES:
                break
        else:
            return False
        return head.startswith("{") and not first[raw_decode(first)[1] :].strip()
    except (Unreadable, Malformed, json.JSONDecodeError):
        return False


def digest(path: Path) -> bytes:
    """The SHA-256 of the file's bytes as they stand on disk: a file's identity, wherever it lies."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").digest()


def pieces(path: Path, advance: Callable[[int], None], size: int = PIECE_BYTES) -> Iterator[str]:
    """The file's text in pieces of about `size` bytes; `advance` is told how many bytes of the file were read since.

    Raises Unreadable where the gzip data is damaged or cut, or the text is not UTF-8, after every piece before it.
    """
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    with path.open("rb") as raw:
        zipped = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        # GzipFile reads like a stream but typeshed does not derive it from BufferedIOBase's protocol of `read`.
        stream = cast(io.BufferedIOBase, gzip.GzipFile(fileobj=raw) if zipped else raw)
        place = 0
        try:
            while data := stream.read(size):
                yield decoder.decode(data)
                advance(raw.tell() - place)
                place = raw.tell()
            yield decoder.decode(b"", final=True)
        except (EOFError, gzip.BadGzipFile, zlib.error):
            raise Unreadable(f"The gzip data is cut short or damaged near byte {raw.tell()} of the file.") from None
        except UnicodeDecodeError:
            raise Unreadable(f"The text is neither gzip nor UTF-8, near byte {raw.tell()} of the file.") from None
