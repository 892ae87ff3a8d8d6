"""SQL of somebody's own that knows the period is not told of several months, however it writes that."""

from __future__ import annotations

from datetime import date

import pytest

from carethread.core.errors import Forbidden
from carethread.metrics.evaluating.periods import Days
from carethread.metrics.measures.definition import Definition
from carethread.metrics.suppressing.masking import _adds_up, refuse_list

TWO_MONTHS = Days(date(2029, 3, 1), date(2029, 4, 30))


@pytest.mark.parametrize("says", ["spans", "SPANS", '"Spans"', "$start", "$END", "$utc_start"])
def test_the_period_is_found_in_any_letters(says: str) -> None:
    own = Definition("", f"SELECT * FROM visits, {says}", (), None)
    assert not _adds_up(own), "nor is a median of the longer period told"
    with pytest.raises(Forbidden, match="one month"):
        refuse_list(own, TWO_MONTHS)


def test_what_does_not_know_it_is() -> None:
    refuse_list(Definition("", "SELECT * FROM visits", (), None), TWO_MONTHS)
