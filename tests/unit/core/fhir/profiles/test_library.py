"""Profiles are data: what is at hand, when it is read, and that all of our own can be used."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module
from typing import Any

import pytest

from carethread.core.fhir.profiles import Library, packaged
from carethread.core.fhir.profiles import library as library_module
from carethread.core.fhir.profiles.library import FOLDERS
from carethread.core.fhir.validation import validate
from carethread.core.settings import SERVICES
from support.profile_cases import patient
from support.profile_definitions import BASE, element, profile

OURS = "https://carethread.dev/fhir/"
DECLARED = [t for s in SERVICES for t in import_module(f"carethread.{s}").SERVICE.types if t.profile.startswith(OURS)]


def test_nothing_is_read_before_a_profile_is_needed():
    read: list[str] = []

    def source() -> dict[str, Any]:
        read.append("x")
        return profile("x", "Patient")

    library = Library(lambda: [source])
    validate({"resourceType": "Patient", "active": True}, library=library)
    assert read == []
    validate(patient("x", active=True), library=library)
    assert read == ["x", "x"], "once for the index, once to compile"


def test_a_process_that_validates_no_profile_does_not_load_them():
    script = (
        "import sys; from carethread.core.fhir.validation import validate;"
        "validate({'resourceType': 'Patient', 'active': True});"
        "sys.exit(any(name.startswith('carethread.core.fhir.profiles') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", script], env={"PYTHONPATH": ":".join(sys.path)}).returncode == 0


@pytest.mark.parametrize("declared", DECLARED, ids=lambda declared: declared.name)
def test_what_a_service_declares_is_at_hand_and_for_its_type(declared):
    found = packaged().profile(declared.profile)
    assert found is not None
    assert (found.type, found.problem) == (declared.name, "")


def test_nine_types_have_a_profile():
    assert sorted(t.name for t in DECLARED) == [
        *("Appointment", "CarePlan", "CareTeam", "MeasureReport", "Questionnaire", "QuestionnaireResponse"),
        *("Schedule", "Slot", "Task"),
    ]


def test_every_file_is_valid_and_can_be_used():
    library = packaged()
    canonicals = [(kind, url) for kind, url in library.known() if "|" not in url]
    assert {kind for kind, _ in canonicals} == set(FOLDERS)
    for kind, url in canonicals:
        definition = library.find(kind, url)
        assert definition is not None
        assert [i for i in validate(definition) if i.severity == "error"] == [], url
        compiled = library.profile(url)
        assert compiled is None or compiled.problem == ""


def test_a_canonical_may_name_the_version():
    library = Library(lambda: [lambda: profile("x", "Patient", element("Patient.name", min=1), version="2.0")])
    assert library.profile(BASE + "x|2.0") is not None
    assert library.profile(BASE + "x|1.0") is None
    resource = {"resourceType": "Patient", "meta": {"profile": [BASE + "x|2.0"]}, "active": True}
    assert [i.code for i in validate(resource, library=library) if i.severity == "error"] == ["required"]


def test_another_definition_accepts_something_else():
    resource = patient("x", active=True)
    asks = Library(lambda: [lambda: profile("x", "Patient", element("Patient.name", min=1))])
    asks_nothing = Library(lambda: [lambda: profile("x", "Patient")])
    assert [i.code for i in validate(resource, library=asks) if i.severity == "error"] == ["required"]
    assert [i.code for i in validate(resource, library=asks_nothing) if i.severity == "error"] == []


def test_the_type_that_a_profile_constrains():
    library = Library(lambda: [lambda: profile("x", "Patient")])
    assert library.type_of(BASE + "x") == "Patient"
    assert library.type_of("http://hl7.org/fhir/StructureDefinition/Group") == "Group"
    assert library.type_of(BASE + "y") is None


def test_a_file_that_is_not_json_is_left_out_and_said(tmp_path, monkeypatch, caplog):
    folder = tmp_path / "StructureDefinition"
    folder.mkdir()
    (folder / "broken.json").write_text("{", encoding="utf-8")
    (folder / "list.json").write_text("[]", encoding="utf-8")
    (folder / "right.json").write_text(json.dumps(profile("x", "Patient")), encoding="utf-8")
    monkeypatch.setattr(library_module, "files", lambda _: tmp_path)
    assert [url for _, url in packaged.__wrapped__().known()] == [BASE + "x"]
    assert "broken.json" in caplog.text
