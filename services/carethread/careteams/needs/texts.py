"""What a person is told of the help that they asked for, by language; nothing of what they need, nor of whom was asked:
others may read it, too."""

from __future__ import annotations

from collections.abc import Mapping

_TEXTS: Mapping[str, Mapping[str, str]] = {
    "accepted": {
        "de": "Gute Nachricht: Wer für Sie gefragt wurde, hat zugesagt. Ihr Team sagt Ihnen gern mehr dazu.",
        "en": "Good news: who we asked on your behalf has said yes. Your care team will gladly tell you more.",
        "es": "Buenas noticias: a quien preguntamos en su nombre ha dicho que sí. Su equipo le dirá más con gusto.",
        "fr": "Bonne nouvelle : la réponse à notre demande pour vous est oui. Votre équipe vous en dira plus.",
        "pt": "Boas notícias: quem contactámos em seu nome disse que sim. A sua equipa terá gosto em dizer-lhe mais.",
    },
    "completed": {
        "de": "Was wir für Sie angefragt haben, ist abgeschlossen. Ihr Team fragt Sie, ob es geholfen hat.",
        "en": "What we asked for on your behalf is done. Your care team will ask you whether it has helped.",
        "es": "Lo que pedimos en su nombre ha terminado. Su equipo le preguntará si le ha ayudado.",
        "fr": "Ce que nous avons demandé pour vous est terminé. Votre équipe vous demandera si cela vous a aidé.",
        "pt": "O que pedimos em seu nome está concluído. A sua equipa vai perguntar-lhe se ajudou.",
    },
    "rejected": {
        "de": "Wer für Sie gefragt wurde, kann leider nicht helfen. Ihr Team sucht mit Ihnen weiter.",
        "en": "Who we asked on your behalf cannot help; we are sorry. Your team goes on looking with you.",
        "es": "A quien preguntamos en su nombre no puede ayudar; lo sentimos. Su equipo sigue buscando con usted.",
        "fr": "La réponse à notre demande pour vous est hélas non. Votre équipe continue à chercher avec vous.",
        "pt": "Quem contactámos em seu nome não pode ajudar; lamentamos. A sua equipa continua a procurar consigo.",
    },
    "failed": {
        "de": "Was wir für Sie angefragt haben, ist leider nicht gelungen. Ihr Team sucht mit Ihnen weiter.",
        "en": "What we asked for on your behalf did not work out; we are sorry. Your team goes on looking with you.",
        "es": "Lo que pedimos en su nombre no ha sido posible; lo sentimos. Su equipo sigue buscando con usted.",
        "fr": "Ce que nous avons demandé pour vous n'a hélas pas abouti. Votre équipe continue à chercher avec vous.",
        "pt": "O que pedimos em seu nome não foi possível; lamentamos. A sua equipa continua a procurar consigo.",
    },
    "cancelled": {
        "de": "Was wir für Sie angefragt haben, wird nicht weiter verfolgt. Ihr Team beantwortet gern Ihre Fragen.",
        "en": "What we asked for on your behalf goes no further. Your care team will gladly answer your questions.",
        "es": "Lo que pedimos en su nombre ya no sigue adelante. Su equipo responderá con gusto a sus preguntas.",
        "fr": "Ce que nous avons demandé pour vous s'arrête là. Votre équipe répondra volontiers à vos questions.",
        "pt": "O que pedimos em seu nome não continua. A sua equipa responderá com gosto às suas perguntas.",
    },
}

_OF_THE_LEAD: Mapping[str, str] = {
    "accepted": "A referral was accepted.",
    "completed": "A referral is done. Ask the person whether it has helped.",
    "rejected": "A referral was rejected. Look for other help with the person.",
    "failed": "A referral came to nothing. Look for other help with the person.",
    "cancelled": "A referral was cancelled.",
}

_OTHERWISE = "en"


def spoken(language: str) -> str:
    """The language of ours that is nearest to one that somebody prefers (BCP 47)."""
    first = language.lower().partition("-")[0]
    return first if first in _TEXTS["accepted"] else _OTHERWISE


def for_person(outcome: str, language: str) -> str:
    """What the person is told, in one of the languages of `spoken`."""
    return _TEXTS[outcome][language]


def for_lead(outcome: str) -> str:
    """What who answers for the person is told."""
    return _OF_THE_LEAD[outcome]
