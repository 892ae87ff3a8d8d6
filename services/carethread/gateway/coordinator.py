"""Two-phase commit: every owner prepares its part, the journal decides, every owner commits.

The journal is told of a transaction before any owner is, and of the decision before any owner is told that. What it
does not know, or no longer knows, was never decided: an owner that asks drops its part. Commit is told again until
every owner has done it; then the journal forgets. See `docs/decisions/transactions.md`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence

from carethread.core.clock import to_micros
from carethread.core.context import Context
from carethread.core.errors import Busy, FhirError, Malformed
from carethread.core.faults import told
from carethread.core.fhir import json
from carethread.core.ports import Decision, Journal, Peer, Request, Response
from carethread.interactions.rest.status import error_of
from carethread.interactions.transaction.message import PATH, Part, answers_of

log = logging.getLogger(__name__)

UNDECIDED_SECONDS = 30
"""After so long, a transaction that is not decided is dropped, whoever began it."""

_UNFINISHED_SECONDS = 5
"""After so long, a sweep tells the owners again what was decided."""

_COMMIT_SECONDS = 2.0
"""How long the caller's answer waits for an owner that went away after the decision."""


KEPT = "kept-"
"""How the ids of transactions begin that the journal remembers until it is told to forget them."""


class Undecided(Busy):
    """The journal is away, and whether it has decided is not known: to begin anew might do everything twice."""


