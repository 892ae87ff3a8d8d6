"""What an event concerns: the resource itself, and all that its body refers to."""

from __future__ import annotations

import pytest

from carethread.core.consuming.reading import about_resource
from carethread.core.events import Event
from carethread.core.fhir.json import render
from carethread.core.ports import About
from carethread.core.service import Runtime, Service

BASE = "https://care.example/fhir"
RUNTIME = Runtime(Service("careteams", "", ()), None, None, None, BASE)  # type: ignore[arg-type]  # none is asked


def about(data: bytes) -> About:
    return about_resource(RUNTIME, Event("e1", "s", "updated", "Task", "t1", 3, 0, "Patient/p", data))


@pytest.mark.parametrize(
    ("reference", "needed"),
    [
        ("Patient/p1", {"Patient/p1"}),
        ("Patient/p1/_history/4", {"Patient/p1"}),
        (f"{BASE}/Patient/p1", {"Patient/p1"}),
        ("https://elsewhere.example/fhir/Patient/p1", set()),
        ("urn:uuid:53fefa32-fcbb-4ff8-8a92-55ee120877b7", set()),
        ("#contained", set()),
        ("Task/t1", set()),
    ],
)
def test_it_needs_what_it_refers_to(reference: str, needed: set[str]) -> None:
    body = {"resourceType": "Task", "id": "t1", "input": [{"valueReference": {"reference": reference}}]}
    assert about(render(body)) == About("e1", ("Task/t1",), frozenset(needed))


def test_references_are_found_wherever_they_are() -> None:
    body = {
        "resourceType": "Task",
        "for": {"reference": "Patient/p1"},
        "contained": [{"resourceType": "Observation", "subject": {"reference": "Patient/p2"}}],
        "extension": [{"extension": [{"valueReference": {"reference": "Group/g1"}}]}],
        "description": "Patient/p9",
    }
    assert about(render(body)).needs == {"Patient/p1", "Patient/p2", "Group/g1"}


@pytest.mark.parametrize("data", [b"", b"{", b'{"reference": {"reference": 1}}', b"[]"])
def test_a_body_that_says_nothing_is_still_about_its_resource(data: bytes) -> None:
    assert about(data) == About("e1", ("Task/t1",))
