"""An operation that is asked for again under the same Idempotency-Key does nothing more, and answers the same.

The key gives what the operation makes its id, so that it can be made once; a claim on that id tells for which request
it was, so that another request under the same key is refused.

Source: https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header.
"""

from __future__ import annotations

from hashlib import sha256
from uuid import NAMESPACE_URL, uuid5

from carethread.core.context import Context
from carethread.core.errors import Malformed
from carethread.core.fhir import json
from carethread.core.service import Call

ASKED = "asked"
"""The kind of claim by which a resource is for one request: its key is the id, its holder what was asked."""

_KEY_LETTERS = 255


def new_id(call: Call, type_name: str, operation: str, context: Context) -> str:
    """The id of what this call makes, by its Idempotency-Key; empty without one. Raises Malformed for such a key."""
    key = call.request.headers.get("idempotency-key")
    if key is None:
        return ""
    key = key.strip().strip('"')
    if not 1 <= len(key) <= _KEY_LETTERS:
        raise Malformed(f"An Idempotency-Key has 1 to {_KEY_LETTERS} characters.", code="value")
    return derived(type_name, f"{context.principal.name}/{operation}/{key}")


def fingerprint(call: Call) -> str:
    """Of all that this call says, by which another under the same Idempotency-Key is told."""
    return sha256(json.render({"params": dict(call.params), "body": call.body or {}})).hexdigest()


def derived(type_name: str, cause: str) -> str:
    """An id that follows from a cause: the same each time."""
    return str(uuid5(NAMESPACE_URL, f"https://carethread.dev/fhir/{type_name}/{cause}"))
