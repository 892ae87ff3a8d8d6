"""Whether those whom somebody names are known: here, by a copy, or to their owner. Not in a transaction.

Who decides something, or is asked about, is somebody: a reference to nobody is a mistake, and no empty answer.
"""

from __future__ import annotations

from collections.abc import Iterable

from carethread.careteams.teams.known import known
from carethread.core.context import Context
from carethread.core.errors import Invalid, Issue
from carethread.core.service import Runtime


def refuse_unknown_people(runtime: Runtime, named: Iterable[tuple[str, str]], context: Context) -> None:
    """Raise Invalid for each reference (`Practitioner/1`), given with its parameter, that nobody is known by; Busy.

    Empty references are passed over, and what history tells is not asked about.
    """
    wanted = [(reference, where) for reference, where in named if reference]
    if not wanted or context.backfill:
        return
    there = known(runtime, {reference for reference, _ in wanted})
    issues = [
        Issue("not-found", f"{reference} is not known here.", where)
        for reference, where in wanted
        if reference not in there
    ]
    if issues:
        raise Invalid(issues=issues)
