"""The declared functions are those that can be called, and the page that lists them is theirs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from carethread.core.fhir.fhirpath import FhirPathSyntaxError, compile, functions

ROOT = Path(__file__).resolve().parents[4]
ACTIVE = {"resourceType": "Patient", "gender": "other", "maritalStatus": {"coding": [{"code": "M"}]}}
GENDERS = "http://hl7.org/fhir/ValueSet/administrative-gender"


def test_every_declared_function_can_be_called_and_no_other():
    assert len(functions()) > 90
    for function in functions():
        arguments = "Patient" if function.group == "Types" else ", ".join(["'x'"] * function.least)
        compile(f"Patient.{function.name}({arguments})")
        too_many = ", ".join(["'x'"] * (function.most + 1))
        with pytest.raises(FhirPathSyntaxError):
            compile(f"Patient.{function.name}({too_many})")
    with pytest.raises(FhirPathSyntaxError):
        compile("Patient.launch()")


def test_the_page_is_up_to_date():
    script = ROOT / "tools" / "generate_fhirpath_page.py"
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (f"gender.memberOf('{GENDERS}')", [True]),
        ("'x'.memberOf('http://hl7.org/fhir/ValueSet/administrative-gender')", [False]),
        ("maritalStatus.memberOf('http://hl7.org/fhir/ValueSet/marital-status')", [False]),
        ("maritalStatus.coding.memberOf('http://hl7.org/fhir/ValueSet/marital-status')", [False]),
        ("gender.memberOf('http://example.org/none')", []),
        ("gender.memberOf('http://hl7.org/fhir/ValueSet/jurisdiction')", []),
        ("birthDate.memberOf('http://hl7.org/fhir/ValueSet/administrative-gender')", []),
    ],
)
def test_member_of(expression, expected):
    assert compile(expression).evaluate(ACTIVE) == expected


def test_the_root_resource_is_the_container():
    inner = {"resourceType": "Organization", "id": "o"}
    outer = {"resourceType": "Patient", "id": "p", "contained": [inner]}
    assert compile("%rootResource.id | %resource.id").evaluate(inner, container=outer) == ["p", "o"]
    assert compile("%rootResource.id").evaluate(inner) == ["o"]


def test_a_decided_left_side_spares_the_right():
    assert compile("false implies ('a' | 'b').single() = 'a'").evaluate({}) == [True]
    assert compile("false and ('a' | 'b').single() = 'a'").evaluate({}) == [False]
    assert compile("true or ('a' | 'b').single() = 'a'").evaluate({}) == [True]
