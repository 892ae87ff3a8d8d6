"""Profiles are data: what is at hand, when it is read, and that all of our own can be used."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from typing import Any

import pytest

from carethread.core.fhir.profiles import Library, packaged
from carethread.core.fhir.validation import validate
from carethread.core.settings import SERVICES
from support.profile_cases import patient
from support.profile_definitions import profile

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


def test_these_types_have_a_profile():
    assert sorted(t.name for t in DECLARED) == [
        *("Appointment", "CarePlan", "CareTeam", "Consent", "DetectedIssue", "Goal", "MeasureReport", "PlanDefinition"),
        *("Questionnaire", "QuestionnaireResponse", "RiskAssessment", "Schedule", "Slot", "Task"),
    ]
