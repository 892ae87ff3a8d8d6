"""What happens when a message comes in: done once, answered once, and answered again when it is repeated.

The message's transactions are done at their owners while the message's own row is being written; their ids follow from
the message. So when this process dies in between, the one that takes over finds them decided in the journal, and does
not do them again. The journal keeps them until the answer is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256

from carethread.core.clock import system_clock, to_micros
from carethread.core.consuming.reading import about_resource
from carethread.core.context import BACKFILL_HEADER, Context, Principal, context_of, new_id
from carethread.core.errors import Busy, FhirError, Issue, TooLarge
from carethread.core.events import INBOUND, INBOUND_OUTCOME, Event
from carethread.core.fhir import json
from carethread.core.fhir.outcome import bounded, outcome_bytes
from carethread.core.ports import About, Record, Resource, Session
from carethread.core.service import Reaction, Runtime
from carethread.gateway.coordinator import KEPT
from carethread.gateway.inbound.message import LONGEST, Message, message_of

SERVICE = "inbound"
"""The name under which the bus and the database know who takes messages in."""

_LONGEST_ANSWER = 256 * 1024
"""Bytes of an OperationOutcome that go into an answer: well under what a broker takes."""

Run = Callable[[str, Resource, Context], Mapping[int, bytes]]
"""Do a transaction Bundle under a name, or nothing where it was done under that; returns its entries' answers."""


def received(runtime: Runtime, record: Record) -> Event:
    """A record as an event, not read yet: one that cannot be read is still about its key."""
    said = {name.lower(): value for name, value in record.headers}
    whole = b"\0".join((said.get("ce_source", b""), said.get("ce_id", b""), record.value))
    return Event(
        id=sha256(whole).hexdigest()[:32],
        service=SERVICE,
        verb="received",
        resource_type=INBOUND,
        resource_id=SERVICE,
        version=1,
        time=record.time,
        key=record.key,
        data=record.value,
        extra=tuple(record.headers),
    )


def about(runtime: Runtime, event: Event) -> About:
    """What a message concerns: the resources under their sender's ids and the key that it came with; it needs all that
    it refers to."""
    key = (event.key,) if event.key else ()
    try:
        message = message_of(_record(event))
    except FhirError:
        return About(event.id, key)
    keys = tuple(dict.fromkeys((*message.versions, *key)))
    return About(event.id, keys, about_resource(runtime, event).needs - set(keys))


def _record(event: Event) -> Record:
    return Record("", 0, 0, event.key, event.extra, event.data, event.time)


def reaction(run: Run) -> Reaction:
    """The reaction to messages; it knows repetitions by itself, for they are answered too."""

    def handle(runtime: Runtime, session: Session, events: Sequence[Event]) -> None:
        for event in events:
            message = message_of(_record(event))
            known = session.inbound.answer(message.key)
            if len(message.transactions) > runtime.limits.bundle_entries:
                most = runtime.limits.bundle_entries
                raise TooLarge(f"A batch may have {most} entries.", expression="Bundle.entry")
            verb, outcome = ("repeated", known) if known is not None else _done(session, message, run)
            if known is None:
                session.inbound.keep_answer(message.key, to_micros(system_clock()), outcome)
            session.post(_answer(verb, message.sender, message.correlation, outcome, event.key))

    return Reaction(SERVICE, "projection", (INBOUND,), handle)


def put_aside(session: Session, record: Record, outcome: bytes, behind: int) -> None:
    """Tell the sender of a message that was refused, or that waits behind one that was."""
    said = {name.lower(): value.decode("utf-8", "replace")[:LONGEST] for name, value in record.headers}
    correlation = said.get("ce_correlationid") or said.get("ce_id", "")
    session.post(_answer("held" if behind else "refused", said.get("ce_source", ""), correlation, outcome, record.key))


def _done(session: Session, message: Message, run: Run) -> tuple[str, bytes]:
    """Do what is asked for; the verb and the OperationOutcome that it is answered with.

    Raises Busy while an owner is away, and what the message is refused for; the entries of a batch are refused by
    themselves.
    """
    session.lock(f"{message.sender} {key}" for key in message.versions)
    newest = session.inbound.newest(message.sender, message.versions)
    older = {key for key, version in message.versions.items() if key in newest and version.older_than(newest[key])}
    session.inbound.keep_newest(message.sender, {k: v for k, v in message.versions.items() if k not in older})
    context = _context(message)
    done, refusals = [], []
    for number, bundle in enumerate(message.transactions):
        wanted = [entry for entry in bundle.get("entry", []) if not (isinstance(entry, dict) and _url(entry) in older)]
        if not wanted:
            continue
        try:
            answers = run(f"{KEPT}{message.key}-{number}", {**bundle, "entry": wanted}, context)
        except Busy:
            raise
        except FhirError as error:
            if message.lone:
                error.issues = tuple(_of_resource(issue, message.lone) for issue in error.issues)
            if message.whole:
                raise
            refusals += [_of_entry(issue, number) for issue in error.issues]
        else:
            done += [_stored(answer) for answer in answers.values()] or [_told("It was done before.")]
    issues = done + refusals + [_told(f"{key} is left out: a newer version came before.") for key in sorted(older)]
    verb = "applied" if done else "refused" if refusals else "ignored"
    return verb, outcome_bytes(FhirError(issues=issues or [_told("There is nothing to do in it.")]))


def _context(message: Message) -> Context:
    headers = {"traceparent": message.traceparent, BACKFILL_HEADER.lower(): "true" if message.backfill else ""}
    return replace(context_of(headers), principal=Principal(f"sender:{message.sender}"), idempotent=True)


def _url(entry: Resource) -> object:
    request = entry.get("request")
    return request.get("url") if isinstance(request, dict) else None


def _stored(answer: bytes) -> Issue:
    """What became of an entry, by its status and the version that it made."""
    response = json.parse_object(answer).get("response", {})
    return _told(" ".join(filter(None, (response.get("status"), response.get("location")))))


def _told(words: str) -> Issue:
    return Issue("informational", words, severity="information")


def _of_resource(issue: Issue, type_name: str) -> Issue:
    """An issue of a resource that came by itself, and was stored as the only one of a Bundle."""
    where = issue.expression or type_name
    for inside in ("Bundle.entry[0].resource", "Bundle.entry[0].request.url", "Bundle.entry[0]"):
        where = where.replace(inside, type_name)
    return replace(issue, expression=where)


def _of_entry(issue: Issue, number: int) -> Issue:
    """An issue of a batch's entry, which was done as the only one of a Bundle."""
    where = (issue.expression or "Bundle.entry[0]").replace("Bundle.entry[0]", f"Bundle.entry[{number}]", 1)
    return replace(issue, expression=where)


def _answer(verb: str, sender: str, correlation: str, outcome: bytes, key: str) -> Event:
    """The event that tells a sender what became of its message."""
    return Event(
        id=new_id(),
        service=SERVICE,
        verb=verb,
        resource_type=INBOUND_OUTCOME,
        resource_id=SERVICE,
        version=1,
        time=to_micros(system_clock()),
        key=key if len(key) <= LONGEST else "",
        data=bounded(outcome, _LONGEST_ANSWER),
        extra=(("ce_correlationid", correlation.encode()), ("ce_recipient", sender.encode())),
    )
