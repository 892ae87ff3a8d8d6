"""`carethread export`: a client of Bulk Data (http://hl7.org/fhir/uv/bulkdata/export.html) that keeps the files.

It asks any server for an export, waits for the manifest, and downloads each file beside its name before it takes the
name, so a file that is there is whole. The manifest comes last: a folder that has it has everything. Run again after
an interruption, it begins a new export.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import urllib3

MANIFEST = "manifest.json"
_LISTS = ("output", "deleted", "error")
_PIECE = 256 * 1024
_TIMEOUT = urllib3.Timeout(connect=5, read=300)
_BUSY = frozenset({429, 502, 503, 504})
_TRIES = 8
_TRIES_TO_MEET = 3
"""A server that was never there is most likely not started, or its URL is wrong."""
_MOST_WAIT = 60.0


class ExportFailed(Exception):
    """The server did not do it, or the folder cannot be written to; says how."""


def export(
    base: str,
    folder: Path,
    *,
    types: Sequence[str] = (),
    since: str = "",
    patients: bool = False,
    progress: Callable[[str, int, int], None] = lambda said, done, total: None,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, Any]:
    """Export from the FHIR base URL into the folder; returns the manifest, which names the files by `file` too.

    `patients`: only patients and what is in their compartments. `progress` is told what goes on, how many files are
    there, and how many there are. Raises ExportFailed.
    """
    if (folder / MANIFEST).exists():
        raise ExportFailed(f"{folder} holds an export already; name another folder.")
    client = _Client(sleep)
    asked = [("_type", ",".join(types))] * bool(types) + [("_since", since)] * bool(since)
    query = f"?{urlencode(asked)}" if asked else ""
    where = f"{base}/{'Patient/' if patients else ''}$export{query}"
    started = client.get(where, {202}, {"Accept": "application/fhir+json", "Prefer": "respond-async"})
    status = started.headers.get("Content-Location")
    if not status:
        raise ExportFailed("The server's answer names no URL to ask for the export (Content-Location).")
    while (answer := client.get(status, {200, 202}, {"Accept": "application/json"})).status == 202:
        progress(answer.headers.get("X-Progress", "waiting"), 0, 0)
        sleep(_wait(answer, 1.0))
    try:
        manifest: dict[str, Any] = json.loads(answer.data)
        files = [(kind, each) for kind in _LISTS for each in manifest.get(kind, []) if each["url"]]
    except (ValueError, TypeError, KeyError, AttributeError):
        raise ExportFailed("The server's manifest cannot be read.") from None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number, (kind, each) in enumerate(files):
            each["file"] = _name(kind, number, each)
            progress(each["file"], number, len(files))
            _download(client, each, folder / each["file"])
        (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise ExportFailed(f"{folder} cannot be written to: {error.strerror}.") from None
    progress("done", len(files), len(files))
    client.drop(status)
    return manifest


def _name(kind: str, number: int, each: dict[str, Any]) -> str:
    """A name of ours, whatever the server calls the file."""
    type_name = "".join(char for char in str(each.get("type", "")) if char.isalnum())[:64]
    return f"{'' if kind == 'output' else kind + '-'}{type_name}-{number:05}.ndjson"


def _download(client: _Client, each: dict[str, Any], path: Path) -> None:
    """One file, whole and with as many lines as the manifest says."""
    part = path.with_suffix(".part")
    for last in (False, True):
        answer = client.get(each["url"], {200}, {"Accept": "application/fhir+ndjson"}, stream=True)
        lines, last_byte = 0, b"\n"
        try:
            with part.open("wb") as out:
                for piece in answer.stream(_PIECE):
                    lines += piece.count(b"\n")
                    last_byte = piece[-1:] or last_byte
                    out.write(piece)
            break
        except urllib3.exceptions.HTTPError as error:
            if last:
                raise ExportFailed(f"{path.name} broke off: {type(error).__name__}.") from None
    lines += last_byte != b"\n"  # the last line may have no end
    if each.get("count", lines) != lines:
        raise ExportFailed(f"{path.name} has {lines} lines, and the server promised {each['count']}.")
    part.rename(path)


class _Client:
    """Asks again, ever more slowly, where the server is busy or away."""

    def __init__(self, sleep: Callable[[float], None]) -> None:
        self._http = urllib3.PoolManager(retries=False, timeout=_TIMEOUT)
        self._sleep = sleep
        self._met = False

    def get(
        self, url: str, wanted: set[int], headers: dict[str, str], *, stream: bool = False
    ) -> urllib3.BaseHTTPResponse:
        """An answer with one of the statuses. Raises ExportFailed."""
        said = "it does not answer"
        for number in range(_TRIES):
            wait = min(2.0**number / 4, _MOST_WAIT)
            try:
                answer = self._http.request("GET", url, headers=headers, preload_content=not stream)
            except urllib3.exceptions.HTTPError as error:
                said = _reason(error)
                if not self._met and number + 1 == _TRIES_TO_MEET and isinstance(error, _AWAY):
                    raise ExportFailed(f"{urlsplit(url).netloc} cannot be reached: {said}") from None
            else:
                self._met = True
                if answer.status in wanted:
                    return answer
                said = f"status {answer.status}{_diagnostics(answer.data)}"
                if answer.status not in _BUSY:
                    break
                wait = _wait(answer, wait)
            self._sleep(wait)
        raise ExportFailed(f"{urlsplit(url).netloc} refused or failed: {said}")

    def drop(self, url: str) -> None:
        """Tell the server that the export is not needed any more; where that fails, it forgets by itself."""
        try:
            self._http.request("DELETE", url)
        except urllib3.exceptions.HTTPError:
            return


def _wait(answer: urllib3.BaseHTTPResponse, default: float) -> float:
    """The seconds that `Retry-After` names, within bounds."""
    text = answer.headers.get("Retry-After", "")
    return min(float(text), _MOST_WAIT) if text.isdecimal() else default


_AWAY = (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError)


def _reason(error: urllib3.exceptions.HTTPError) -> str:
    """The operating system's words, such as `Connection refused`, where it is the one who says so."""
    cause = error.__cause__
    return (cause.strerror if isinstance(cause, OSError) else "") or type(error).__name__


def _diagnostics(body: bytes) -> str:
    """What an OperationOutcome says."""
    try:
        issues = json.loads(body)["issue"]
        return ": " + " ".join(str(issue.get("diagnostics", "")) for issue in issues)[:500]
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""


def run(base: str, folder: Path, *, types: Sequence[str], since: str, patients: bool, quiet: bool) -> int:
    """Export with a progress bar and a last line that says what came. Answers 0, or 1 when it failed."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True, quiet=quiet)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=quiet) as bar:
        task = bar.add_task("asking", total=None)
        try:
            manifest = export(
                base,
                folder,
                types=types,
                since=since,
                patients=patients,
                progress=lambda said, done, total: bar.update(
                    task, description=said, completed=done, total=total or None
                ),
            )
        except ExportFailed as error:
            Console(stderr=True).print(str(error), style="red", highlight=False, markup=False, soft_wrap=True)
            return 1
    count = sum(each.get("count", 0) for each in manifest.get("output", []))
    files = sum(len(manifest.get(kind, [])) for kind in _LISTS)
    console.print(
        f"{count:,} resources in {files} files in {folder}, as of {manifest.get('transactionTime')}; "
        "the next export may begin there, with --since.",
        highlight=False,
        soft_wrap=True,
    )
    return 0
