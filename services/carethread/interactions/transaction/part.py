"""One service's part of a transaction that spans services: prepared, then committed or dropped.

Prepare performs the part, undoes that, and keeps the part with all that its decisions rest on held, so that to perform
it again cannot be refused. Commit performs it for good; once done, or dropped, it is forgotten, so either may be
told again. Nothing that is prepared is dropped until the gateway's journal says so. The protocol:
`docs/decisions/transactions.md`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from carethread.core.clock import to_micros
from carethread.core.context import Context
from carethread.core.errors import Busy, Held, Malformed, NotSupported
from carethread.core.faults import told
from carethread.core.fhir import json
from carethread.core.ports import Decision, Key, Peer, Request, Response, Session
from carethread.core.service import Runtime
from carethread.interactions.transaction.perform import Performed, Read, checked, perform
from carethread.interactions.transaction.plan import Step
from carethread.interactions.writing.conditional import hold
from carethread.interactions.writing.trial import tried

log = logging.getLogger(__name__)

PATH = "$part"
"""`PUT $part/[transaction]` prepares, POST commits, DELETE drops; asked of the gateway, GET tells the decision."""

_JSON = {"Content-Type": "application/json"}
_DOUBT_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Part:
    """The steps that are one service's, and what their context was."""

    steps: Sequence[Step]
    wanted: str
    backfill: bool
    traceparent: str

    def to_bytes(self) -> bytes:
        members = {name: getattr(self, name) for name in ("wanted", "backfill", "traceparent")}
        return json.render({**members, "steps": [step.to_json() for step in self.steps]})

    def under(self, context: Context) -> Context:
        """The context with what the part was sent with."""
        return replace(context, backfill=self.backfill, traceparent=self.traceparent)


def part_of(body: bytes) -> Part:
    """The part as another service sent it. Raises Malformed for what is none."""
    said = json.parse_object(body)
    try:
        return Part(**{**said, "steps": [Step(**step) for step in said["steps"]]})
    except (KeyError, TypeError):
        raise Malformed("This is no part of a transaction.") from None


def answers_of(body: bytes) -> dict[int, bytes]:
    """The answer's entries by their number, from what a service said of its part."""
    return {int(number): json.render(entry) for number, entry in json.parse_object(body).items()}


def part(runtime: Runtime, transaction: str, request: Request, context: Context, read: Read) -> Response:
    """Answer the gateway."""
    match request.method:
        case "PUT":
            return _said(prepare(runtime, transaction, part_of(request.body), context, read))
        case "POST":
            return _said(commit(runtime, transaction, context, read))
        case "DELETE":
            drop(runtime, transaction)
            return Response(204)
    raise NotSupported("A part is prepared with PUT, committed with POST, dropped with DELETE.", kind="method")


def _said(done: Mapping[int, bytes]) -> Response:
    return Response(200, _JSON, b"{" + b",".join(b'"%d":%s' % pair for pair in done.items()) + b"}")


def prepare(runtime: Runtime, transaction: str, part: Part, context: Context, read: Read) -> Mapping[int, bytes]:
    """Keep the part, able to be committed; returns what commit is going to answer. Raises what it is refused for."""
    context = part.under(context)
    commands = checked(runtime, part.steps, context)

    def work(session: Session) -> Performed:
        if session.prepared(transaction) is not None:
            session.settle(transaction)  # an earlier attempt whose answer was lost
        hold(session, [command.condition for command in commands.values() if command.condition])
        trial = partial(perform, runtime, session, part.steps, commands, context, read, wanted=part.wanted, trial=True)
        done = tried(session, trial)
        _confirm(session, done.seen)
        session.prepare(transaction, to_micros(context.clock()), part.to_bytes(), done.seen)
        return done

    return runtime.store.transact(work).answers


def _confirm(session: Session, seen: Mapping[Key, int]) -> None:
    """Lock again what was seen, for PostgreSQL frees the locks of a savepoint with it. Raises Held where it changed."""
    stands = session.current(seen, lock=True)
    if any((stands[key].version if key in stands else 0) != version for key, version in seen.items()):
        raise Held("Others wrote what the transaction is about; try again.")


def commit(runtime: Runtime, transaction: str, context: Context, read: Read) -> Mapping[int, bytes]:
    """Do what was prepared; returns its entries, none when it was done before."""

    def work(session: Session) -> Mapping[int, bytes]:
        body = session.prepared(transaction)
        if body is None:
            return {}
        session.settle(transaction)
        part = part_of(body)
        told = part.under(context)
        commands = checked(runtime, part.steps, told, again=True)
        done = perform(runtime, session, part.steps, commands, told, read, wanted=part.wanted, prepared=True)
        return done.answers

    return runtime.store.transact(work)


def drop(runtime: Runtime, transaction: str) -> None:
    """Forget what was prepared, if anything was."""
    runtime.store.transact(lambda session: session.settle(transaction))


def settle_doubts(runtime: Runtime, decision: Callable[[str], Decision], context: Context, read: Read) -> int:
    """Ask what was decided on parts that have been prepared for a while, and do that; returns how many were settled.

    `decision` asks the gateway's journal. Raises Busy while that is away.
    """
    settled = 0
    for transaction in runtime.store.doubts(to_micros(context.clock()) - _DOUBT_SECONDS * 1_000_000):
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
