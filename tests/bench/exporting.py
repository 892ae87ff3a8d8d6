"""$export of a million resources: how fast, and what it takes of the server's memory."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import urllib3

from bench.figures import Figure, proportional_memory
from support import postgres, run
from support.many import fill
from support.processes import carethread

COUNT = 1_000_000


def measure(count: int = COUNT) -> list[Figure]:
    """Export from a durable PostgreSQL, then from SQLite."""
    database = postgres.start(durable=True)
    try:
        env = {"CARETHREAD_DATABASE_URL": database.url}
        subprocess.run(
            [sys.executable, "-m", "carethread", "migrate"], env={**os.environ, **env}, check=True, stdout=sys.stderr
        )
        figures = _measured("PostgreSQL", database.url, env, count)
    finally:
        database.stop()
    data = run.folder("data")
    return figures + _measured("SQLite", f"sqlite:///{data}/records.db", {"CARETHREAD_DATA": str(data)}, count)


def _measured(kind: str, url: str, env: Mapping[str, str], count: int) -> list[Figure]:
    size = fill(url, count)
    with carethread("up", env=env) as server:
        http = urllib3.PoolManager(retries=False, timeout=60)
        _export(http, server.fhir.base, types="Patient")  # what is loaded once is no growth
        before = proportional_memory(server.pid)
        with peak(lambda: proportional_memory(server.pid)) as highest:
            began = time.perf_counter()
            urls = _export(http, server.fhir.base)
            cut = time.perf_counter() - began
            lines = sum(http.request("GET", each).data.count(b"\n") for each in urls)
            whole = time.perf_counter() - began
    if lines != count:
        raise RuntimeError(f"{lines} of {count} resources were exported")
    how = f"{count:,} Observations of {size} bytes, `up` on {kind}, {len(urls)} files one after the other"
    return [
        Figure(f"$export, {kind}", "", f"{count / whole:,.0f}/s", f"{how}; {cut:.1f} s until the manifest"),
        Figure(f"memory of `up` at it, {kind}", "constant", f"+{(highest[0] - before) / 1e6:.0f} MB", "highest PSS"),
    ]


def _export(http: urllib3.PoolManager, base: str, types: str = "") -> list[str]:
    """The URLs of the files."""
    query = f"?_type={types}" if types else ""
    started = http.request("GET", f"{base}/$export{query}", headers={"Prefer": "respond-async"})
    while (answer := http.request("GET", started.headers["Content-Location"])).status == 202:
        time.sleep(0.05)
    return [each["url"] for each in answer.json()["output"]]


@contextmanager
def peak(look: Callable[[], int]) -> Iterator[list[int]]:
    """The highest of what `look` sees while the block runs, five times a second."""
    seen, done = [look()], threading.Event()

    def watch() -> None:
        while not done.wait(0.2):
            seen[0] = max(seen[0], look())

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()
