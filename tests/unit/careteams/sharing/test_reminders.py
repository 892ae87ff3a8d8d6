"""What people are written says when, and nothing that tells what for: not the words, and nothing else is put in."""

from __future__ import annotations

from datetime import UTC, datetime
from inspect import signature

import pytest

from carethread.careteams.sharing.words import telling
from carethread.scheduling.noshow import texts as reminders
from carethread.scheduling.waitlist import texts as offers

WHEN = datetime(2031, 3, 3, 8, tzinfo=UTC)
LANGUAGES = sorted(reminders._TEXTS)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_text_tells_of_no_kind_of_visit(language: str) -> None:
    said = [reminders.reminder(language, WHEN), offers.offer(language, WHEN, WHEN)]
    assert telling(said) == set()
    for text in said:
        left = [word for word in text.split() if any(letter.isdigit() for letter in word)]
        assert all(word.strip(".,:h") in ("2031-03-03", "08:00") for word in left)


def test_nothing_but_language_and_times_goes_in() -> None:
    """So whatever the visit is for, its reminder is the same."""
    assert list(signature(reminders.reminder).parameters) == ["language", "local"]
    assert list(signature(offers.offer).parameters) == ["language", "start", "until"]
