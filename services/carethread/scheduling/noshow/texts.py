"""What a reminder says, by language: when and how to answer, and nothing of what the visit is for.

Whoever sees the message on a screen learns that somebody is expected at a time, and no more.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

_TEXTS: Mapping[str, str] = {
    "de": "Erinnerung: Sie haben einen Termin am {date} um {time} Uhr. Bitte sagen Sie uns, ob Sie kommen.",
    "en": "Reminder: you have an appointment on {date} at {time}. Please tell us whether you can come.",
    "es": "Recordatorio: tiene una cita el {date} a las {time}. Por favor, díganos si puede venir.",
    "fr": "Rappel : vous avez un rendez-vous le {date} à {time}. Merci de nous dire si vous pouvez venir.",
    "pt": "Lembrete: tem uma consulta marcada para {date} às {time}. Por favor, diga-nos se pode vir.",
}

DEFAULT = "en"


def language(preferred: str) -> str:
    """The language of a reminder for someone who prefers a BCP 47 tag such as `es-MX`; English where there is none."""
    return base if (base := preferred.partition("-")[0].lower()) in _TEXTS else DEFAULT


def reminder(language: str, local: datetime) -> str:
    """The text, with the day as ISO 8601 writes it, which no country reads in another way."""
    return _TEXTS[language].format(date=local.date().isoformat(), time=f"{local:%H:%M}")
