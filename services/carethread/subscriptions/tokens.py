"""Tokens that bind a websocket to subscriptions: random, used once, soon over, and kept as digests only."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from hashlib import sha256

from carethread.core.clock import to_micros
from carethread.core.context import Context
from carethread.core.ports import Session
from carethread.core.service import Runtime

SECONDS = 60
"""How long a token is valid."""


def issue(runtime: Runtime, subscriptions: Sequence[str], context: Context) -> tuple[str, int]:
    """A token for subscriptions, and when it is over (microseconds). Raises Busy."""
    token = secrets.token_urlsafe(32)
    now = to_micros(context.clock())
    expires = now + SECONDS * 1_000_000
    digest = _digest(token)
    runtime.store.transact(lambda session: session.deliveries.keep_token(digest, subscriptions, expires, now))
    return token, expires


def redeem(runtime: Runtime, token: str, context: Context) -> dict[str, int]:
    """The subscriptions that a token is for, each with its new reader's number (see `Deliveries.bind`); the token is
    used up by this. None for a token that is not valid. Raises Busy."""
    now = to_micros(context.clock())
    digest = _digest(token)

    def work(session: Session) -> dict[str, int]:
        return session.deliveries.bind(session.deliveries.redeem_token(digest, now))

    return runtime.store.transact(work)


def _digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()
