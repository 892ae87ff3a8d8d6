"""How high a risk is, from whomever the RiskAssessment comes."""

from __future__ import annotations

from typing import Any

import pytest

from carethread.careteams.levels import HIGH, highest, level
from carethread.core.clock import to_micros
from support.desk import START
from support.navigation import RISK, assessment

NOW = to_micros(START)


@pytest.mark.parametrize(
    ("said", "changed", "expected"),
    [
        ("high", {}, "high"),
        ("certain", {}, "certain"),
        ("moderate", {}, "moderate"),
        ("low", {}, ""),
        ("high", {"status": "amended"}, "high"),
        ("high", {"status": "corrected"}, "high"),
        ("high", {"status": "preliminary"}, ""),
        ("high", {"status": "entered-in-error"}, ""),
        ("high", {"occurrencePeriod": {"end": "2031-03-03T07:59:00Z"}}, ""),
        ("high", {"occurrencePeriod": {"end": "2031-03-04"}}, "high"),
        ("high", {"prediction": []}, ""),
        ("high", {"prediction": [{"qualitativeRisk": {"coding": [{"system": "urn:x", "code": "high"}]}}]}, ""),
        ("high", {"prediction": [{"qualitativeRisk": {"coding": [{"system": RISK, "code": "certain"}]}}]}, "certain"),
    ],
)
def test_a_level(said: str, changed: dict[str, Any], expected: str) -> None:
    assert level({**assessment("one", "ann", said), **changed}, NOW) == expected


def test_the_highest_counts() -> None:
    assert level(assessment("one", "ann", "moderate"), NOW, HIGH) == ""
    assert [highest(["high", "certain"]), highest(["low", "high"]), highest([])] == ["certain", "high", ""]
