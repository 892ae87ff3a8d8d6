"""A review is that of one department and one month."""

from __future__ import annotations

from datetime import date

import pytest

from carethread.core.errors import Malformed
from carethread.core.ports import Request
from carethread.core.service import Call
from carethread.metrics.evaluating.periods import Days
from carethread.metrics.reviewing.asking import Review, review


def asked(**params: str) -> Call:
    return Call("Measure", "", {name: [value] for name, value in params.items()}, None, Request("GET", "Measure"))


@pytest.mark.parametrize("department", ["ward", "Organization/ward"])
def test_a_month_is_whole(department: str) -> None:
    found = review(asked(department=department, month="2028-02"))
    assert found == Review("ward", Days(date(2028, 2, 1), date(2028, 2, 29)))
    assert (found.month, found.name) == ("2028-02", "ward/2028-02")


@pytest.mark.parametrize(
    ("params", "where"),
    [
        ({"month": "2030-02"}, "department"),
        ({"department": "Organization/a/b", "month": "2030-02"}, "department"),
        ({"department": "ward"}, "month"),
        ({"department": "ward", "month": "2030-2"}, "month"),
        ({"department": "ward", "month": "2030-13"}, "month"),
        ({"department": "ward", "month": "2030-02-01"}, "month"),
        ({"department": "ward", "month": "0001-01"}, "month"),
    ],
)
def test_what_is_wrong_is_named(params: dict[str, str], where: str) -> None:
    with pytest.raises(Malformed) as refused:
        review(asked(**params))
    assert [issue.expression for issue in refused.value.issues] == [where]
