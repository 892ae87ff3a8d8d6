"""What a profile asks is checked: the table of cases, one row per thing that a profile can say; and how it is told."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carethread.core.fhir.json import parse
from carethread.core.fhir.profiles import Library, packaged
from carethread.core.fhir.validation import validate
from support.profile_cases import CASES, OTHER, UNJUDGED, extended, observation, patient
from support.profile_definitions import BASE, HL7, LIBRARY, element, profile, sliced

EXAMPLES = sorted((Path(__file__).parents[5] / "fhir_profiles" / "examples").glob("*/*.json"))

_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def problems(resource: Any, *asked: str, library: Library = LIBRARY, severity: str = "error") -> list[tuple[str, str]]:
    found = validate(resource, profiles=asked, library=library)
    return sorted((issue.code, str(issue.expression)) for issue in found if issue.severity == severity)


@pytest.mark.parametrize("case", [*CASES, *UNJUDGED], ids=lambda case: case.name)
def test_case(case):
    assert problems(case.resource) == sorted(case.expected)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_our_examples(path):
    found = problems(parse(path.read_bytes()), library=packaged())
    assert len(found) == (0 if path.name.startswith("good-") else 1)


def test_an_issue_names_the_profile_and_the_slice():
    issues = validate(patient("by-value", identifier=[OTHER, {"system": "urn:example:number"}]), library=LIBRARY)
    (said,) = [issue.diagnostics for issue in issues if issue.severity == "error"]
    assert said == "by-value, slice 'number': 'value' must be there."


def test_a_profile_that_is_asked_for_is_checked_without_a_claim():
    resource = patient(identifier=[OTHER])
    assert problems(resource) == []
    assert problems(resource, BASE + "by-value") == [("required", "Patient.identifier")]
    assert problems(patient("by-value", identifier=[OTHER]), BASE + "by-value") == [("required", "Patient.identifier")]


def test_an_unknown_profile_is_a_warning_in_a_claim_and_an_error_when_asked_for():
    resource = {"resourceType": "Patient", "meta": {"profile": ["urn:example:x"]}, "active": True}
    assert problems(resource) == []
    assert ("not-found", "Patient.meta.profile[0]") in problems(resource, severity="warning")
    assert problems(resource, "urn:example:x") == [("not-found", "Patient")]
    for issue in validate(resource, profiles=["urn:example:x"], library=LIBRARY):
        assert issue.code != "not-found" or "'urn:example:x'" in issue.diagnostics


def test_an_unknown_profile_is_told_once_for_all_that_claim_it():
    entries = [{"resource": {"resourceType": "Patient", "meta": {"profile": ["urn:example:x"]}}}] * 3
    found = problems({"resourceType": "Bundle", "type": "collection", "entry": entries}, severity="warning")
    assert found.count(("not-found", "Bundle.entry[0].resource.meta.profile[0]")) == 1
    assert [code for code, _ in found].count("not-found") == 1


def test_what_is_asked_for_may_have_no_type():
    definition = {"resourceType": "StructureDefinition", "url": BASE + "x"}
    library = Library(lambda: [lambda: definition])
    assert problems(patient("x"), BASE + "x", library=library) == [("not-supported", "Patient.meta.profile[0]")]
    assert problems(patient(), BASE + "x", library=library) == [("not-supported", "Patient")]


def test_a_contained_resource_may_have_any_type():
    resource = observation("referring", subject={"reference": "#p"}, contained=[{"resourceType": [], "id": "p"}])
    assert ("structure", "Observation.contained[0].resourceType") in problems(resource)


def test_codes_that_are_not_known_are_told_to_those_who_ask():
    definition = profile("x", "Patient", element("Patient.maritalStatus", binding={
        "strength": "required", "valueSet": "urn:example:nowhere"}))  # fmt: skip
    resource = patient("x", maritalStatus={"text": "x"})
    library = Library(lambda: [lambda: definition])
    found = validate(resource, library=library, informational=True)
    assert ("informational", "Patient.maritalStatus") in [(issue.code, issue.expression) for issue in found]
    assert problems(resource, library=library) == []


def test_a_profile_that_is_claimed_twice_is_checked_once():
    assert problems(patient(*["by-value"] * 1000, identifier=[OTHER])) == [("required", "Patient.identifier")]


def test_a_thousand_issues_are_listed_and_the_others_counted():
    issues = validate(patient("by-value", identifier=[{"value": "1"}] * 2000), library=LIBRARY)
    assert len(issues) == 1001
    assert issues[-1].severity == "error"


def test_weak_bindings_warn():
    resource = observation("bound", method={"coding": [{"system": "urn:example:codes", "code": "blue"}]})
    assert ("code-invalid", "Observation.method") in problems(resource, severity="warning")
    resource = observation("bound", bodySite={"coding": [{"system": "urn:example:codes", "code": "blue"}]})
    assert ("code-invalid", "Observation.bodySite") in problems(resource, severity="warning")


def test_an_unknown_extension_of_hl7_warns():
    resource = patient(extension=[{"url": HL7 + "patient-of-tomorrow", "valueString": "x"}])
    assert problems(resource) == []
    assert ("not-found", "Patient.extension[0].url") in problems(resource, severity="warning")


def test_the_expression_starts_where_the_caller_says():
    issues = validate(patient("numbers"), library=LIBRARY, path="Bundle.entry[3].resource")
    assert "Bundle.entry[3].resource.identifier" in [issue.expression for issue in issues]


@pytest.mark.parametrize(
    ("name", "definition", "why"),
    [
        ("no-base", profile("no-base", "Patient", base=BASE + "nowhere"), "no snapshot"),
        ("no-number", profile("no-number", "Patient", element("Patient.name", max="many")), "no right"),
        ("no-path", profile("no-path", "Patient", {"id": "Patient.name"}), "no right"),
        (
            "no-rule",
            profile("no-rule", "Patient", element("Patient.name", constraint=[
                {"key": "rule-7", "severity": "error", "human": "x", "expression": "name.("}])),
            "constraint rule-7",
        ),
        (
            "no-value",
            profile("no-value", "Patient", sliced("Patient.name", "value", "use"), element("Patient.name:a")),
            "no value at 'use'",
        ),
        (
            "no-path",
            profile("no-path", "Patient", sliced("Patient.name", "value", "use + 1"), element("Patient.name:a")),
            "not understood",
        ),
        (
            "no-type",
            profile("no-type", "Observation", sliced("Observation.value[x]", "type", "$this"),
                    element("Observation.value[x]:other")),
            "names no type",
        ),
        (
            "no-existence",
            profile("no-existence", "Patient", sliced("Patient.name", "exists", "period"), element("Patient.name:a")),
            "does not say whether",
        ),
        (
            "no-profile",
            profile("no-profile", "Patient", sliced("Patient.identifier", "profile", "$this"),
                    element("Patient.identifier:a")),
            "names no profile",
        ),
    ],
)  # fmt: skip
def test_a_definition_that_cannot_be_used_is_an_error_that_says_why(name, definition, why):
    library = Library(lambda: [lambda: definition])
    resource = {"resourceType": definition["type"], "meta": {"profile": [BASE + name]}}
    found = [issue for issue in validate(resource, library=library) if issue.code == "not-supported"]
    assert [issue.expression for issue in found] == [f"{definition['type']}.meta.profile[0]"]
    assert name in found[0].diagnostics
    assert why in found[0].diagnostics


def test_an_extension_whose_definition_cannot_be_used_says_why():
    definition = profile("colour", "Extension", base=BASE + "nowhere")
    resource = patient(extension=[extended("colour", valueCode="red")])
    found = problems(resource, library=Library(lambda: [lambda: definition]))
    assert found == [("not-supported", "Patient.extension[0]")]


def test_a_context_invariant_that_cannot_be_read_is_said():
    definition = {**profile("colour", "Extension"), "contextInvariant": ["a.("]}
    resource = patient(extension=[extended("colour", valueCode="red")])
    found = validate(resource, library=Library(lambda: [lambda: definition]))
    assert ["contextInvariant" in issue.diagnostics for issue in found if issue.severity == "error"] == [True]


def test_slices_by_profile():
    met = profile("met", "Identifier", element("Identifier.system", min=1))
    by_profile = profile(
        "by-profile",
        "Patient",
        sliced("Patient.identifier", "profile", "$this"),
        element("Patient.identifier:met", min=1, type=[{"code": "Identifier", "profile": [BASE + "met"]}]),
    )
    library = Library(lambda: [lambda: met, lambda: by_profile])
    assert problems(patient("by-profile", identifier=[{"value": "1"}, OTHER]), library=library) == []
    found = problems(patient("by-profile", identifier=[{"value": "1"}]), library=library)
    assert found == [("required", "Patient.identifier")]


@given(data=st.data())
@settings(max_examples=200, deadline=None)
def test_a_broken_resource_never_raises(data):
    case = data.draw(st.sampled_from(CASES))
    resource = copy.deepcopy(case.resource)
    for _ in range(data.draw(st.integers(1, 3))):
        holders = [h for h in _holders(resource) if h is not resource.get("meta")]
        holder = holders[data.draw(st.integers(0, len(holders) - 1))]
        value = data.draw(_json)
        key = data.draw(st.sampled_from(sorted(holder) if isinstance(holder, dict) else range(len(holder))))
        holder[key] = value
    for issue in validate(resource, library=LIBRARY):
        assert issue.expression and issue.diagnostics


def _holders(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list) and value:
        yield value
        for child in value.values() if isinstance(value, dict) else value:
            yield from _holders(child)


@pytest.mark.parametrize("wrong", [[None], [], {"x": 1}, ["1974-12-25"]], ids=str)
def test_an_extension_in_an_element_of_the_wrong_form_is_an_error_and_no_fault(wrong: object) -> None:
    birth_time = "http://hl7.org/fhir/StructureDefinition/patient-birthTime"
    beside = {"extension": [{"url": birth_time, "valueDateTime": "1974-12-25T14:35:45-05:00"}]}
    for more in (beside, [beside]):
        issues = validate({"resourceType": "Patient", "birthDate": wrong, "_birthDate": more})
        assert any(issue.severity == "error" and "birthDate" in (issue.expression or "") for issue in issues)
