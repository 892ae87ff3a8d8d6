"""Slots and visits: local hours through daylight saving time, nobody in two places, rates and their causes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from carethread.demo.bookings import SHIFTED, Booking, bookings
from carethread.demo.departments import CLINICIANS, DEPARTMENTS
from carethread.demo.fhir import Resource
from carethread.demo.hours import openings, window
from carethread.demo.people import population
from unit.demo.known import TODAY

CLAIMS = {"booked", "fulfilled", "noshow"}
OFFICE_HOURS = (time(8), time(17))


def _span(resource: Resource) -> tuple[datetime, datetime]:
    return datetime.fromisoformat(resource["start"]), datetime.fromisoformat(resource["end"])


def _actor(appointment: Resource, type_name: str) -> str:
    actor: str
    (actor,) = (
        p["actor"]["reference"]
        for p in appointment["participant"]
        if p.get("actor", {}).get("reference", "").startswith(type_name + "/")
    )
    return actor


@pytest.mark.parametrize("change", [date(2025, 3, 9), date(2025, 11, 2)])
def test_nine_o_clock_stays_nine_o_clock_when_the_clocks_change(change):
    clinician = next(c for c in CLINICIANS if c.department.key == "primary-care" and 0 in c.weekdays)
    monday = change + timedelta(days=1)
    before, after = (list(openings(clinician, day)) for day in (monday - timedelta(weeks=1), monday))
    assert [o.start.time() for o in before] == [o.start.time() for o in after]
    offsets = {o.start.utcoffset() for o in before}, {o.start.utcoffset() for o in after}
    assert offsets[0] != offsets[1]


def test_a_zone_without_daylight_saving_time_keeps_its_offset():
    surgeon = next(c for c in CLINICIANS if c.department.key == "orthopaedics")
    days = window(date(2025, 3, 20))
    assert {o.start.utcoffset() for day in days for o in openings(surgeon, day)} == {timedelta(hours=-7)}


def test_every_slot_is_in_local_office_hours_on_a_weekday(of_type):
    zones = {c.schedule: c.department.tz for c in CLINICIANS}
    for slot in of_type("Slot"):
        start, end = _span(slot)
        local = start.astimezone(zones[slot["schedule"]["reference"].removeprefix("Schedule/")])
        assert local.utcoffset() == start.utcoffset()
        assert local.weekday() < 5
        assert OFFICE_HOURS[0] <= local.time() < end.astimezone(local.tzinfo).time() <= OFFICE_HOURS[1]
        assert slot["status"] == "free"


def test_locations_carry_five_different_zones_of_the_time_zone_database(of_type):
    zones = [extension["valueCode"] for r in of_type("Location") for extension in r["extension"]]
    assert len({ZoneInfo(zone).key for zone in zones}) == len(DEPARTMENTS) == 5


def test_the_window_is_six_weeks_back_and_four_weeks_ahead(of_type):
    days = {s["start"][:10] for s in of_type("Slot")}
    assert min(days) >= (TODAY - timedelta(weeks=6)).isoformat()
    assert max(days) < (TODAY + timedelta(weeks=4)).isoformat()
    assert len(days) == 50


def test_an_appointment_is_at_its_slots_time_and_at_most_one_claims_a_slot(of_type):
    slots = {f"Slot/{s['id']}": s for s in of_type("Slot")}
    claims: Counter[str] = Counter()
    for appointment in of_type("Appointment"):
        (slot,) = (reference["reference"] for reference in appointment["slot"])
        assert _span(appointment) == _span(slots[slot])
        claims[slot] += appointment["status"] in CLAIMS
    assert max(claims.values()) == 1


@pytest.mark.parametrize("type_name", ["Patient", "Practitioner"])
def test_nobody_is_in_two_places_at_once(of_type, type_name):
    diary = defaultdict(list)
    for appointment in of_type("Appointment"):
        if appointment["status"] in CLAIMS:
            diary[_actor(appointment, type_name)].append(_span(appointment))
    for spans in diary.values():
        spans.sort()
        assert all(earlier[1] <= later[0] for earlier, later in pairwise(spans))


def test_the_past_has_its_outcome_and_the_future_has_not(of_type):
    for appointment in of_type("Appointment"):
        past = date.fromisoformat(appointment["start"][:10]) < TODAY
        allowed = {"fulfilled", "noshow", "cancelled"} if past else {"booked", "cancelled"}
        assert appointment["status"] in allowed
        assert ("cancelationReason" in appointment) is (appointment["status"] == "cancelled")
        assert datetime.fromisoformat(appointment["created"]) < datetime.fromisoformat(appointment["start"])
        assert date.fromisoformat(appointment["created"][:10]) < TODAY


def test_the_coming_weeks_fill_up_as_they_come_nearer(of_type):
    weeks = Counter(
        (date.fromisoformat(a["start"][:10]) - TODAY).days // 7
        for a in of_type("Appointment")
        if a["status"] == "booked"
    )
    assert weeks[0] > weeks[1] > weeks[3] > 10


def test_nobody_who_has_died_or_left_is_booked(of_type):
    gone = {f"Patient/{p['id']}" for p in of_type("Patient") if not p["active"] or "deceasedDateTime" in p}
    assert 3 <= len(gone) <= 10
    assert not gone & {_actor(a, "Patient") for a in of_type("Appointment")}


def test_no_shows_and_cancellations_are_believable_and_have_their_causes():
    seen, cancelled = [], []
    for seed in range(5):
        people = population(seed)
        for booking, status in bookings(seed, TODAY, people):
            if status in ("fulfilled", "noshow") and booking.opening.clinician.department.key != SHIFTED:
                seen.append((booking, status == "noshow"))
            if booking.opening.start.date() < TODAY:
                cancelled.append(status == "cancelled")

    def rate(chosen: Callable[[Booking], bool]) -> float:
        missed = [missed for booking, missed in seen if chosen(booking)]
        return sum(missed) / len(missed)

    def lead(booking: Booking) -> int:
        return (booking.opening.start.date() - booking.made).days

    assert 0.065 < rate(lambda b: True) < 0.095
    assert rate(lambda b: "transport" in b.person.needs) > 1.7 * rate(lambda b: "transport" not in b.person.needs)
    assert rate(lambda b: lead(b) >= 21) > 1.2 * rate(lambda b: lead(b) < 21)
    assert 0.05 < sum(cancelled) / len(cancelled) < 0.09


def test_a_cancelled_opening_is_sometimes_taken_again(of_type):
    by_slot = defaultdict(set)
    for appointment in of_type("Appointment"):
        by_slot[appointment["slot"][0]["reference"]].add(appointment["status"])
    assert sum(len(statuses & CLAIMS) and "cancelled" in statuses for statuses in by_slot.values()) > 10


def test_who_needs_an_interpreter_gets_one_at_the_visit(of_type):
    need = {f"Patient/{p['id']}" for p in of_type("Patient") if "extension" in p}
    for appointment in of_type("Appointment"):
        translated = any("type" in participant for participant in appointment["participant"])
        assert translated is (_actor(appointment, "Patient") in need)
