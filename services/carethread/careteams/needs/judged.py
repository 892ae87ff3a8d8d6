"""What a person says of a need that was proposed: it is so, it is not, it is there no more.

What is decided is requested of the Condition's owner, and noted on the Task by which it was asked, for the copy comes
later.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from carethread.careteams.needs.asking import settle, tasks_of
from carethread.careteams.needs.need import (
    Need,
    close,
    condition_of,
    is_open,
    is_over,
    verified,
)
from carethread.careteams.needs.offering import offer
from carethread.careteams.needs.shapes import CONFIRM, REFERRAL, REVIEW, STAFF, clinical, verification
from carethread.careteams.needs.witnessing import NULLIFY, UPDATE, witness
from carethread.careteams.risk.doubting import UNCONFIRMED
from carethread.careteams.tasks import refer
from carethread.core.clock import instant
from carethread.core.ports import Resource
from carethread.interactions.requesting import request_change
from carethread.interactions.writing.unit import WriteUnit

Decision = Literal["confirm", "refute", "resolve"]

DECISIONS: Mapping[Decision, str] = {"confirm": "confirmed", "refute": "refuted", "resolve": "resolved"}

_WORDS = {
    "confirm": "Somebody has confirmed it.",
    "refute": "Somebody has said that it is not so.",
    "resolve": "Somebody has said that it is there no more.",
}
_UNJUDGED = f"verification-status={','.join(UNCONFIRMED)}"


def is_confirmed(unit: WriteUnit, need: Need) -> bool:
    """Whether somebody has said that it is so, and nobody since that it is not."""
    if not is_open(unit.session, need):
        return False
    copy = condition_of(unit.session, need)
    if copy is not None and not is_over(copy) and verified(copy) not in UNCONFIRMED:
        return True
    return any(each.get("valueCode") == "confirmed" for task in tasks_of(unit, need) for each in task.get("output", ()))


def judge(unit: WriteUnit, need: Need, decision: Decision, *, by: str, why: str, code: Resource | None) -> None:
    """Decide on an open need. `code` is what the Condition is called from then on; None: as it is."""
    said = why or _WORDS[decision]
    request_change(
        unit.session,
        ("Condition", need.id),
        _patch(unit, decision, by, code),
        unit.context,
        key=need.key,
        condition="verification-status:not=entered-in-error",
    )
    if decision == "confirm":
        tasks = settle(unit, need, said, CONFIRM, REVIEW, decision=DECISIONS[decision])
        witness(unit, need, [need.path], tasks, by=by, what=UPDATE)
        offer(unit, need, tasks[0] if tasks else need.path, by=by)
        return
    tasks = end(unit, need, said, decision=DECISIONS[decision])
    witness(unit, need, [need.path], tasks, by=by, what=UPDATE)


def _patch(unit: WriteUnit, decision: Decision, by: str, code: Resource | None) -> list[Resource]:
    made: dict[str, Any] = {"asserter": refer(by)} if by else {}
    if decision == "confirm":
        made |= {"verificationStatus": verification("confirmed"), **({"code": code} if code else {})}
    elif decision == "refute":
        made |= {"verificationStatus": verification("refuted"), "clinicalStatus": clinical("inactive")}
    else:
        made |= {"clinicalStatus": clinical("resolved"), "abatementDateTime": instant(unit.now)}
    return [{"op": "add", "path": f"/{name}", "value": value} for name, value in made.items()]


def end(unit: WriteUnit, need: Need, why: str, *, decision: str = "") -> list[str]:
    """Have a need be over, and nobody do anything about it any more; returns the Tasks by which it was judged."""
    close(unit.session, need)
    judged = settle(
        unit, need, why, CONFIRM, REVIEW, decision=decision, status="completed" if decision else "cancelled"
    )
    settle(unit, need, why, *STAFF, REFERRAL, status="cancelled")
    return judged


def withdraw(unit: WriteUnit, need: Need, why: str, cause: str) -> None:
    """Take back what was proposed, and nobody has confirmed; `cause` is what it follows from (`Observation/1`)."""
    patch: list[Resource] = [
        {"op": "add", "path": "/verificationStatus", "value": verification("entered-in-error")},
        {"op": "add", "path": "/clinicalStatus", "value": {}},
        {"op": "remove", "path": "/clinicalStatus"},
    ]
    request_change(unit.session, ("Condition", need.id), patch, unit.context, key=need.key, condition=_UNJUDGED)
    end(unit, need, why)
    witness(unit, need, [need.path], [cause], what=NULLIFY)
