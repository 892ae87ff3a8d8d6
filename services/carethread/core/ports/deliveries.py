"""The ledger of notifications: who is to be told, what matched, and what became of it.

Each match gets the next number of its subscription (`eventsSinceSubscriptionStart`), without a gap, in the transaction
that consumes the event; delivery works through the numbers in order and settles each as acknowledged or quarantined.
Only what was acknowledged is removed, after its time. Times are microseconds since 1970; due times are the business
clock's, leases the database's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, Protocol

Status = Literal["requested", "active", "error", "off"]
"""Subscription.status: http://hl7.org/fhir/R4/valueset-subscription-status.html."""

State = Literal["pending", "acknowledged", "quarantined"]
"""What became of a notification. What is pending of a subscriber in `error` or `off` is parked: it waits there."""

NEVER = 2**62
"""A due time that does not come."""

NOBODY: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Interest:
    """What a subscriber wants to be told of. It is told of each service's events after the sequence in `starts`."""

    subscription: str
    topic: str
    filters: tuple[str, ...]
    status: Status
    starts: Mapping[str, int] = field(default_factory=dict)
    ends: int = NEVER


@dataclass(frozen=True, slots=True)
class Subscriber:
    """How far the delivery to one subscription is.

    `number` is the last that was given. `due` is when something is to be done next; `attempts` failed in a row, the
    first at `failing_since` (0: none). `principal` names who wrote the Subscription, which decides what may be shown.
    `origin` is the scheme, host and port of a webhook: what is slow or dead together.
    """

    subscription: str
    topic: str
    channel: str
    status: Status
    principal: str = ""
    origin: str = ""
    ends: int = NEVER
    heartbeat: int = 0
    """Seconds between signs of life; 0: none are asked for."""
    number: int = 0
    due: int = 0
    attempts: int = 0
    failing_since: int = 0
    last_sent: int = 0
    last_acknowledged: int = 0
    error: str = ""
    reader: int = 0
    """The number of the newest reader of a websocket or stream; 0: nobody has come yet."""


@dataclass(frozen=True, slots=True)
class Match:
    """An event that a subscription is to be told of. `key` is the event's, `Patient/456` where it has a patient."""

    subscription: str
    ce_id: str
    service: str
    sequence: int
    type: str
    id: str
    version: int
    verb: str
    key: str
    time: int


@dataclass(frozen=True, slots=True)
class Notification:
    """A match with its number, and what became of it at `settled` (0: nothing yet)."""

    number: int
    match: Match
    matched: int
    state: State = "pending"
    settled: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Watched:
    """A subscriber as an alarm sees it: when it was last told to be told of something (`matched`), and since when
    something waits for it (`waits`); 0: never, or nothing."""

    subscriber: Subscriber
    matched: int
    waits: int


