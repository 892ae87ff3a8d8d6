"""What is written out over plain JSON is what FHIRPath finds, on the official examples and on what is not plain."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from carethread.core.errors import Invalid
from carethread.core.fhir.fhirpath.model import members
from carethread.core.fhir.fhirpath.parser import parse
from carethread.metrics.views.paths import Misspelt, leads_to
from carethread.metrics.views.reading import read
from carethread.metrics.views.source import NotSimple, Scope, Source
from carethread.metrics.views.stepping import cell
from carethread.metrics.views.view import View
from support.viewing import agreed

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
"""Paths as views have them; all are written out."""

NOT_SIMPLE = (
    ("Patient", "name.given | name.family"),
    ("Patient", "name.where(period.start = '2001').given"),
    ("Patient", "name.where($index = 1)"),
    ("Patient", "contained.id"),
    ("Patient", "birthDate + 1 year"),
    ("Patient", "deceased"),
    ("Observation", "value"),
)


def view(start: str, text: str, **more: Any) -> View:
    return read({"resource": start, "select": [{"column": [{"name": "x", "path": text, **more}]}]})


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
def test_what_is_written_out_finds_what_fhirpath_finds(start: str) -> None:
    resources = [orjson.loads(example.read_bytes()) for example in EXAMPLES]
    resources = [resource for resource in resources if resource["resourceType"] == start][:12]
    texts = [text for of, text in (*SIMPLE, *NOT_SIMPLE) if of == start] + list(_grown(start))
    agreeing = 0
    for text in texts:
        one = view(start, text)
        agreeing += sum(agreed(one, resource) for resource in resources)
    assert agreeing > len(texts) // 2


@pytest.mark.parametrize(("start", "text"), SIMPLE)
def test_what_views_ask_for_is_written_out(start: str, text: str) -> None:
    source = Source({})
    assert cell(source, parse(text), Scope("r", start, "0"), "")


@pytest.mark.parametrize(("start", "text"), NOT_SIMPLE)
def test_what_is_not_simple_is_left_to_fhirpath(start: str, text: str) -> None:
    with pytest.raises(NotSimple):
        source = Source({})
        assert cell(source, parse(text), Scope("r", start, "0"), "") is None


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
    told = 0
    texts = ("birthDate", "birthDate.exists()", "name.given.first()", "name.where(use = 'official').given.first()")
    for text in texts:
        told += agreed(view("Patient", text), resource)
    assert told < len(texts)


@pytest.mark.parametrize(
    "resource",
    [
        {"resourceType": "Patient", "name": "a"},
        {"resourceType": "Patient", "name": {"given": ["a"]}},
        {"resourceType": "Patient", "name": [{"given": "a"}]},
        {"resourceType": "Patient", "name": [["a"]]},
    ],
)
def test_what_is_in_the_wrong_shape_is_left_to_fhirpath(resource: dict[str, Any]) -> None:
    assert not agreed(view("Patient", "name.given.first()"), resource)


def test_several_values_for_one_are_refused_however_they_are_found() -> None:
    several = {"resourceType": "Patient", "name": [{"family": "a"}, {"family": "b"}]}
    with pytest.raises(Invalid, match="one value"):
        view("Patient", "name.family").rows(several)
    assert view("Patient", "name.family", collection=True).rows(several) == [(["a", "b"],)]


def test_where_a_path_leads_to_is_known() -> None:
    def led(text: str) -> str:
        return leads_to(parse(text), "Appointment")

    assert led("participant") == "Appointment#participant"
    assert led("participant.where(status = 'x').actor.first()") == "Reference"
    assert led("extension('x').value.ofType(Reference)") == "Reference"
    assert led("participant | slot") == ""
    for text in ("participant.actr", "participant.where(sttus = 'x')", "extension('x').value.ofType(Period).begin"):
        with pytest.raises(Misspelt, match="has no element"):
            led(text)
