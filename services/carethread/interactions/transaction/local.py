"""A transaction of one service: all entries in one database transaction, or none."""

from __future__ import annotations

from collections.abc import Sequence

from carethread.core.context import Context
from carethread.core.errors import NotSupported
from carethread.core.ports import Resource
from carethread.core.service import Runtime
from carethread.interactions.rest.bundle import searchset
from carethread.interactions.transaction.entries import entries_of
from carethread.interactions.transaction.perform import Read, Stale, checked, perform
from carethread.interactions.transaction.plan import Match, plan
from carethread.interactions.writing.ahead import ask_ahead
from carethread.interactions.writing.conditional import known_condition, pairs_of

_ATTEMPTS = 5


def transaction(runtime: Runtime, bundle: Resource, context: Context, read: Read, wanted: str = "") -> bytes:
    """Do all entries or none; the answer is a transaction-response in the order of the request.

    Raises the errors of every entry that cannot be done, located in the Bundle. `wanted` is what `Prefer: return` says.
    """
    parsed = entries_of(bundle, runtime.limits.bundle_entries)
    for attempt in range(_ATTEMPTS):
        steps = plan(parsed, _matcher(runtime, context), context.new_id)
        commands = checked(runtime, steps, context)
        ask_ahead(runtime, commands.values(), context)
        try:
            done = runtime.store.transact(
                lambda session: perform(runtime, session, steps, commands, context, read, wanted=wanted)  # noqa: B023
            )
        except Stale:
            if attempt == _ATTEMPTS - 1:
                raise
            continue
        break
    return searchset("transaction-response", None, {}, [done.answers[number] for number in range(len(parsed))])


def _matcher(runtime: Runtime, context: Context) -> Match:
    """Criteria looked up where the type is kept: here, or at the owner of what is mirrored here."""
    owners = {mirror.type: mirror.owner for mirror in runtime.service.mirrors}

    def match(type_name: str, criteria: str) -> Sequence[str]:
        if runtime.service.owns(type_name):
            condition = known_condition(runtime, type_name, criteria, context)
            found = runtime.store.snapshot(lambda session: session.search(condition.query, 2)).matches
            return [stored.id for stored in found]
        if type_name in owners:
            pairs = pairs_of(type_name, criteria)
            return [stored.id for stored in runtime.owners.search(owners[type_name], type_name, pairs)]
        raise NotSupported(f"Criteria for {type_name} are looked up where {type_name} is kept.")

    return match
