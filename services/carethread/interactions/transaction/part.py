"""One service's part of a transaction that spans services: prepared, then committed or dropped.

Prepare performs the part, undoes that, and keeps its writes ready-made, with all that its decisions rest on held, so
that they stay right. Commit stores them; once done, or dropped, the part is forgotten, so either may be told again.
Nothing that is prepared is dropped until the gateway's journal says so. The protocol: `docs/decisions/transactions.md`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from carethread.core.clock import to_micros
from carethread.core.context import Context
from carethread.core.errors import Busy, Held, NotSupported
from carethread.core.faults import told
from carethread.core.fhir import json
from carethread.core.ports import Decision, Key, Peer, Request, Response, Session
from carethread.core.service import Runtime
from carethread.interactions.transaction.answers import answered, at
from carethread.interactions.transaction.message import PATH, Part, answering, part_of
from carethread.interactions.transaction.perform import Performed, Read, checked, perform
from carethread.interactions.transaction.staged import Staged, staged_of
from carethread.interactions.transaction.within import inside
from carethread.interactions.writing.ahead import ask_ahead
from carethread.interactions.writing.conditional import hold
from carethread.interactions.writing.stored import follow, followed
from carethread.interactions.writing.trial import tried

log = logging.getLogger(__name__)

DOUBT_SECONDS = 5
"""After so long, an owner asks what was decided on a part."""


def part(runtime: Runtime, transaction: str, request: Request, context: Context, read: Read) -> Response:
    """Answer the gateway."""
    match request.method:
        case "PUT":
            return answering(prepare(runtime, transaction, part_of(request), context, read))
        case "POST":
            return answering(commit(runtime, transaction, context, read))
        case "DELETE":
            drop(runtime, transaction)
            return Response(204)
    raise NotSupported("A part is prepared with PUT, committed with POST, dropped with DELETE.", kind="method")


def prepare(runtime: Runtime, transaction: str, part: Part, context: Context, read: Read) -> Mapping[int, bytes]:
    """Keep the part, able to be committed; returns what commit is going to answer. Raises what it is refused for."""
    context = part.under(context)
    commands = checked(runtime, part.steps, context)
    ask_ahead(runtime, commands.values(), context)

    def work(session: Session) -> Performed:
        if session.is_prepared(transaction):
            session.drop(transaction)  # an earlier attempt whose answer was lost
        hold(session, [command.condition for command in commands.values() if command.condition])
        trial = partial(perform, runtime, session, part.steps, commands, context, read, wanted=part.wanted, trial=True)
        if any(step.is_read for step in part.steps):  # what they see is written, and has to be undone
            done = tried(session, trial)
            _confirm(session, done.seen)
        else:
            done = trial()
        staged = _staged(runtime, part, done).to_bytes()
        session.prepare(transaction, to_micros(context.clock()), staged, done.writes, done.seen)
        return done

    return runtime.store.transact(work).answers


def _staged(runtime: Runtime, part: Part, done: Performed) -> Staged:
    reads = [step for step in part.steps if step.is_read]
    keys = {(write.stored.type, write.stored.id) for write in done.writes}
    about = {number: result.stored for number, result in done.results.items() if result.stored}
    written = {number for number, stored in about.items() if (stored.type, stored.id) in keys}
    settled = done.results.keys() - written
    return Staged(
        replace(part, steps=reads),
        {number: done.answers[number] for number in settled},
        {number: done.answers[number] for number in written},
        followed(runtime.service, keys),
    )


def _confirm(session: Session, seen: Mapping[Key, int]) -> None:
    """Lock again what was seen, for PostgreSQL frees the locks of a savepoint with it. Raises Held where it changed."""
    stands = session.current(seen, lock=True)
    if any((stands[key].version if key in stands else 0) != version for key, version in seen.items()):
        raise Held("Others wrote what the transaction is about; try again.")


def commit(runtime: Runtime, transaction: str, context: Context, read: Read) -> Mapping[int, bytes]:
    """Do what was prepared; returns its entries, none when it was done before."""

    def work(session: Session) -> Mapping[int, bytes]:
        now = to_micros(context.clock()) // 1000 * 1000  # an instant on the wire has milliseconds
        kept = session.commit(transaction, now)
        if kept is None:
            return {}
        staged = staged_of(kept)
        answers = {**staged.done, **{number: at(entry, now) for number, entry in staged.promised.items()}}
        within, sender = inside(runtime, session), staged.reads.under(context)
        follow(runtime, session, staged.followed, sender)
        for step in staged.reads.steps:
            answers[step.number] = answered(read(within, step.entry.request, sender), step.method)
        return answers

    return runtime.store.transact(work)


def drop(runtime: Runtime, transaction: str) -> None:
    """Forget what was prepared, if anything was."""
    runtime.store.transact(lambda session: session.drop(transaction))


def settle_doubts(runtime: Runtime, decision: Callable[[str], Decision], context: Context, read: Read) -> int:
    """Ask what was decided on parts that have been prepared for a while, and do that; returns how many were settled.

    `decision` asks the gateway's journal. Raises Busy while that is away.
    """
    settled = 0
    for transaction in runtime.store.doubts(to_micros(context.clock()) - DOUBT_SECONDS * 1_000_000):
        decided = decision(transaction)
        try:
            if decided == "commit":
                commit(runtime, transaction, context, read)
            elif decided == "drop":
                drop(runtime, transaction)
        except Exception as error:  # noqa: BLE001  # one part that is stuck must not keep those behind it held
            log.error("part_stuck", extra={"transaction": transaction, "decided": decided, **told(error)})
            continue
        settled += decided != "undecided"
    return settled


def decision_at(peer: Peer, gateway: str, transaction: str) -> Decision:
    """What the gateway's journal says. Raises Busy when the gateway is away, or does not say."""
    response = peer.call(gateway, Request("GET", f"{PATH}/{transaction}"))
    said = json.parse_object(response.body) if response.status == 200 else {}
    decisions: dict[object, Decision] = {"commit": "commit", "drop": "drop", "undecided": "undecided"}
    if said.get("decision") not in decisions:
        raise Busy("The gateway does not say what was decided.")
    return decisions[said["decision"]]
