"""When those are reminded who have not read a notice, and until when each is to have read it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from carethread.careteams.notices.notice import Terms, next_reminder
from carethread.core.moments import DAY


def reminders(soonest: int, now: int) -> list[int]:
    found = []
    while now := next_reminder(soonest, now):
        found.append(now)
    return found


@given(st.integers(1, 400 * DAY))
def test_reminders_end_and_come_when_it_is_due(length: int) -> None:
    found = reminders(length, 0)
    assert found == sorted(set(found))
    assert length in found
    assert len(found) < 40 and found[-1] <= length + 14 * DAY
    assert sum(each > length for each in found) == 14


def test_half_of_the_time_is_over_then_half_of_the_rest() -> None:
    assert [each / DAY for each in reminders(8 * DAY, 0)][:4] == [4, 6, 8, 9]


def test_nobody_is_reminded_long_after() -> None:
    assert next_reminder(0, 14 * DAY) == 0


@given(st.integers(0, 100), st.integers(1, 100), st.integers(0, 300))
def test_whoever_comes_later_has_as_much_time(sent: int, length: int, since: int) -> None:
    due = Terms(sent, sent + length, 10**6).due(since)
    assert due >= sent + length
    assert due - max(since, sent) >= length or since <= sent
