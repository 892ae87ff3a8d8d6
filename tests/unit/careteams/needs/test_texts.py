"""What people are told says nothing that others must not read, in each language."""

from __future__ import annotations

import pytest

from carethread.careteams.needs.following import OUTCOME_OF
from carethread.careteams.needs.texts import for_lead, for_person, spoken
from carethread.careteams.sharing.words import telling

LANGUAGES = ("de", "en", "es", "fr", "pt")


@pytest.mark.parametrize("outcome", sorted(set(OUTCOME_OF.values())))
def test_each_outcome_has_a_text_in_each_language(outcome: str) -> None:
    texts = [for_person(outcome, language) for language in LANGUAGES]
    assert len(set(texts)) == len(LANGUAGES)
    assert telling([*texts, for_lead(outcome)]) == frozenset()


@pytest.mark.parametrize(
    ("preferred", "expected"), [("es-US", "es"), ("de", "de"), ("PT-BR", "pt"), ("", "en"), ("xx", "en"), ("est", "en")]
)
def test_the_nearest_language(preferred: str, expected: str) -> None:
    assert spoken(preferred) == expected
