"""What people are asked for at present: each for one form once at a time, by whatever id they are known."""

from __future__ import annotations

from hashlib import sha256

from carethread.core.ports import Resource, Session
from carethread.questionnaires.assigning.assignment import Assignment
from carethread.questionnaires.assigning.sending import task_id

_ONCE = "assigned"
"""The kind of places by which a person is asked for a form once at a time; held by the draft."""

_WHO = "fills-in"
"""The kind of places that tell who (holder) is asked for which drafts (keys)."""

_BY = "assigned-by"
"""The kind of places that tell by which Tasks (keys, ids) a draft (holder) is asked for."""


def begin(session: Session, draft_id: str, url: str, subject: str, recipient: str) -> str:
    """Ask somebody for a form (its url) by a draft; returns the draft by which they are: this, or one before it."""
    holder = open_ask(session, url, subject, recipient)
    holder = holder or session.claim(_ONCE, _place(url, subject, recipient), draft_id)
    if holder == draft_id:
        session.claim(_WHO, draft_id, recipient)
        session.claim(_BY, task_id(draft_id), draft_id)
    return holder


def begin_again(session: Session, draft: Resource, said: Assignment) -> str:
    """As `begin`, for a draft that somebody was asked for before."""
    url, subject = draft.get("questionnaire", "").partition("|")[0], draft.get("subject", {}).get("reference", "")
    return begin(session, draft["id"], url, subject, said.recipient)


def open_ask(session: Session, url: str, subject: str, recipient: str) -> str:
    """The id of the draft by which somebody is asked for a form at present; empty where they are not."""
    kind, _, id_ = subject.partition("/")
    names = [f"{kind}/{each}" for each in session.kin([id_])] if kind == "Patient" else [subject]
    places = [_place(url, each, each if subject == recipient else recipient) for each in names]
    return next(iter(session.claimed(_ONCE, places).values()), "")


def drafts_of(session: Session, recipient: str) -> list[str]:
    """The drafts that somebody (`Patient/1`) is asked for at present."""
    return session.places(_WHO, recipient)


def draft_by(session: Session, task: str) -> str:
    """The draft that is asked for by a Task (its id) at present; empty where none is."""
    return session.claimed(_BY, [task]).get(task, "")


def end(session: Session, draft_id: str) -> None:
    """Nobody is asked for a draft any more."""
    session.release(_ONCE, draft_id)
    session.release(_BY, draft_id)
    for recipient in session.claimed(_WHO, [draft_id]).values():
        session.release(_WHO, recipient, [each for each in drafts_of(session, recipient) if each != draft_id])


def _place(url: str, subject: str, recipient: str) -> str:
    return sha256(f"{url} {subject} {recipient}".encode()).hexdigest()
