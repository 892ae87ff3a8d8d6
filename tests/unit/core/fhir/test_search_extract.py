"""What resources put into the search index."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carethread.core.fhir.definitions import SearchParameterDefinition, resource_types, search_parameters
from carethread.core.fhir.fhirpath import compile
from carethread.core.fhir.fhirpath.parser import parse
from carethread.core.fhir.json import parse_object
from carethread.core.fhir.search import extract
from carethread.core.fhir.search.composites import composite_of
from carethread.core.fhir.search.dates import EARLIEST, LATEST, date_range
from carethread.core.fhir.search.extract import index_plan, is_indexed
from carethread.core.fhir.search.leaves import LEAVES
from carethread.core.fhir.search.leaves.numbers import UNBOUNDED
from carethread.core.fhir.search.paths import plain_paths
from carethread.core.fhir.search.text import MAX_INDEXED, fold

EXAMPLES = sorted((Path(__file__).parents[5] / "shared" / "official" / "r4-examples").glob("*.json"))
BASE = "https://care.example/fhir"

APPOINTMENT: dict[str, Any] = {
    "resourceType": "Appointment",
    "meta": {
        "profile": ["https://carethread.dev/fhir/x"],
        "tag": [{"system": "urn:t", "code": "demo"}],
        "source": "urn:ehr",
    },
    "status": "booked",
    "start": "2024-03-01T09:30:00+01:00",
    "participant": [
        {"actor": {"reference": "Patient/1"}, "status": "accepted"},
        {"actor": {"reference": f"{BASE}/Practitioner/2/_history/3"}, "status": "accepted"},
        {"actor": {"reference": "https://else.example/fhir/Location/4"}, "status": "accepted"},
        {"actor": {"type": "Patient", "identifier": {"system": "urn:mrn", "value": "77"}}, "status": "tentative"},
    ],
}


def test_appointment() -> None:
    rows = extract(APPOINTMENT, base=BASE)
    statuses = "http://hl7.org/fhir/appointmentstatus", "http://hl7.org/fhir/participationstatus"
    assert set(rows.token) == {
        ("status", statuses[0], "booked", ""),
        ("part-status", statuses[1], "accepted", ""),
        ("part-status", statuses[1], "tentative", ""),
        ("_tag", "urn:t", "demo", ""),
    }
    assert set(rows.reference) == {
        ("actor", "Patient", "1", "", "", "", ""),
        ("patient", "Patient", "1", "", "", "", ""),
        ("actor", "Practitioner", "2", "", "3", "", ""),
        ("practitioner", "Practitioner", "2", "", "3", "", ""),
        ("actor", "Location", "", "https://else.example/fhir/Location/4", "", "", ""),
        ("location", "Location", "", "https://else.example/fhir/Location/4", "", "", ""),
        ("actor", "Patient", "", "", "", "urn:mrn", "77"),
        ("patient", "Patient", "", "", "", "urn:mrn", "77"),
    }
    low, high = date_range("2024-03-01T08:30:00Z") or (0, 0)
    assert list(rows.date) == [("date", low, high)]
    assert set(rows.uri) == {("_profile", "https://carethread.dev/fhir/x"), ("_source", "urn:ehr")}


def test_patient() -> None:
    rows = extract(
        {
            "resourceType": "Patient",
            "active": True,
            "gender": "other",
            "name": [{"family": "Ægir  Éxample", "given": ["Zoë"]}],
            "telecom": [{"system": "phone", "value": "555"}, {"system": "email", "value": "a@b.example"}],
            "address": [{"line": ["1 Main"], "city": "Town"}],
            "deceasedDateTime": "2020",
        }
    )
    assert ("gender", "http://hl7.org/fhir/administrative-gender", "other", "") in rows.token
    assert ("active", "", "true", "") in rows.token
    assert ("deceased", "", "true", "") in rows.token
    assert {row for row in rows.token if row[0] in ("telecom", "phone", "email")} == {
        ("telecom", "", "555", ""),
        ("phone", "", "555", ""),
        ("telecom", "", "a@b.example", ""),
        ("email", "", "a@b.example", ""),
    }
    assert ("name", "zoe ægir example", "Zoë Ægir  Éxample") in rows.string
    assert ("family", "ægir example", "Ægir  Éxample") in rows.string
    assert ("address", "1 main", "1 Main") in rows.string
    assert ("death-date", *(date_range("2020") or (0, 0))) in rows.date


def test_a_name_or_address_without_text_is_not_missing() -> None:
    use = {"use": "home"}
    bare = extract({"resourceType": "Patient", "name": [use], "address": [use]})
    assert {("name", "", ""), ("address", "", "")} <= set(bare.string)
    nothing = extract({"resourceType": "Patient", "name": [{}]})
    assert not nothing.string
    named = extract({"resourceType": "Patient", "name": [{"family": "A", **use}], "address": [{"city": "B", **use}]})
    assert ("name", "", "") not in named.string and ("address", "", "") not in named.string


def test_observation_value_by_type() -> None:
    quantity = {"value": 5.4, "unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"}
    rows = extract({"resourceType": "Observation", "valueQuantity": quantity, "code": {"text": "Some Test"}})
    assert ("value-quantity", 5.4, 5.4, "http://unitsofmeasure.org", "mg", "mg") in rows.quantity
    assert ("code", "", "", "some test") in rows.token
    below = extract({"resourceType": "Observation", "valueQuantity": {"value": 2, "comparator": "<"}})
    assert ("value-quantity", -UNBOUNDED, 2.0, "", "", "") in below.quantity


def test_open_periods_and_timings() -> None:
    start = extract({"resourceType": "CareTeam", "period": {"start": "2024"}})
    assert list(start.date) == [("date", (date_range("2024") or (0, 0))[0], LATEST)]
    end = extract({"resourceType": "CareTeam", "period": {"end": "2024-06"}})
    assert list(end.date) == [("date", EARLIEST, (date_range("2024-06") or (0, 0))[1])]
    timing = {"event": ["2024-01-02", "2024-03-04"]}
    plan = extract({"resourceType": "CarePlan", "activity": [{"detail": {"scheduledTiming": timing}}]})
    assert (
        "activity-date",
        (date_range("2024-01-02") or (0,))[0],
        (date_range("2024-03-04") or (0, 0))[1],
    ) in plan.date


def test_canonicals_and_conditions_inside_a_path() -> None:
    rows = extract(
        {"resourceType": "QuestionnaireResponse", "questionnaire": "https://x.example/Questionnaire/phq|2.0"}
    )
    assert ("questionnaire", "", "", "https://x.example/Questionnaire/phq", "2.0", "", "") in rows.reference
    related = [{"type": "composed-of", "resource": "urn:a"}, {"type": "depends-on", "resource": "urn:b"}]
    plan = extract({"resourceType": "PlanDefinition", "relatedArtifact": related})
    assert {row[:4] for row in plan.reference} == {("composed-of", "", "", "urn:a"), ("depends-on", "", "", "urn:b")}


def test_a_services_own_parameter() -> None:
    own = SearchParameterDefinition("minutes", "number", "urn:own", "Appointment.minutesDuration", (), (), None)
    assert list(extract({**APPOINTMENT, "minutesDuration": 20}, extra=(own,)).number) == [("minutes", 20.0, 20.0)]


def test_composites_keep_the_values_of_one_element_together() -> None:
    def component(code: str, value: float) -> dict[str, Any]:
        return {
            "code": {"coding": [{"system": "urn:l", "code": code}]},
            "valueQuantity": {"value": value, "unit": "mm"},
        }

    rows = extract({"resourceType": "Observation", "component": [component("a", 1), {"code": {}}, component("b", 2)]})
    assert [row for row in rows.composite if row[0] == "component-code-value-quantity"] == [
        ("component-code-value-quantity", 1, 1, "", "", 1.0, 1.0, "mm"),
        ("component-code-value-quantity", 1, 0, "urn:l", "a", 0.0, 0.0, ""),
        ("component-code-value-quantity", 3, 1, "", "", 2.0, 2.0, "mm"),
        ("component-code-value-quantity", 3, 0, "urn:l", "b", 0.0, 0.0, ""),
    ]


@pytest.mark.parametrize(
    ("resource", "param", "kinds"),
    [
        (
            {"resourceType": "Observation", "code": {"coding": [{"code": "a"}]}, "valueDateTime": "2024"},
            "code-value-date",
            {0: "a", 1: ""},
        ),
        (
            {
                "resourceType": "DocumentReference",
                "relatesTo": [{"code": "replaces", "target": {"reference": "DocumentReference/1"}}],
            },
            "relationship",
            {0: "1", 1: "replaces"},
        ),
        (
            {
                "resourceType": "MolecularSequence",
                "referenceSeq": {"chromosome": {"coding": [{"code": "X"}]}},
                "variant": [{"start": 1, "end": 2}],
            },
            "chromosome-variant-coordinate",
            {0: "X", 1: "", 2: ""},
        ),
    ],
)
def test_composites_that_r4_describes_oddly(resource: dict[str, Any], param: str, kinds: dict[int, str]) -> None:
    assert {row[2]: row[4] for row in extract(resource).composite if row[0] == param} == kinds


def test_every_composite_has_a_leaf_for_each_component() -> None:
    for name in resource_types():
        for parameter in search_parameters(name):
            if parameter.type == "composite":
                ways = composite_of(parameter, name).ways
                assert ways
                for _, components in ways:
                    assert all(part.branch.leaves or part.branch.members for part in components), parameter.url


def test_an_identifier_is_also_found_with_its_type() -> None:
    coding = [{"system": "urn:t", "code": "MR"}, {"code": "X"}]
    rows = extract({"resourceType": "Patient", "identifier": [{"value": "1", "type": {"coding": coding}}]})
    assert [row for row in rows.token if row[0] == "identifier:of-type"] == [
        ("identifier:of-type", "urn:t|MR", "1", ""),
        ("identifier:of-type", "|X", "1", ""),
    ]


def test_an_instant_has_a_time() -> None:
    assert not extract({"resourceType": "Slot", "start": "2024-03"}).date
    assert extract({"resourceType": "Slot", "start": "2024-03-01T10:00:00Z"}).date


def test_every_path_of_every_parameter_has_an_element_type_that_is_indexed() -> None:
    unread = set()
    for name in resource_types():
        assert index_plan(name)
        for parameter in search_parameters(name):
            if is_indexed(parameter) and parameter.type != "composite":
                for path in plain_paths(parse(parameter.expression or ""), name) or ():
                    if (parameter.type, path.type) not in LEAVES:
                        unread.add((parameter.type, path.type))
    assert unread <= {
        ("date", "string"), ("date", "Age"), ("date", "Range"), ("quantity", "SampledData"), ("token", "Range"),
        ("number", "string"), ("uri", "Reference"), ("date", "boolean"), ("date", "Duration"),
        ("reference", "Attachment"),
    }  # fmt: skip


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_a_parameter_has_rows_where_its_expression_has_values(path: Path) -> None:
    resource = parse_object(path.read_bytes())
    rows = extract(resource)
    found = {
        row[0]
        for table in ("token", "reference", "date", "string", "number", "quantity", "uri")
        for row in getattr(rows, table)
    }
    for parameter in search_parameters(resource["resourceType"]):
        if not is_indexed(parameter):
            continue
        typed = compile(parameter.expression or "").typed(resource)
        if parameter.code in found:
            assert typed, parameter.code
        if parameter.type in ("token", "uri", "string") and any((parameter.type, name) in LEAVES for name, _ in typed):
            assert parameter.code in found or all(not value for _, value in typed), parameter.code


KEYS = st.sampled_from(
    ["name", "given", "coding", "system", "code", "value", "start", "end", "reference", "identifier", "telecom", "text",
     "period", "subject", "valueQuantity", "component", "meta", "tag", "low", "high", "event", "repeat",
     "deceasedBoolean"]
)  # fmt: skip

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=15,
)


@settings(max_examples=150)
@given(
    st.sampled_from(["Patient", "Observation", "CarePlan", "Condition", "Bundle"]),
    st.dictionaries(KEYS, JSON, max_size=6),
)
def test_never_raises(type_name: str, content: dict[str, Any]) -> None:
    extract({**content, "resourceType": type_name}, base=BASE)


@given(st.text())
def test_folding_is_stable_and_clipped(text: str) -> None:
    folded = fold(text)
    assert fold(folded) == folded
    assert len(folded) <= MAX_INDEXED
    assert fold(text.upper().lower()) == fold(text.lower()) or not text.isascii()


def test_who_has_no_value_of_a_usual_parameter_has_a_row_that_says_so() -> None:
    undated = extract({"resourceType": "Appointment", "status": "proposed"})
    assert ("date:missing", "", "", "") in undated.token
    assert ("status:missing", "", "", "") not in undated.token
    dated = extract({"resourceType": "Appointment", "status": "booked", "start": "2026-01-01T08:00:00Z"})
    assert not [row for row in dated.token if row[0].endswith(":missing")]
    nobody = [row[0] for row in extract({"resourceType": "Patient"}).token if row[0].endswith(":missing")]
    assert nobody == ["birthdate:missing", "gender:missing"]
