"""What a client may write of a shared decision that is stored: that it was entered in error, and no more."""

from __future__ import annotations

from carethread.careteams.plans.deciding import PROFILE
from carethread.core.errors import Conflict
from carethread.core.ports import Resource
from carethread.core.service import Ruling, Unit

_ERROR = "entered-in-error"
_FREE = frozenset({"status", "statusReason", "meta"})


def decision_written(unit: Unit, before: Resource | None, after: Resource | None, id_: str) -> Ruling:
    """Refuse to change what a person has decided; what an EHR sends is stored as sent. Raises Conflict."""
    if unit.own or before is None or not _is_ours(before):
        return Ruling()
    if after is None:
        raise Conflict(f"A shared decision is not deleted: PUT it with the status {_ERROR}.")
    changed = {name for name in {*before, *after} - _FREE if before.get(name) != after.get(name)}
    if changed or not _is_ours(after):
        raise Conflict(
            "A shared decision stays as it is: decide anew with Patient/[id]/$shared-decision and replaces.",
            expression=f"Communication.{min(changed or {'meta'})}",
        )
    if after["status"] not in (before["status"], _ERROR):
        raise Conflict(f"The status of a shared decision can only become {_ERROR}.", expression="Communication.status")
    return Ruling()


def _is_ours(resource: Resource) -> bool:
    meta = resource.get("meta", {})
    return PROFILE in meta.get("profile", ()) and "source" not in meta
