"""What a person is told who has said something of their care, by language; nothing of what they said. Pure."""

from __future__ import annotations

from collections.abc import Mapping

_THANKS: Mapping[str, str] = {
    "de": "Danke, dass Sie uns gesagt haben, wie es für Sie war. Wir haben es gelesen und uns darum gekümmert.",
    "en": "Thank you for telling us how it was for you. We have read it and looked into it.",
    "es": "Gracias por decirnos cómo fue para usted. Lo hemos leído y nos hemos ocupado de ello.",
    "fr": "Merci de nous avoir dit comment cela s'est passé pour vous. Nous l'avons lu et nous en sommes occupés.",
    "pt": "Obrigado por nos dizer como foi para si. Lemos o que disse e tratámos do assunto.",
}

_OUTCOMES: Mapping[str, Mapping[str, str]] = {
    "changed": {
        "de": "Deshalb machen wir jetzt etwas anders.",
        "en": "Because of it we do something differently now.",
        "es": "Por eso ahora hacemos algo de otra manera.",
        "fr": "C'est pourquoi nous faisons désormais quelque chose autrement.",
        "pt": "Por isso passámos a fazer algo de outra forma.",
    },
    "apologised": {
        "de": "Es tut uns leid.",
        "en": "We are sorry.",
        "es": "Lo sentimos.",
        "fr": "Nous en sommes désolés.",
        "pt": "Pedimos desculpa.",
    },
    "referred": {
        "de": "Wir haben es an die Stelle weitergegeben, die darüber entscheidet.",
        "en": "We have passed it on to those who decide about it.",
        "es": "Lo hemos pasado a quienes deciden sobre ello.",
        "fr": "Nous l'avons transmis à ceux qui en décident.",
        "pt": "Passámo-lo a quem decide sobre isso.",
    },
}
"""What is added by outcome; the others have no words of their own."""

_MORE: Mapping[str, str] = {
    "de": "Wenn Sie mehr wissen möchten, fragen Sie uns bitte.",
    "en": "If you want to know more, please ask us.",
    "es": "Si quiere saber más, pregúntenos.",
    "fr": "Si vous voulez en savoir plus, demandez-nous.",
    "pt": "Se quiser saber mais, pergunte-nos.",
}

LANGUAGES = tuple(_THANKS)


def base_of(tag: str) -> str:
    """The language of a BCP 47 tag: `es` of `es-MX`."""
    return tag.partition("-")[0].lower()


def message(language: str, outcome: str) -> str:
    """What somebody is told in one of `LANGUAGES`."""
    words = [_THANKS[language], _OUTCOMES.get(outcome, {}).get(language, ""), _MORE[language]]
    return " ".join(filter(None, words))
