"""Jars that Maven fetches once and keeps in `.cache`, for tests that need a program of the Java world."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
from pathlib import Path

from support.run import Unavailable

_CACHE = Path(__file__).parents[2] / ".cache"


def jars(pom: Path) -> Path:
    """The folder of all runtime dependencies of a POM; `Unavailable` says why they cannot be had."""
    home = _CACHE / f"{pom.parent.name}-{hashlib.sha256(pom.read_bytes()).hexdigest()[:12]}"
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = home / "done"
        if not done.exists():
            maven = shutil.which("mvn")
            if maven is None:
                raise Unavailable(f"no mvn to fetch the jars of {pom.name}")
            goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={home / 'libs'}"]
            fetched = subprocess.run(
                [maven, "-q", "-B", "-f", str(pom), *goal], capture_output=True, text=True, check=False
            )
            if fetched.returncode:
                raise Unavailable(f"Maven cannot fetch the jars of {pom.name}: {fetched.stdout.strip()[-300:]}")
            done.touch()
    return home / "libs"
