"""What a client may write of a notice: one that reaches somebody, and of one that was sent that it holds no more and
why, and further notes. The rest, what is to be read among it, is another notice.
"""

from __future__ import annotations

from carethread.careteams.meeting.people import Reader
from carethread.careteams.notices.addressed import in_order, readers_of
from carethread.careteams.notices.notice import in_force, is_notice
from carethread.careteams.teams.reading import members_of
from carethread.core.errors import Conflict, Invalid
from carethread.core.fhir.targets import key_of
from carethread.core.ports import Resource
from carethread.core.service import Ruling, Unit

_ENDS = ("stopped", "entered-in-error")
_FREE = frozenset({"status", "note", "meta"})


def notice_written(unit: Unit, before: Resource | None, after: Resource | None, id_: str) -> Ruling:
    """Refuse to change what people have read, or are about to. Raises Conflict."""
    if unit.own or before is None or not is_notice(before):
        return Ruling()
    if after is None:
        raise Conflict(f"A notice that was sent is not deleted: POST Communication/{id_}/$recall.")
    free = _FREE | ({"statusReason"} if after["status"] in _ENDS and before["status"] not in _ENDS else set())
    changed = {name for name in {*before, *after} - free if before.get(name) != after.get(name)}
    if after.get("note", [])[: len(before.get("note", ()))] != before.get("note", []):
        changed.add("note")
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


def notice_settled(unit: Unit, before: Resource | None, after: Resource | None, id_: str) -> None:
    """Refuse, when all that belongs together is written, what would be read by nobody. Raises Invalid, TooCostly."""
    if after is None or is_notice(before) or not in_force(after, unit.now) or unit.context.backfill:
        return
    addressed = in_order(after, unit.base_url)
    for each in [each for each in addressed if key_of(each)[1] in unit.staged(key_of(each)[0])]:
        addressed += [member.ref for member in members_of(unit.find(key_of(each)) or {}, unit.base_url)]
    if not readers_of(Reader(unit.session, unit.base_url, unit.context), addressed, unit.now):
        said = "It reaches nobody: nobody there is active."
        raise Invalid(said, code="business-rule", expression="Communication.recipient")
