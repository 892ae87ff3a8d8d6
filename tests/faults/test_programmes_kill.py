"""kill -9 between an event, what it has wanted, and what is decided: whoever should be asked is, once, and told once.

CARETHREAD_TEST_KILLS says how often at each step.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

import pytest

from support.deaths import kills
from support.programmes_deaths import FORMS, SERVICES, Practice, die, place_of
from support.stores import open_store

KILLS = kills(1)


def check(url: str) -> None:
    for service in SERVICES:
        open_store(place_of(url, service.name)[0], service.name).close()
    practice = Practice(url)
    store = practice.asking.store
    practice.prepare()
    die(url, KILLS)
    events = practice.events()
    practice.hear(events)
    while practice.timing.step():
        pass
    assert store.glance(lambda session: session.timers.failing(10)) == []
    asks = store.snapshot(lambda session: list(session.asks.between(1, 10**18)))
    assert Counter(each.cause for each in asks) == {f"Appointment/{each.resource_id}": len(FORMS) for each in events}
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for each in asks:
        found[each.person, each.form].append(each.outcome)
    assert all(sorted(each) in (["asked"], ["asked", "open"]) for each in found.values()), "once, of one visit or two"
    drafts = {each.response for each in asks if each.outcome == "asked"}
    assert len(drafts) == len(found)
    there = store.glance(lambda session: session.current([("QuestionnaireResponse", id_) for id_ in drafts]))
    assert len(there) == len(drafts)
    told = Counter(each.wanted.type for each in store.glance(lambda session: session.requests.all()))
    assert told["Task"] == told["CommunicationRequest"] == len(drafts)
    for runtime in practice.here.values():
        runtime.store.close()


@pytest.mark.timeout(120 + 60 * KILLS)
def test_programmes(tmp_path: Path) -> None:
    check(f"sqlite:///{tmp_path}")


@pytest.mark.timeout(120 + 60 * KILLS)
def test_programmes_on_postgresql(postgres_database: str) -> None:
    check(postgres_database)
