"""kill -9 while slots are made: what is booked stays, and whoever comes after makes the rest as if nobody had died.

CARETHREAD_TEST_KILLS says how often at each step.
"""

from __future__ import annotations

import pytest

from carethread.core.clock import instant, to_micros
from carethread.core.context import Context
from carethread.core.fhir import json
from carethread.core.ports import Resource
from carethread.core.ports.calendar import FOREVER
from carethread.interactions.update import update
from carethread.scheduling import SERVICE
from carethread.scheduling.availability.expanding import horizon_end, slots
from carethread.scheduling.availability.reading import template_of
from support.availability_deaths import NOW, change, die, template, timing
from support.deaths import kills
from support.event_workers import store_at
from support.stores import runtime

KILLS = kills(2)


def check(url: str) -> None:
    store = store_at(url, "scheduling")
    change(store, 60)
    timing(store).step()
    (first, *_) = store.glance(lambda session: session.calendar.slots("s", 0, FOREVER))
    booking = {
        "resourceType": "Appointment",
        "id": "a",
        "status": "booked",
        "slot": [{"reference": f"Slot/{first.slot}"}],
        "start": instant(first.begin),
        "end": instant(first.end),
        "participant": [{"actor": {"reference": "Patient/p"}, "status": "accepted"}],
    }
    update(runtime(store, SERVICE), ("Appointment", "a"), booking, Context(clock=lambda: NOW))
    booked = store.glance(lambda session: session.current([("Slot", first.slot)]))
    die(url, KILLS)
    change(store, 30)
    worker = timing(store)
    while worker.step():
        pass
    there = store.glance(lambda session: session.calendar.slots("s", 0, FOREVER))
    made = template_of(template(30))
    assert made is not None
    now = to_micros(NOW)
    wanted = slots(made, "s", now, horizon_end(made, now))
    assert [(each.slot, each.begin, each.end) for each in there[1:]] == [
        (each.id, each.begin, each.end) for each in wanted if each.begin >= first.end
    ]
    assert there[0].slot == first.slot and there[0].status == "busy"
    assert store.glance(lambda session: session.current([("Slot", first.slot)])) == booked, "not touched"
    bodies = store.snapshot(lambda session: session.current([("Slot", each.slot) for each in there]))
    for each in there[1:]:
        body: Resource = json.parse(bodies["Slot", each.slot].body)
        assert (body["status"], body["meta"]["versionId"]) == ("free", str(bodies["Slot", each.slot].version))
    store.close()


@pytest.mark.timeout(120 + 60 * KILLS)
def test_slots(database_url: str) -> None:
    check(database_url)
