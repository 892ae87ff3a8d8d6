"""Resources as they stand in a transaction, read without a lock; what is missing or deleted is not there."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from carethread.core.fhir import json
from carethread.core.fhir.search.merges import PATIENT, REPLACED_BY
from carethread.core.ports import Key, Resource, Session

_MERGED_INTO = f"{PATIENT}.{REPLACED_BY}"


def present(session: Session, keys: Iterable[Key]) -> dict[Key, Resource]:
    """Those of the resources that are there."""
    return {key: json.restore(one.body) for key, one in session.current(keys).items() if not one.deleted}


def here(session: Session, key: Key) -> Resource | None:
    """One of them; None where it is not there."""
    return present(session, [key]).get(key)


def any_merged(session: Session, ids: Collection[str]) -> bool:
    """Whether any of these Patients was merged, be it with another of them: then they are not as many as their ids."""
    if len(session.kin(ids)) > len(ids):
        return True
    return len(ids) > 1 and bool(session.referring([(PATIENT, each) for each in ids], [_MERGED_INTO], 1))
