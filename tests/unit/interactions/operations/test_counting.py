"""Numbers that a parameter asks for: few ASCII digits, within bounds, or a refusal that says them."""

from __future__ import annotations

import pytest

from carethread.core.errors import Malformed
from carethread.core.ports import Request
from carethread.core.service import Call
from carethread.interactions.operations.counting import count_of, number_in, number_of


def asking(**params: str) -> Call:
    return Call("Appointment", "", {name: [text] for name, text in params.items()}, None, Request("GET", "x"))


@pytest.mark.parametrize("text", ["", "²", "٣", "0", "-1", "+1", "1.0", "101", "9" * 5000, "1_0", " 1"])
def test_what_is_no_number_within_bounds_is_refused(text: str) -> None:
    with pytest.raises(Malformed, match="_count is a number from 1 to 100"):
        count_of(asking(_count=text), 100)
    with pytest.raises(Malformed, match="_count is a number from 1 to 100"):
        number_of(text, "_count", 100)


def test_a_number_may_be_left_out_but_not_given_twice() -> None:
    assert (count_of(asking(), 100), count_of(asking(_count="7"), 100), number_in(asking(), "minutes", 60, 30)) == (
        50,
        7,
        30,
    )
    twice = Call("Appointment", "", {"minutes": ["1", "2"]}, None, Request("GET", "x"))
    with pytest.raises(Malformed, match="minutes"):
        number_in(twice, "minutes", 60, 30)
