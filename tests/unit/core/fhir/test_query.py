"""Search URLs to query trees."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carethread.core.errors import Malformed
from carethread.core.fhir.definitions import SearchParameterDefinition
from carethread.core.fhir.search import SearchQuery, parse_query
from carethread.core.fhir.search.dates import date_range
from carethread.core.fhir.search.escapes import escape, split, unescape
from carethread.core.fhir.search.query import (
    ALL,
    Chain,
    CompositeValue,
    Criterion,
    DateValue,
    Include,
    Link,
    MissingValue,
    NumberValue,
    QuantityValue,
    ReferenceValue,
    Reverse,
    Sort,
    StringValue,
    TokenValue,
    UriValue,
)
from carethread.core.fhir.search.values import PREFIXES

BASE = "https://care.example/fhir"


def only(type_name: str, name: str, value: str) -> object:
    query = parse_query(type_name, [(name, value)], strict=True, base=BASE)
    assert query.used == ((name, value),)
    assert len(query.criteria) == 1
    return query.criteria[0]


def token(param: str, *values: TokenValue, modifier: str | None = None) -> Criterion:
    return Criterion(param, "token", modifier, values)


def reference(param: str, *values: ReferenceValue) -> Criterion:
    return Criterion(param, "reference", None, values)


@pytest.mark.parametrize(
    ("name", "value", "node"),
    [
        ("status", "booked,noshow", token("status", TokenValue(None, "booked"), TokenValue(None, "noshow"))),
        ("identifier", "urn:a|1", token("identifier", TokenValue("urn:a", "1"))),
        ("identifier", "|1", token("identifier", TokenValue("", "1"))),
        ("identifier", "urn:a|", token("identifier", TokenValue("urn:a", None))),
        ("identifier", "urn:a|x\\,y\\|z", token("identifier", TokenValue("urn:a", "x,y|z"))),
        ("status:not", "booked", token("status", TokenValue(None, "booked"), modifier="not")),
        ("status:missing", "true", Criterion("status", "token", "missing", (MissingValue(True),))),
        ("_id", "a,b", token("_id", TokenValue(None, "a"), TokenValue(None, "b"))),
        ("patient", "Patient/1", reference("patient", ReferenceValue("Patient", "1", None))),
        ("patient", "1", reference("patient", ReferenceValue("Patient", "1", None))),
        ("actor", "1", reference("actor", ReferenceValue(None, "1", None))),
        ("actor:Location", "1", reference("actor", ReferenceValue("Location", "1", None))),
        ("actor", f"{BASE}/Location/1", reference("actor", ReferenceValue("Location", "1", None))),
        (
            "actor",
            "http://x.example/Location/1",
            reference("actor", ReferenceValue(None, None, "http://x.example/Location/1")),
        ),
        ("patient:identifier", "urn:a|1", Criterion("patient", "reference", "identifier", (TokenValue("urn:a", "1"),))),
        ("_profile", "urn:p", Criterion("_profile", "uri", None, (UriValue("urn:p"),))),
    ],
)
def test_appointment_criteria(name: str, value: str, node: Criterion) -> None:
    assert only("Appointment", name, value) == node


def test_string_criteria() -> None:
    assert only("Patient", "name:exact", "Zoë") == Criterion("name", "string", "exact", (StringValue("zoe", "Zoë"),))
    assert only("Patient", "name:contains", "b\\,C") == Criterion(
        "name", "string", "contains", (StringValue("b,c", "b,C"),)
    )


@pytest.mark.parametrize("prefix", PREFIXES[:-1])
def test_prefixes(prefix: str) -> None:
    low, high = date_range("2024-03") or (0, 0)
    assert only("Appointment", "date", f"{prefix}2024-03") == Criterion(
        "date", "date", None, (DateValue(prefix, low, high),)
    )
    assert only("RiskAssessment", "probability", f"{prefix}0.5") == Criterion(
        "probability", "number", None, (NumberValue(prefix, 0.5, 0.45, 0.55),)
    )


def test_approximately_depends_on_now() -> None:
    low, high = date_range("2024") or (0, 0)
    query = parse_query("Appointment", [("date", "ap2024")], now=(low + high) // 2 + 1000)
    assert query.criteria == (Criterion("date", "date", None, (DateValue("ap", low - 100, high + 100),)),)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("100", QuantityValue(NumberValue("eq", 100, 99.5, 100.5), None, None)),
        ("gt5.40||mg", QuantityValue(NumberValue("gt", 5.4, 5.395, 5.405), None, "mg")),
        ("5|urn:u|mg", QuantityValue(NumberValue("eq", 5, 4.5, 5.5), "urn:u", "mg")),
    ],
)
def test_quantities(value: str, expected: QuantityValue) -> None:
    node = only("Observation", "value-quantity", value)
    assert isinstance(node, Criterion)
    (found,) = node.values
    assert isinstance(found, QuantityValue)
    assert (found.system, found.code, found.number.prefix) == (expected.system, expected.code, expected.number.prefix)
    assert (found.number.low, found.number.high) == pytest.approx((expected.number.low, expected.number.high))


def test_chains() -> None:
    identifier = Criterion("identifier", "token", None, (TokenValue(None, "1"),))
    assert only("Appointment", "patient.identifier", "1") == Chain("patient", (Link("Patient", identifier),))
    name = Criterion("name", "string", "exact", (StringValue("x", "x"),))
    assert only("Observation", "subject:Patient.organization.name:exact", "x") == Chain(
        "subject", (Link("Patient", Chain("organization", (Link("Organization", name),))),)
    )
    code = Criterion("code", "token", None, (TokenValue(None, "1"),))
    assert only("Patient", "_has:Observation:patient:code", "1") == Reverse("Observation", "patient", code)


def test_codes_without_a_system_of_their_own_ignore_the_one_asked() -> None:
    assert only("Patient", "active", "http://terminology.hl7.org/CodeSystem/special-values|true") == Criterion(
        "active", "token", None, (TokenValue(None, "true"),)
    )


def test_result_controls() -> None:
    params = [
        ("_count", "20"), ("_sort", "-date,status"), ("_include", "Appointment:patient"),
        ("_include:iterate", "Patient:organization:Organization"), ("_revinclude", "AppointmentResponse:appointment"),
        ("_summary", "count"), ("_elements", "id,Appointment.status"), ("_total", "accurate"),
        ("_cursor", "abc"), ("_format", "json"),
    ]  # fmt: skip
    query = parse_query("Appointment", params, strict=True)
    assert query == SearchQuery(
        "Appointment",
        sort=(Sort("date", "date", True), Sort("status", "token", False)),
        count=20,
        includes=(
            Include("Appointment", "patient", None, False),
            Include("Patient", "organization", "Organization", True),
        ),
        revincludes=(Include("AppointmentResponse", "appointment", None, False),),
        summary="count",
        elements=("id", "status"),
        total="accurate",
        cursor="abc",
        used=tuple(pair for pair in params if pair[0] != "_cursor"),
        place="Appointment",
    )


def test_unknown_parameters_are_ignored_or_refused() -> None:
    params = [("statsu", "booked"), ("status", "booked"), ("patient.nothing", "1"), ("date", "")]
    query = parse_query("Appointment", params)
    assert query.ignored == ("statsu", "patient.nothing", "date")
    assert query.used == (("status", "booked"),)
    with pytest.raises(Malformed) as refused:
        parse_query("Appointment", params, strict=True)
    (issue,) = refused.value.issues
    assert (issue.code, issue.expression) == ("not-supported", "statsu")
    assert "status" in issue.diagnostics


@pytest.mark.parametrize(
    ("type_name", "name", "value"),
    [
        ("Patient", "birthdate", "2024-13"),
        ("Patient", "birthdate", "xx2024"),
        ("Patient", "_count", "abc"),
        ("Patient", "_count", "-1"),
        ("Patient", "_count:exact", "1"),
        ("Patient", "_id", "a b"),
        ("Patient", "_sort", "nothing"),
        ("Patient", "_include", "Patient:name"),
        ("Patient", "_include", "Patient"),
        ("Patient", "_revinclude", "Slot:schedule"),
        ("Patient", "_summary", "some"),
        ("Patient", "_total", "all"),
        ("Patient", "_elements", "a b"),
        ("Patient", "active:missing", "perhaps"),
        ("Patient", "name:above", "x"),
        ("Patient", "name", " "),
        ("Patient", "gender", "male,,female"),
        ("Patient", "gender", "|"),
        ("Patient", "name.family", "x"),
        ("Patient", "_has:Observation:code:status", "x"),
        ("Patient", "_has:Slot:schedule:status", "x"),
        ("Patient", "_has:Observation", "x"),
        ("Appointment", "patient", "Practitioner/1"),
        ("Appointment", "patient", "Nothing/1"),
        ("Appointment", "patient:Slot", "1"),
        ("Appointment", "patient:Slot.status", "free"),
        ("Provenance", "target.name", "x"),
        ("Observation", "value-quantity", "5|mg"),
        ("Observation", "value-quantity", "heavy"),
        ("Organization", ".".join(["partof"] * 10) + ".name", "x"),
        (
            "Appointment",
            "actor._has:Appointment:actor:actor._has:Appointment:actor:actor._has:Appointment:actor:date",
            "2024",
        ),
        ("Appointment", "status:above", "booked"),
        ("Appointment", "status:of-type", "a|b|c"),
        ("Appointment", "status:in", "http://example.org/unknown"),
        ("Appointment", "status:in", "http://hl7.org/fhir/ValueSet/mimetypes"),
        pytest.param("Patient", "name", "x," + "x" * 4001, id="too long"),
        ("Appointment", "patient:below", "Patient/1"),
        ("Patient", "identifier:of-type", "a|b"),
        ("Patient", "identifier:of-type", "a||c"),
        ("Patient", "identifier:text", " "),
        ("Patient", "_id:text", "a"),
        ("Patient", "_list", "$current-problems"),
        ("Patient", "_list", "a b"),
        ("Patient", "_profile:below", "urn:oid:1.2"),
        ("Patient", "_include", "*:x"),
        ("Patient", "_include", "Patient:*:Nothing"),
        ("Patient", "_elements", "nme"),
        ("Observation", "code-value-quantity", "8480-6"),
        ("Observation", "code-value-quantity", "8480-6$"),
        ("Observation", "code-value-quantity", "8480-6$heavy"),
        ("Observation", "code-value-quantity:above", "8480-6$1"),
        ("Observation", "_sort", "code-value-quantity"),
    ],
)
def test_refuses(type_name: str, name: str, value: str) -> None:
    with pytest.raises(Malformed) as refused:
        parse_query(type_name, [(name, value)])
    (issue,) = refused.value.issues
    assert issue.expression == name
    assert len(issue.diagnostics) > 20


def test_a_message_never_shows_the_value() -> None:
    with pytest.raises(Malformed) as refused:
        parse_query("Patient", [("birthdate", "19700203")])
    assert "19700203" not in str(refused.value)


@pytest.mark.parametrize(
    ("type_name", "name", "form"),
    [("Patient", "birthdate", "a date such as 2024"), ("RiskAssessment", "probability", "a number such as 100")],
)
def test_a_message_tells_the_form_whatever_is_wrong(type_name: str, name: str, form: str) -> None:
    for value in ("yesterday", "2026-13-01", "xx5"):
        with pytest.raises(Malformed, match=form):
            parse_query(type_name, [(name, value)])


def test_a_services_own_parameter() -> None:
    own = SearchParameterDefinition(
        "department", "reference", "urn:own", "Appointment.participant.actor", ("Organization",), (), None
    )
    query = parse_query("Appointment", [("department", "7")], strict=True, extra={"Appointment": (own,)})
    assert query.criteria == (Criterion("department", "reference", None, (ReferenceValue("Organization", "7", None),)),)


def test_modifiers_of_tokens() -> None:
    found = only("Appointment", "status:in", "http://hl7.org/fhir/ValueSet/appointmentstatus")
    assert isinstance(found, Criterion)
    assert TokenValue("http://hl7.org/fhir/appointmentstatus", "noshow") in found.values
    assert only("Appointment", "specialty:text", "Héart") == Criterion(
        "specialty", "token", "text", (StringValue("heart", "Héart"),)
    )
    assert only("Patient", "identifier:of-type", "http://t|MR|1\\|2") == token(
        "identifier", TokenValue("http://t|MR", "1|2"), modifier="of-type"
    )


def test_composites() -> None:
    low, high = date_range("2024") or (0, 0)
    assert only("Observation", "code-value-date", "a|b$ge2024") == Criterion(
        "code-value-date", "composite", None, (CompositeValue((TokenValue("a", "b"), DateValue("ge", low, high))),)
    )
    assert only("Observation", "code-value-string", "x\\$y$a\\,b,c$d") == Criterion(
        "code-value-string",
        "composite",
        None,
        (
            CompositeValue((TokenValue(None, "x$y"), StringValue("a,b", "a,b"))),
            CompositeValue((TokenValue(None, "c"), StringValue("d", "d"))),
        ),
    )


def test_lists() -> None:
    ids = Criterion("_id", "token", None, (TokenValue(None, "1"), TokenValue(None, "2")))
    assert only("Patient", "_list", "1,2") == Reverse("List", "item", ids)


def test_long_chains_are_read() -> None:
    node = only("Organization", ".".join(["partof"] * 9) + ".name", "x")
    for _ in range(9):
        assert isinstance(node, Chain)
        node = node.links[0].node
    assert isinstance(node, Criterion)


def test_includes_of_everything() -> None:
    params = [("_include", "*"), ("_include:iterate", "Patient:*"), ("_revinclude", "*")]
    query = parse_query("Appointment", params, strict=True)
    assert query.includes == (Include(ALL, ALL, None, False), Include("Patient", ALL, None, True))
    assert query.revincludes == (Include(ALL, ALL, None, False),)


def test_a_search_on_several_types() -> None:
    known = ("Patient", "Practitioner", "Slot")
    query = parse_query("", [("_type", "Slot,Patient"), ("_lastUpdated", "gt2024")], strict=True, types=known)
    assert (query.type, query.kinds, query.place) == ("", ("Patient", "Slot"), "")
    assert parse_query("", [("name", "x"), ("_type", "Patient,Practitioner")], strict=True, types=known).criteria
    with pytest.raises(Malformed) as refused:
        parse_query("", [("name", "x")], strict=True, types=known)
    assert refused.value.issues[0].expression == "name"
    with pytest.raises(Malformed) as refused:
        parse_query("", [("_type", "Patient,Task")], types=known)
    assert refused.value.issues[0].expression == "_type"
    assert parse_query("Patient", [("_type", "Patient")]).ignored == ("_type",)


@pytest.mark.parametrize("summary", ["true", "text", "data"])
def test_a_summary_excludes_elements(summary: str) -> None:
    with pytest.raises(Malformed) as refused:
        parse_query("Patient", [("_summary", summary), ("_elements", "name")])
    assert refused.value.issues[0].expression == "_elements"


@pytest.mark.parametrize("name", ["_include", "_revinclude"])
def test_a_summary_of_the_text_includes_nothing(name: str) -> None:
    with pytest.raises(Malformed) as refused:
        parse_query("Patient", [("_summary", "text"), (name, "*")])
    assert refused.value.issues[0].expression == "_summary"


TEXTS = st.text(alphabet=st.sampled_from("a\\,|$ é"), max_size=12)


@given(TEXTS)
def test_escape_round_trip(text: str) -> None:
    assert unescape(escape(text)) == text


@given(st.lists(TEXTS, min_size=1, max_size=5))
def test_values_survive_being_joined(texts: list[str]) -> None:
    assert [unescape(piece) for piece in split(",".join(map(escape, texts)), ",")] == texts


@given(
    st.sampled_from(["date", "status", "patient", "_sort", "_count", "_has:Slot:x:y", "actor:identifier"]),
    st.text(max_size=30),
)
def test_any_value_is_read_or_refused(name: str, value: str) -> None:
    try:
        parse_query("Appointment", [(name, value)])
    except Malformed as refused:
        assert refused.issues[0].expression == name
