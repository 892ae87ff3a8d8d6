"""PATCH on parsed JSON: the official test files, and what each language refuses."""

from __future__ import annotations

import json as plain
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carethread.core.errors import Invalid, Malformed
from carethread.core.fhir import json
from carethread.core.fhir.patch import fhir_patch, json_patch, merge_patch
from support.xml_to_json import resource_from_xml

OFFICIAL = Path(__file__).parents[5] / "shared" / "official" / "r4-patch"
_FHIR = "{http://hl7.org/fhir}"

needs_files = pytest.mark.skipif(not OFFICIAL.exists(), reason="HL7's patch tests are not beside the project")


def json_cases() -> list[Any]:
    file = OFFICIAL / "json-patch-tests.json"
    return json.parse(file.read_bytes()) if file.exists() else []


def fhir_cases() -> list[ElementTree.Element]:
    file = OFFICIAL / "fhir-patch-tests.xml"
    return list(ElementTree.parse(file).getroot()) if file.exists() else []


@needs_files
@pytest.mark.parametrize("case", json_cases(), ids=lambda case: case["comment"])
def test_the_official_cases_of_json_patch(case: Any) -> None:
    if "error" in case:
        with pytest.raises(Invalid):
            json_patch(case["patch"])(case["doc"])
    else:
        assert json_patch(case["patch"])(case["doc"]) == case["expected"]


def of_case(case: ElementTree.Element, part: str) -> dict[str, Any]:
    found = case.find(part)
    assert found is not None
    return resource_from_xml(ElementTree.tostring(found[0], encoding="unicode"))


@needs_files
@pytest.mark.parametrize("case", fhir_cases(), ids=lambda case: case.attrib["name"])
def test_the_official_cases_of_fhirpath_patch(case: ElementTree.Element) -> None:
    before, patch = of_case(case, "input"), of_case(case, "diff")
    if case.find("error") is not None:
        with pytest.raises(Invalid):
            fhir_patch(patch)(before)
        return
    assert _without_xhtml(fhir_patch(patch)(before)) == _without_xhtml(of_case(case, "output"))


def _without_xhtml(resource: dict[str, Any]) -> dict[str, Any]:
    """Narratives compared by their text: prefixes and blanks of XML are no part of it."""
    div = resource.get("text", {}).get("div")
    if div:
        words = " ".join("".join(ElementTree.fromstring(div).itertext()).split())
        return {**resource, "text": {**resource["text"], "div": words}}
    return resource


PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p",
    "active": True,
    "name": [{"family": "A", "given": ["B", "C"]}, {"use": "old", "family": "D"}],
    "birthDate": "1970-01-01",
    "_birthDate": {"extension": [{"url": "urn:x", "valueCode": "y"}]},
    "deceasedBoolean": False,
}


def patched(*operations: dict[str, Any]) -> dict[str, Any]:
    before = plain.dumps(PATIENT)
    after = json_patch(list(operations))(PATIENT)
    assert plain.dumps(PATIENT) == before, "the given resource is not touched"
    return after


def test_numbers_and_order_are_kept() -> None:
    body = b'{"resourceType":"Observation","valueQuantity":{"value":1.10,"unit":"g"},"status":"final"}'
    change = json_patch([{"op": "replace", "path": "/status", "value": "amended"}])
    assert json.render(change(json.parse(body))) == body.replace(b"final", b"amended")
    test = [{"op": "test", "path": "/valueQuantity/value", "value": json.Number("1.1")}]
    assert json_patch(test)(json.parse(body)), "numbers are compared by value"
    with pytest.raises(Invalid):
        json_patch([{"op": "test", "path": "/valueQuantity/value", "value": json.Number("1.10000000000000000001")}])(
            json.parse(body)
        )


@pytest.mark.parametrize(
    ("operation", "where"),
    [
        ({"op": "remove", "path": "/name/2"}, "Patient.name[2]"),
        ({"op": "remove", "path": "/name/0/given/x"}, "Patient.name[0].given.x"),
        ({"op": "remove", "path": "/name/00"}, "Patient.name.`00`"),
        ({"op": "remove", "path": "/name/-"}, "Patient.name"),
        ({"op": "remove", "path": ""}, "Patient"),
        ({"op": "add", "path": "", "value": [1]}, "Patient"),
        ({"op": "add", "path": "/name/3", "value": {}}, "Patient.name[3]"),
        ({"op": "add", "path": "/birthDate/x", "value": 1}, "Patient.birthDate.x"),
        ({"op": "replace", "path": "/gender", "value": "male"}, "Patient.gender"),
        ({"op": "move", "from": "/name", "path": "/name/0"}, "Patient.name[0]"),
        ({"op": "copy", "from": "/nothing", "path": "/name/0"}, "Patient.name[0]"),
        ({"op": "test", "path": "/active", "value": 1}, "Patient.active"),
        ({"op": "test", "path": "/name/0/given", "value": ["B"]}, "Patient.name[0].given"),
    ],
)
def test_an_operation_that_does_not_fit(operation: dict[str, Any], where: str) -> None:
    with pytest.raises(Invalid) as error:
        patched(operation)
    assert error.value.issues[0].expression == where


