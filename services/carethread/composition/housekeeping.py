"""Forgetting what has been kept for long enough, a little at a time; and what databases know of themselves."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from functools import partial
from threading import Event as Signal

from carethread.composition.bus import bus_file
from carethread.composition.delivering import SERVICE as DELIVERING
from carethread.composition.parts import engine_of
from carethread.core.errors import Busy
from carethread.core.service import Runtime
from carethread.core.settings import INBOUND, Settings

log = logging.getLogger(__name__)

EVERY_SECONDS = 3600.0
_ASKING = "questionnaires"
"""The service that keeps whom it has asked what."""

STATISTICS_SECONDS = 5.0
"""Between two looks for tables without statistics: a new database is filled fastest when it is new."""

_PAUSE_SECONDS = 0.05
"""Between two small deletions, for those who write."""

_DAY_MICROS = 24 * 3600 * 1_000_000


def housekeeping(settings: Settings, here: Mapping[str, Runtime], stop: Signal) -> None:
    """Forget every hour what is older than CARETHREAD_EVENT_RETENTION, and asks that are over for long, until `stop` is
    set."""
    while not stop.is_set():
        forget(settings, here, stop)
        stop.wait(EVERY_SECONDS)


def statistics(here: Mapping[str, Runtime], stop: Signal) -> None:
    """See to it that the databases know what is in their tables, until `stop` is set."""
    from carethread.adapters.sql.statistics import gather_missing

    while not stop.wait(STATISTICS_SECONDS):
        for name, runtime in here.items():
            try:
                gather_missing(engine_of(runtime))
            except Busy as error:
                log.info("statistics_wait", extra={"service": name, "reason": str(error)})


def forget(settings: Settings, here: Mapping[str, Runtime], stop: Signal) -> None:
    """Forget once; what is away is left for the next time."""
    now = time.time_ns() // 1000
    for what, some in _tasks(settings, here, now):
        gone = 0
        try:
            while not stop.is_set() and (now_gone := some()):
                gone += now_gone
                stop.wait(_PAUSE_SECONDS)
        except Busy as error:
            log.warning("housekeeping_waits", extra={"what": what, "reason": str(error)})
        if gone:
            log.info("forgotten", extra={"what": what, "count": gone})


def _tasks(settings: Settings, here: Mapping[str, Runtime], now: int) -> Iterator[tuple[str, Callable[[], int]]]:
    from carethread.adapters.sql.deliveries.forgetting import forget_tokens, forget_told
    from carethread.adapters.sql.events.bus import connect, prune
    from carethread.adapters.sql.events.inbound import forget_answers
    from carethread.adapters.sql.events.retention import forget_happened, forget_sent

    older_than = now - settings.event_retention * _DAY_MICROS
    for name, runtime in here.items():
        yield f"{name} outbox", partial(forget_sent, engine_of(runtime), name, older_than)
        yield f"{name} inbox", partial(forget_happened, engine_of(runtime), older_than)
        if name == _ASKING:
            from carethread.questionnaires.programmes.forgetting import forget_asks

            yield f"{name} asks", partial(forget_asks, runtime, now)
        if name == DELIVERING:
            yield f"{name} notifications", partial(forget_told, engine_of(runtime), older_than)
            yield f"{name} tokens", partial(forget_tokens, engine_of(runtime), older_than)
        if name == INBOUND:
            yield f"{name} answers", partial(forget_answers, engine_of(runtime), older_than)
    if path := bus_file(settings):
        with closing(connect(path)) as connection:
            yield "bus", partial(prune, connection, older_than)
