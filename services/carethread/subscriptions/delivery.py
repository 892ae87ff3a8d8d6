"""One subscriber's turn: handshake, notifications in the order of their numbers, heartbeat, end.

Source: http://hl7.org/fhir/uv/subscriptions-backport, "Notifications" and "Errors". At least once: a notification is
settled after the receiver's 2xx, and until then it is the first to be sent again; whoever lost his lease meanwhile
settles nothing. A subscriber that fails is put off by `retry`, then given up: its status is `error`, and what waits
stays.

A notification that fails for itself does not stop those behind it. The receiver rejects it with a status that speaks of
the content, alone and several times, while it takes a heartbeat; or it cannot be rendered. Then it is quarantined, with
the reason. A receiver that rejects several in a row rejects us, not them, and fails as a whole.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NoReturn

from carethread.core.clock import Clock, to_micros
from carethread.core.context import Context, Principal
from carethread.core.errors import Busy, FhirError
from carethread.core.faults import told
from carethread.core.fhir import json
from carethread.core.metric_names import (
    DELIVERY_FAILED,
    DELIVERY_GIVEN_UP,
    DELIVERY_LAG,
    DELIVERY_QUARANTINED,
    DELIVERY_SENT,
    Observe,
)
from carethread.core.ports import Resource, Session
from carethread.core.ports.channels import Answer, Channel
from carethread.core.ports.deliveries import NEVER, Notification, Status, Subscriber
from carethread.core.service import Runtime
from carethread.core.webhooks.signature import key, signed
from carethread.subscriptions.focus import fitting
from carethread.subscriptions.life import set_status
from carethread.subscriptions.notification import UNFIT, event_bundle, status_bundle
from carethread.subscriptions.retry import given_up, pause
from carethread.subscriptions.rules import Wanted, read_wanted
from carethread.subscriptions.together import Together

log = logging.getLogger(__name__)

REST_HOOK, WEBSOCKET, GRPC = "rest-hook", "websocket", "grpc"

_COMING = (WEBSOCKET, GRPC)
"""The channels whose receivers come to us: the subscription's id is the address, and to be away is no failure."""

ENDED = "The end date has come."

TURN_SECONDS = 5.0
"""After which a subscriber with ever more to come lets others have their turn."""

ANSWER_SECONDS, LONGEST_ANSWER_SECONDS = 10.0, 60.0
LEASE_SECONDS = TURN_SECONDS + 2 * ANSWER_SECONDS + 5.0
"""What a turn takes at the longest, unless the Subscription gives its endpoint more time."""

BATCH, LARGEST_BATCH = 20, 1000

_OF_THE_CONTENT = frozenset({400, 406, 409, 411, 413, 414, 415, 422, 431})
"""Statuses that may be about one notification; 401, 403, 404, 429 and the like are about all."""

_REJECTIONS = 3
"""So often is one notification rejected before it is quarantined, and so many in a row are not for themselves."""

_BUSY_SECONDS = 1.0
"""When something of ours is away, the lease is kept for so long: a given one would be due at once."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What every turn works with. `holder` names this process among all; `secrets` gives what signs, the newest first,
    or raises Busy."""

    runtime: Runtime
    channel: Channel
    holder: str
    clock: Clock
    secrets: Callable[[], Sequence[str]]
    observe: Observe
    chance: Callable[[], float]
    together: Together

    def now(self) -> int:
        """Microseconds."""
        return to_micros(self.clock())


@dataclass(frozen=True, slots=True)
class _Seen:
    """A subscriber as it stands, with what is to be sent next."""

    version: int
    resource: Resource
    wanted: Wanted
    subscriber: Subscriber
    waiting: Sequence[Notification]

    @property
    def id(self) -> str:
        return self.subscriber.subscription


@dataclass(frozen=True, slots=True)
class _Next:
    """How a turn goes on: how many may go together at most, and what has been seen already."""

    most: int = LARGEST_BATCH
    seen: _Seen | None = None


class _Lost(Exception):
    """The lease is another's by now: he settles."""


class _Over(Exception):
    """The turn is over: the lease is given back already."""


class _Unfit(Exception):
    """A notification that cannot be rendered; the message is fit for a log."""


def serve(here: Delivery, subscriber: Subscriber, *, greet: bool = False) -> None:
    """All that is due for a subscriber whose lease we have; the lease is given back. `greet`: first a handshake,
    whatever the status. Raises Busy when the database is away."""
    id_ = subscriber.subscription
    until = time.monotonic() + TURN_SECONDS
    next_ = _Next()
    try:
        while True:
            done = _step(here, id_, next_, greet=greet)
            greet = False
            if isinstance(done, int) or time.monotonic() > until:
                _release(here, id_, done if isinstance(done, int) else here.now())
                return
            next_ = done
    except _Lost:
        log.info("delivery_lease_lost", extra={"subscription": id_})
    except _Over:
        return
    except Busy as error:  # ours, not the receiver's: no failure of his
        log.warning("delivery_waits", extra={"subscription": id_, "reason": str(error)})
        here.runtime.store.transact(lambda session: session.deliveries.renew(id_, here.holder, _BUSY_SECONDS))