@pytest.mark.parametrize(
    "document",
    [
        {},
        "x",
        [1],
        [{}],
        [{"op": "increase", "path": "/a"}],
        [{"op": ["add"], "path": "/a"}],
        [{"op": "remove"}],
        [{"op": "remove", "path": 1}],
        [{"op": "remove", "path": "active"}],
        [{"op": "remove", "path": "/~2"}],
        [{"op": "add", "path": "/a"}],
        [{"op": "move", "path": "/a"}],
        [{"op": "test", "path": "/a", "value": 1}] * 1001,
    ],
)
def test_a_document_that_is_no_json_patch(document: Any) -> None:
    with pytest.raises(Malformed):
        json_patch(document)


def test_copies_that_double_each_time_are_bounded() -> None:
    doubling = [{"op": "copy", "from": "/a", "path": "/a/-"} for _ in range(60)]
    with pytest.raises(Invalid) as error:
        json_patch(doubling)({"a": [1]})
    assert error.value.issues[0].code == "too-costly"


def test_what_is_nested_too_deep_is_refused() -> None:
    deeper = [{"op": "add", "path": "/a" * n, "value": {}} for n in range(1, 120)]
    with pytest.raises(Invalid) as error:
        json_patch(deeper)({})
    assert error.value.issues[0].code == "too-long"


def test_moves_onto_itself_and_within_an_array() -> None:
    assert patched({"op": "move", "from": "/name/0", "path": "/name/0"}) == PATIENT
    moved = patched({"op": "move", "from": "/name/1", "path": "/name/0"})
    assert [name["family"] for name in moved["name"]] == ["D", "A"]


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=3), children, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=3), _VALUES, max_size=3), st.text(max_size=3), _VALUES)
def test_what_is_added_is_there_and_gone_once_removed(document: dict[str, Any], name: str, value: Any) -> None:
    pointer = "/" + name.replace("~", "~0").replace("/", "~1")
    add = {"op": "add", "path": pointer, "value": value}
    added = json_patch([add, {"op": "test", "path": pointer, "value": value}])(document)
    assert added == {**document, name: value}
    removed = json_patch([add, {"op": "remove", "path": pointer}])(document)
    assert removed == {key: item for key, item in document.items() if key != name}


def operation(kind: str, path: str, **parts: Any) -> dict[str, Any]:
    """One parameter; a part is given as `index=1`, `name='x'`, or `value={...}` with the members of its part."""
    made: list[dict[str, Any]] = [{"name": "type", "valueCode": kind}, {"name": "path", "valueString": path}]
    for name, value in parts.items():
        member = {"valueInteger": value} if isinstance(value, int) else {"valueString": value}
        made.append({"name": name, **(value if isinstance(value, dict) else member)})
    return {"name": "operation", "part": made}


def fhir_patched(*operations: dict[str, Any]) -> dict[str, Any]:
    before = plain.dumps(PATIENT)
    after = fhir_patch({"resourceType": "Parameters", "parameter": list(operations)})(PATIENT)
    assert plain.dumps(PATIENT) == before, "the given resource is not touched"
    return after


def but(**changed: Any) -> dict[str, Any]:
    return {name: value for name, value in (PATIENT | changed).items() if value is not None}


@pytest.mark.parametrize(
    ("one", "after"),
    [
        (
            operation("replace", "Patient.name.where(use = 'old').family", value={"valueString": "E"}),
            but(name=[PATIENT["name"][0], {"use": "old", "family": "E"}]),
        ),
        (
            operation("insert", "Patient.name[0].given", index=1, value={"valueString": "X"}),
            but(name=[{"family": "A", "given": ["B", "X", "C"]}, PATIENT["name"][1]]),
        ),
        (operation("delete", "Patient.name.where(use = 'none')"), PATIENT),
        (operation("delete", "Patient.name.last()"), but(name=PATIENT["name"][:1])),
        (operation("delete", "Patient.birthDate"), but(birthDate=None, _birthDate=None)),
        (operation("delete", "Patient.birthDate.extension('urn:x')"), but(_birthDate=None)),
        (operation("delete", "Patient.birthDate.extension[0].value"), but(
            _birthDate={"extension": [{"url": "urn:x"}]}
        )),
        (
            operation("replace", "Patient.deceased", value={"valueDateTime": "2020"}),
            but(deceasedBoolean=None, deceasedDateTime="2020"),
        ),
        (
            operation("add", "Patient", name="multipleBirth", value={"valueInteger": 2}),
            but(multipleBirthInteger=2),
        ),
        (
            operation("add", "Patient.active", name="extension", value={"valueExtension": {"url": "urn:z"}}),
            but(_active={"extension": [{"url": "urn:z"}]}),
        ),
        (
            operation(
                "add", "Patient", name="link", value={"part": [
                    {"name": "other", "valueReference": {"reference": "Patient/q"}},
                    {"name": "type", "valueCode": "seealso"},
                ]},
            ),
            but(link=[{"other": {"reference": "Patient/q"}, "type": "seealso"}]),
        ),
        (
            operation("replace", "Patient.name[0].given[0]", value={"_valueString": {"id": "g"}}),
            but(name=[{"family": "A", "given": [None, "C"], "_given": [{"id": "g"}, None]}, PATIENT["name"][1]]),
        ),
        (operation("replace", "Patient.name.first().family", value={"valueString": "Z"}), but(
            name=[{"family": "Z", "given": ["B", "C"]}, PATIENT["name"][1]]
        )),
    ],
)  # fmt: skip
def test_an_operation_of_fhirpath_patch(one: dict[str, Any], after: dict[str, Any]) -> None:
    assert fhir_patched(one) == after


