"""Links to calendars: who has one reads the feed. So it is random, can be revoked, and is kept as a digest only.

A link is a place that its actor holds (`Session.claim`); revoking gives the place up.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from hashlib import sha256

from carethread.core.errors import Conflict
from carethread.core.ports import Session

MOST = 20
"""Links that one actor may have at once: one for each device, and some to spare."""

_KIND = "calendar"
_BYTES = 32


def new_token() -> str:
    """256 random bits, fit for a URL."""
    return secrets.token_urlsafe(_BYTES)


def make(session: Session, actor: str, token_of: Callable[[], str] = new_token) -> str:
    """A new link's token. Raises Conflict where the actor has as many as may be."""
    if count(session, actor) >= MOST:
        raise Conflict(f"{actor} has {MOST} links, which is the most; revoke some first.", code="too-costly")
    token = token_of()
    session.claim(_KIND, _digest(token), actor)
    return token


def count(session: Session, actor: str) -> int:
    """How many links the actor has."""
    return len(session.places(_KIND, actor))


def revoke(session: Session, actor: str, token: str | None = None) -> int:
    """End one link of the actor, or where none is named all; returns how many it were."""
    named = None if token is None else _digest(token)
    others = [digest for digest in session.places(_KIND, actor) if named and digest != named]
    return len(session.release(_KIND, actor, keep=others))


def actor_of(session: Session, token: str) -> str:
    """Whose calendar a link leads to; empty for one that is unknown or revoked."""
    digest = _digest(token)
    return session.claimed(_KIND, [digest]).get(digest, "")


def _digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()
