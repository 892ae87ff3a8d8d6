"""What the ledger says of a hand-off: where it stands, by its entries alone. Pure.

The Task and its ledger say the same at every moment: an entry is added for each step that the Task has taken and the
ledger does not know (`following`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from carethread.careteams.handing.states import MARKS, Position, State, position, stepped_by
from carethread.core.fhir.elements import at
from carethread.core.ports import Entry, Resource
from carethread.core.ports.ledger import Step

_STATE: Mapping[Step, State] = {
    "offered": "offered",
    "escalated": "offered",
    "accepted": "accepted",
    "overdue": "accepted",
    "declined": "declined",
    "withdrawn": "withdrawn",
    "expired": "expired",
    "returned": "returned",
    "failed": "failed",
}

_ESCALATED = (
    "Nobody answered in time. What was made for the receiver before is not passed on; the summary is made anew."
)
"""The same of every escalation, so that it does not tell of what may not be told."""

_LETTERS = 500
"""Of what somebody gave as a reason."""


def replay(entries: Iterable[Entry]) -> Position | None:
    """Where a hand-off stands by its entries, in order; None where there is none.

    `passed-on` changes nothing but the mark: who is asked stays asked, and the person is in other hands meanwhile.
    """
    found: Position | None = None
    for entry in entries:
        if entry.step == "passed-on":
            found = replace(found, mark="passed-on") if found and found.state == "offered" else found
            continue
        state = _STATE[entry.step]
        mark = entry.step if state in ("offered", "accepted") and entry.step in MARKS else ""
        found = Position(state, mark, entry.sender, entry.receiver, entry.deadline)
    return found


def next_entry(
    task: Resource, id_: str, patient: str, when: int, entries: list[Entry], base: str | None = None
) -> Entry | None:
    """What is to be added to a hand-off's entries so that they say what its Task does; None: they do."""
    now = position(task, base)
    if now.state == "draft" or now == replay(entries):
        return None
    return Entry(
        f"Task/{id_}",
        len(entries) + 1,
        patient,
        _step(now),
        when,
        stepped_by(task, base),
        now.sender,
        now.receiver,
        now.deadline,
        _why(task, now),
    )


def _step(now: Position) -> Step:
    if now.state == "offered":
        return "escalated" if now.mark == "escalated" else "offered"
    if now.state == "accepted":
        return "overdue" if now.mark == "overdue" else "accepted"
    if now.state == "draft":
        raise AssertionError("a draft takes no step")
    return now.state


def _why(task: Resource, now: Position) -> str:
    """The reason as it was given, its text before its codes."""
    if _step(now) == "escalated":
        return _ESCALATED
    named = "reasonCode" if now.state == "offered" else "statusReason"
    texts = [text for text in at(task, f"{named}.text") if isinstance(text, str)]
    codes = [code for code in at(task, f"{named}.coding.code") if isinstance(code, str)]
    return next(iter([*texts, *codes]), "")[:_LETTERS]


def mentions(entries: Iterable[Entry]) -> list[str]:
    """Who was asked, in order, each once: they may answer."""
    return list(dict.fromkeys(entry.receiver for entry in entries if entry.step in ("offered", "escalated")))
