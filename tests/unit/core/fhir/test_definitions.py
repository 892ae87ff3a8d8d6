"""HL7's definitions as the package carries them, against R4's published text."""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from carethread.core.fhir import definitions

ROOT = Path(__file__).resolve().parents[4]
OFFICIAL = ROOT.parent / "shared" / "official" / "r4-definitions"
CARRIED = Path(definitions.__file__).with_name("r4")

needs_official = pytest.mark.skipif(not OFFICIAL.is_dir(), reason="HL7's published definitions are not here")


def test_every_type_loads():
    assert len(definitions.resource_types()) == 146
    assert len(definitions.primitive_types()) == 20
    for name in definitions.resource_types():
        assert definitions.type_definition(name).kind == "resource"
        assert {"_id", "_lastUpdated"} <= {p.code for p in definitions.search_parameters(name)}
    for name in definitions.data_types() | definitions.primitive_types():
        assert definitions.type_definition(name).elements is not None


def test_an_element_has_what_r4_says():
    appointment = definitions.type_definition("Appointment")
    status = appointment.elements["status"]
    assert (status.min, status.max, status.is_summary, status.is_modifier) == (1, 1, True, True)
    assert status.binding == definitions.Binding("required", "http://hl7.org/fhir/ValueSet/appointmentstatus")
    assert appointment.elements["slot"].types == {"Reference": ("Slot",)}
    assert appointment.elements["participant"].max is None
    assert [i.key for i in appointment.invariants] == ["app-2", "app-3", "app-4"]
    assert [i.key for i in appointment.elements["participant"].invariants] == ["app-1"]
    assert appointment.parts["participant"]["actor"].is_summary


def test_a_choice_names_its_members():
    value = definitions.type_definition("Observation").elements["value[x]"]
    assert value.is_choice
    assert value.json_names()["valueQuantity"] == "Quantity"
    assert value.json_names()["valueDateTime"] == "dateTime"


def test_a_content_reference_names_a_part():
    questionnaire = definitions.type_definition("Questionnaire")
    assert questionnaire.parts["item"]["item"].content == "item"
    for name in definitions.resource_types():
        parts = definitions.type_definition(name).parts
        assert all(e.content is None or e.content in parts for part in parts.values() for e in part.values())


def test_what_hl7_never_published_is_left_out():
    assert "project" not in definitions.type_definition("Meta").elements
    assert "SubscriptionStatus" not in definitions.resource_types()
    definition = definitions.type_definition("EvidenceVariable").parts["characteristic"]["definition[x]"]
    assert definition.min == 1


def test_value_sets_by_id_and_url():
    by_id = definitions.value_set("appointmentstatus")
    assert by_id is definitions.value_set("appointmentstatus")
    assert by_id == definitions.value_set("http://hl7.org/fhir/ValueSet/appointmentstatus|4.0.1")
    assert by_id.codes["http://hl7.org/fhir/appointmentstatus"][:3] == ("proposed", "pending", "booked")
    assert definitions.value_set("mimetypes").grammar == "bcp-13"
    with pytest.raises(KeyError):
        definitions.value_set("http://example.org/none")


@pytest.mark.parametrize("name", ["Nonsense", "../index", "", "MetadataResource"])
def test_an_unknown_type_is_a_key_error(name):
    with pytest.raises(KeyError):
        definitions.type_definition(name)
    with pytest.raises(KeyError):
        definitions.search_parameters(name)


def test_search_parameters_speak_of_their_own_type():
    appointment = {p.code: p for p in definitions.search_parameters("Appointment")}
    assert appointment["date"].expression == "Appointment.start"
    assert appointment["_lastUpdated"].expression == "Appointment.meta.lastUpdated"
    assert appointment["patient"].target == ("Patient",)
    observation = {p.code: p for p in definitions.search_parameters("Observation")}
    assert observation["code"].expression == "Observation.code"
    assert [c.code for c in observation["code-value-quantity"].component] == ["code", "value-quantity"]
    assert "_text" not in {p.code for p in definitions.search_parameters("Bundle")}
    for name in definitions.resource_types():
        for parameter in definitions.search_parameters(name):
            assert parameter.expression is None or name in parameter.expression


def test_the_compartment_of_a_patient():
    assert definitions.compartment()["Appointment"] == ("actor",)
    assert "Slot" not in definitions.compartment()


@needs_official
def test_required_bindings_expand_to_hl7s_code_systems():
    published = orjson.loads(gzip.decompress((OFFICIAL / "valuesets.json.gz").read_bytes()))
    systems = {e["resource"]["url"]: e["resource"] for e in published["entry"]}
    concepts = systems["http://hl7.org/fhir/task-status"]["concept"]
    carried = definitions.value_set("task-status").codes["http://hl7.org/fhir/task-status"]
    assert carried == tuple(c["code"] for c in concepts)


@needs_official
def test_the_script_makes_what_is_carried(tmp_path):
    script = ROOT / "tools" / "compact_definitions.py"
    subprocess.run([sys.executable, script, OFFICIAL, tmp_path], check=True)
    made = {p.relative_to(tmp_path): p.read_bytes() for p in tmp_path.rglob("*.json")}
    carried = {p.relative_to(CARRIED): p.read_bytes() for p in CARRIED.rglob("*.json")}
    assert made == carried
