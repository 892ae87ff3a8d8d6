"""The signature of a webhook: who has the key can tell that a notification is ours, whole, and of this minute.

HMAC-SHA256 (RFC 2104) over `timestamp.body`. Each Subscription has a key of its own, made from the installation's
secret and the Subscription's id, so that no receiver can sign for another.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from hashlib import sha256

TIMESTAMP = "X-CareThread-Timestamp"
"""When it was sent, in seconds since 1970-01-01T00:00:00Z."""

SIGNATURE = "X-CareThread-Signature"
"""`sha256=<hex>`; while a secret is being changed, several with commas between them: one that is right is enough."""


def key(secret: str, subscription: str) -> str:
    """The key that the receiver of a Subscription (its id) is given: 64 hexadecimal digits, to be used as text."""
    return hmac.new(secret.encode(), f"Subscription/{subscription}".encode(), sha256).hexdigest()


def signed(keys: Sequence[str], timestamp: int, body: bytes) -> dict[str, str]:
    """The headers that sign a body; none without a key."""
    text = str(timestamp)
    signatures = [hmac.new(each.encode(), f"{text}.".encode() + body, sha256).hexdigest() for each in keys]
    return {TIMESTAMP: text, SIGNATURE: ",".join(f"sha256={each}" for each in signatures)} if keys else {}
