"""Resources as they stand in a transaction, read without a lock; what is missing or deleted is not there."""

from __future__ import annotations

from collections.abc import Iterable

from carethread.core.fhir import json
from carethread.core.ports import Key, Resource, Session


def present(session: Session, keys: Iterable[Key]) -> dict[Key, Resource]:
    """Those of the resources that are there."""
    return {key: json.parse_object(one.body) for key, one in session.current(keys).items() if not one.deleted}


def here(session: Session, key: Key) -> Resource | None:
    """One of them; None where it is not there."""
    return present(session, [key]).get(key)
