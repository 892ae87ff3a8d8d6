"""What follows when navigators come, go, or may have more people.

Whoever waits gets the new places; who had a navigator that left gets another, or waits, with an alarm. A limit that is
lowered takes nobody's navigator away: there is no free place until enough have stepped down.
"""

from __future__ import annotations

from collections.abc import Sequence

from carethread.careteams.navigation.assigning import assign, fill, unseat
from carethread.careteams.navigation.navigators import is_navigator, navigator
from carethread.careteams.navigation.terms import ASSIGNED, NAVIGATORS
from carethread.careteams.navigation.turn import Turn, begin
from carethread.careteams.searching import every
from carethread.careteams.teams.reading import begins, ends
from carethread.core.clock import to_micros
from carethread.core.context import Context
from carethread.core.ports import FOREVER, Resource, Session, Timer
from carethread.core.service import Runtime
from carethread.interactions.standing import here, present

STAFF = "navigator"
"""The kind of timer that looks at a navigator; its key is the PractitionerRole's id."""

AT_ONCE = 25
"""People who get a navigator in one transaction."""


def role_kept(runtime: Runtime, session: Session, ids: Sequence[str], context: Context) -> None:
    """Have PractitionerRoles looked at that are navigators, or were."""
    known = present(session, [("PractitionerRole", id_) for id_ in ids])
    for id_ in ids:
        if is_navigator(known.get(("PractitionerRole", id_))) or session.places(NAVIGATORS, f"PractitionerRole/{id_}"):
            session.timers.set(STAFF, id_, to_micros(context.clock()))


def practitioner_kept(runtime: Runtime, session: Session, ids: Sequence[str], context: Context) -> None:
    """Have the PractitionerRoles of people looked at who may have left or come back."""
    for id_ in ids:
        asked = [("practitioner", f"Practitioner/{id_}")]
        roles = every(session, "PractitionerRole", asked, runtime.base_url)
        role_kept(runtime, session, [role.id for role in roles], context)


def staff_due(runtime: Runtime, session: Session, timer: Timer, context: Context) -> None:
    """Give the free places of a navigator to who waits, or find others for the people of one who left."""
    turn = begin(runtime, session, context)
    name = f"PractitionerRole/{timer.key}"
    one = navigator(session, timer.key, turn.now, turn.base_url)
    more = (fill(turn, AT_ONCE) == AT_ONCE) if one else _left(turn, name)
    turn.unit.store()
    following = turn.now if more else _next_change(here(session, ("PractitionerRole", timer.key)), turn.now)
    if following < FOREVER:
        session.timers.set(STAFF, timer.key, following)


def _left(turn: Turn, role: str) -> bool:
    """Find others for the people of a navigator; whether there are more of them."""
    people = turn.session.places(NAVIGATORS, role)
    for patient in people[:AT_ONCE]:
        priority = str((turn.held(ASSIGNED, patient) or {}).get("priority", "urgent"))
        unseat(turn, patient, "The navigator has left.")
        turn.unit.store()
        assign(turn, patient, priority)
    return len(people) > AT_ONCE


def _turns(role: Resource) -> tuple[int, int]:
    period = role.get("period", {})
    return begins(period.get("start")), ends(period.get("end"))


def _next_change(role: Resource | None, now: int) -> int:
    """When a PractitionerRole begins or ends next; FOREVER where that is not known."""
    if not is_navigator(role) or role is None:
        return FOREVER
    return min((moment for moment in _turns(role) if now < moment), default=FOREVER)
