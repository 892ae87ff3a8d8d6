"""Import of real EHR data: resources a second, and memory of both sides."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from bench.figures import Figure, proportional_memory
from support import run
from support.processes import carethread

SYNTHEA = Path(__file__).parents[3] / "shared" / "data" / "synthea"


def measure() -> list[Figure]:
    """Import the whole Synthea set into a fresh `up`, then once more."""
    if not SYNTHEA.is_dir():
        return [Figure("import", "", "not measured", f"no data at {SYNTHEA.name}")]
    with carethread("up") as server:
        first = _import(server.fhir.base)
        memory = proportional_memory(server.pid)
        again = _import(server.fhir.base, "--again")
    return [
        Figure(
            "import, SQLite",
            ">= 1,500/s",
            f"{first['resources_per_second']:,.0f}/s",
            f"{first['resources']:,} resources",
        ),
        Figure("import again, all identical", "", f"{again['resources_per_second']:,.0f}/s", "nothing is written"),
        Figure("importer's memory", "< 300 MB", f"{first['peak_memory'] / 1e6:.0f} MB", "peak RSS, largest file 40 MB"),
        Figure("memory of `up` after it", "< 350 MB", f"{memory / 1e6:.0f} MB", "PSS of the process tree"),
    ]


def _import(base: str, *options: str) -> dict[str, float]:
    folder = run.folder("import")
    command = [sys.executable, "-m", "carethread", "import", "--base", base, "--json", "--quiet", *options]
    done = subprocess.run([*command, str(SYNTHEA)], cwd=folder, check=True, capture_output=True, text=True)
    summary: dict[str, float] = json.loads(done.stdout)
    return summary
