"""What a measurement says, and the arithmetic that all share."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Figure:
    """One row of the table: what was measured, the goal, the value with its unit, and how it was measured."""

    what: str
    goal: str
    measured: str
    how: str


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` (0..1) of the values lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def proportional_memory(pid: int) -> int:
    """PSS in bytes of a process and all its descendants; of who has ended 0 (Linux)."""
    own = 0
    with suppress(OSError):
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        own = next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0) * 1024
    return own + sum(map(proportional_memory, _children(pid)))


def family_cpu_seconds(pid: int) -> float:
    """What a process and its living descendants have used (Linux)."""
    return cpu_seconds(pid) + sum(map(family_cpu_seconds, _children(pid)))


def _children(pid: int) -> list[int]:
    """Those that any thread of a process has begun."""
    found: list[int] = []
    for listed in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            found += map(int, listed.read_text().split())
    return found


def cpu_seconds(pid: int) -> float:
    """What a process has used, all its threads, of user and system time (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
