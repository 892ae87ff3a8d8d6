"""What a measurement says, and the arithmetic that all share."""

from __future__ import annotations

import os
from collections.abc import Sequence
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
    """PSS in bytes of a process and all its descendants (Linux)."""
    own = Path(f"/proc/{pid}/smaps_rollup").read_text()
    pss = next(int(line.split()[1]) for line in own.splitlines() if line.startswith("Pss:")) * 1024
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return pss + sum(proportional_memory(int(child)) for child in children)


def family_cpu_seconds(pid: int) -> float:
    """What a process and its living descendants have used (Linux)."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return cpu_seconds(pid) + sum(family_cpu_seconds(int(child)) for child in children)


def cpu_seconds(pid: int) -> float:
    """What a process has used, all its threads, of user and system time (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
