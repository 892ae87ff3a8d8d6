"""What an offer says, by language: when, and until when; nothing of what the visit is for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

_TEXTS: Mapping[str, str] = {
    "de": "Ein früherer Termin ist frei: am {date} um {time} Uhr. Er ist für Sie reserviert bis {until}. "
    "Bitte sagen Sie uns, ob Sie ihn möchten.",
    "en": "An earlier time is free: {date} at {time}. It is kept for you until {until}. "
    "Please tell us whether you want it.",
    "es": "Hay una cita antes: el {date} a las {time}. Se la reservamos hasta {until}. "
    "Por favor, díganos si la quiere.",
    "fr": "Un rendez-vous plus tôt est libre : le {date} à {time}. Il vous est réservé jusqu'à {until}. "
    "Merci de nous dire si vous le voulez.",
    "pt": "Há uma consulta mais cedo: {date} às {time}. Está reservada para si até {until}. "
    "Por favor, diga-nos se a quer.",
}


def offer(language: str, start: datetime, until: datetime) -> str:
    """The text, with local times; days as ISO 8601 writes them, which no country reads in another way."""
    day = start.date()
    ends = f"{until:%H:%M}" if until.date() == day else f"{until:%Y-%m-%d %H:%M}"
    return _TEXTS[language].format(date=day.isoformat(), time=f"{start:%H:%M}", until=ends)
