"""Links to forms: who has one fills it in. So it is random, ends, and is kept as a digest only.

A link is a place (`Session.claim`) that its draft holds; all of a draft end together. That of a form which is answered
without a name leads to no draft: its token says itself what is asked and until when, and holds its own place, so that
nothing leads from it to what was answered.
"""

from __future__ import annotations

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from collections.abc import Callable
from hashlib import sha256
from typing import NamedTuple
from urllib.parse import urljoin

from carethread.core.context import Context
from carethread.core.ports import Session, Timer
from carethread.core.service import Runtime
from carethread.questionnaires.assigning.assignment import DAY

PATH = "console/fill/"
"""Where forms are filled in, below the base of the installation."""

_DRAFT, _OVER, _UNNAMED = "fill", "fill-over", "fill-unnamed"
OVER_TIMER = "fill-over"
"""The kind of timer that forgets links which are over; its key is the draft's id."""

UNNAMED_TIMER = "fill-unnamed-link"
"""The kind of timer that forgets a link without a name; its key is the digest."""

REMEMBERED = 90 * DAY
"""How long after a draft's last link has ended the digests of its links are kept, in microseconds."""

_BYTES = 32
_LONGEST = 1000


class Unnamed(NamedTuple):
    """What a link to a form that is answered without a name asks: the form (`url|version`), whom the answers are about
    (`Organization/1`; empty: nobody), and until when (microseconds)."""

    form: str
    subject: str
    expires: int


def new_token() -> str:
    """256 random bits, fit for a URL."""
    return secrets.token_urlsafe(_BYTES)


def url(base_url: str, token: str) -> str:
    """The link itself; `base_url` is that of FHIR (`Runtime.base_url`)."""
    return urljoin(base_url, PATH + token)


def make(session: Session, response_id: str, token_of: Callable[[], str] = new_token) -> str:
    """A new link's token to a draft, beside those that it has."""
    token = token_of()
    session.claim(_DRAFT, digest_of(token), response_id)
    return token


def response_of(session: Session, token: str) -> str:
    """The id of the draft that a link leads to; empty for one that is unknown or closed."""
    digest = digest_of(token)
    return session.claimed(_DRAFT, [digest]).get(digest, "")


def is_open(session: Session, response_id: str) -> bool:
    """Whether any link leads to the draft."""
    return bool(session.places(_DRAFT, response_id))


def close(session: Session, response_id: str, now: int) -> bool:
    """End the links to a draft; whether there was one. That they were some is remembered for a while (`REMEMBERED`), to
    be told to who opens one. `now` is in microseconds."""
    ended = session.release(_DRAFT, response_id)
    for digest in ended:
        session.claim(_OVER, digest, response_id)
    if ended:
        session.timers.set(OVER_TIMER, response_id, now + REMEMBERED)
    return bool(ended)


def over_forgotten(runtime: Runtime, session: Session, timer: Timer, context: Context) -> None:
    """Forget the links to a draft that are over, so long after the last of them ended."""
    session.release(_OVER, timer.key)


def ended_of(session: Session, token: str) -> str:
    """The id of the draft that a link led to which is over; empty for one that is unknown."""
    digest = digest_of(token)
    return session.claimed(_OVER, [digest]).get(digest, "")


def is_over(session: Session, token: str) -> bool:
    """Whether there was a link to a draft with this token."""
    return bool(ended_of(session, token))


def make_unnamed(session: Session, asked: Unnamed, token_of: Callable[[], str] = new_token) -> str:
    """A new link's token to a form that is answered without a name."""
    said = f"{asked.expires} {asked.subject} {asked.form}".encode()
    token = f"{token_of()}.{urlsafe_b64encode(said).decode().rstrip('=')}"
    session.claim(_UNNAMED, digest_of(token), digest_of(token))
    return token


def unnamed(session: Session, token: str) -> Unnamed | None:
    """What a link asks without a name; None for one that is unknown, was used, or is over."""
    digest = digest_of(token)
    if len(token) > _LONGEST or digest not in session.claimed(_UNNAMED, [digest]):
        return None
    said = token.partition(".")[2]
    try:
        expires, subject, form = urlsafe_b64decode(said + "=" * (-len(said) % 4)).decode().split(" ", 2)
        return Unnamed(form, subject, int(expires))
    except (Error, ValueError):
        return None


def use_up(session: Session, token: str) -> bool:
    """Use a link without a name, in the transaction that stores what it brought; False where it was used before."""
    session.timers.cancel(UNNAMED_TIMER, digest_of(token))
    return forget_unnamed(session, digest_of(token))


def forget_unnamed(session: Session, digest: str) -> bool:
    """End a link without a name by its digest; whether there was one."""
    return bool(session.release(_UNNAMED, digest))


def digest_of(token: str) -> str:
    """By which a token is known here."""
    return sha256(token.encode()).hexdigest()
