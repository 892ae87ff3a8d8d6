"""What is said: short, in each language, with the link and the last day, and nothing of what it is about."""

from datetime import UTC, datetime

import pytest

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


@pytest.mark.parametrize("language", ["de", "en", "es", "fr", "pt"])
@pytest.mark.parametrize("text", [asks, reminds])
def test_a_text(language: str, text: object) -> None:
    made = (asks if text is asks else reminds)(language, LINK, datetime(2031, 3, 17, tzinfo=UTC))
    assert made.count(LINK) == 1 and "2031-03-17" in made
    assert f"{LINK} " in made, "the link is not part of a word"
    assert len(made) - len(LINK) < 200


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
