"""All subscribers that are too quiet, by what the ledger and their Subscriptions say."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from carethread.core.errors import Invalid
from carethread.core.fhir import json
from carethread.core.ports import Resource, Session, Stored
from carethread.core.ports.deliveries import Watched
from carethread.core.service import Runtime
from carethread.interactions.alarms import Alarm
from carethread.subscriptions.life import TYPE
from carethread.subscriptions.watch import expected, quiet

log = logging.getLogger(__name__)

WAITING_SECONDS = 3600
"""So long may a notification wait for its acknowledgement, where the Subscription expects none sooner."""

_PAGE = 500


def too_quiet(runtime: Runtime, otherwise: int, now: int) -> Iterator[Alarm]:
    """The alarms for all subscribers; `otherwise` are the seconds within which one expects something that does not say.
    Raises Busy."""
    after = ""

    def page(session: Session) -> list[tuple[Watched, Stored | None]]:
        seen = session.deliveries.watched(after, _PAGE)
        keys = [(TYPE, each.subscriber.subscription) for each in seen]
        stored = session.current(keys)
        return [(each, stored.get(key)) for each, key in zip(seen, keys, strict=True)]

    while found := runtime.store.snapshot(page):
        for seen, stored in found:
            if stored is not None and not stored.deleted:
                interval = _interval(json.parse_object(stored.body), otherwise)
                yield from quiet(seen, stored.updated, interval, WAITING_SECONDS, now)
        after = found[-1][0].subscriber.subscription


def _interval(subscription: Resource, otherwise: int) -> int:
    """What the Subscription expects; one that cannot be read must not hide what is wrong with the others."""
    try:
        return expected(subscription, otherwise)
    except Invalid as error:
        log.warning("interval_not_read", extra={"subscription": subscription["id"], "reason": str(error)})
        return otherwise
