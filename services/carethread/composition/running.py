"""Whether what runs beside the requests does run, asked of the databases: relays, consumers, deliveries."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from carethread.composition.delivering import DELIVERY
from carethread.composition.delivering import SERVICE as DELIVERING
from carethread.composition.operating import CONSUMERS, opened, readers
from carethread.core.errors import Busy
from carethread.core.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy import Engine

LATE_SECONDS = 60.0
"""A loop that has not come round for so long is not taken for one that runs."""

TAKEOVER_SECONDS = 2.0
"""So long may a relay have no leader: another looks each second."""

_ALWAYS = "rest-hook"
_ROLES = {"rest-hook": "worker", "websocket": "ws", "grpc": "rpc"}

Asked = tuple[str, Callable[[], str]]


def running(settings: Settings, name: str, until: float) -> Iterator[Asked]:
    """Each loop of the service with this database by what it is, and a question whose answer says how it is; it raises
    Busy where no process runs it. `until` (monotonic seconds) is how long a leader may be waited for."""
    if name not in CONSUMERS:
        return
    engine = opened(settings, name).engine
    yield f"relay {name}", partial(_relay, engine, name, until)
    if name in readers():
        yield f"consumer {name}", partial(_consumer, engine)
    if name == DELIVERING:
        from carethread.adapters.sql.events.running import channels

        for channel in sorted({_ALWAYS, *channels(engine)}):
            yield f"{DELIVERY}{channel}", partial(_came_round, engine, f"{DELIVERY}{channel}", _ROLES[channel])


def _relay(engine: Engine, name: str, until: float) -> str:
    from carethread.adapters.sql.events.running import leading

    while not (found := leading(engine, name)).holder:
        if time.monotonic() > until:
            raise Busy(f"Nobody leads it; {found.unsent} events wait. Does the role worker run?")
        time.sleep(0.2)
    return f"{found.holder} leads, {found.unsent} events not marked as sent"


def _consumer(engine: Engine) -> str:
    from carethread.adapters.sql.events.running import filling

    if types := filling(engine):
        return f"waits until the mirror of {', '.join(types)} is filled"
    return _came_round(engine, "consumer", "worker")


def _came_round(engine: Engine, part: str, role: str) -> str:
    from carethread.adapters.sql.events.running import came_round

    ago = came_round(engine).get(part)
    if ago is None or ago > LATE_SECONDS:
        last = "never" if ago is None else f"{ago:.0f} s ago"
        raise Busy(f"No process runs it; one came round {last}. Does the role {role} run?")
    return f"came round {ago:.0f} s ago"