class Deliveries(Protocol):
    """The ledger within one transaction of the store; see `Session.deliveries`."""

    # ---------------------------------------------------------------- who is to be told, as Subscriptions are written

    def enlist(self, subscriber: Subscriber, filters: Sequence[str], now: int) -> None:
        """Begin or change a subscriber, waiting for consumers that are matching events.

        One that is new, or was `off`, starts behind the sequences that were seen of each service; one that is
        `requested` is tried anew, with all that is pending. Numbers go on.
        """
        ...

    def subscriber(self, subscription: str, *, lock: bool = False) -> Subscriber | None: ...

    def subscribers(self, subscriptions: Sequence[str]) -> list[Subscriber]:
        """Those that are known of the subscriptions, in order."""
        ...

    # ------------------------------------------------------------------------------- matching, as events are consumed

    def reach(self, sequences: Mapping[str, int]) -> int:
        """Note the highest sequence seen of each service; returns the generation of the interests.

        Until the transaction ends no subscriber is enlisted and no other consumer matches.
        """
        ...

    def interests(self, after: int) -> list[Interest]:
        """The interests that changed after a generation, those that are off too; all for 0."""
        ...

    def interest(self, subscription: str) -> Interest | None:
        """What one subscriber wants to be told of."""
        ...

    def reached(self) -> dict[str, int]:
        """The highest sequence seen of each service."""
        ...

    def append(self, matches: Sequence[Match], now: int) -> int:
        """Give the matches their numbers, in order; what a subscription was told of before (by ce_id) is passed over.

        Returns how many are new.
        """
        ...

    # --------------------------------------------------------------------------------------------------------- delivery

    def claim(
        self,
        channels: Sequence[str],
        holder: str,
        seconds: float,
        now: int,
        limit: int,
        only: Mapping[str, int] = NOBODY,
        *,
        failing: bool | None = None,
        without: Sequence[str] = (),
        within: Sequence[str] = (),
        each: int = 0,
    ) -> list[Subscriber]:
        """Lease subscribers that are due (`requested`, `active`, `error`), the longest due first.

        Of `only`, due or not, each as long as that is its newest reader. `failing`: only those that have failed
        attempts, or only those that have none. `without` and `within` are origins; `each` is how many of one origin at
        most (0: any).
        """
        ...

    def soonest(self, channels: Sequence[str]) -> int:
        """When the first who is in nobody's hands is due; NEVER when there is none."""
        ...

    def bind(self, subscriptions: Sequence[str]) -> dict[str, int]:
        """Let a new reader take those over that are known, from whichever process has them: returns his number for
        each, one more than the last's. Who holds a lease loses it."""
        ...

    def ended(self, now: int, limit: int) -> list[str]:
        """The subscriptions whose end has come and which are not off yet."""
        ...

    def renew(self, subscription: str, holder: str, seconds: float) -> bool:
        """Prolong a lease; False when it is another's by now, or over and taken."""
        ...

    def release(self, subscription: str, holder: str, due: int, now: int) -> None:
        """Give a lease back; the subscriber is due then, at its end at the latest, and at once where something is
        pending that has not failed."""
        ...

    def sent(self, subscription: str, holder: str, now: int) -> bool:
        """Note that a handshake or heartbeat was accepted; False when the lease is another's."""
        ...

    def acknowledge(self, subscription: str, holder: str, numbers: Sequence[int], now: int) -> bool:
        """Settle the pending notifications with these numbers as acknowledged, and forget failures; False when the
        lease is another's."""
        ...

    def quarantine(self, subscription: str, holder: str, number: int, reason: str, now: int) -> bool:
        """Settle one notification that fails for itself. False as `acknowledge`."""
        ...

    def put_off(self, subscription: str, holder: str, reason: str, now: int, due: int) -> bool:
        """Note a failure and when to try again, at the end at the latest, and give the lease back. False as
        `acknowledge`."""
        ...

    def pending(self, subscription: str, limit: int) -> list[Notification]:
        """The next notifications that are not settled, in order."""
        ...

    # ---------------------------------------------------------------------------------------- what a subscriber may ask

    def notifications(self, subscription: str, since: int, until: int, limit: int) -> list[Notification]:
        """Those with numbers from `since` through `until`, in order, whatever became of them."""
        ...

    def between(self, subscription: str, begin: int, before: int, after: int, limit: int) -> list[Notification]:
        """Those of events that happened in [begin, before), in order of numbers, behind number `after`."""
        ...

    def reopen(self, subscription: str, numbers: Sequence[int], now: int) -> int:
        """Deliver settled notifications once more, before what is pending; returns how many."""
        ...

    def kept_since(self) -> int:
        """The moment since which the ledger has every notification; of events before it some are forgotten, which were
        acknowledged. 0: none is."""
        ...

    # ------------------------------------------------------------------------------------------------------- watching

    def watched(self, after: str, limit: int) -> list[Watched]:
        """Subscribers that are not off, in order of their ids, behind the id `after`."""
        ...

    # ---------------------------------------------------------------------------------------- tokens of the websocket

    def keep_token(self, digest: str, subscriptions: Sequence[str], expires: int, now: int) -> None:
        """Keep a binding token by its digest, and forget those that have expired."""
        ...

    def redeem_token(self, digest: str, now: int) -> list[str]:
        """The subscriptions of a token, which is used up; none for one that is unknown or has expired."""
        ...
