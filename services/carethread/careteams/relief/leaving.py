"""Members who leave: a Practitioner or Organization that is no longer active, a role that is over, a team that ends.

The copies tell it as they are kept; a timer then goes through the teams that they may lead, some in each transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from carethread.careteams.history import no_history
from carethread.careteams.relief.relieving import relieve
from carethread.careteams.searching import every
from carethread.careteams.teams.reading import ends, is_ours, lead_at
from carethread.core.clock import to_micros
from carethread.core.context import Context
from carethread.core.fhir import json
from carethread.core.fhir.search import parse_query
from carethread.core.fhir.targets import key_of
from carethread.core.ports import FOREVER, Key, Session, Stored, Timer
from carethread.core.service import Runtime, StoredHook
from carethread.interactions.writing.unit import WriteUnit

LEAVER = "leaver"
"""The kind of timer that sees to what somebody leads who has left; its key is who that is (`Practitioner/1`)."""

_AT_ONCE = 20


def staff_kept(type_name: str) -> StoredHook:
    """What follows from copies of a type whose resources may lead teams."""

    def kept(runtime: Runtime, session: Session, ids: Sequence[str], context: Context) -> None:
        _look(session, [(type_name, id_) for id_ in ids], to_micros(context.clock()))

    return kept


def team_ends(runtime: Runtime, session: Session, ids: Sequence[str], context: Context) -> None:
    """Teams too may lead others; history has nobody relieved."""
    judged = no_history(session, "CareTeam", ids, context, is_ours)
    _look(session, [("CareTeam", id_) for id_ in judged], to_micros(context.clock()))


def _look(session: Session, keys: Sequence[Key], now: int) -> None:
    """Have it seen to what those lead who have left, or are to leave."""
    for key, stored in sorted(session.current(keys).items()):
        if (due := gone_at(stored, now)) < FOREVER:
            session.timers.set(LEAVER, "/".join(key), due)


def staff_gone(type_name: str, *kinds: str) -> StoredHook:
    """What follows from copies of a type of staff: timers of these kinds when somebody leaves, their key is who."""

    def kept(runtime: Runtime, session: Session, ids: Sequence[str], context: Context) -> None:
        now = to_micros(context.clock())
        for key, stored in sorted(session.current([(type_name, id_) for id_ in ids]).items()):
            if (due := gone_at(stored, now)) < FOREVER:
                for kind in kinds:
                    session.timers.set(kind, "/".join(key), due)

    return kept


def gone_at(stored: Stored, now: int) -> int:
    """When a member leaves, in microseconds: now, where they are gone already; FOREVER where that is not known."""
    found = {} if stored.deleted else json.parse_object(stored.body)
    gone = stored.deleted or found.get("active") is False
    if stored.type == "CareTeam":
        gone = stored.deleted or found.get("status") != "active"
    return now if gone else ends(found.get("period", {}).get("end"))


def leaver_due(runtime: Runtime, session: Session, timer: Timer, context: Context) -> None:
    """Have others take over what somebody leads who has left; the next teams have a timer of their own."""
    base, now = runtime.base_url, to_micros(context.clock())
    theirs = with_roles(session, timer.key, base)
    query = parse_query("CareTeam", [("participant", ",".join(theirs)), ("status", "active")], base=base)
    page = session.search(replace(query, cursor=timer.payload.decode()), _AT_ONCE)
    led = [
        stored.id
        for stored in page.matches
        if is_ours(team := json.parse_object(stored.body)) and (lead := lead_at(team, now, base)) and lead.ref in theirs
    ]
    unit = WriteUnit(runtime, session, context)
    unit.load([("CareTeam", id_) for id_ in led])
    for id_ in led:
        relieve(unit, id_)
    unit.store()
    if page.next:
        session.timers.set(LEAVER, timer.key, timer.due, page.next.encode())


def with_roles(session: Session, member: str, base: str) -> list[str]:
    """A member, and the roles of a Practitioner."""
    if not member.startswith("Practitioner/"):
        return [member]
    roles = every(session, "PractitionerRole", [("practitioner", key_of(member)[1])], base)
    return [member, *(f"PractitionerRole/{each.id}" for each in roles)]
