"""Which languages a form can be read in: its own, and those that it is translated to. Pure."""

from __future__ import annotations

from functools import lru_cache

from carethread.core.fhir.elements import extension, objects
from carethread.questionnaires.forms.form import Form
from carethread.questionnaires.rendering.words import TRANSLATION, base


@lru_cache(maxsize=256)
def languages(form: Form) -> tuple[str, ...]:
    """BCP 47 tags, the form's own first; empty where it says none."""
    translated = {
        str(extension(each, "lang").get("valueCode", ""))
        for each in objects(form.raw)
        if each.get("url") == TRANSLATION
    }
    own = str(form.raw.get("language", ""))
    return tuple(each for each in (own, *sorted(translated - {own})) if each)


def is_in(form: Form, language: str) -> bool:
    """Whether the form can be read in a language, be it that of another region; one that says none can in any."""
    known = languages(form)
    return not known or base(language) in map(base, known)
