"""FHIRPath over parsed JSON: navigation, types, references, time, and the bounds on what comes from outside."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carethread.core.fhir.definitions import data_types, resource_types, search_parameters, type_definition
from carethread.core.fhir.fhirpath import (
    Budget,
    BudgetExceeded,
    Element,
    FhirPathError,
    FhirPathEvaluationError,
    FhirPathSyntaxError,
    Temporal,
    compile,
)
from carethread.core.fhir.fhirpath.functions import FUNCTIONS
from carethread.core.fhir.fhirpath.operators import LOGIC, OPERATORS
from carethread.core.fhir.json import Number, parse_object

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "name": [{"use": "official", "family": "Example", "given": ["One", "Two"]}, {"use": "usual", "given": ["One"]}],
    "birthDate": "1970-03",
    "_birthDate": {"extension": [{"url": "http://example.org/known", "valueBoolean": True}]},
    "deceasedDateTime": "2020-01-02T03:04:05Z",
    "managingOrganization": {"reference": "Organization/7"},
    "generalPractitioner": [{"reference": "Practitioner/1"}, {"reference": "#inside"}],
    "contained": [{"resourceType": "Organization", "id": "inside", "name": "Inside"}],
}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("Patient.name.given", ["One", "Two", "One"]),
        ("name.where(use = 'usual').given", ["One"]),
        ("name.given.distinct().count()", [2]),
        ("name.select(given.first() & '!')", ["One!", "One!"]),
        ("deceased is dateTime", [True]),
        ("deceased.ofType(boolean)", []),
        ("(deceased as dateTime) > @2019", [True]),
        ("birthDate.extension('http://example.org/known').value", [True]),
        ("birthDate < @1970-02-01", [False]),
        ("birthDate = @1970-03-01", []),
        ("contained.name", ["Inside"]),
        ("generalPractitioner.where(resolve() is Practitioner).reference", ["Practitioner/1"]),
        ("generalPractitioner.where(resolve() is Organization).reference", ["#inside"]),
        ("managingOrganization.resolve() is Organization", [True]),
        ("Encounter.name", []),
        ("name[1].use", ["usual"]),
        ("name.exists($this.family.empty())", [True]),
        ("name.given.aggregate($total + $this, '')", ["OneTwoOne"]),
        ("%resource.name.count() + %extra", [5]),
    ],
)
def test_evaluates(expression: str, expected: list[Any]) -> None:
    assert compile(expression).evaluate(PATIENT, environment={"extra": 3}) == expected


def test_a_part_of_a_resource_can_be_the_focus() -> None:
    name = Element(PATIENT["name"][0], "HumanName")
    assert compile("given.count() = 2 and %resource is Patient").holds(name, root=PATIENT) is True


def test_resolve_asks_the_caller_first() -> None:
    found = compile("managingOrganization.resolve().name").evaluate(
        PATIENT, resolve=lambda text: {"resourceType": "Organization", "name": text.lower()}
    )
    assert found == ["organization/7"]


def test_decimals_keep_their_precision() -> None:
    observation = parse_object(b'{"resourceType":"Observation","valueQuantity":{"value":1.10,"unit":"mg"}}')
    assert compile("value.value").evaluate(observation) == [Number("1.10")]
    assert compile("value.value + 0.2").evaluate(observation) == [Decimal("1.30")]


def test_the_clock_is_the_callers_and_stands_still() -> None:
    moments = iter([datetime(2024, 2, 29, 12, tzinfo=UTC)])
    result = compile("now() | now() | (today() - 1 year)").evaluate(PATIENT, clock=lambda: next(moments))
    assert [str(value) for value in result] == ["2024-02-29T12:00:00.000Z", "2023-02-28"]


@pytest.mark.parametrize(
    "expression", ["name.", "name.given(", "nothing()", "name.where()", "@2024-13", "'open", "1 +", "a b"]
)
def test_refuses_what_is_not_fhirpath(expression: str) -> None:
    with pytest.raises(FhirPathSyntaxError):
        compile(expression)


@pytest.mark.parametrize("expression", ["name.single()", "name.given & 'x'", "%unknown", "name.as(Nothing)", "1 + 'a'"])
def test_refuses_what_does_not_fit(expression: str) -> None:
    with pytest.raises(FhirPathEvaluationError):
        compile(expression).evaluate(PATIENT)


@pytest.mark.parametrize(
    "expression", ["(" * 500 + "1" + ")" * 500, "+".join(["1"] * 500), "1" * 20_000, "a" + ".a" * 400, "-" * 300 + "1"]
)
def test_refuses_expressions_that_are_too_long_or_deep(expression: str) -> None:
    with pytest.raises(BudgetExceeded):
        compile(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "descendants().select(%resource.descendants().select(%resource.descendants()))",
        "(1).repeat($this + 1)",
    ],
)
def test_stops_at_its_budget(expression: str) -> None:
    with pytest.raises(BudgetExceeded):
        compile(expression).evaluate(PATIENT, budget=Budget(steps=1000))


@pytest.mark.parametrize("pattern", ["(a+)+$", "^(a?a?)*$", "^(a|a)*$", "(.*)*(.*)*b"])
def test_no_pattern_goes_on_for_ever(pattern: str) -> None:
    text = "'" + "a" * 5000 + "!'"
    assert compile(f"{text}.matches('{pattern}')").evaluate(PATIENT, budget=Budget(steps=10_000)) == [False]
    with pytest.raises(BudgetExceeded):
        compile(f"{text}.matches('{pattern}')").evaluate(PATIENT, budget=Budget(steps=4000))


@pytest.mark.parametrize("expression", ["'a'.matches('(?=a)')", "'a'.matchesFull('(')", "name.replaceMatches('*', '')"])
def test_a_pattern_that_cannot_be_asked_is_refused_before_it_is(expression: str) -> None:
    with pytest.raises(FhirPathEvaluationError, match="cannot be asked"):
        compile(expression)
    with pytest.raises(FhirPathEvaluationError, match="cannot be asked"):
        compile("'a'.matches('(' & '')").evaluate(PATIENT)


@pytest.mark.parametrize("expression", ["'a'.replaceMatches('a', '$1')", "'a'.replaceMatches('a', '${x}')"])
def test_a_group_that_there_is_not_is_refused(expression: str) -> None:
    with pytest.raises(FhirPathEvaluationError, match="no such group"):
        compile(expression).evaluate(PATIENT)


def test_every_search_expression_of_r4_compiles() -> None:
    for name in resource_types():
        for parameter in search_parameters(name):
            for expression in (parameter.expression, *(part.expression for part in parameter.component)):
                if expression:
                    compile(expression)


def test_every_invariant_of_r4_compiles_but_for_html() -> None:
    refused = set()
    for name in resource_types() | data_types():
        definition = type_definition(name)
        elements = [element for part in definition.parts.values() for element in part.values()]
        for invariant in [*definition.invariants, *(rule for element in elements for rule in element.invariants)]:
            try:
                compile(invariant.expression)
            except FhirPathSyntaxError:
                refused.add(invariant.expression)
    assert refused <= {"htmlChecks()"}


@given(st.text(max_size=60))
def test_any_text_compiles_or_is_refused(text: str) -> None:
    try:
        compile(text)
    except (FhirPathError, BudgetExceeded):
        return


@given(st.text(alphabet="abc.()[]=|'@1T:-+ $this%where<>and", max_size=40))
def test_any_expression_evaluates_or_is_refused(text: str) -> None:
    try:
        compile(text).evaluate(PATIENT, budget=Budget(steps=2000))
    except (FhirPathError, BudgetExceeded):
        return


@given(st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30)), st.integers(-14 * 60, 14 * 60))  # noqa: DTZ001 - hypothesis takes naive bounds
def test_a_date_time_is_written_as_it_was_read(moment: datetime, zone: int) -> None:
    sign = "-" if zone < 0 else "+"
    offset = "Z" if zone == 0 else f"{sign}{abs(zone) // 60:02}:{abs(zone) % 60:02}"
    text = moment.isoformat(timespec="milliseconds") + offset
    value = Temporal.parse_literal(text)
    assert value is not None
    assert str(value) == text


ODD_VALUES = (
    "{}", "1", "-1", "0", "1.5", "99999999999999999999.0", "'a'", "''", "'[a'", "true", "(1 | 'a')", "name",
    "%resource", "@2015", "@9999-12-31T23:59:59-14:00", "@T10:00", "1 'mg'", "100000 years", "2 '1'", "multipleBirth",
    "contained",
)  # fmt: skip
ODD_RESOURCE = {
    **PATIENT,
    "birthDate": "1970-99-99",
    "multipleBirthInteger": "two",
    "contained": [{"resourceType": "Nothing", "a": {"b": [1, [2]]}}, {"id": "x"}],
}


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_every_function_takes_or_refuses_odd_values(name: str) -> None:
    calls = [f"({value}).{name}({argument})" for value in ODD_VALUES for argument in ("", *ODD_VALUES)]
    for call in calls:
        try:
            compile(call).evaluate(ODD_RESOURCE, budget=Budget(steps=2000))
        except (FhirPathError, BudgetExceeded):
            continue


@pytest.mark.parametrize("operator", sorted({*OPERATORS, *LOGIC}))
def test_every_operator_takes_or_refuses_odd_values(operator: str) -> None:
    for left in ODD_VALUES:
        for right in ODD_VALUES:
            try:
                compile(f"({left}) {operator} ({right})").evaluate(ODD_RESOURCE)
            except FhirPathError:
                continue
