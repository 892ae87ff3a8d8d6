"""A score is told with as many digits as tell it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carethread.core.fhir import json
from carethread.metrics.answering.reporting import decimal


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (0.0, "0.0000"), (0.5, "0.5000"), (1 / 3, "0.3333"), (12.3456789, "12.3457"), (0.00001, "0.00001000"),
        (-0.000012346, "-0.00001235"), (1 / 30000, "0.00003333"), (1e-10, "0.0000000001000"),
        (-1e-17, "0.0000"),
    ],
)  # fmt: skip
def test_a_score_has_digits_that_count(value: float, told: str) -> None:
    assert json.render(decimal(value)).decode() == told


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_what_is_told_is_near(value: float) -> None:
    assert float(decimal(value)) == pytest.approx(value, rel=1e-3, abs=1e-12)
