"""What is written of a need's Condition elsewhere, told by its copy: that it is so, that it is not, or no more; and
that an EHR has found a need which was only proposed here: then theirs is the need, and ours is taken back.
"""

from __future__ import annotations

from collections.abc import Sequence

from carethread.careteams.needs.asking import is_for_nobody, open_tasks, settle
from carethread.careteams.needs.judged import end, is_confirmed, withdraw
from carethread.careteams.needs.need import (
    Need,
    adopted,
    condition_of,
    is_open,
    is_over,
    known,
    link,
    links,
    open_of,
    unlink,
    verified,
)
from carethread.careteams.needs.offering import offer
from carethread.careteams.needs.shapes import CONFIRM, REVIEW, code
from carethread.careteams.needs.told import category_in
from carethread.careteams.risk.doubting import UNCONFIRMED
from carethread.careteams.teams.reading import ref
from carethread.core.context import Context
from carethread.core.ports import Resource, Session
from carethread.core.service import Runtime
from carethread.interactions.standing import present
from carethread.interactions.writing.unit import WriteUnit

_OVER = "The Condition says that it is not there, or no more."
_CONFIRMED = "Somebody has confirmed it."
_THEIRS = "An EHR has found the same need."


def conditions_kept(runtime: Runtime, session: Session, ids: Sequence[str], context: Context) -> None:
    """Have needs follow from what Conditions say that were just kept, whoever has written them."""
    copies = present(session, [("Condition", id_) for id_ in ids])
    unit = WriteUnit(runtime, session, context)
    for id_ in sorted(ids):
        copy = copies.get(("Condition", id_))
        need = known(session, f"Condition/{id_}")
        if need is None and copy is not None:
            _found_elsewhere(unit, copy)
        elif need is not None and is_open(session, need):
            _follow(unit, need, copy)
    unit.store()


def _follow(unit: WriteUnit, need: Need, copy: Resource | None) -> None:
    if copy is None or is_over(copy):
        end(unit, need, _OVER)
    elif verified(copy) not in UNCONFIRMED and any(map(_asks_whether, open_tasks(unit, need, CONFIRM, REVIEW))):
        tasks = settle(unit, need, _CONFIRMED, CONFIRM, REVIEW, decision="confirmed")
        if not unit.context.backfill:
            offer(unit, need, tasks[0])


def _asks_whether(task: Resource) -> bool:
    """Whether a Task asks whether a need is there at all."""
    return is_for_nobody(task) or code(task) == CONFIRM


def _found_elsewhere(unit: WriteUnit, copy: Resource) -> None:
    session, base = unit.session, unit.base_url
    category, patient = category_in(copy), ref(copy, "subject", base, "Patient")
    if not category or not patient or is_over(copy) or verified(copy) in UNCONFIRMED:
        return
    for ours in open_of(session, patient, category, base):
        if is_confirmed(unit, ours) or condition_of(session, ours) == copy:
            continue
        evidence = links(session, ours, "Observation")
        unlink(session, ours, *evidence)
        withdraw(unit, ours, _THEIRS, f"Condition/{copy['id']}")
        if theirs := adopted(session, copy, base):
            link(session, theirs, *evidence)
            if not unit.context.backfill:
                offer(unit, theirs, theirs.path)
