"""What is said: short, in each language, with the link and the last day, and nothing of what it is about."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from carethread.core.clock import to_micros
from carethread.questionnaires.assigning.assignment import DAY, Assignment
from carethread.questionnaires.assigning.languages import is_in, languages
from carethread.questionnaires.assigning.telling import message, task
from carethread.questionnaires.assigning.texts import asks, language_of, reminds
from support.answers import form, item
from support.instruments import shipped

LINK = "https://care.example/console/fill/" + "x" * 43
NOW = 1_930_000_000_000_000


def draft(subject: str = "Patient/p", **members: object) -> dict[str, object]:
    return {"questionnaire": "urn:f|1", "subject": {"reference": subject}, **members}


def said(recipient: str = "Patient/p", **more: object) -> Assignment:
    return Assignment("Task/t", recipient, NOW, NOW + 14 * DAY, "en", "sms", **more)  # type: ignore[arg-type]


LAST_DAYS = {
    "de": "17. März 2031", "en": "March 17, 2031", "es": "17 de marzo de 2031", "fr": "17 mars 2031",
    "pt": "17 de março de 2031",
}  # fmt: skip


@pytest.mark.parametrize("language", LAST_DAYS)
@pytest.mark.parametrize("text", [asks, reminds])
@pytest.mark.parametrize("sender", ["", "Example Practice"])
@pytest.mark.parametrize("title", ["", "How it went", "How was it?"])
def test_a_text(language: str, text: Callable[..., str], sender: str, title: str) -> None:
    made = text(language, LINK, date(2031, 3, 17), sender, title)
    assert made.count(LINK) == 1 and LAST_DAYS[language] in made
    assert f"{LINK} " in made, "the link is not part of a word"
    assert sender in made and title in made and "{" not in made
    assert len(made) - len(LINK) - len(sender) - len(title) < 210
    assert made.count("  ") == 0


def test_who_asks_may_have_any_name() -> None:
    assert "{link} & Sons" in asks("en", LINK, date(2031, 3, 17), "{link} & Sons", "{title}")


@pytest.mark.parametrize(("hours", "day"), [(0, "March 16, 2031"), (1, "March 17, 2031")])
def test_the_last_day_is_one_on_which_the_link_is_good(hours: int, day: str) -> None:
    end = to_micros(datetime(2031, 3, 17, hours, tzinfo=UTC))
    told = message("m", draft(), replace(said(), expires=end), LINK, NOW)
    assert f"answer by {day}: " in told["payload"][0]["contentString"]


def test_a_language_that_is_not_known() -> None:
    assert [language_of(each) for each in ("es-MX", "ES", "fi", "")] == ["es", "es", "en", "en"]


def test_a_message_is_about_a_patient_where_there_is_one() -> None:
    assert message("m", draft(), said("Practitioner/d"), LINK, NOW)["subject"] == {"reference": "Patient/p"}
    other = message("m", draft("Organization/o"), said("Practitioner/d"), LINK, NOW)
    assert "subject" not in other and "about" not in other


def test_what_nobody_is_to_be_led_to_is_not_named() -> None:
    assert "output" not in task("t", draft("Organization/o"), said("Practitioner/d"))
    assert task("t", draft(id="r"), said())["output"][0]["valueReference"] == {"reference": "QuestionnaireResponse/r"}


def test_the_languages_of_a_form() -> None:
    phq = shipped("phq-2")
    assert languages(phq) == ("en", "es")
    assert is_in(phq, "es-MX") and is_in(phq, "en-GB") and not is_in(phq, "fi")
    plain = form(item("a"))
    assert languages(plain) == () and is_in(plain, "fi")
