"""Subscriptions that an earlier version accepted and this one cannot match: their status says so.

A topic may be gone, or a search parameter. Nothing of it changes while a process runs, so it is looked for at its
start. The client asks for another try by an update, which is judged as any.
"""

from __future__ import annotations

import logging

from carethread.core.clock import to_micros
from carethread.core.context import Context
from carethread.core.errors import Busy, FhirError
from carethread.core.ports.deliveries import Interest
from carethread.core.service import Runtime
from carethread.subscriptions.filters import read_filters
from carethread.subscriptions.life import set_status
from carethread.subscriptions.topics import catalogue

log = logging.getLogger(__name__)


def turn_out_unfit(runtime: Runtime, context: Context) -> list[str]:
    """Set the status `error`, with the reason, of every subscription that cannot match any more; returns their ids.
    Raises Busy."""
    now = to_micros(context.clock())
    interests = runtime.store.snapshot(lambda session: session.deliveries.interests(0))
    found = {
        each.subscription: reason
        for each in interests
        if each.status != "off" and (reason := _unfit(each, runtime.base_url, now))
    }
    for id_, reason in found.items():
        try:
            set_status(runtime, id_, "error", reason, context)
        except Busy:
            raise
        except FhirError as error:  # what is stored is not right in other ways too; the others must go on
            log.error("subscription_unfit", extra={"subscription": id_, "reason": error.issues[0].code})
    return list(found)


def _unfit(interest: Interest, base_url: str, now: int) -> str:
    """Why nothing can match; empty: it can."""
    if interest.topic not in catalogue():
        return "Its topic is not there any more."
    try:
        read_filters(interest.filters, base_url, now)
    except FhirError as error:
        return f"Its filters are not understood any more: {error.issues[0].diagnostics}"
    return ""
