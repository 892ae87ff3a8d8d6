"""What a client may write of a notice that was sent: that it holds no more, and notes. The rest is another notice."""

from __future__ import annotations

from carethread.careteams.notices.notice import is_notice
from carethread.core.errors import Conflict
from carethread.core.ports import Resource
from carethread.core.service import Ruling, Unit

_ENDS = ("stopped", "entered-in-error")
_FREE = frozenset({"status", "statusReason", "note", "meta", "text"})


def notice_written(unit: Unit, before: Resource | None, after: Resource | None, id_: str) -> Ruling:
    """Refuse to change what people have read, or are about to. Raises Conflict."""
    if unit.own or before is None or not is_notice(before):
        return Ruling()
    if after is None:
        raise Conflict(f"A notice that was sent is not deleted: POST Communication/{id_}/$recall.")
    changed = {name for name in {*before, *after} - _FREE if before.get(name) != after.get(name)}
    if changed or not is_notice(after):
        raise Conflict(
            "A notice that was sent stays as it is: send another with $notice and supersedes.",
            expression=f"Communication.{min(changed or {'meta'})}",
        )
    if after["status"] != before["status"] and after["status"] not in _ENDS:
        raise Conflict(
            f"Whoever sent a notice can say that it is {' or '.join(_ENDS)}.", expression="Communication.status"
        )
    return Ruling()