def test_the_last_of_a_list_takes_the_list_along_and_what_is_empty_above_it() -> None:
    gone = fhir_patched(
        operation("delete", "Patient.name[1].use"),
        operation("delete", "Patient.name[1].family"),
        operation("delete", "Patient.name[0]"),
    )
    assert "name" not in gone


@pytest.mark.parametrize(
    "one",
    [
        operation("add", "Patient", name="birthDate", value={"valueDate": "1980"}),
        operation("add", "Patient", name="colour", value={"valueString": "red"}),
        operation("add", "Patient", name="deceased", value={"valueString": "yes"}),
        operation("add", "Patient.name", name="suffix", value={"valueString": "Dr"}),
        operation("add", "Patient.contact", name="gender", value={"valueCode": "male"}),
        operation("add", "Patient", name="name", value={"valueString": "X"}),
        operation("add", "Patient", name="contact", value={"part": [{"name": "colour", "valueString": "red"}]}),
        operation("replace", "Patient.gender", value={"valueCode": "male"}),
        operation("replace", "Patient", value={"valueCode": "male"}),
        operation("replace", "Patient.name", value={"valueHumanName": {"text": "x"}}),
        operation("replace", "Patient.active", value={}),
        operation("insert", "Patient.name", index=3, value={"valueHumanName": {"text": "x"}}),
        operation("insert", "Patient.birthDate", index=0, value={"valueDate": "1980"}),
        operation("insert", "Patient.name[0]", index=0, value={"valueHumanName": {"text": "x"}}),
        operation("delete", "Patient.name"),
        operation("delete", "Patient"),
        operation("delete", "Observation.status"),
        operation("move", "Patient.name", source=0, destination=2),
        operation("delete", "Patient.name.where(family > 1)"),
    ],
)
def test_an_operation_of_fhirpath_patch_that_does_not_fit(one: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as error:
        fhir_patched(one)
    assert str(error.value.issues[0].expression).startswith(("Patient", "Observation"))


def test_what_a_path_says_of_a_person_is_not_repeated() -> None:
    with pytest.raises(Invalid) as error:
        fhir_patched(operation("replace", "Patient.name.where(family = 'Nobody').use", value={"valueCode": "old"}))
    assert error.value.issues[0].expression == "Patient.name.where(family = '...').use"


@pytest.mark.parametrize(
    "one",
    [
        {"name": "something"},
        {"name": "operation"},
        operation("increase", "Patient.active"),
        operation("replace", "Patient.active"),
        operation("insert", "Patient.name", index="1", value={"valueString": "x"}),
        operation("move", "Patient.name", source=-1, destination=0),
        operation("delete", "Patient.name["),
        operation("delete", "name"),
        operation("delete", "Patient.name.count()"),
        operation("delete", "Patient.name | Patient.contact"),
        operation("delete", "Patient.name.resolve()"),
        operation("delete", "%resource.name"),
        operation("delete", ""),
    ],
)
def test_a_parameter_that_is_no_operation(one: dict[str, Any]) -> None:
    with pytest.raises(Malformed) as error:
        fhir_patched(one)
    assert str(error.value.issues[0].expression).startswith("Parameters.parameter[0]")


@pytest.mark.parametrize(
    ("before", "patch", "after"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_the_cases_of_merge_patch(before: Any, patch: Any, after: Any) -> None:
    """RFC 7396, appendix A."""
    given = plain.dumps(before)
    assert merge_patch(patch)(before) == after
    assert plain.dumps(before) == given, "the given resource is not touched"


@pytest.mark.parametrize("document", [[], "x", 1, None])
def test_a_document_that_is_no_merge_patch(document: Any) -> None:
    with pytest.raises(Malformed):
        merge_patch(document)
