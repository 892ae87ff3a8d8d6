"""What is history: what is told (`X-CareThread-Backfill`) of something that does not stand here as ours.

What stands here is somebody's to do, or answers for somebody: who changes it is judged, and what follows is done, however
it is sent. To tell the same again changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from carethread.core.context import Context
from carethread.core.fhir import json
from carethread.core.ports import Resource, Session

IsOurs = Callable[["Resource | None"], bool]


def is_history(context: Context, before: Resource | None, after: Resource | None, is_ours: IsOurs) -> bool:
    """Whether a write is told as history, of something that did not stand here as ours, or is as it stands."""
    return context.backfill and (not is_ours(before) or (after is not None and _said(before or {}) == _said(after)))


def _said(resource: Resource) -> Resource:
    meta = {name: value for name, value in resource.get("meta", {}).items() if name not in ("versionId", "lastUpdated")}
    return {**resource, "meta": meta}


def no_history(session: Session, type_name: str, ids: Sequence[str], context: Context, is_ours: IsOurs) -> list[str]:
    """Those of a type's versions, which were just stored, that are no history."""
    if not context.backfill:
        return list(ids)
    found = []
    for stored in session.current([(type_name, id_) for id_ in ids]).values():
        before = session.version((type_name, stored.id), stored.version - 1) if stored.version > 1 else None
        if before and not before.deleted and is_ours(json.parse_object(before.body)):
            found.append(stored.id)
    return found
