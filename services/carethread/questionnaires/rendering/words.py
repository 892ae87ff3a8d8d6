"""Texts in the language that is asked for, and the few that are ours.

Translations are extensions of an element: http://hl7.org/fhir/R4/extension-translation.html. A language stands for its
regions: where there is no `es-MX`, `es` does, and the other way round.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from carethread.core.fhir.elements import extension

TRANSLATION = "http://hl7.org/fhir/StructureDefinition/translation"


class Words(NamedTuple):
    """A text and the language that it is in, as BCP 47; empty where that is not known."""

    text: str
    language: str = ""


def said(element: Mapping[str, Any], name: str, language: str, own: str = "") -> Words:
    """The text of an element's member in a language, else as it is, in its `own` language; empty where there is none.

    `name` is the member, such as `text` or `display`; its translations stand beside it in `_text`.
    """
    text = element.get(name)
    if not isinstance(text, str):
        return Words("")
    if own and base(own) == base(language):
        return Words(text, own)
    found = dict(_translations(element.get(f"_{name}")))
    near = next((each for each in found if base(each) == base(language)), None)
    chosen = language if language in found else near
    return Words(found[chosen], chosen) if chosen is not None else Words(text, own)


def _translations(primitive: Any) -> Iterator[tuple[str, str]]:
    for each in primitive.get("extension", ()) if isinstance(primitive, dict) else ():
        if each.get("url") == TRANSLATION:
            content = extension(each, "content")
            text = content.get("valueString", content.get("valueMarkdown"))
            code = extension(each, "lang").get("valueCode")
            if isinstance(text, str) and isinstance(code, str):
                yield code, text


def base(language: str) -> str:
    """A language without its region: `es` of `es-MX`."""
    return language.partition("-")[0].lower()


def label(name: str, language: str) -> Words:
    """A text of ours, in English where it is not known in the language."""
    known = _LABELS.get(base(language))
    return Words(known[name], language) if known else Words(_LABELS["en"][name], "en")


_LABELS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "answers": "Answers",
        "authored": "Answered on",
        "author": "Answered by",
        "yes": "Yes",
        "no": "No",
        "unanswered": "Not answered",
        "attachment": "Attachment",
        "reference": "Reference",
        "meaning": "Meaning",
        "in-progress": "A draft: it is not finished.",
        "stopped": "It was begun and not finished.",
        "amended": "It was corrected after it was completed.",
        "entered-in-error": "It was entered in error: do not rely on it.",
    },
    "es": {
        "answers": "Respuestas",
        "authored": "Respondido el",
        "author": "Respondido por",
        "yes": "Sí",
        "no": "No",
        "unanswered": "Sin respuesta",
        "attachment": "Archivo adjunto",
        "reference": "Referencia",
        "meaning": "Significado",
        "in-progress": "Un borrador: no está terminado.",
        "stopped": "Se empezó y no se terminó.",
        "amended": "Se corrigió después de completarse.",
        "entered-in-error": "Se registró por error: no se fíe de ello.",
    },
}
"""By language; those of statuses by the status."""
