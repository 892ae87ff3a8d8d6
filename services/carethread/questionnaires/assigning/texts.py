"""What a message to somebody who is asked says, by language: that there are questions, where, and until when.

Nothing of what they are about: whoever sees the message on a screen learns no more.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

_ASKED: Mapping[str, str] = {
    "de": "Wir möchten Ihnen gern einige Fragen stellen. Bitte antworten Sie bis {date}: {link} "
    "Der Link ist nur für Sie. Sie können jederzeit unterbrechen und später weitermachen.",
    "en": "We would like to ask you some questions. Please answer by {date}: {link} "
    "The link is for you only. You can stop at any time and go on later.",
    "es": "Nos gustaría hacerle algunas preguntas. Por favor, responda antes del {date}: {link} "
    "El enlace es solo para usted. Puede parar cuando quiera y seguir más tarde.",
    "fr": "Nous aimerions vous poser quelques questions. Merci de répondre avant le {date} : {link} "
    "Le lien est pour vous seulement. Vous pouvez vous arrêter à tout moment et continuer plus tard.",
    "pt": "Gostaríamos de lhe fazer algumas perguntas. Por favor, responda até {date}: {link} "
    "A ligação é só para si. Pode parar a qualquer momento e continuar mais tarde.",
}

_REMINDED: Mapping[str, str] = {
    "de": "Zur Erinnerung: Wir haben noch Fragen an Sie. Wenn Sie mögen, antworten Sie bitte bis {date}: {link} "
    "Dieser Link ersetzt den früheren.",
    "en": "A reminder: we still have questions for you. If you like, please answer by {date}: {link} "
    "This link replaces the earlier one.",
    "es": "Le recordamos que aún tenemos preguntas para usted. Si lo desea, responda antes del {date}: {link} "
    "Este enlace sustituye al anterior.",
    "fr": "Rappel : nous avons encore des questions pour vous. Si vous voulez bien, répondez avant le {date} : {link} "
    "Ce lien remplace le précédent.",
    "pt": "Lembrete: ainda temos perguntas para si. Se quiser, responda até {date}: {link} "
    "Esta ligação substitui a anterior.",
}

DEFAULT = "en"


def language_of(preferred: str) -> str:
    """The language of a message for someone who prefers a BCP 47 tag such as `es-MX`; English where there is none."""
    return base if (base := preferred.partition("-")[0].lower()) in _ASKED else DEFAULT


def asks(language: str, link: str, until: datetime) -> str:
    """The text that asks, with the last local day as ISO 8601 writes it, which no country reads in another way."""
    return _ASKED[language].format(link=link, date=until.date().isoformat())


def reminds(language: str, link: str, until: datetime) -> str:
    """The text that reminds."""
    return _REMINDED[language].format(link=link, date=until.date().isoformat())
