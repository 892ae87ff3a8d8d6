"""Requests on their way to the owners: in order for each key, again until the owner has answered.

Only the first request of a key is ever on its way, and is leased for so long, so that several processes may send. What
the owner may take later (it is away, or answers 5xx) is tried again after growing pauses; what it refuses is kept. An
owner that is away is left alone for a while with all that is for it, so that the others are served.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from threading import Event as Signal
from urllib.parse import parse_qsl

from carethread.core.context import BACKFILL_HEADER
from carethread.core.errands.resting import BEAT, work
from carethread.core.errors import Busy, FhirError, NotSupported
from carethread.core.events import CONTENT_TYPE
from carethread.core.fhir.outcome import outcome_bytes
from carethread.core.metric_names import REQUESTS_REFUSED, REQUESTS_SENT, Observe, unobserved
from carethread.core.pauses import longer
from carethread.core.ports import Asked, Request, Response, Session, Wanted
from carethread.core.service import Runtime

log = logging.getLogger(__name__)

BATCH = 32
_BATCH_SECONDS = 5.0
LEASE_SECONDS = 40.0
"""More than a batch takes and the call that is on its way then."""

_LONGEST_PAUSE = 1.0
_FIRST, _LONGEST, _LONGEST_AWAY = 0.25, 60.0, 5.0
"""Seconds for which a request, or all that is for an owner who is away, is put off: at first, and at most."""

_BUNDLE = "Bundle"
_JSON_PATCH = "application/json-patch+json"

_LATER = frozenset({408, 425, 429})
"""The statuses below 500 that ask for patience."""

_AWAY = frozenset({429, 502, 503, 504})
"""Those that tell of the owner, not of what it was asked."""

Settle = Callable[[Session], None]

AtOnce = Callable[[str, Sequence[Request]], Sequence[Response | None]]
"""Asks an owner for several transactions at once; None where one was not done, and is to be asked for by itself."""


def apart(owner: str, requests: Sequence[Request]) -> Sequence[Response | None]:
    """Where owners are asked for one thing at a time."""
    return [None] * len(requests)


class Sending:
    """Sends the requests of `runtime`. `owners` tells which service owns each type; those that the peer does not know
    are reached through `gateway`. `at_once` is how transactions are sent that come together."""

    def __init__(
        self,
        runtime: Runtime,
        owners: Mapping[str, str],
        gateway: str,
        *,
        at_once: AtOnce = apart,
        observe: Observe = unobserved,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._runtime = runtime
        self._owners = owners
        self._gateway = gateway
        self._at_once = at_once
        self._observe = observe
        self._monotonic = monotonic
        self._away: dict[str, tuple[float, float]] = {}
        """By owner: until when it is left alone, and how long that is."""
        self._more = False
        """Whether the last batch was full, so that it need not be looked first whether there is something to send."""

    def step(self) -> int:
        """Send one batch; how many requests were tried. Raises Busy when the database is away: the lease of what was
        sent ends, and it is sent again."""
        store, without = self._runtime.store, self._left_alone()
        if not self._more and store.glance(lambda session: session.requests.soonest(without)) != 0:
            return 0
        end = self._monotonic() + _BATCH_SECONDS
        claimed = store.transact(lambda session: session.requests.claim(BATCH, LEASE_SECONDS, without))
        self._more = len(claimed) == BATCH
        settled = list(self._each(claimed, end))
        if settled:
            store.transact(lambda session: _settle(session, settled))
        return len(settled)

    def run(self, stop: Signal) -> None:
        """Step until `stop` is set."""
        work(stop, self.step, self._until_next, self._runtime.store.news, f"requests of {self._runtime.service.name}")

    def _until_next(self) -> float:
        """Seconds to the next request, or to the return of an owner."""
        without = self._left_alone()
        soonest = self._runtime.store.glance(lambda session: session.requests.soonest(without))
        now = self._monotonic()
        returns = [until - now for until, _ in self._away.values() if until > now]
        # One that was not to be had although its turn has come is in another's hands.
        return min(BEAT, *returns, BEAT if soonest is None else soonest or _LONGEST_PAUSE)

    def _left_alone(self) -> list[str]:
        """The types of the owners that were away just now."""
        now = self._monotonic()
        away = {owner for owner, (until, _) in self._away.items() if until > now}
        alone = [type_name for type_name, owner in self._owners.items() if owner in away]
        return [*alone, _BUNDLE] if self._gateway in away and _BUNDLE not in alone else alone

    def _each(self, claimed: list[Asked], end: float) -> Iterator[Asked | Settle]:
        """Each that the owner has, or what is to be noted of it."""
        done = self._done_at_once(claimed)
        for asked in claimed:
            if asked.number in done:
                yield asked
            elif self._monotonic() > end or asked.wanted.type in self._left_alone():
                yield partial(_put_off, asked=asked, seconds=0.0)
            else:
                yield self._sent(asked)

    def _done_at_once(self, claimed: list[Asked]) -> set[int]:
        """The numbers of the transactions that could be done together by their owner."""
        several: dict[str, list[Asked]] = {}
        for asked in claimed:
            if asked.wanted.together and asked.attempts == 1:
                several.setdefault(self._owner(asked.wanted), []).append(asked)
        done: set[int] = set()
        for owner, those in several.items():
            if len(those) > 1 and self._runtime.peer.knows(owner):
                answers = self._at_once(owner, [_request(asked.wanted) for asked in those])
                done |= {asked.number for asked, answer in zip(those, answers, strict=True) if answer}
        if done:
            self._observe(REQUESTS_SENT, len(done))
        return done

    def _sent(self, asked: Asked) -> Asked | Settle:
        owner = self._owner(asked.wanted)
        try:
            answer = self._call(owner, asked)
        except Busy as error:
            self._is_away(owner, str(error))
            return partial(_put_off, asked=asked, seconds=0.0)
        except FhirError as error:
            return self._refused(asked, outcome_bytes(error))
        if answer.status < 300 or answer.status == _moot(asked.wanted):
            self._away.pop(owner, None)
            self._observe(REQUESTS_SENT, 1)
            return asked
        outcome = _outcome(owner, answer)
        if answer.status < 500 and answer.status not in _LATER:
            return self._refused(asked, outcome)
        longest = _LONGEST
        if answer.status in _AWAY:
            self._is_away(owner, f"It answers {answer.status}.")
            longest = _LONGEST_AWAY
        seconds = min(_FIRST * 2 ** min(asked.attempts - 1, 20), longest)
        log.warning("request_waits", extra={**self._named(asked), "status": answer.status, "seconds": seconds})
        return partial(_put_off, asked=asked, seconds=seconds, outcome=outcome)

    def _owner(self, wanted: Wanted) -> str:
        """Who owns what is wanted; of a transaction on several owners' types it is the gateway, which reaches them."""
        owners = {self._owners.get(each, "") for each in wanted.writes}
        return owners.pop() if len(owners) == 1 else self._gateway

    def _call(self, owner: str, asked: Asked) -> Response:
        peer = self._runtime.peer
        if not owner:
            raise NotSupported(f"No service owns the type {asked.wanted.type}.")
        return peer.call(owner if peer.knows(owner) else self._gateway, _request(asked.wanted))

    def _is_away(self, owner: str, reason: str) -> None:
        _, pause = self._away.get(owner, (0.0, 0.0))
        pause = longer(pause, _LONGEST_AWAY)
        self._away[owner] = self._monotonic() + pause, pause
        log.warning("owner_away", extra={"service": self._runtime.service.name, "owner": owner, "reason": reason})

    def _refused(self, asked: Asked, outcome: bytes) -> Settle:
        self._observe(REQUESTS_REFUSED, 1)
        log.error("request_refused", extra=self._named(asked))
        return partial(_refuse, asked=asked, outcome=outcome)

    def _named(self, asked: Asked) -> dict[str, object]:
        return {"service": self._runtime.service.name, "request": asked.number, "resource": asked.wanted.path}