def _step(here: Delivery, id_: str, this: _Next, *, greet: bool) -> _Next | int:
    """Do the next thing; returns when there is more to do, or how to go on at once."""
    now = here.now()
    seen = this.seen or here.runtime.store.snapshot(lambda session: _look(session, id_, this.most))
    if seen is None or seen.subscriber.status == "off":
        return NEVER
    if seen.subscriber.ends <= now:
        tell(here, id_, "off", ENDED)
        return NEVER
    if greet or seen.subscriber.status == "requested":
        _greet(here, seen, "handshake")
        if seen.subscriber.status == "requested":
            tell(here, id_, "active", "")
        return _Next(this.most)
    if seen.waiting and seen.subscriber.status == "active":
        return _notify(here, seen, this.most)
    if _next_heartbeat(seen.subscriber) <= now:
        _greet(here, seen, "heartbeat")
        return _Next(this.most)
    return min(_next_heartbeat(seen.subscriber), seen.subscriber.ends)


def _look(session: Session, id_: str, most: int, before: _Seen | None = None) -> _Seen | None:
    """None where the Subscription is deleted. After a failure one goes alone: it may be what fails."""
    stored = session.current([("Subscription", id_)]).get(("Subscription", id_))
    subscriber = session.deliveries.subscriber(id_)
    if stored is None or stored.deleted or subscriber is None:
        return None
    if before is not None and before.version == stored.version:
        resource, wanted = before.resource, before.wanted
    else:
        resource = json.parse_object(stored.body)
        wanted = read_wanted(resource)
    most = 1 if subscriber.attempts else min(most, wanted.max_count or BATCH)
    return _Seen(stored.version, resource, wanted, subscriber, session.deliveries.pending(id_, most))


def _next_heartbeat(subscriber: Subscriber) -> int:
    if not subscriber.heartbeat:
        return NEVER
    return subscriber.last_sent + subscriber.heartbeat * 1_000_000


def _greet(here: Delivery, seen: _Seen, kind: str) -> None:
    """Send what tells of no event. Raises _Over when it was not taken."""
    body = status_bundle(kind, seen.resource, seen.subscriber, here.runtime.base_url, here.now())
    answer = _send(here, seen, body)
    if not answer.taken:
        _failed(here, seen, answer)
    _settle(here, seen.id, lambda session: session.deliveries.sent(seen.id, here.holder, here.now()))


def _notify(here: Delivery, seen: _Seen, most: int) -> _Next:
    """Send what waits; returns how to go on."""
    first = seen.waiting[0]
    try:
        seen, body = _rendered(here, seen)
    except _Unfit as error:
        if len(seen.waiting) == 1:
            _quarantine(here, seen, first, str(error))
        return _Next(1)
    alone = len(seen.waiting) == 1
    answer = _send(here, seen, body)
    if answer.taken:
        most = LARGEST_BATCH if alone and most > 1 else most
        after = _acknowledge(here, seen, most)
        here.observe(DELIVERY_SENT, len(seen.waiting))
        here.observe(DELIVERY_LAG, max(0, here.now() - first.match.time) / 1_000_000)
        return _Next(most, after)
    if answer.status not in _OF_THE_CONTENT:
        _failed(here, seen, answer)
    if not alone:
        return _Next(1)
    again = seen.subscriber.attempts + 1 >= _REJECTIONS and seen.subscriber.error == answer.reason
    if not again or _others_too(here, seen, first):
        _failed(here, seen, answer)
    probe = status_bundle("heartbeat", seen.resource, seen.subscriber, here.runtime.base_url, here.now())
    if not _send(here, seen, probe).taken:
        _failed(here, seen, answer)
    _quarantine(here, seen, first, answer.reason)
    return _Next(1)


def _acknowledge(here: Delivery, seen: _Seen, most: int) -> _Seen | None:
    """Settle what was sent, and look at what comes next in the same transaction; None: look again."""
    numbers, now = [each.number for each in seen.waiting], here.now()

    def settle(session: Session) -> tuple[bool, _Seen | None]:
        if not session.deliveries.acknowledge(seen.id, here.holder, numbers, now):
            return False, None
        return True, _look(session, seen.id, most, seen)

    mine, after = here.together.transact(seen.id, settle)
    if not mine:
        raise _Lost
    return after


