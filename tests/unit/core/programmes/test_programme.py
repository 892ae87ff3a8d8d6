"""What makes somebody be asked: by an event's envelope, by the resource, and by the condition of an action."""

from __future__ import annotations

import pytest

from carethread.core.errors import FhirError
from carethread.core.programmes.programme import Trigger
from carethread.core.programmes.reading import programme_of
from support.programmes import action, data, programme, visit


@pytest.mark.parametrize(
    ("trigger", "verb", "version", "expected"),
    [
        (Trigger("Appointment", "fulfilled"), "fulfilled", 3, True),
        (Trigger("Appointment", "fulfilled"), "booked", 3, False),
        (Trigger("Appointment"), "updated", 2, True),
        (Trigger("Appointment", modified=False), "created", 1, True),
        (Trigger("Appointment", modified=False), "updated", 2, False),
        (Trigger("Appointment", added=False), "created", 1, False),
        (Trigger("Patient"), "created", 1, False),
    ],
)
def test_an_envelope(trigger: Trigger, verb: str, version: int, *, expected: bool) -> None:
    assert trigger.announced("Appointment", verb, version) is expected


def test_a_cause_is_asked_again() -> None:
    (made,) = programme_of(programme("one", action("trust"))).actions
    assert made.meant(visit("a", "ann"), {})
    assert not made.meant(visit("a", "ann", status="noshow"), {})
    said = {"language": "text/fhirpath", "expression": "%patient.active"}
    trigger = [data("Appointment", "status = 'fulfilled'")]
    condition = [{"kind": "applicability", "expression": said}]
    (both,) = programme_of(programme("two", action("trust", trigger=trigger, condition=condition))).actions
    ann = {"resourceType": "Patient", "active": True}
    assert both.meant(visit("a", "ann"), ann)
    assert not both.meant(visit("a", "ann"), {"resourceType": "Patient"})
    assert not both.meant(visit("a", "ann", status="booked"), ann)


def test_a_condition_costs_no_more_than_it_may() -> None:
    endless = "(1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10)" + ".select($this | 1)" * 3 + ".repeat($this + 1).exists()"
    (made,) = programme_of(programme("one", action("trust", trigger=[data("Appointment", endless)]))).actions
    with pytest.raises(FhirError):
        made.meant(visit("a", "ann"), {})
