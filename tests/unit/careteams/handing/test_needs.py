"""Which RiskAssessments make that somebody has to answer for a person."""

from __future__ import annotations

from typing import Any

import pytest

from carethread.careteams.handing.needs import needing
from carethread.core.clock import to_micros
from support.desk import START
from support.navigation import assessment


@pytest.mark.parametrize(
    ("level", "changed", "needs"),
    [
        ("certain", {}, True),
        ("high", {"status": "corrected"}, True),
        ("high", {"occurrencePeriod": {"end": "2031-03-04"}}, True),
        ("high", {"occurrencePeriod": {"end": "2031-03-02"}}, False),
        ("moderate", {}, False),
    ],
)
def test_a_risk_is_a_need_while_it_is_high(level: str, changed: dict[str, Any], needs: bool) -> None:
    said = {**assessment("one", "ann", level), **changed}
    assert needing(said, to_micros(START)) == ("Patient/ann" if needs else "")
