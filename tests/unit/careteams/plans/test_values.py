"""Values are put where a path says, as the element there takes them; times follow from each other by the calendar."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from carethread.careteams.plans.spans import OPEN, later, offset_span, related_span, timed_span
from carethread.careteams.plans.values import put_at
from carethread.core.clock import instant
from carethread.core.errors import Invalid
from carethread.core.fhir.search.dates import EARLIEST, date_range

REQUEST = {"resourceType": "ServiceRequest", "status": "draft", "code": {"text": "x"}}


def put(path: str, *values: tuple[str, Any], **before: Any) -> dict[str, Any]:
    made = {**REQUEST, **before}
    put_at(made, path, list(values), "here")
    return {name: value for name, value in made.items() if name not in REQUEST or made[name] != REQUEST[name]}


@pytest.mark.parametrize(
    ("path", "values", "made"),
    [
        ("priority", [("code", "urgent")], {"priority": "urgent"}),
        ("%resource.priority", [("string", "urgent")], {"priority": "urgent"}),
        ("category.text", [("string", "a")], {"category": [{"text": "a"}]}),
        ("category[0].coding[0].code", [("string", "a")], {"category": [{"coding": [{"code": "a"}]}]}),
        ("occurrence", [("dateTime", "2031")], {"occurrenceDateTime": "2031"}),
        ("occurrenceDateTime", [("date", "2031")], {"occurrenceDateTime": "2031"}),
        ("occurrence", [("Period", {"start": "2031"})], {"occurrencePeriod": {"start": "2031"}}),
        ("instantiatesUri", [("string", "a"), ("string", "b")], {"instantiatesUri": ["a", "b"]}),
        ("instantiatesUri", [], {}),
    ],
)
def test_a_value_is_put_at_a_path(path: str, values: list[tuple[str, Any]], made: dict[str, Any]) -> None:
    assert put(path, *values) == made


def test_what_was_there_is_replaced() -> None:
    assert put("occurrence", ("dateTime", "2031"), occurrencePeriod={"start": "2030"}) == {"occurrenceDateTime": "2031"}
    assert put("category[1]", ("CodeableConcept", {"text": "b"}), category=[{"text": "a"}]) == {
        "category": [{"text": "a"}, {"text": "b"}]
    }
    assert put("occurrence", occurrenceDateTime="2030") == {}


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("colour", [("string", "red")]),
        ("code.colour", [("string", "red")]),
        ("priority.x", [("string", "red")]),
        ("category[2].text", [("string", "a")]),
        ("category[100]", [("string", "a")]),
        ("category..text", [("string", "a")]),
        ("where(x)", [("string", "a")]),
        ("occurrence.start", [("dateTime", "2031")]),
        ("occurrence", [("Quantity", {})]),
        ("priority", [("code", "a"), ("code", "b")]),
    ],
)
def test_a_path_or_value_that_does_not_fit_is_refused_with_its_place(path: str, values: list[tuple[str, Any]]) -> None:
    with pytest.raises(Invalid) as caught:
        put(path, *values)
    assert [issue.expression for issue in caught.value.issues] == ["here"]


def at(text: str) -> int:
    span = date_range(text)
    assert span
    return span[0]


@pytest.mark.parametrize(
    ("begin", "amount", "unit", "end"),
    [
        ("2031-01-31", 1, "mo", "2031-02-28"),
        ("2031-01-31", 13, "mo", "2032-02-29"),
        ("2032-02-29", 1, "a", "2033-02-28"),
        ("2031-03-31", -1, "mo", "2031-02-28"),
        ("2031-01-31", 2, "wk", "2031-02-14"),
        ("2031-01-31", -1, "d", "2031-01-30"),
    ],
)
def test_later(begin: str, amount: int, unit: str, end: str) -> None:
    assert instant(later(at(begin), Decimal(amount), unit)) == f"{end}T00:00:00.000Z"


@pytest.mark.parametrize("unit", ["d", "mo", "a"])
def test_nothing_is_outside_the_calendar(unit: str) -> None:
    for sign in (1, -1):
        assert EARLIEST < later(at("2031"), sign * Decimal(999_999), unit) <= OPEN


def days(value: float) -> dict[str, Any]:
    return {"value": value, "code": "d"}


@pytest.mark.parametrize(
    ("relationship", "offset", "span"),
    [
        ("after", {}, (20, 20)),
        ("after-end", {"offsetDuration": days(2)}, (22, 22)),
        ("after-start", {"offsetRange": {"low": days(1), "high": days(3)}}, (11, 13)),
        ("after-end", {"offsetRange": {"high": days(3)}}, (20, 23)),
        ("before", {"offsetDuration": days(2)}, (8, 8)),
        ("before-end", {"offsetRange": {"low": days(1), "high": days(3)}}, (17, 19)),
        ("concurrent", {}, (10, 20)),
        ("concurrent-with-start", {}, (10, 10)),
        ("concurrent-with-end", {}, (20, 20)),
    ],
)
def test_related_actions(relationship: str, offset: dict[str, Any], span: tuple[int, int]) -> None:
    target = at("2031-01-10"), at("2031-01-20")
    found = related_span(target, {"relationship": relationship, **offset}, "here")
    assert found == tuple(at(f"2031-01-{day:02d}") for day in span)


def test_times_of_an_action() -> None:
    now = at("2031-01-10")
    assert timed_span({"timingDateTime": "2031-02-01"}, now, "", "here") == (at("2031-02-01"), at("2031-02-02"))
    assert timed_span({"timingPeriod": {"start": "2031-02-01"}}, now, "", "here") == (at("2031-02-01"), OPEN)
    assert timed_span({"timingDuration": days(5)}, now, "", "here") == (now, at("2031-01-15"))
    assert timed_span({"timingRange": {"low": days(1), "high": days(2)}}, now, "", "here") == (
        at("2031-01-11"), at("2031-01-12")
    )  # fmt: skip
    age = {"timingAge": {"value": 50, "code": "a"}}
    assert timed_span(age, now, "1990-06-01", "here") == (at("2040-06-01"), at("2040-06-02"))
    assert timed_span(age, now, "", "here") is None
    assert timed_span({}, now, "", "here") is None


@pytest.mark.parametrize("length", [{}, {"value": 1}, {"value": 1, "code": "ms"}, {"value": 10**7, "code": "d"}])
def test_a_length_of_time_that_is_none_is_refused(length: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        offset_span(0, {"offsetDuration": length}, 1, "here")
