"""Whether those whom minutes name are here, and may be given something to do. Read before a transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from carethread.careteams.teams.working import away
from carethread.core.fhir import json
from carethread.core.fhir.targets import key_of
from carethread.core.ports import Resource
from carethread.core.service import Runtime


def known(runtime: Runtime, references: Collection[str]) -> Mapping[str, Resource]:
    """The resources that are here: our own, the copies, and of what has no copy yet what the owner has. Raises Busy."""
    keys = {key_of(each) for each in references}
    found = runtime.store.glance(lambda session: session.current(keys))
    owners = {mirror.type: mirror.owner for mirror in runtime.service.mirrors}
    told = {key: one for key, one in found.items() if not one.deleted}
    for key in sorted(keys - found.keys()):
        if key[0] in owners and (one := runtime.owners.read(owners[key[0]], key)) and not one.deleted:
            told[key] = one
    return {f"{kind}/{id_}": json.restore(one.body) for (kind, id_), one in told.items()}


def why_not(resource: Resource | None, now: int) -> str:
    """Why nothing can be given to somebody at a moment (microseconds), as a sentence goes on; empty where it can."""
    if resource is None:
        return "is not here"
    if resource.get("deceasedBoolean") is True or "deceasedDateTime" in resource:
        return "is deceased"
    return away(resource, now)
