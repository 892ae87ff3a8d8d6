"""What a message to somebody who is asked says, by language: who asks, what it is called in their words, where, and
until when.

Nothing of what the questions are about but a title that the form has for people: whoever sees the message on a screen
learns no more.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import NamedTuple

from carethread.questionnaires.rendering.days import day


class _Texts(NamedTuple):
    """In one language. `asked` and `reminded` by whether the sender is known; `titled` goes before either."""

    asked: tuple[str, str]
    reminded: tuple[str, str]
    titled: str
    then: str
    replaced: str


_TEXTS: Mapping[str, _Texts] = {
    "de": _Texts(
        ("Wir möchten Ihnen gern einige Fragen stellen.", "{sender} möchte Ihnen gern einige Fragen stellen."),
        ("Zur Erinnerung: Wir haben noch Fragen an Sie.", "Zur Erinnerung: {sender} hat noch Fragen an Sie."),
        "„{title}“",
        "Bitte antworten Sie bis zum {date}: {link} Der Link ist nur für Sie. "
        "Sie können jederzeit unterbrechen und später weitermachen.",
        "Wenn Sie mögen, antworten Sie bitte bis zum {date}: {link} Dieser Link ersetzt den früheren.",
    ),
    "en": _Texts(
        ("We would like to ask you some questions.", "{sender} would like to ask you some questions."),
        ("A reminder: we still have questions for you.", "A reminder: {sender} still has questions for you."),
        "“{title}”",
        "Please answer by {date}: {link} The link is for you only. You can stop at any time and go on later.",
        "If you like, please answer by {date}: {link} This link replaces the earlier one.",
    ),
    "es": _Texts(
        ("Nos gustaría hacerle algunas preguntas.", "A {sender} le gustaría hacerle algunas preguntas."),
        (
            "Le recordamos que aún tenemos preguntas para usted.",
            "Un recordatorio: {sender} aún tiene preguntas para usted.",
        ),
        "«{title}»",
        "Por favor, responda a más tardar el {date}: {link} El enlace es solo para usted. "
        "Puede parar cuando quiera y seguir más tarde.",
        "Si lo desea, responda a más tardar el {date}: {link} Este enlace sustituye al anterior.",
    ),
    "fr": _Texts(
        ("Nous aimerions vous poser quelques questions.", "{sender} aimerait vous poser quelques questions."),
        ("Rappel : nous avons encore des questions pour vous.", "Rappel : {sender} a encore des questions pour vous."),
        "« {title} »",
        "Merci de répondre au plus tard le {date} : {link} Le lien est pour vous seulement. "
        "Vous pouvez vous arrêter à tout moment et continuer plus tard.",
        "Si vous voulez bien, répondez au plus tard le {date} : {link} Ce lien remplace le précédent.",
    ),
    "pt": _Texts(
        ("Gostaríamos de lhe fazer algumas perguntas.", "{sender} gostaria de lhe fazer algumas perguntas."),
        ("Lembrete: ainda temos perguntas para si.", "Lembrete: {sender} ainda tem perguntas para si."),
        "“{title}”",
        "Por favor, responda até {date}: {link} A ligação é só para si. "
        "Pode parar a qualquer momento e continuar mais tarde.",
        "Se quiser, responda até {date}: {link} Esta ligação substitui a anterior.",
    ),
}  # fmt: skip

DEFAULT = "en"


def language_of(preferred: str) -> str:
    """The language of a message for someone who prefers a BCP 47 tag such as `es-MX`; English where there is none."""
    return base if (base := preferred.partition("-")[0].lower()) in _TEXTS else DEFAULT


def asks(language: str, link: str, until: date, sender: str = "", title: str = "") -> str:
    """The text that asks, with the last local day. `sender` is the name of who asks, `title` what the form is called to
    people; empty where there is none."""
    texts = _TEXTS[language]
    return _put(texts.asked, texts.titled, texts.then, language, link, until, sender, title)


def reminds(language: str, link: str, until: date, sender: str = "", title: str = "") -> str:
    """The text that reminds."""
    texts = _TEXTS[language]
    return _put(texts.reminded, texts.titled, texts.replaced, language, link, until, sender, title)


def _put(
    opening: tuple[str, str], titled: str, then: str, language: str, link: str, until: date, sender: str, title: str
) -> str:
    parts = [opening[bool(sender)].format(sender=sender)]
    if title:
        parts.append(titled.format(title=title) + ("" if title[-1] in "?!." else "."))
    parts.append(then.format(date=day(until, language), link=link))
    return " ".join(parts)
