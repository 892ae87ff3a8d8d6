"""What an owner keeps of a prepared part, and the entries of which the time is known only at the commit."""

from __future__ import annotations

import pytest

from carethread.core.context import Context, Principal
from carethread.core.errors import Malformed
from carethread.core.fhir import json
from carethread.core.ports import Response, Stored
from carethread.interactions.transaction.answers import at, done
from carethread.interactions.transaction.message import answering, answers_of, part_for
from carethread.interactions.transaction.plan import Step
from carethread.interactions.transaction.staged import Staged, staged_of
from carethread.interactions.writing.command import Outcome, Result
from carethread.interactions.writing.version import stamped

EARLY, LATE = 1_700_000_000_123_000, 1_800_000_000_456_000
CONTEXT = Context(principal=Principal("front desk"), backfill=True, idempotent=True)


def stored(updated: int, *, deleted: bool = False) -> Stored:
    resource = {"resourceType": "Patient", "text": {"div": ',"lastModified":"'}}
    body = b"" if deleted else json.render(stamped(resource, "a", 1, updated))
    return Stored("Patient", "a", 1, updated, deleted, body)


@pytest.mark.parametrize("wanted", ["", "minimal", "representation", "OperationOutcome"])
@pytest.mark.parametrize("deleted", [True, False])
def test_an_entry_gets_the_time_of_the_commit(wanted: str, deleted: bool) -> None:
    outcome: Outcome = "deleted" if deleted else "created"
    promised = done(Result(outcome, stored(EARLY, deleted=deleted)), wanted)
    assert at(promised, LATE) == done(Result(outcome, stored(LATE, deleted=deleted)), wanted)
    assert at(promised, EARLY - 1_000_000) == promised, "what stood already may be younger"


def test_what_is_kept_is_read_again() -> None:
    reads = part_for([Step(2, "GET", "Slot/s", "", None, {})], "representation", CONTEXT)
    staged = Staged(reads, {0: b'{"a":1.10}'}, {1: '{"b":"ü"}'.encode()}, (("Subscription", "s"),))
    assert staged_of(staged.to_bytes()) == staged


def test_a_part_is_done_as_its_sender_asked_whoever_does_it() -> None:
    part = part_for([], "", CONTEXT)
    told = part.under(Context(principal=Principal("scheduling")))
    assert (told.principal, told.backfill, told.idempotent) == (CONTEXT.principal, True, True)
    assert told.traceparent == CONTEXT.traceparent


def test_entries_are_passed_on_as_they_are() -> None:
    entries = {3: b'{"resource":{"value":1.10}}', 0: '{"text":"ü\\n"}'.encode()}
    assert answers_of(answering(entries)) == entries


@pytest.mark.parametrize("body", [b"", b"[]", b'{"a":"b"}', b'{"1":{}}'])
def test_what_are_no_entries_is_refused(body: bytes) -> None:
    with pytest.raises(Malformed):
        answers_of(Response(200, {}, body))
