"""Facts of an export in a folder of their own, without a database: for an engine that runs beside the service.

What an export's folder holds: http://hl7.org/fhir/uv/bulkdata/export.html#response---complete-status.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import orjson

from carethread.core.clock import to_micros
from carethread.core.errors import Conflict, Malformed
from carethread.core.facts.manifest import Manifest
from carethread.core.ports import Place
from carethread.core.ports.analytics import Shelf
from carethread.metrics.facts.rebuilding import Read, rebuild
from carethread.metrics.facts.sources import exported
from carethread.metrics.facts.subjects import Subject

_MANIFEST = "manifest.json"


def files(folder: Path) -> tuple[list[Path], int | None]:
    """The files of an export with its resources, and its transactionTime (microseconds): as its manifest tells, which
    names each by `file`; where there is none, all that there are, and None. Raises Malformed."""
    manifest = folder / _MANIFEST
    if not manifest.is_file():
        found = sorted(folder.glob("*.ndjson"))
        if not found:
            raise Malformed(f"There are no *.ndjson files in {folder}.")
        return found, None
    try:
        told = orjson.loads(manifest.read_bytes())
        moment = datetime.fromisoformat(told["transactionTime"])
        return [folder / Path(each["file"]).name for each in told["output"]], to_micros(moment)
    except (KeyError, TypeError, ValueError):
        said = f"{manifest} is no manifest of an export with its transactionTime, and of each output the file."
        raise Malformed(said) from None


def publish(paths: Sequence[Path], time: int, given: Sequence[Subject], shelf: Shelf, processes: int = 2) -> Manifest:
    """Make the files of facts, and list them as whole up to a moment (microseconds).

    Raises Conflict where the shelf has facts already, Malformed for a line that is no resource, Busy.
    """
    with shelf.hold():
        if shelf.manifest() is not None:
            raise Conflict("The folder has facts already; name another one.")
        rebuild(exported(paths, [each.type for each in given]), Read(), given, shelf, _Nowhere(), processes=processes)
        made = shelf.prepared()
        manifest = Manifest(time=time, number=1, tables=made.tables if made else {})
        shelf.put(manifest)
    return manifest


class _Nowhere:
    """A database that is not there; see `core.ports.facts.Loading`."""

    def replace(
        self,
        facts: Iterable[Sequence[tuple[str, str, int, str]]],
        sources: Mapping[str, Mapping[str, int]],
        mirrors: Mapping[str, tuple[str, int]],
        positions: Mapping[Place, int],
    ) -> tuple[int, int]:
        deque(facts, maxlen=0)
        return 0, 0
