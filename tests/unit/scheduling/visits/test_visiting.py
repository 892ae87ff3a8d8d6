"""What a change of status leaves on an Appointment."""

from __future__ import annotations

import pytest

from carethread.core.fhir.elements import extension
from carethread.core.fhir.search.dates import moment
from carethread.core.ports import Resource
from carethread.scheduling.policies import OTHERWISE
from carethread.scheduling.rules import CANCELLED_BY, CONFIRM_BY, HOLD_UNTIL, LATE, REASONS, cancelled_by, canceller
from carethread.scheduling.visits.visiting import VISIT_TIMES, marked

START = "2031-03-03T09:00:00Z"
NOW = moment("2031-03-02T08:00:00Z")
HOUR = 3_600_000_000
BY_THE_PATIENT = {"url": CANCELLED_BY, "valueCode": "patient"}


def visit(status: str, **members: object) -> Resource:
    return {"resourceType": "Appointment", "status": status, "start": START, **members}


def because(code: str) -> dict[str, object]:
    return {"coding": [{"system": REASONS, "code": code}]}


@pytest.mark.parametrize(
    "members, by",
    [
        ({}, "patient"),
        ({"cancelationReason": because("pat-lt")}, "patient"),
        ({"cancelationReason": because("oth-weath")}, "patient"),
        ({"cancelationReason": because("prov-pers")}, "provider"),
        ({"cancelationReason": because("maint")}, "provider"),
        ({"cancelationReason": {"coding": [{"system": "urn:example", "code": "prov"}]}}, "patient"),
        ({"cancelationReason": because("prov"), "extension": [BY_THE_PATIENT]}, "patient"),
    ],
)
def test_who_cancels_is_told_or_follows_from_the_reason(members: dict[str, object], by: str) -> None:
    after = visit("cancelled", **members)
    assert cancelled_by(visit("booked"), after) == by
    assert cancelled_by(visit("proposed"), after) == "", "it had no slots"
    assert cancelled_by(None, after) == ""
    held = visit("pending", extension=[{"url": HOLD_UNTIL, "valueInstant": START}])
    assert cancelled_by(held, after) == "", "a hold is given up"
    asked = visit("pending", extension=[{"url": CONFIRM_BY, "valueInstant": START}])
    assert cancelled_by(asked, after) == by, "what an EHR is asked is a visit"
    assert extension(marked(visit("booked"), after, NOW, OTHERWISE) or {}, CANCELLED_BY)["valueCode"] == by


@pytest.mark.parametrize(
    ("codes", "by"), [(["pat-crs"], "patient"), (["pat", "prov"], "provider"), (["maint"], "provider"), (["oth"], "")]
)
def test_a_reason_says_who_cancelled(codes: list[str], by: str) -> None:
    reason = {"coding": [{"system": REASONS, "code": code} for code in codes]}
    assert canceller(visit("cancelled", cancelationReason=reason)) == by


def test_a_cancellation_within_a_day_of_the_start_is_late() -> None:
    before, after = visit("booked"), visit("cancelled")
    assert extension(marked(before, after, NOW, OTHERWISE) or {}, LATE)["valueBoolean"] is False
    corrected = marked(visit("noshow"), after, NOW, OTHERWISE) or {}
    assert not extension(corrected, LATE), "nobody knows when it was cancelled"
    assert extension(marked(before, after, NOW + 2 * HOUR, OTHERWISE) or {}, LATE)["valueBoolean"] is True
    by_the_provider = visit("cancelled", cancelationReason=because("prov"))
    assert not extension(marked(before, by_the_provider, NOW + 2 * HOUR, OTHERWISE) or {}, LATE)


def test_times_are_set_once_and_those_that_are_sent_stay() -> None:
    arrived = marked(visit("booked"), visit("arrived"), NOW, OTHERWISE)
    assert arrived
    assert extension(arrived, VISIT_TIMES)["extension"] == [
        {"url": "arrived", "valueInstant": "2031-03-02T08:00:00.000Z"}
    ]
    assert marked(arrived, {**arrived, "status": "arrived"}, NOW, OTHERWISE) is None
    ended = marked(arrived, {**arrived, "status": "fulfilled"}, NOW + HOUR, OTHERWISE) or {}
    assert [part["url"] for part in extension(ended, VISIT_TIMES)["extension"]] == ["arrived", "ended"]
    sent = {"url": VISIT_TIMES, "extension": [{"url": "arrived", "valueInstant": START}]}
    assert marked(visit("booked"), visit("arrived", extension=[sent]), NOW, OTHERWISE) is None
    assert marked(visit("booked"), visit("noshow"), NOW, OTHERWISE) is None
    assert marked(None, visit("arrived"), NOW, OTHERWISE) is None
