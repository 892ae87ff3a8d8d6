"""What a form is called to people: in their words and language, else as it is called."""

from __future__ import annotations

from datetime import date

import pytest

from carethread.core.fhir.profiles import packaged
from carethread.core.fhir.validation import validate
from carethread.questionnaires.rendering.days import day
from carethread.questionnaires.rendering.titles import own_words, title_for_people
from support.instruments import shipped


@pytest.mark.parametrize(
    ("form", "language", "title", "in_"),
    [
        ("phq-9", "en", "How you have been feeling", "en"),
        ("phq-9", "es-MX", "Cómo se ha sentido", "es"),
        ("phq-9", "fi", "How you have been feeling", "en"),
        ("visit-note", "en", "Note of a visit", "en"),
        ("visit-note", "es", "Nota de la visita", "es"),
    ],
)
def test_a_title(form: str, language: str, title: str, in_: str) -> None:
    assert title_for_people(shipped(form).raw, language) == (title, in_)


def test_what_has_none() -> None:
    assert title_for_people({}, "en") == ("", "")
    assert own_words(shipped("visit-note").raw, "en") is None


@pytest.mark.parametrize("name", ["phq-2", "phq-9", "gad-7", "social-needs", "hunger-vital-sign"])
def test_no_instrument_is_named_to_those_who_fill_it_in(name: str) -> None:
    form = shipped(name).raw
    for language in ("en", "es"):
        words = own_words(form, language)
        assert words is not None and words.language == language
        named = (form["title"], "PHQ", "GAD", "AHC", "depres", "anxi", "hung", "ansie", "hambre")
        assert not any(each.lower() in words.text.lower() for each in named)
        assert len(words.text) <= 60
    assert [each for each in validate(form, library=packaged()) if each.severity == "error"] == []


@pytest.mark.parametrize(
    ("language", "told"),
    [("en", "May 1, 2031"), ("es-MX", "1 de mayo de 2031"), ("de", "1. Mai 2031"), ("fi", "May 1, 2031")],
)
def test_a_day_in_words(language: str, told: str) -> None:
    assert day(date(2031, 5, 1), language) == told