class Coordinator:
    """Runs transactions over several owners. `holder` names this process's machine in the journal."""

    def __init__(
        self, journal: Journal, peer: Peer, holder: str, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._journal = journal
        self._peer = peer
        self._holder = holder
        self._sleep = sleep

    def run(self, parts: Mapping[str, Part], context: Context, name: str = "") -> dict[int, bytes]:
        """Do all parts, by owner, or none; returns the answer's entries by number.

        Each attempt has an id of its own, which begins with the name where one is given. If that begins with KEPT, the
        journal remembers the transaction until it is told to forget it, so that its caller can find out what became of
        it.
        Raises what an owner refuses its part for, Busy when one is away. Where an owner goes away after the decision,
        its entries are those that it has promised.
        """
        transaction = f"{name}.{context.new_id()[-12:]}" if name else context.new_id()
        owners = sorted(parts)
        self._journal.begin(transaction, owners, self._holder, to_micros(context.clock()))
        try:
            promised = {owner: self._prepared(owner, transaction, parts[owner]) for owner in owners}
        except FhirError:
            self._dropped(transaction, owners)
            raise
        if not self._decided(transaction):
            self._dropped(transaction, owners)
            raise Busy("Preparing the transaction took too long; try again.")
        answers: dict[int, bytes] = {}
        if self._committed(transaction, owners, answers, time.monotonic() + _COMMIT_SECONDS):
            self._forget(transaction)
        return {n: answers.get(n) or _undated(entry) for part in promised.values() for n, entry in part.items()}

    def decision(self, transaction: str) -> Decision:
        """What an owner in doubt is told."""
        return self._journal.decision(transaction)

    def begin_again(self, name: str) -> bool:
        """Whether what its caller has given a name is to be done: not if an attempt is committed. Attempts that were
        left undecided are dropped first. Raises Busy while the journal is away."""
        for left in self._journal.left(f"{name}."):
            if left.decided or not self._journal.drop(left.transaction):
                return False
            self._tell_dropped(left.transaction, left.owners)
        return True

    def kept(self) -> list[str]:
        """What every owner has committed, and the journal remembers for its caller."""
        return [each.transaction for each in self._journal.left(KEPT) if each.decided and not each.owners]

    def forget(self, transaction: str) -> None:
        """The caller knows what became of it. Raises Busy while the journal is away."""
        self._journal.forget(transaction)

    def sweep(self, context: Context, *, mine: bool = False) -> int:
        """Finish what was left: drop what was not decided in time, commit what was; returns how much was finished.

        `mine`: at the start, what this machine began and did not decide is dropped whatever its age, for the process
        that began it is gone. Raises Busy while the journal is away.
        """
        finished = 0
        now = to_micros(context.clock())
        for left in self._journal.left():
            age = (now - left.begun) / 1_000_000
            if left.decided and not left.owners:
                continue
            if left.decided:
                due = mine or age > _UNFINISHED_SECONDS
                if due and self._committed(left.transaction, left.owners, {}, 0.0):
                    self._forget(left.transaction)
                    finished += 1
            elif age > UNDECIDED_SECONDS or (mine and left.holder == self._holder):
                finished += self._dropped(left.transaction, left.owners)
        return finished

    def _prepared(self, owner: str, transaction: str, part: Part) -> dict[int, bytes]:
        response = self._call(owner, "PUT", transaction, part)
        if response.status != 200:
            raise error_of(response)
        try:
            return answers_of(response)
        except Malformed as error:
            raise Busy(f"What {owner} promises cannot be read.") from error

    def _forget(self, transaction: str) -> None:
        """Every owner has done it: take it out of the journal, or note that there; if that is away, a sweep does it."""
        try:
            (self._journal.note_done if transaction.startswith(KEPT) else self._journal.forget)(transaction)
        except Busy:
            log.info("not_forgotten", extra={"transaction": transaction})

    def _decided(self, transaction: str) -> bool:
        """Decide to commit; False when a sweep has dropped it. Raises Undecided."""
        end = time.monotonic() + _COMMIT_SECONDS
        try:
            return self._journal.decide(transaction)
        except Busy:  # the answer may be lost, and not the decision
            log.warning("decision_not_told", extra={"transaction": transaction})
        while time.monotonic() < end:
            try:
                if self._journal.decide(transaction) or self._journal.decision(transaction) == "commit":
                    return True
                break  # it is forgotten: dropped, or committed by a sweep
            except Busy:
                self._sleep(0.1)
        raise Undecided(
            "Whether the transaction is committed is not known; look before you send it again.", retry_after=0
        )

    def _dropped(self, transaction: str, owners: Sequence[str]) -> bool:
        """Drop it; False when it was decided, or the journal is away: then the owners or a sweep ask it later."""
        try:
            if not self._journal.drop(transaction):
                return False
        except Busy:
            return False
        self._tell_dropped(transaction, owners)
        return True

    def _tell_dropped(self, transaction: str, owners: Sequence[str]) -> None:
        for owner in owners:
            try:
                self._call(owner, "DELETE", transaction)
            except FhirError:
                log.info("part_not_told", extra={"transaction": transaction, "service": owner})  # it is going to ask

    def _committed(self, transaction: str, owners: Sequence[str], answers: dict[int, bytes], deadline: float) -> bool:
        """Tell every owner to commit, and take what each answers; False when one could not be told."""
        waiting = list(owners)
        pause = 0.05
        while True:
            for owner in list(waiting):
                try:
                    response = self._call(owner, "POST", transaction)
                except Exception as error:  # noqa: BLE001  # whatever is wrong at one owner, the others are told
                    log.warning("commit_failed", extra={"transaction": transaction, "service": owner, **told(error)})
                    continue
                if response.status == 200:
                    answers |= answers_of(response)
                    waiting.remove(owner)
            if not waiting:
                return True
            if time.monotonic() + pause > deadline:
                log.warning("commit_not_told", extra={"transaction": transaction, "services": ",".join(waiting)})
                return False
            self._sleep(pause)
            pause = min(pause * 2, 0.5)

    def _call(self, owner: str, method: str, transaction: str, part: Part | None = None) -> Response:
        headers = {"content-type": "application/json"} if part else {}
        return self._peer.call(owner, Request(method, f"{PATH}/{transaction}", headers=headers, content=part))


def _undated(entry: bytes) -> bytes:
    """A promised entry, of which all is known but when."""
    said = json.parse_object(entry)
    said["response"].pop("lastModified", None)
    return json.render(said)
