"""What a receiver does to check a webhook, in the five lines that docs/subscriptions.md shows."""

from __future__ import annotations

import hashlib
import hmac

from carethread.core.webhooks.signature import SIGNATURE, TIMESTAMP, key, signed


def verified(headers, body: bytes, mine: str, now: float) -> bool:
    timestamp = headers[TIMESTAMP]
    wanted = "sha256=" + hmac.new(mine.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    right = any(hmac.compare_digest(wanted, given) for given in headers[SIGNATURE].split(","))
    return right and abs(now - int(timestamp)) < 300


def test_verified_by_the_receivers_own_key_only() -> None:
    mine, other = key("secret", "s1"), key("secret", "s2")
    headers = signed([mine], 1_700_000_000, b"{}")
    assert verified(headers, b"{}", mine, 1_700_000_010)
    assert not verified(headers, b"{ }", mine, 1_700_000_010)
    assert not verified(headers, b"{}", other, 1_700_000_010)
    assert not verified(headers, b"{}", mine, 1_700_000_400)
    assert not verified({**headers, TIMESTAMP: "1700000300"}, b"{}", mine, 1_700_000_310)


def test_two_secrets_while_one_is_changed() -> None:
    headers = signed([key("new", "s1"), key("old", "s1")], 1_700_000_000, b"{}")
    assert verified(headers, b"{}", key("old", "s1"), 1_700_000_000)
    assert verified(headers, b"{}", key("new", "s1"), 1_700_000_000)


def test_without_a_secret() -> None:
    assert signed([], 1_700_000_000, b"{}") == {}
