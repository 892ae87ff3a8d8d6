"""Facts of an export in a folder of their own, without a database: for an engine that runs beside the service."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence

from carethread.core.errors import Conflict
from carethread.core.facts.manifest import Manifest
from carethread.core.ports import Place
from carethread.core.ports.analytics import Shelf
from carethread.metrics.facts.folder import Export
from carethread.metrics.facts.rebuilding import Read, rebuild
from carethread.metrics.facts.sources import exported
from carethread.metrics.facts.subjects import Subject


def publish(export: Export, time: int, given: Sequence[Subject], shelf: Shelf, processes: int = 2) -> Manifest:
    """Make the files of facts, and list them as whole up to a moment (microseconds).

    Raises Conflict where the shelf has facts already, Malformed for a file that is no export, Busy.
    """
    with shelf.hold():
        if shelf.manifest() is not None:
            raise Conflict("The folder has facts already; name another one.")
        rebuild(exported(export, [each.type for each in given]), Read(), given, shelf, _Nowhere(), processes=processes)
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
        moment: int,
    ) -> tuple[int, int]:
        deque(facts, maxlen=0)
        return 0, 0
