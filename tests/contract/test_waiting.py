"""Who waits, as it is kept beside the entries: as narrow a choice finds exactly those whom going through all finds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from carethread.adapters.sql.engine import writing
from carethread.adapters.sql.store.store import SqlStore
from carethread.core.fhir import json
from carethread.core.ports.offers import Offer
from carethread.scheduling.waitlist import listing
from carethread.scheduling.waitlist.entries import Asked, Entry, entry_of, fits
from carethread.scheduling.waitlist.listing import entry_kept, those_who_fit, waiting_of
from support.stores import BASE, open_store
from support.waiting import Desk

KINDS = ["s|1", "s|2", 's|a "b"\\c', "|1"]
PEOPLE = ["Practitioner/a", "Practitioner/b", "PractitionerRole/a"]
SLOTS = ["x", "y"]

spans = st.tuples(st.integers(0, 8), st.integers(0, 8)).map(lambda pair: (min(pair), max(pair)))


def some(*values: str) -> st.SearchStrategy[frozenset[str]]:
    return st.frozensets(st.sampled_from(values), max_size=2)


entries = st.builds(
    Entry,
    id=st.sampled_from([f"e{n}" for n in range(6)]),
    patient=st.sampled_from([f"Patient/{n}" for n in range(3)]),
    since=st.integers(0, 10),
    priority=st.integers(1, 9),
    kinds=some(*KINDS),
    wanted=some(*PEOPLE),
    windows=st.lists(spans, max_size=2).map(tuple),
    modality=st.sampled_from(["", "phone"]),
    channel=st.sampled_from(["phone", "sms"]),
    notice=st.integers(0, 100),
    declined=some(*SLOTS),
)
lists = st.lists(entries, max_size=6, unique_by=lambda entry: entry.id)


@pytest.fixture
def store(database_url: str) -> Iterator[SqlStore]:
    opened = open_store(database_url, "scheduling")
    yield opened
    opened.close()


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    first=lists,
    then=lists,
    gone=st.frozensets(st.sampled_from([f"e{n}" for n in range(6)]), max_size=2),
    asked=st.sampled_from(["", "Patient/0"]),
    slot=st.sampled_from(SLOTS),
    kinds=some(*KINDS),
    people=some(*PEOPLE),
    span=spans,
)
def test_the_same_as_going_through_all(
    store: SqlStore, first: list[Entry], then: list[Entry], **asked_for: Any
) -> None:
    """Entered, entered anew, forgotten; somebody has an offer already."""
    there = {entry.id: entry for entry in (*first, *then) if entry.id not in asked_for["gone"]}
    asked = Asked(*(asked_for[name] for name in ("slot", "kinds", "people", "span")))
    found: list[Entry] = []

    def work(session: Any) -> None:
        session.offers.leave((f"e{n}" for n in range(6)), 1)
        session.offers.settle("other", "withdrawn", 1)
        for some_of_them in (first, then):
            session.offers.wait([waiting_of(entry) for entry in some_of_them])
        session.offers.leave(asked_for["gone"], 1)
        if asked_for["asked"]:
            session.offers.put([Offer("other", asked_for["asked"], "z", 0, 1, b"{}")])
        found.extend(those_who_fit(session, [asked]))

    store.transact(work)
    expected = [e for e in there.values() if e.patient != asked_for["asked"] and fits(e, asked)]
    assert sorted(found, key=lambda entry: entry.id) == sorted(expected, key=lambda entry: entry.id)


def test_of_too_many_those_of_each_priority_who_have_waited_longest(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "EACH", 2)
    those = [Entry(f"p{p}-{n}", f"Patient/{p}{n}", 100 - n, p, frozenset({"s|1"})) for p in (1, 9) for n in range(4)]
    store.transact(lambda session: session.offers.wait([waiting_of(each) for each in those]))
    asked = Asked("x", frozenset({"s|1"}), frozenset(), (1, 2))
    found = store.glance(lambda session: those_who_fit(session, [asked]))
    assert sorted(entry.id for entry in found) == ["p1-2", "p1-3", "p9-2", "p9-3"]


@pytest.fixture
def desk(store: SqlStore) -> Desk:
    return Desk(store)


def kept(desk: Desk) -> dict[str, Entry]:
    found = desk.store.glance(lambda session: session.offers.candidates((), (), 0, 0, 100))
    return {one.entry: entry_kept(one) for one in found}


def test_an_entry_is_kept_as_its_appointment_says_it(desk: Desk) -> None:
    desk.wait("one", priority=3, created="2026-01-05")
    stored = desk.store.glance(lambda session: session.current([("Appointment", "one")]))["Appointment", "one"]
    assert kept(desk)["one"] == entry_of(stored, json.parse_object(stored.body), BASE)


def test_who_waits_no_more_is_forgotten(desk: Desk) -> None:
    desk.wait("cancelled")
    desk.put({**desk.get("Appointment/cancelled"), "status": "cancelled"})
    desk.wait("nobody")
    desk.put({**desk.get("Appointment/nobody"), "participant": [{"status": "accepted", "type": [{"text": "any"}]}]})
    desk.wait("stays")
    assert set(kept(desk)) == {"stays"}


def test_a_change_of_an_entry_does_not_begin_the_wait_anew(desk: Desk) -> None:
    desk.wait("one")
    desk.wait("two")
    began = kept(desk)["one"].since
    desk.work(hours=48)
    desk.put({**desk.get("Appointment/one"), "priority": 2})
    desk.put({**desk.get("Appointment/two"), "created": "2026-03-03T00:00:00Z"})
    assert (kept(desk)["one"].priority, kept(desk)["one"].since) == (2, began)
    assert kept(desk)["two"].since > began, "what is stated counts"


def test_what_was_there_before_is_entered(desk: Desk) -> None:
    for number in range(3):
        desk.wait(f"e{number}", priority=number + 1)
    before = kept(desk)
    assert len(before) == 3
    with writing(desk.store.engine) as connection:
        connection.execute(text("DELETE FROM waiting"))
    desk.store.transact(lambda session: session.timers.set("calendar", "Appointment", 0))
    desk.work()
    assert kept(desk) == before
