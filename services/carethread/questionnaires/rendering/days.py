"""Days as people say them, by language. Source: the long dates of Unicode CLDR, https://cldr.unicode.org. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from carethread.questionnaires.rendering.words import base

_SAID: Mapping[str, tuple[str, str]] = {
    "de": (
        "{day}. {month} {year}",
        "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    ),
    "en": (
        "{month} {day}, {year}",
        "January February March April May June July August September October November December",
    ),
    "es": (
        "{day} de {month} de {year}",
        "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    ),
    "fr": (
        "{day} {month} {year}",
        "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    ),
    "pt": (
        "{day} de {month} de {year}",
        "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    ),
}
"""By language: how a day is put, and the months."""


def day(date: date, language: str) -> str:
    """A day in a language, given as BCP 47; in English where it is not known here."""
    put, months = _SAID.get(base(language), _SAID["en"])
    return put.format(day=date.day, month=months.split()[date.month - 1], year=date.year)
