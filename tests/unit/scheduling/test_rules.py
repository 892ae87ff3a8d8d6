"""Which statuses hold a slot, and what a change of status is called."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from carethread.core.events import VERBS
from carethread.core.fhir.validation import validate
from carethread.scheduling.rules import HOLDING, slot_status, slots_held, verb

BASE = "http://127.0.0.1:8080/fhir"
STATUSES = [
    "proposed", "pending", "booked", "arrived", "fulfilled", "cancelled", "noshow", "entered-in-error", "checked-in",
    "waitlist",
]  # fmt: skip
NAMED = {
    "booked": "booked",
    "arrived": "arrived",
    "checked-in": "checkedin",
    "fulfilled": "fulfilled",
    "noshow": "noshow",
    "cancelled": "cancelled",
}


def appointment(status: str, *slots: str) -> dict[str, Any]:
    return {
        "resourceType": "Appointment",
        "status": status,
        "slot": [{"reference": text} for text in slots],
        "participant": [{"status": "accepted", "actor": {"reference": "Patient/1"}}],
    }


def test_these_are_all_statuses_that_fhir_has() -> None:
    def accepted(status: str) -> bool:
        return not any(issue.expression == "Appointment.status" for issue in validate(appointment(status, "Slot/1")))

    assert all(map(accepted, STATUSES))
    assert not accepted("unknown")
    assert set(STATUSES) > HOLDING


@pytest.mark.parametrize("status", STATUSES)
def test_whether_a_status_holds_its_slots(status: str) -> None:
    holds = status in {"pending", "booked", "arrived", "checked-in", "fulfilled", "noshow"}
    assert slots_held(appointment(status, "Slot/b", "Slot/a"), BASE) == (["a", "b"] if holds else [])


def test_slots_are_local_slots_each_once_in_order() -> None:
    """In order, so that two that book the same slots lock them alike."""
    texts = [
        "Slot/b",
        "Slot/a",
        "Slot/b",
        "Schedule/c",
        "http://else/fhir/Slot/d",
        "#e",
        "Slot/f/_history/2",
        f"{BASE}/Slot/g",
    ]
    assert slots_held(appointment("booked", *texts), BASE) == ["a", "b", "f", "g"]
    assert slots_held(None, BASE) == []
    assert slots_held({"resourceType": "Appointment", "status": "booked"}, BASE) == []


@pytest.mark.parametrize("before, after", list(product([None, *STATUSES], repeat=2)))
def test_the_verb_names_a_change_of_status(before: str | None, after: str | None) -> None:
    expected = NAMED.get(after or "") if after != before else None
    assert expected is None or expected in VERBS
    assert verb(before and appointment(before), after and appointment(after)) == expected  # type: ignore[arg-type]  # None stays None


@pytest.mark.parametrize("sent", ["free", "busy", "busy-unavailable", "busy-tentative", "entered-in-error"])
def test_a_held_slot_is_busy(sent: str) -> None:
    assert (slot_status(sent, True), slot_status(sent, False)) == ("busy", sent)
