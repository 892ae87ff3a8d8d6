"""What a client may write of a shared decision: one that replaces no other, and of one that is stored that it was
entered in error, and no more.
"""

from __future__ import annotations

from carethread.careteams.plans.deciding import PROFILE, REPLACED
from carethread.core.errors import Conflict, Invalid
from carethread.core.fhir.elements import is_bound, keys_at
from carethread.core.ports import Resource
from carethread.core.service import Ruling, Unit

_ERROR = "entered-in-error"
_FREE = frozenset({"status", "statusReason", "meta"})


def decision_written(unit: Unit, before: Resource | None, after: Resource | None, id_: str) -> Ruling:
    """Refuse to change what a person has decided; what an EHR sends is stored as sent. Raises Conflict, Invalid."""
    if unit.own:
        return Ruling()
    if before is None or not _is_ours(before):
        _replaces(unit, after, id_)
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


def _replaces(unit: Unit, after: Resource | None, id_: str) -> None:
    """Refuse what would stand in place of another unasked: who may replace it is seen to by the operation. What history
    tells is taken as it is."""
    if after is None or not _is_ours(after) or not after.get("inResponseTo"):
        return
    if not unit.context.backfill:
        said = "What replaces a decision is decided with the person: Patient/[id]/$shared-decision and replaces."
        raise Invalid(said, code="business-rule", expression="Communication.inResponseTo")
    for _, earlier in keys_at(after, "inResponseTo", unit.base_url):
        unit.session.claim(REPLACED, earlier, id_)


def _is_ours(resource: Resource) -> bool:
    return is_bound(resource, PROFILE)
