"""What EHRs and HL7 really send passes; what is broken at random is reported and never raises."""

from __future__ import annotations

import copy
import gzip
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carethread.core.errors import Issue
from carethread.core.fhir.json import parse
from carethread.core.fhir.validation import validate

SHARED = Path(__file__).resolve().parents[5] / "shared"
EXAMPLES = SHARED / "official" / "r4-examples"
SYNTHEA = SHARED / "data" / "synthea"

WRONG_EXAMPLES = {
    # HAPI's validator refuses these too: HL7 published them with a slip.
    "bundle-questionnaire.json": "linkId",
    "capabilitystatement-example.json": "CapabilityStatement.",
    "codesystem-example.json": "CodeSystem",
    "devicemetric-example.json": "DeviceMetric.parent",
    "deviceusestatement-example.json": "DeviceUseStatement.reasonReference[0]",
    "medicationdispense0301.json": "MedicationDispense.quantity.code",
    "medicationrequest0301.json": "MedicationRequest.dispenseRequest.performer",
    "medicationstatementexample1.json": "strength.denominator.code",
    "operationdefinition-example.json": "OperationDefinition.base",
}

needs_examples = pytest.mark.skipif(not EXAMPLES.is_dir(), reason="HL7's examples are not here")

_numbers = st.integers().map(lambda number: parse(b"%d" % number)) | st.floats(allow_nan=False)
_scalars = st.none() | st.booleans() | _numbers | st.text(max_size=8)
_names = st.sampled_from(["resourceType", "extension", "_birthDate", "contained", "coding", "reference", "url", "x"])
_json = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_names | st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def errors(resource: Any) -> list[Issue]:
    return [issue for issue in validate(resource) if issue.severity == "error"]


@cache
def examples() -> dict[str, dict[str, Any]]:
    return {p.name: parse(p.read_bytes()) for p in sorted(EXAMPLES.glob("*.json")) if p.stat().st_size < 50_000}


@needs_examples
@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.json")), ids=lambda p: p.name)
def test_hl7s_examples(path):
    issues = errors(parse(path.read_bytes()))
    if path.name in WRONG_EXAMPLES:
        assert issues
        assert all(WRONG_EXAMPLES[path.name] in str(i.expression) for i in issues)
    else:
        assert issues == []


@pytest.mark.skipif(not SYNTHEA.is_dir(), reason="the Synthea data is not here")
@pytest.mark.parametrize("path", sorted(SYNTHEA.glob("*.json.gz")), ids=lambda p: p.name)
def test_synthea(path):
    assert errors(parse(gzip.decompress(path.read_bytes()))) == []


@needs_examples
@given(data=st.data())
@settings(max_examples=400, deadline=None)
def test_a_broken_example_never_raises(data):
    name = data.draw(st.sampled_from(sorted(examples())))
    resource = copy.deepcopy(examples()[name])
    for _ in range(data.draw(st.integers(1, 3))):
        holders = list(_holders(resource))
        holder = holders[data.draw(st.integers(0, len(holders) - 1))]
        value = data.draw(_json)
        if isinstance(holder, list):
            holder[data.draw(st.integers(0, len(holder) - 1))] = value
        elif data.draw(st.booleans()):
            holder[data.draw(st.sampled_from(sorted(holder)))] = value
        else:
            holder[data.draw(_names | st.text(max_size=5))] = value
    for issue in validate(resource):
        assert issue.expression and issue.diagnostics


@given(value=_json)
@settings(max_examples=200, deadline=None)
def test_any_json_never_raises(value):
    assert validate(value)


@needs_examples
@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_an_unknown_member_is_always_found(data):
    resource = copy.deepcopy(examples()[data.draw(st.sampled_from(sorted(examples())))])
    objects = [h for h in _holders(resource) if isinstance(h, dict)]
    objects[data.draw(st.integers(0, len(objects) - 1))]["zzUnknown"] = "x"
    assert any(str(i.expression).endswith(".zzUnknown") for i in validate(resource))


def _holders(value: Any) -> Iterator[dict[str, Any] | list[Any]]:
    """Every object and array that has something in it, the root first."""
    if isinstance(value, dict | list) and value:
        yield value
        for child in value.values() if isinstance(value, dict) else value:
            yield from _holders(child)