def _request(wanted: Wanted) -> Request:
    headers = {"content-type": CONTENT_TYPE, "prefer": "return=minimal", "traceparent": wanted.traceparent}
    headers |= {BACKFILL_HEADER.lower(): "true"} if wanted.backfill else {}
    if wanted.condition:
        meant = (("_id", wanted.id), *parse_qsl(wanted.condition))
        return Request("PATCH", wanted.type, meant, {**headers, "content-type": _JSON_PATCH}, wanted.body)
    if wanted.together:
        return Request("POST", "", headers=headers, body=wanted.body)
    headers |= {"if-none-match": "*"} if wanted.new else {}
    return Request("PUT", wanted.path, headers=headers, body=wanted.body)


def _moot(wanted: Wanted) -> int:
    """The status by which the owner says that nothing is left to do: it is there already, or meets no condition."""
    return 412 if wanted.new else 404 if wanted.condition else 0


def _outcome(owner: str, answer: Response) -> bytes:
    """What was answered, where it is an OperationOutcome; a proxy may answer with anything."""
    said = b'"OperationOutcome"' in answer.body[:100] and len(answer.body) <= 32 * 1024
    return answer.body if said else outcome_bytes(FhirError(f"{owner} answers {answer.status}."))


def _settle(session: Session, settled: Sequence[Asked | Settle]) -> None:
    session.requests.done(*(each for each in settled if isinstance(each, Asked)))
    for each in settled:
        if not isinstance(each, Asked):
            each(session)


def _put_off(session: Session, asked: Asked, seconds: float, outcome: bytes = b"") -> None:
    session.requests.put_off(asked, seconds, outcome)


def _refuse(session: Session, asked: Asked, outcome: bytes) -> None:
    session.requests.refuse(asked, outcome)
