"""What a client may write of a huddle's minutes: nothing, for they are recorded, and corrected, by `$huddle-minutes`.

What an EHR sends (`meta.source`) is stored as sent, and is no minutes of ours; what history tells is taken as it is.
"""

from __future__ import annotations

from carethread.careteams.meeting.earlier import is_minutes
from carethread.core.errors import Conflict, Invalid
from carethread.core.ports import Resource
from carethread.core.service import Ruling, Unit

_RECORD = "POST CareTeam/[id]/$huddle-minutes"
_FREE = frozenset({"meta"})


def minutes_written(unit: Unit, before: Resource | None, after: Resource | None, id_: str) -> Ruling:
    """Refuse minutes that nobody has recorded, and to change or lose those that were. Raises Conflict, Invalid."""
    if unit.own or not (is_minutes(before) or is_minutes(after)):
        return Ruling()
    if not is_minutes(before):
        if not unit.context.backfill or before is not None:
            said = f"Minutes are recorded: {_RECORD}."
            raise Invalid(said, code="business-rule", expression="Communication.meta.profile")
        return Ruling()
    if after is None:
        raise Conflict(f"Minutes are not deleted: correct them with amends, {_RECORD}.")
    changed = {name for name in {*(before or {}), *after} - _FREE if (before or {}).get(name) != after.get(name)}
    if changed or not is_minutes(after):
        said = f"Minutes stay as they were recorded: correct them with amends, {_RECORD}."
        raise Conflict(said, expression=f"Communication.{min(changed or {'meta'})}")
    return Ruling()