def _rendered(here: Delivery, seen: _Seen) -> tuple[_Seen, bytes]:
    """What is sent, and with it the subscriber with those that wait and are part of it."""
    context = Context(principal=Principal(seen.subscriber.principal), clock=here.clock)
    try:
        fit, found = fitting(here.runtime, seen.subscriber, seen.waiting, context, seen.wanted.content)
        body = event_bundle(
            "event-notification",
            seen.resource,
            seen.subscriber,
            fit,
            found,
            here.runtime.base_url,
            here.now(),
        )
        return replace(seen, waiting=fit), body
    except Busy:
        raise
    except FhirError as error:
        raise _Unfit(f"{UNFIT}: {error}") from error
    except Exception as error:  # whatever one notification does must not stop those behind it
        log.error("notification_unfit", extra={"subscription": seen.id, **told(error)})
        raise _Unfit(f"{UNFIT}: {type(error).__name__}") from error


def _others_too(here: Delivery, seen: _Seen, this: Notification) -> bool:
    """Whether those right before were quarantined as well."""
    before = here.runtime.store.snapshot(
        lambda session: session.deliveries.notifications(
            seen.id, this.number - _REJECTIONS, this.number - 1, _REJECTIONS
        )
    )
    return len(before) == _REJECTIONS and all(each.state == "quarantined" for each in before)


def _quarantine(here: Delivery, seen: _Seen, one: Notification, reason: str) -> None:
    now = here.now()
    _settle(here, seen.id, lambda session: session.deliveries.quarantine(seen.id, here.holder, one.number, reason, now))
    here.observe(DELIVERY_QUARANTINED, 1)
    log.error("notification_quarantined", extra={"subscription": seen.id, "number": one.number, "reason": reason})


def _send(here: Delivery, seen: _Seen, body: bytes) -> Answer:
    keys = [key(secret, seen.id) for secret in here.secrets()]
    stamp = signed(keys, here.now() // 1_000_000, body)
    headers = {**dict(seen.wanted.headers), "Content-Type": seen.wanted.mime, **stamp}
    seconds = min(seen.wanted.timeout or ANSWER_SECONDS, LONGEST_ANSWER_SECONDS)
    if seconds > ANSWER_SECONDS:
        _settle(here, seen.id, lambda session: session.deliveries.renew(seen.id, here.holder, LEASE_SECONDS + seconds))
    to = seen.id if seen.wanted.channel in _COMING else seen.wanted.endpoint
    answer = here.channel.send(to, headers, body, seconds)
    if not answer.taken:
        here.observe(DELIVERY_FAILED, 1)
    return answer


def _failed(here: Delivery, seen: _Seen, answer: Answer) -> NoReturn:
    """Put the subscriber off, or give it up; raises _Over in any case."""
    now, subscriber = here.now(), seen.subscriber
    if seen.wanted.channel in _COMING and not answer.status:  # who is gone comes back
        _release(here, seen.id, subscriber.ends)
        raise _Over
    if subscriber.status == "requested":
        _give_up(here, seen, f"The handshake failed: {answer.reason}.")
    if subscriber.status == "active" and given_up(subscriber.failing_since, now):
        _give_up(here, seen, f"Given up after repeated failures; the last: {answer.reason}.")
    wait = pause(subscriber.attempts + 1, answer.retry_after, here.chance())
    if subscriber.status == "error":
        wait = max(wait, float(subscriber.heartbeat))
    due = min(now + round(wait * 1_000_000), max(subscriber.ends, now))
    _settle(here, seen.id, lambda session: session.deliveries.put_off(seen.id, here.holder, answer.reason, now, due))
    raise _Over


def _give_up(here: Delivery, seen: _Seen, error: str) -> NoReturn:
    """What waits stays; heartbeats go on (Backport, "Errors"). The client asks for another try by an update."""
    beat = here.now() + seen.subscriber.heartbeat * 1_000_000 if seen.subscriber.heartbeat else NEVER
    tell(here, seen.id, "error", error)
    _release(here, seen.id, min(beat, seen.subscriber.ends))
    here.observe(DELIVERY_GIVEN_UP, 1)
    log.error("subscription_given_up", extra={"subscription": seen.id, "reason": error})
    raise _Over


def _settle(here: Delivery, id_: str, change: Callable[[Session], bool]) -> None:
    if not here.together.transact(id_, change):
        raise _Lost


def _release(here: Delivery, id_: str, due: int) -> None:
    now = here.now()
    here.together.transact(id_, lambda session: session.deliveries.release(id_, here.holder, due, now))


def tell(here: Delivery, id_: str, status: Status, error: str) -> None:
    """Write the Subscription's status, as its events tell everybody else."""
    service = here.runtime.service.name
    set_status(here.runtime, id_, status, error, Context(principal=Principal(service), clock=here.clock))
