"""What a form is called to those who fill it in: in their words, where the form says them (extension `people-title`),
for its title is often the name of an instrument, which tells them nothing or too much. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from carethread.core.fhir.elements import extension
from carethread.core.service import PROFILES
from carethread.questionnaires.rendering.words import Words, said

PEOPLE_TITLE = PROFILES + "people-title"


def title_for_people(form: Mapping[str, Any], language: str) -> Words:
    """The title of a Questionnaire in a language (BCP 47), else in its own: the one for people, else the one that it
    has; empty where it has none."""
    return own_words(form, language) or said(form, "title", language, _own(form))


def own_words(form: Mapping[str, Any], language: str) -> Words | None:
    """The title for people alone, which may stand where others see it; None where the form has none."""
    words = said(extension(form, PEOPLE_TITLE), "valueString", language, _own(form))
    return words if words.text else None


def _own(form: Mapping[str, Any]) -> str:
    return str(form.get("language", ""))
