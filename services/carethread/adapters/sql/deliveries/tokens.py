"""The tokens by which a websocket is bound to subscriptions: kept as digests, used once."""

from __future__ import annotations

import json
from collections.abc import Sequence

from sqlalchemy import Connection, delete, insert

from carethread.adapters.sql.tables import binding_tokens


def keep(connection: Connection, digest: str, subscriptions: Sequence[str], expires: int, now: int) -> None:
    connection.execute(delete(binding_tokens).where(binding_tokens.c.expires <= now))
    row = {"digest": digest, "subscriptions": json.dumps(list(subscriptions)), "expires": expires}
    connection.execute(insert(binding_tokens).values(row))


def redeem(connection: Connection, digest: str, now: int) -> list[str]:
    used = delete(binding_tokens).where(binding_tokens.c.digest == digest)
    row = connection.execute(used.returning(binding_tokens.c.subscriptions, binding_tokens.c.expires)).one_or_none()
    return list(json.loads(row.subscriptions)) if row and row.expires > now else []
