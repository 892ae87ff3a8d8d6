"""What an import says: progress while it runs, what it refused in a file, and the counts at its end.

The refused file has one JSON object a line: file, line (of newline-delimited JSON), entry, resource (`Type/id`),
status, and OperationOutcome's issues, whose severity tells a refusal from a warning. It names resources and never
holds their content.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column, Table

from carethread.core.errors import Issue
from carethread.core.fhir.json import render

OUTCOMES = ("created", "updated", "unchanged", "exists", "earlier", "refused")
"""`exists`: another resource met the entry's condition. `earlier`: acknowledged by a run that was cut off."""

UNREADABLE = "(unreadable)"
"""Stands for the type of an entry that cannot be read."""

_MOST_SAID = 20


class Place(NamedTuple):
    """Where an entry stands, and the `Type/id` that it writes. Entry 0 is the whole document."""

    file: Path
    line: int | None
    entry: int
    resource: str = ""

    @property
    def type_name(self) -> str:
        """The resource's type, UNREADABLE where it is not known."""
        return self.resource.partition("/")[0] or UNREADABLE


class Report:
    """Counts what becomes of entries and tells it on the screen."""

    def __init__(self, base: str, refused_path: Path, total_bytes: int, *, quiet: bool, as_json: bool) -> None:
        """`total_bytes`: of all files, each of which is read twice. What an earlier run refused is forgotten."""
        self.counts: Counter[tuple[str, str]] = Counter()
        self.files: Counter[str] = Counter({"imported": 0, "skipped": 0, "incomplete": 0})
        self.refusals = 0
        self.warnings = 0
        self._base = base
        self._refused_path = refused_path
        self._refused: TextIO | None = None
        self._quiet = quiet
        self._as_json = as_json
        self._began = time.monotonic()
        self._screen = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[rate]}"),
            console=self._screen,
            disable=quiet or not self._screen.is_terminal,
        )
        self._task = self._progress.add_task("", total=2 * total_bytes, rate="")
        refused_path.unlink(missing_ok=True)
        self._progress.start()

    def begin(self, path: Path) -> None:
        """A file is being read."""
        self._progress.update(self._task, description=path.name)

    def advance(self, count: int) -> None:
        """So many bytes of a file were read."""
        self._progress.update(self._task, advance=count, rate=f"{self._rate():,.0f} resources/s")

    def end(self, path: Path, outcome: str, resources: int = 0, seconds: float = 0.0) -> None:
        """A file is done with: `imported`, `skipped` for one imported before, or `incomplete`."""
        self.files[outcome] += 1
        if not self._quiet and not self._screen.is_terminal:
            detail = f": {resources:,} resources, {seconds:.1f} s" if resources else ""
            self._screen.print(f"{path.name} {outcome}{detail}")

    def count(self, type_name: str, outcome: str) -> None:
        """One resource came to `outcome`, one of OUTCOMES."""
        self.counts[type_name, outcome] += 1

    def refuse(self, place: Place, issues: Iterable[Mapping[str, Any]], status: str = "") -> None:
        """An entry, or a document that breaks off, was refused: by the server with `status`, else by us."""
        self._list(place, issues, status)
        self.refusals += 1
        if place.entry:
            self.count(place.type_name, "refused")
        elif self.refusals <= _MOST_SAID:
            self.say(f"{place.file}: " + " ".join(str(issue.get("diagnostics")) for issue in issues))

    def warn(self, place: Place, issues: Iterable[Mapping[str, Any]]) -> None:
        """A resource was stored, but something of it is to be looked at."""
        self._list(place, issues, "")
        self.warnings += 1

    def say(self, text: str) -> None:
        """Tell the person at the screen, even when quiet."""
        self._screen.print(text)

    def close(self) -> None:
        """Stop the bar, close the refused file, and give the summary."""
        self._progress.stop()
        if self._refused:
            self._refused.close()
        if self._as_json:
            sys.stdout.write(render(self.summary()).decode() + "\n")
        elif not self._quiet:
            self._print_summary()

    def summary(self) -> dict[str, Any]:
        """The whole outcome, for machines. Times are seconds, memory is bytes."""
        types = sorted({type_name for type_name, _ in self.counts})
        return {
            "base": self._base,
            "files": dict(self.files),
            "resources": self.counts.total(),
            "outcomes": {o: sum(self.counts[t, o] for t in types) for o in OUTCOMES},
            "types": {t: {o: self.counts[t, o] for o in OUTCOMES if self.counts[t, o]} for t in types},
            "refusals": self.refusals,
            "warnings": self.warnings,
            "refused_file": str(self._refused_path) if self._refused else None,
            "seconds": round(time.monotonic() - self._began, 3),
            "resources_per_second": round(self._rate(), 1),
            "peak_memory": peak_memory(),
        }

    def _rate(self) -> float:
        return self.counts.total() / max(time.monotonic() - self._began, 1e-6)

    def _list(self, place: Place, issues: Iterable[Mapping[str, Any]], status: str) -> None:
        named = [{k: i[k] for k in ("severity", "code", "diagnostics", "expression") if i.get(k)} for i in issues]
        line = {**place._asdict(), "file": str(place.file), "status": status, "issue": named}
        if self._refused is None:
            self._refused_path.parent.mkdir(parents=True, exist_ok=True)
            self._refused = self._refused_path.open("w", encoding="utf-8")
        self._refused.write(render({name: value for name, value in line.items() if value}).decode() + "\n")

    def _print_summary(self) -> None:
        summary = self.summary()
        console = Console(highlight=False, markup=False, soft_wrap=True)
        columns = [outcome for outcome in OUTCOMES if summary["outcomes"][outcome]]
        table = Table(Column("type", no_wrap=True, min_width=24), *(Column(o, justify="right") for o in columns))
        for type_name, counts in [*summary["types"].items(), ("all", summary["outcomes"])]:
            table.add_row(type_name, *(f"{counts[o]:,}" if counts.get(o) else "" for o in columns))
        if columns:
            console.print(table)
        files = ", ".join(f"{count} {outcome}" for outcome, count in self.files.items() if count)
        rate, megabytes = summary["resources_per_second"], summary["peak_memory"] / 1e6
        console.print(f"{summary['resources']:,} resources in {summary['seconds']:.1f} s, {rate:,.0f}/s")
        console.print(f"files: {files or 'none'}; peak memory {megabytes:.0f} MB")
        if self._refused:
            console.print(f"{self.refusals} refused, {self.warnings} warnings: see {self._refused_path}")


def issues_of(issues: Sequence[Issue]) -> list[dict[str, Any]]:
    """Our issues in the form of OperationOutcome.issue."""
    return [
        {
            "severity": issue.severity,
            "code": issue.code,
            "diagnostics": issue.diagnostics,
            "expression": [issue.expression] if issue.expression else [],
        }
        for issue in issues
    ]


def peak_memory() -> int:
    """The most memory this process has held, in bytes; 0 where the system does not say."""
    try:
        # Preferred to ru_maxrss, which starts at what the parent held when it forked.
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return next((int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM")), 0)
    except OSError:
        return _peak_by_rusage()


def _peak_by_rusage() -> int:
    try:
        import resource
    except ImportError:  # on Windows
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
