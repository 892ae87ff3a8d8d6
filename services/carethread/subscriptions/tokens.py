"""Tokens that bind a websocket to subscriptions: random, used once, soon over, and kept as digests only."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from hashlib import sha256

from carethread.core.clock import to_micros
from carethread.core.context import Context
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


def redeem(runtime: Runtime, token: str, context: Context) -> list[str]:
    """The subscriptions that a token is for, which is used up by this; none for a token that is not valid. Raises
    Busy."""
    now = to_micros(context.clock())
    digest = _digest(token)
    return runtime.store.transact(lambda session: session.deliveries.redeem_token(digest, now))


def _digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()
