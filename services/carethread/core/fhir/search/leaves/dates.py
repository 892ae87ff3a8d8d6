"""Date rows: the range of instants that a date, period or timing covers.

Source: http://hl7.org/fhir/R4/search.html#date.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from carethread.core.fhir.search.dates import EARLIEST, LATEST, date_range
from carethread.core.fhir.search.leaves.kinds import Leaf, LeafMaker, Use, texts_of
from carethread.core.fhir.search.rows import IndexRows

_DAY = len("2024-03-01")


def date(uses: tuple[Use, ...]) -> Leaf:
    params = [use.param for use in uses]

    def leaf(value: Any, rows: IndexRows) -> None:
        span = date_range(value, rows.zone) if type(value) is str else None
        if span:
            for param in params:
                rows.date[(param, *span)] = None

    return leaf


def instant(uses: tuple[Use, ...]) -> Leaf:
    """Only what has a time: that an instant is short is what an index by its start relies on."""
    of_date = date(uses)

    def leaf(value: Any, rows: IndexRows) -> None:
        if type(value) is str and len(value) > _DAY:
            of_date(value, rows)

    return leaf


def period(value: Any, rows: IndexRows) -> tuple[int, int] | None:
    if type(value) is not dict:
        return None
    start, end = value.get("start"), value.get("end")
    first = date_range(start, rows.zone) if type(start) is str else None
    last = date_range(end, rows.zone) if type(end) is str else None
    if first is None and last is None:
        return None
    low, high = first[0] if first else EARLIEST, last[1] if last else LATEST
    return (low, high) if low < high else None


def timing(value: Any, rows: IndexRows) -> tuple[int, int] | None:
    if type(value) is not dict:
        return None
    spans = [span for text in texts_of(value.get("event")) if (span := date_range(text, rows.zone))]
    repeat = value.get("repeat")
    bounds = period(repeat.get("boundsPeriod"), rows) if type(repeat) is dict else None
    if bounds:
        spans.append(bounds)
    return (min(low for low, _ in spans), max(high for _, high in spans)) if spans else None


def span_leaf(read: Callable[[Any, IndexRows], tuple[int, int] | None]) -> LeafMaker:
    def make(uses: tuple[Use, ...]) -> Leaf:
        params = [use.param for use in uses]

        def leaf(value: Any, rows: IndexRows) -> None:
            span = read(value, rows)
            if span:
                for param in params:
                    rows.date[(param, *span)] = None

        return leaf

    return make
