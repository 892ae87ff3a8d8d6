"""Who gets which navigator, and who waits for one.

Whoever needs one gets the best that has a free place; else there is an alarm, an open Task `assign-navigator` for the
department. Where a place is freed, the first of those who wait has it in the same transaction: the highest risk first,
then the longest wait. So nobody waits while there is a free place, and nobody has more people than their limit.
"""

from __future__ import annotations

from carethread.careteams.contact import known, language_of
from carethread.careteams.navigation import contacting, joining
from carethread.careteams.navigation.choosing import Choice, Need, choose
from carethread.careteams.navigation.finding import tasks
from carethread.careteams.navigation.joining import Around
from carethread.careteams.navigation.navigators import navigators, reference
from carethread.careteams.navigation.shapes import assigned, task
from carethread.careteams.navigation.terms import ASSIGN, ASSIGNED, FLAGGED, NAVIGATORS, PRIORITIES
from carethread.careteams.navigation.turn import Turn, noted
from carethread.core.ports import Resource

_EARLIER = 50
"""Earlier navigators of one person who are looked at, the latest first."""

_LEVELS = tuple(PRIORITIES.values())


def assign(turn: Turn, patient: str, priority: str) -> bool:
    """Give somebody who has none a navigator, or have them wait; whether they have one now."""
    around = joining.around(turn, patient)
    choice = choose(_need(turn, patient, around), navigators(turn.session, turn.now, turn.base_url))
    waiting = turn.open_task(ASSIGNED, patient)
    if choice is None:
        _wait(turn, patient, priority, waiting, around)
        return False
    _seat(turn, patient, priority, waiting, choice, around)
    return True


def _need(turn: Turn, patient: str, around: Around) -> Need:
    earlier = tasks(
        turn.session,
        ASSIGN,
        [("patient", patient), ("status", "completed"), ("_sort", "-authored-on")],
        turn.base_url,
        _EARLIER,
        undone=False,
    )
    before = {reference(each, "owner", "PractitionerRole", turn.base_url) for each in earlier} - {""}
    language = language_of(known(turn.session, patient))
    return Need(patient, around.department, language, frozenset(before), around.members)


def _wait(turn: Turn, patient: str, priority: str, waiting: Resource | None, around: Around) -> None:
    focus = turn.holder(FLAGGED, patient)
    if waiting is None:
        made = task(
            turn.new_id(), ASSIGN, patient, turn.said, priority=priority, owner=around.department, focus=focus
        )  # fmt: skip
        turn.put(ASSIGNED, patient, made)
    elif waiting.get("priority") != priority:
        turn.unit.update({**waiting, "priority": priority, "lastModified": turn.said})
    contacting.pass_to(turn, patient, around.department)


def _seat(
    turn: Turn, patient: str, priority: str, waiting: Resource | None, choice: Choice, around: Around
) -> None:  # fmt: skip
    role = choice.navigator.role
    turn.claim(NAVIGATORS, patient, role)
    focus = turn.holder(FLAGGED, patient)
    begun = waiting or task(turn.new_id(), ASSIGN, patient, turn.said, priority=priority, focus=focus)
    turn.put(ASSIGNED, patient, assigned(begun, choice, turn.said))
    joining.join(turn, around, role)
    contacting.begin_or_pass(turn, patient, role, priority)


def unseat(turn: Turn, patient: str, why: str, author: str = "") -> str:
    """End what somebody has of a navigator, or their wait for one; returns who it was."""
    role = turn.give_up(NAVIGATORS, patient)
    task_ = turn.held(ASSIGNED, patient)
    if task_ and role:
        ended = {**task_, "executionPeriod": {**task_.get("executionPeriod", {}), "end": turn.said}}
        turn.unit.update(noted({**ended, "lastModified": turn.said}, why, turn.said, author))
        turn.give_up(ASSIGNED, patient)
    else:
        turn.close(ASSIGNED, patient, "cancelled", note=why)
    if role:
        joining.leave(turn, patient, role)
    return role


def fill(turn: Turn, most: int) -> int:
    """Give free places to those who wait, at most so many; how many got one."""
    done = 0
    while done < most and (waiting := _first(turn)):
        patient = reference(waiting, "for", "Patient", turn.base_url)
        if not assign(turn, patient, str(waiting["priority"])):
            break
        done += 1
    turn.unit.store()
    return done


def _first(turn: Turn) -> Resource | None:
    """The Task of who waits for the highest risk, and of these the longest."""
    turn.unit.store()  # what is only staged no search finds
    for level in _LEVELS:
        asked = [("priority", level), ("_sort", "authored-on,_id")]
        for each in tasks(turn.session, ASSIGN, asked, turn.base_url, _EARLIER):
            patient = reference(each, "for", "Patient", turn.base_url)
            if turn.holder(ASSIGNED, patient) == f"Task/{each['id']}" and turn.unit.find(("Task", each["id"])):
                return each
    return None
