"""Whether anybody is known by the name of who answers: whom nobody knows answers for nobody.

A copy may be on its way, but not for long. Who writes a team of ours by itself has the owners asked before anything is
decided; whoever comes in another way, such as with what was imported, is found out when copies have had their time.
"""

from __future__ import annotations

from collections.abc import Collection

from carethread.careteams.history import is_history
from carethread.careteams.teams.answering import accountable
from carethread.careteams.teams.gaps import COUNTING
from carethread.careteams.teams.reading import LEAD, in_role, is_ours
from carethread.core.clock import to_micros
from carethread.core.context import Context
from carethread.core.errors import Invalid, Issue
from carethread.core.fhir.targets import is_id, key_of
from carethread.core.ports import Answering, Key, Resource, Session
from carethread.core.service import Runtime
from carethread.interactions.mirror import remember
from carethread.interactions.standing import here

LAG = 15 * 60 * 1_000_000
"""Microseconds for which a copy may be on its way; how late copies are has alarms of its own."""


def unknown(session: Session, members: Collection[str]) -> set[str]:
    """Those (`PractitionerRole/1`) of whom there is nothing here, not even that they were deleted."""
    wanted = {each: key for each in members if (key := key_of(each))[0] in COUNTING}
    known = session.current(set(wanted.values())) if wanted else {}
    return {each for each, key in wanted.items() if key not in known}


def answering(session: Session, patient: str, at: int, base: str | None = None) -> Answering | None:
    """Who answers for a person (`Patient/1`) at a moment, and is known; None: nobody does."""
    found = accountable(session, patient, at, base)
    return None if found and not counts(found, at, unknown(session, [found.member])) else found


def counts(found: Answering, at: int, nobody: Collection[str]) -> bool:
    """Whether somebody can count as the one who answers at a moment: nobody knows those in `nobody`."""
    return found.member not in nobody or at < found.since + LAG


def know_leads(runtime: Runtime, team: Resource, context: Context) -> None:
    """Keep copies of those who are to lead a team of ours and are not known here yet. Not in a transaction.

    Raises Invalid for whom nobody knows, Busy while an owner is away.
    """
    now, key = to_micros(context.clock()), ("CareTeam", str(team.get("id", "")))
    before = runtime.store.glance(lambda session: here(session, key)) if context.backfill and is_id(key[1]) else None
    if not is_ours(team) or is_history(context, before, team, is_ours):
        return
    leads = {each.ref: each.place for each in in_role(team, LEAD, runtime.base_url) if each.end > now}
    owners = {mirror.type: mirror.owner for mirror in runtime.service.mirrors}
    issues = []
    for each in sorted(runtime.store.glance(lambda session: unknown(session, leads))):
        whose: Key = key_of(each)
        found = runtime.owners.read(owners[whose[0]], whose) if whose[0] in owners and is_id(whose[1]) else None
        if found is None:
            said = f"{each} is not known, here or where such resources are kept; name somebody who is there."
            issues.append(Issue("not-found", said, f"CareTeam.participant[{leads[each]}].member"))
        else:
            remember(runtime, [found])
    if issues:
        raise Invalid(issues=issues)
