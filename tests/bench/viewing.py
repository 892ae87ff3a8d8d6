"""What a view costs: CPU of a resource, of each shipped view, beside what FHIRPath alone takes."""

from __future__ import annotations

import gzip
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import orjson

from bench.figures import Figure
from carethread.metrics.views.library import library
from support.viewing import PROFILES, SYNTHEA

_LEAST, _MOST, _SLOWLY = 6_000, 3_000, 100


def measure() -> list[Figure]:
    """A figure for each view of whose type there are resources at hand."""
    resources = _resources()
    found = []
    for name, view in sorted(library().items()):
        these = resources[view.type][:_MOST]
        if not these:
            continue
        quick = _micros(view.rows, these, max(1, _LEAST // len(these)))
        slow = _micros(view.rows_by_fhirpath, these[:_SLOWLY], 1)
        how = f"{len(view.columns)} columns, of {len(these)} resources of {view.type}; by FHIRPath {slow:,.0f} µs"
        found.append(Figure(f"rows of {name}", "≤ 15 µs", f"{quick:.1f} µs", how))
    return found


def _micros(work: Callable[[Any], object], resources: Sequence[Any], times: int) -> float:
    """CPU of a resource."""
    for resource in resources[:_SLOWLY]:
        work(resource)
    began = time.process_time()
    for _ in range(times):
        for resource in resources:
            work(resource)
    return (time.process_time() - began) / times / len(resources) * 1e6


def _resources() -> dict[str, list[Any]]:
    """By type: the examples of our profiles, and generated people where they are beside the project."""
    found: dict[str, list[Any]] = defaultdict(list)
    for each in _all():
        found[each["resourceType"]].append(each)
    return found


def _all() -> Iterator[Any]:
    for path in sorted(PROFILES.glob("examples/*/good-*.json")):
        yield orjson.loads(path.read_bytes())
    for path in sorted(SYNTHEA.glob("*.json.gz")):
        yield from (entry["resource"] for entry in orjson.loads(gzip.decompress(path.read_bytes()))["entry"])
