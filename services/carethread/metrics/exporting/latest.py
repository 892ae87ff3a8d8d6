"""The latest number of each shipped measure, for Prometheus: counted by a worker every few minutes, kept in one row,
and read from there, so that a scrape counts nothing.

It is the number of the last calendar month that is over, of the practice and of each department. It is asked for as a
report that is stored, which tells nobody more than all may know: what is masked there is not here at all.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, time
from threading import Event as Signal

from carethread.core.clock import from_micros, to_micros
from carethread.core.context import Context
from carethread.core.errors import Busy, FhirError
from carethread.core.faults import told
from carethread.core.fhir import json
from carethread.core.metric_names import (
    FACTS_FAILED,
    MEASURE_AS_OF,
    MEASURE_PERIOD_END,
    MEASURE_VALUE,
    Observe,
    unobserved,
)
from carethread.core.ports import Request, Session
from carethread.core.ports.analytics import Glimpse
from carethread.core.service import Call, Runtime, Sample
from carethread.metrics.answering.answering import Question, analytics_of, answered, question
from carethread.metrics.evaluating.counting import DEPARTMENT
from carethread.metrics.evaluating.periods import Days, zones
from carethread.metrics.exporting.rows import Row, rows
from carethread.metrics.measures.shipped import libraries
from carethread.metrics.series.buckets import before
from carethread.metrics.series.counting import narrowed

log = logging.getLogger(__name__)

EVERY_SECONDS = 300.0

_LOOK_SECONDS = 15.0
"""Before each look whether it is time, for a process that begins has other things to do."""

Value = Sequence[str | float]
"""Measure, group, department and number."""

_PLACE = "latest/measures"
"""The row's id, which no export has."""


def keep_latest(runtime: Runtime, context: Context, stop: Signal, observe: Observe = unobserved) -> None:
    """Keep the numbers fresh until `stop` is set. What fails is logged and counted, and done again."""
    while not stop.wait(_LOOK_SECONDS):
        try:
            refresh(runtime, context, stop.is_set, observe)
        except Busy as error:
            log.info("latest_numbers_wait", extra={"reason": str(error)})
        except Exception as error:  # noqa: BLE001  # whatever it was, numbers that stay as they are would deceive
            log.error("latest_numbers_failed", extra=told(error))
            observe(FACTS_FAILED, 1)


def refresh(
    runtime: Runtime, context: Context, stops: Callable[[], bool] = lambda: False, observe: Observe = unobserved
) -> bool:
    """Count anew if that was long enough ago, whoever did it, unless it stops; whether it was. Raises Busy where
    nothing can be."""
    now = to_micros(context.clock())
    kept = runtime.store.glance(lambda session: session.export(_PLACE))
    stands = json.parse(kept) if kept else {}
    told_alike = stands.get("small_cells") == runtime.small_cells
    if told_alike and now - stands["at"] < EVERY_SECONDS * 1_000_000:
        return False
    with analytics_of(runtime).look() as facts:
        days, as_of = last_month(facts), facts.marks.time
    end = datetime.combine(days.last, time.max, UTC).replace(microsecond=0)
    until = to_micros(end) // 1_000_000 + 1
    before_ = stands["values"] if told_alike and stands["end"] == until else ()
    values = _all_values(runtime, days, context, before_, stops, observe)
    if values is None:
        return False
    kept_now = {"at": now, "small_cells": runtime.small_cells, "as_of": as_of, "end": until, "values": values}
    state = json.render(kept_now)
    runtime.store.transact(lambda session: session.keep_export(_PLACE, now, state, expired=0))
    return True


def _all_values(
    runtime: Runtime,
    days: Days,
    context: Context,
    before_: Sequence[Value],
    stops: Callable[[], bool],
    observe: Observe,
) -> list[Value] | None:
    """What is told of all measures: of one whose facts are not there now, what was told of this month before; of one
    that fails otherwise, nothing. None: it stops between two of them. Raises Busy where that is so of all."""
    values: list[Value] = []
    waiting: list[Busy] = []
    names = [str(library["id"]) for library in libraries()]
    for name in names:
        if stops():
            return None
        try:
            values += _values(runtime, name, days, context)
        except Busy as error:
            waiting.append(error)
            values += (value for value in before_ if value[0] == name)
            log.warning("measure_not_counted", extra={"measure": name, "reason": str(error)})
        except Exception as error:  # noqa: BLE001  # the others are counted, whatever it was
            log.error("measure_not_counted", extra={"measure": name, **told(error)})
            observe(FACTS_FAILED, 1)
    if waiting and len(waiting) == len(names):
        raise waiting[0]
    return values


def last_month(facts: Glimpse) -> Days:
    """The last calendar month that is over everywhere, as far as the facts reach."""
    now = from_micros(facts.marks.time)
    month = before(now.date(), "month", 1)
    over = zones(facts).widest(month)[1].replace(tzinfo=UTC) <= now
    return month if over else before(month.first, "month", 1)


def _values(runtime: Runtime, measure: str, days: Days, context: Context) -> Iterator[Value]:
    """One that cannot be counted has none. Raises Busy."""
    params = {"periodStart": [f"{days.first}"], "periodEnd": [f"{days.last}"]}
    call = Call("Measure", measure, params, None, Request("GET", f"Measure/{measure}/$evaluate-measure", ()))
    try:
        report = answered(runtime, _by_department(question(runtime, call)), context, kept=True, leisure=True)
    except Busy:
        raise
    except FhirError as error:
        log.warning("measure_not_counted", extra={"measure": measure, "reason": type(error).__name__})
        return
    for row in rows(report):
        if (value := _number(row)) is not None:
            yield measure, row.group, row.stratum, value


def _by_department(asks: Question) -> Question:
    """Without other strata, which nobody reads here; whether one is told does not depend on the others."""
    parted = asks.definition.is_parted_by(DEPARTMENT)
    return replace(asks, definition=narrowed(asks.definition, (DEPARTMENT,) if parted else ()))


def _number(row: Row) -> float | None:
    """The score; of a cohort, which has none, how many it is. None: there is none, or it is not told."""
    if row.score is not None or row.absent:
        return row.score
    count = row.counts.get("initial-population")
    return None if count is None else float(count)


def _sampled(runtime: Runtime, session: Session) -> list[Sample]:
    """Nothing of what was counted while few were told, where they are not any more."""
    kept = session.export(_PLACE)
    stands = json.parse(kept) if kept else {}
    may_be_told = stands.get("small_cells") in ("mask", runtime.small_cells)
    values = stands["values"] if may_be_told else ()
    return [({"measure": m, "group": g, "department": d}, float(str(value))) for m, g, d, value in values]


def _period_end(runtime: Runtime, session: Session) -> list[Sample]:
    kept = session.export(_PLACE)
    return [({}, float(json.parse(kept)["end"]))] if kept else []


def _as_of(runtime: Runtime, session: Session) -> list[Sample]:
    kept = session.export(_PLACE)
    return [({}, json.parse(kept)["as_of"] / 1_000_000)] if kept else []


SAMPLES = {MEASURE_VALUE: _sampled, MEASURE_PERIOD_END: _period_end, MEASURE_AS_OF: _as_of}
