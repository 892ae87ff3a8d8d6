"""A calendar that is entered anew while visits are cancelled: nobody stays taken by a visit that is no more."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from carethread.core.context import Context
from carethread.core.ports import Session, Timer
from carethread.scheduling.booking import rebuilding
from support.stores import open_store
from support.waiting import Desk


@pytest.mark.parametrize("kind", ["Appointment", "Slot"])
def test_who_cancels_while_it_is_entered_is_free(database_url: str, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """What is entered was read before: the cancellation comes between, or has to wait until it is entered."""
    store = open_store(database_url, "scheduling")
    desk = Desk(store)
    desk.slot("s0", 24)
    desk.book("one", "s0")
    cancelling = threading.Thread(target=lambda: desk.book("one", "s0", "cancelled"))
    name = "taking" if kind == "Appointment" else "slot_stored"
    monkeypatch.setattr(rebuilding, name, meanwhile(cancelling, getattr(rebuilding, name)))

    def work(session: Session) -> None:
        rebuilding.enter_anew(desk.runtime, session, Timer(kind, kind, 0, b"0"), Context(clock=desk.clock))

    store.transact(work)
    cancelling.join(30)
    assert desk.statuses("one") == ["cancelled"]
    assert store.glance(lambda session: session.calendar.taken(["one"])) == []
    (opening,) = store.glance(lambda session: session.calendar.slots("s", 0, 2**62))
    assert (opening.status, opening.free) == ("free", 0)
    store.close()


def meanwhile(thread: threading.Thread, work: Callable[..., Any]) -> Callable[..., Any]:
    """The work, begun after the thread has had a second; it goes on beside the work where it has to wait."""

    def begun(*args: Any) -> Any:
        if not thread.ident:
            thread.start()
            thread.join(1)
        return work(*args)

    return begun
