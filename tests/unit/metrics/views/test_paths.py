"""What is walked over plain JSON is what FHIRPath finds, on the official examples and on what is not plain."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from carethread.core.fhir import json
from carethread.core.fhir.fhirpath import Element
from carethread.core.fhir.fhirpath.element import plain
from carethread.core.fhir.fhirpath.model import members
from carethread.core.fhir.fhirpath.parser import parse
from carethread.metrics.views.paths import node_type, path, simple

EXAMPLES = sorted((Path(__file__).parents[5] / "shared" / "official" / "r4-examples").glob("*.json"))
TYPES = ("Appointment", "Encounter", "Observation", "Patient", "QuestionnaireResponse", "Condition")

SIMPLE = (
    ("Appointment", "participant.where(type.exists()).actor.getReferenceKey(Patient)"),
    ("Appointment", "participant.actor.where(type = 'Patient').getReferenceKey()"),
    ("Appointment", "participant.where(status = 'accepted' and required = 'required').actor.reference"),
    ("Appointment", "serviceType[0].coding.first().code"),
    ("Appointment", "Appointment.start"),
    ("Encounter", "extension('https://example.org/x').value.ofType(Reference).getReferenceKey(Organization)"),
    ("Observation", "value.ofType(Quantity).value"),
    ("Observation", "value.ofType(FHIR.Quantity).value"),
    ("Observation", "component[1].value.ofType(Quantity).code"),
    ("Observation", "effective.ofType(dateTime)"),
    ("Patient", "getResourceKey()"),
    ("Patient", "deceased.ofType(boolean)"),
    ("Patient", "name.where(use = 'official').given.first()"),
    ("Patient", "name[7].family"),
    ("QuestionnaireResponse", "item.where(linkId = '1').answer.value.ofType(Coding).code"),
    ("Condition", "evidence.detail.first().getReferenceKey(Observation)"),
)
"""Paths as views have them; all are walked."""

NOT_SIMPLE = (
    ("Patient", "name.given | name.family"),
    ("Patient", "name.where(period.start = '2001').given"),
    ("Patient", "name.where($index = 1)"),
    ("Patient", "contained.id"),
    ("Patient", "birthDate + 1 year"),
    ("Patient", "nothing"),
    ("Patient", "deceased"),
    ("Observation", "value"),
)


def test_what_views_ask_for_is_simple() -> None:
    assert all(simple(parse(text), start) for start, text in SIMPLE)
    assert not any(simple(parse(text), start) for start, text in NOT_SIMPLE)


def _grown(start: str, levels: int = 2, before: str = "") -> Iterator[str]:
    """Each member, and each below it, with what can follow."""
    for name, slots in members(start).items():
        text = before + name
        chosen = [f"{text}.ofType({slot.type})" for slot in slots] if len(slots) > 1 else [text]
        for each, slot in zip(chosen, slots, strict=True):
            yield from (each, f"{each}.first()", f"{each}.exists()", f"{each}[1]")
            if levels > 1:
                yield from _grown(slot.type, levels - 1, each + ".")


@pytest.mark.skipif(not EXAMPLES, reason="the official examples are not beside the project")
@pytest.mark.parametrize("start", TYPES)
def test_a_walk_finds_what_fhirpath_finds(start: str) -> None:
    resources = [json.parse(example.read_bytes()) for example in EXAMPLES]
    resources = [resource for resource in resources if resource["resourceType"] == start][:12]
    texts = [text for of, text in (*SIMPLE, *NOT_SIMPLE) if of == start] + list(_grown(start))
    found = 0
    for text in texts:
        quick, slow = path(text, {}, start), path(text, {})
        for resource in resources:
            expected = _shown(slow(Element(resource, start), 0))
            assert _shown(quick(Element(resource, start), 0)) == expected, text
            found += bool(expected)
    assert found > 20


@pytest.mark.parametrize(
    "resource",
    [
        {"resourceType": "Patient", "_birthDate": {"extension": [{"url": "u", "valueCode": "c"}]}},
        {"resourceType": "Patient", "name": [{"given": ["a", None], "_given": [None, {"id": "x"}]}]},
        {"resourceType": "Patient", "name": [{"use": "official", "_use": {"id": "x"}, "given": ["a"]}]},
        {"resourceType": "Patient", "name": [{"_use": {"id": "x"}, "given": ["a"]}, {"use": "official"}]},
    ],
)
def test_what_has_extensions_is_left_to_fhirpath(resource: dict[str, Any]) -> None:
    for text in ("birthDate", "birthDate.exists()", "name.given", "name.given[1].exists()", "name.given.first()"):
        assert _shown(path(text, {}, "Patient")(Element(resource, "Patient"), 0)) == _shown(
            path(text, {})(Element(resource, "Patient"), 0)
        )
    text = "name.where(use = 'official').given"
    quick, slow = path(text, {}, "Patient"), path(text, {})
    assert _shown(quick(Element(resource, "Patient"), 0)) == _shown(slow(Element(resource, "Patient"), 0))


def test_the_type_of_what_is_unrolled_is_known() -> None:
    assert node_type("participant", "Appointment") == "Appointment#participant"
    assert node_type("participant.actor", "Appointment") == "Reference"
    assert node_type("participant | slot", "Appointment") == ""


def _shown(items: list[Any]) -> list[Any]:
    return [
        (item.type, item.value, item.extra) if type(item) is Element else (type(item).__name__, plain(item))
        for item in items
    ]
