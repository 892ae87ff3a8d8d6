"""The official FHIRPath test file for R4, each expression with its expected outcome."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from carethread.core.fhir.fhirpath import Element, FhirPathError, Quantity, Temporal, compile
from carethread.core.fhir.fhirpath.element import plain
from carethread.core.fhir.json import parse_object
from support.xml_to_json import resource_from_xml

FOLDER = Path(__file__).parents[5] / "shared" / "official" / "r4-fhirpath"
pytestmark = pytest.mark.skipif(not FOLDER.exists(), reason="the official tests are not beside the project")

_TOLERANT = "R4's own search parameters and invariants apply 'as' to several items"
_BOUND = "a boundary below one unit of the wanted precision still has to bound the value"
_HOUR = "the last moment of an hour is in its last minute"
DIFFERENT: dict[str, str] = {
    "testInheritance-testFHIRPathAsFunction21": _TOLERANT,
    "LowBoundary-LowBoundaryDecimal15": _BOUND,
    "HighBoundary-HighBoundaryDecimal15": _BOUND,
    "HighBoundary-HighBoundaryDecimal16": _BOUND,
    "HighBoundary-HighBoundaryDateTimeMillisecond1": _HOUR,
    "HighBoundary-HighBoundaryDateTimeMillisecond3": _HOUR,
    "testPlus-testPlusDate19": "the fraction of a second counts (N1, 6.7.1); only that of coarser units is dropped",
}
"""Tests that we decide otherwise, each with the reason."""


def cases() -> Iterator[Any]:
    path = FOLDER / "tests-fhir-r4.xml"
    if not path.exists():
        return
    for group in ElementTree.parse(path).getroot():
        for number, test in enumerate(group.iter("test")):
            name = test.get("name") or str(number)
            yield pytest.param(test, id=f"{group.get('name')}-{name}")


@cache
def resource(name: str | None) -> dict[str, Any]:
    if name is None:
        return {"resourceType": "Patient"}
    content = (FOLDER / name).read_bytes()
    return parse_object(content) if name.endswith(".json") else resource_from_xml(content.decode())


def text_of(item: Any) -> str:
    value = plain(item)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Temporal):
        return f"@{'T' if value.kind == 'Time' else ''}{value}"
    return str(value)


@pytest.mark.parametrize("test", list(cases()))
def test_official(test: ElementTree.Element, request: pytest.FixtureRequest) -> None:
    expression = test.find("expression")
    assert expression is not None
    name = request.node.callspec.id
    invalid = expression.get("invalid")
    if invalid == "semantic":
        pytest.skip("static type checking is optional, and we do not do it")
    if name in DIFFERENT:
        pytest.skip(DIFFERENT[name])
    focus = resource(test.get("inputfile"))
    if invalid:
        with pytest.raises(FhirPathError):
            compile(expression.text or "").items(focus)
        return
    items = compile(expression.text or "").items(focus)
    outputs = test.findall("output")
    if test.get("predicate") == "true":
        assert [bool(items)] == [outputs[0].text == "true"]
        return
    found, wanted = [text_of(item) for item in items], [output.text or "" for output in outputs]
    if test.get("ordered") == "false":
        found, wanted = sorted(found), sorted(wanted)
    assert [comparable(text) for text in found] == [comparable(text) for text in wanted]
    for item, output in zip(items, outputs, strict=True):
        check_type(item, output.get("type"))


def comparable(text: str) -> Any:
    try:
        return Decimal(text)
    except ArithmeticError:
        return text.removesuffix("Z") if text.startswith("@") else text


def check_type(item: Any, wanted: str | None) -> None:
    if wanted is None or isinstance(item, Element):
        return
    kinds: dict[str, type] = {"boolean": bool, "integer": int, "string": str, "Quantity": Quantity}
    assert isinstance(item, kinds.get(wanted, object))
