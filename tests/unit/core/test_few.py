"""Who is few."""

from __future__ import annotations

from carethread.core.few import ENOUGH, is_few


def test_from_one_to_ten_people_are_few_and_nobody_is_not():
    assert [number for number in range(20) if is_few(number)] == list(range(1, 11))
    assert ENOUGH == 11
