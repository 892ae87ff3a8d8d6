"""A column of a unit is told whatever its type, as exactly as it is."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from carethread.core.fhir import json
from carethread.core.fhir.validation import validate
from carethread.metrics.explaining.columns import parameter

TOLD: list[tuple[Any, str, str]] = [
    (Decimal("12.50"), "valueDecimal", "12.50"),
    (Decimal("1E+3"), "valueDecimal", "1000"),
    (12345678901, "valueDecimal", "12345678901"),
    (2**100, "valueDecimal", str(2**100)),
    (12345678901.0, "valueDecimal", "12345678901"),
    (0.1 + 0.2, "valueDecimal", "0.3"),
    (float("inf"), "valueString", '"inf"'),
    (True, "valueBoolean", "true"),
    (time(9, 30), "valueTime", '"09:30:00"'),
    (time(9, 30, tzinfo=UTC), "valueString", '"09:30:00+00:00"'),
    (date(2029, 3, 5), "valueDate", '"2029-03-05"'),
    (datetime(2029, 3, 5, 9), "valueInstant", '"2029-03-05T09:00:00.000Z"'),  # noqa: DTZ001
    (UUID(int=1), "valueString", '"00000000-0000-0000-0000-000000000001"'),
    (["a", 1, None, Decimal("1.5"), 2**70], "valueString", r'"[\"a\",1,null,\"1.5\",\"1180591620717411303424\"]"'),
    ({"a": [float("nan")]}, "valueString", r'"{\"a\":[\"nan\"]}"'),
    (b"ab", "valueString", '"YWI="'),
    ("a\0b\nc", "valueString", '"a\ufffdb\\nc"'),
]


@pytest.mark.parametrize(("value", "kind", "written"), TOLD, ids=[repr(each[0])[:40] for each in TOLD])
def test_a_column_is_told(value: Any, kind: str, written: str) -> None:
    found = parameter("odd", value)
    assert found is not None
    assert json.render(found[kind]).decode() == written
    parameters = {"resourceType": "Parameters", "parameter": [json.parse(json.render(found))]}
    assert [issue for issue in validate(parameters) if issue.severity == "error"] == []


def test_what_says_nothing_is_left_out() -> None:
    assert parameter("odd", None) is None
    assert parameter("odd", "") is None
    assert parameter("department", "heart") == {
        "name": "department",
        "valueReference": {"reference": "Organization/heart"},
    }
