"""The folder of an export: which of its files hold resources, as of when, and their lines.

What a manifest says: http://hl7.org/fhir/uv/bulkdata/export.html#response---complete-status. Files may be gzipped,
which their first bytes tell. Those with errors (OperationOutcomes) hold nothing that counts.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import orjson

from carethread.core.clock import to_micros
from carethread.core.errors import Malformed

MANIFEST = "manifest.json"

_LINES = ("*.ndjson", "*.ndjson.gz")
_ERRORS, _DELETED = "error", "deleted"
"""With what the names of files begin that hold something else than resources, where no manifest lists them."""

_GZIPPED = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Export:
    """Files with resources, how many of these each has where that is told, the transactionTime (microseconds), and the
    request that it answers. Of a folder without a manifest only the files are known."""

    paths: tuple[Path, ...]
    counts: Mapping[Path, int] = field(default_factory=dict)
    moment: int | None = None
    request: str = ""

    def of_all(self, since: int | None = None) -> int:
        """As of when it is of the whole server (microseconds): `since`, or what its manifest says. Raises Malformed
        where neither is known, and for an export of a part, as far as its request says so."""
        asked = urlsplit(self.request)
        if narrowed := sorted({"_type", "_typeFilter", "_elements", "patient"} & parse_qs(asked.query).keys()):
            raise Malformed(f"The export was asked for with {', '.join(narrowed)}; make one of the whole server.")
        if (
            asked.path.removesuffix("/$export").rpartition("/")[0].endswith("/Group")
            or "/Patient/$export" in asked.path
        ):
            raise Malformed("The export is of patients only; make one of the whole server.")
        moment = self.moment if since is None else since
        if moment is None:
            raise Malformed("The folder has no manifest.json that tells the transactionTime; --since says it.")
        return moment


def export_in(folder: Path) -> Export:
    """Raises Malformed where there is none, or not all of it; and for one that tells only what changed."""
    manifest = folder / MANIFEST
    found = _told(folder, manifest) if manifest.is_file() else _untold(folder)
    if "_since" in parse_qs(urlsplit(found.request).query):
        raise Malformed(f"{manifest} is of an export with _since, which has only what changed; make one without.")
    if lost := [path.name for path in found.paths if not path.is_file()]:
        raise Malformed(f"{manifest} names files that are not there: {', '.join(lost[:3])}.")
    return found


def _told(folder: Path, manifest: Path) -> Export:
    try:
        told = orjson.loads(manifest.read_bytes())
        moment = to_micros(datetime.fromisoformat(told["transactionTime"]))
        listed = {folder / Path(each["file"]).name: each.get("count") for each in told["output"]}
        counts = {path: int(count) for path, count in listed.items() if count is not None}
        deleted, request = told.get("deleted"), str(told.get("request", ""))
    except (AttributeError, KeyError, TypeError, ValueError):
        said = f"{manifest} is no manifest of an export with its transactionTime, and of each output the file."
        raise Malformed(said) from None
    if deleted:
        raise Malformed(_only_changes(folder))
    return Export(tuple(listed), counts, moment, request)


def _untold(folder: Path) -> Export:
    files = sorted(path for pattern in _LINES for path in folder.glob(pattern))
    if any(path.name.startswith(_DELETED) for path in files):
        raise Malformed(_only_changes(folder))
    found = tuple(path for path in files if not path.name.startswith(_ERRORS))
    if not found:
        raise Malformed(f"There are no *.ndjson files in {folder}.")
    return Export(found)


def _only_changes(folder: Path) -> str:
    return f"{folder} tells what was deleted, so it is an export with _since, of what changed; make one without."


def lines(path: Path, count: int | None = None) -> Iterator[tuple[int, bytes]]:
    """The lines of a file with their numbers from 1, without those that are empty. Raises Malformed where the file is
    cut short: in its gzip data, or before it has so many."""
    with path.open("rb") as raw:
        is_zipped = raw.read(2) == _GZIPPED
        raw.seek(0)
        found = 0
        try:
            for number, line in enumerate(gzip.GzipFile(fileobj=raw) if is_zipped else raw, 1):
                if text := line.strip():
                    found += 1
                    yield number, text
        except (EOFError, gzip.BadGzipFile, zlib.error):
            raise Malformed(f"The gzip data of {path.name} is cut short or damaged behind line {found}.") from None
    if count is not None and found != count:
        raise Malformed(f"{path.name} has {found} resources, and the export's manifest tells of {count}.")
