"""Pauses grow, stay within their bounds, and add up to what is promised."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from carethread.subscriptions.retry import FIRST_PAUSE, LONGEST_PAUSE, PATIENCE_SECONDS, given_up, pause

attempts = st.integers(1, 10**6)
chances = st.floats(0, 1, exclude_max=True)


@given(attempts, chances)
def test_bounds(attempt, chance) -> None:
    assert 0.8 * FIRST_PAUSE <= pause(attempt, 0, chance) <= LONGEST_PAUSE
    assert pause(attempt, 0, 0) <= pause(attempt + 1, 0, 0)


@given(attempts, st.floats(0, 3600), chances)
def test_no_sooner_than_asked(attempt, asked, chance) -> None:
    assert pause(attempt, asked, chance) >= asked


def test_about_a_hundred_attempts_in_three_and_a_half_days() -> None:
    passed, made = 0.0, 1
    while passed < PATIENCE_SECONDS:
        passed += pause(made, 0, 0.5)
        made += 1
    assert 80 < made < 120


def test_given_up() -> None:
    patience = round(PATIENCE_SECONDS * 1_000_000)
    assert not given_up(0, 10 * patience)
    assert not given_up(5, patience + 4) and given_up(5, patience + 5)
