"""What the inside asks of the outside: a store, a bus, and the other services. Adapters implement these."""

from carethread.core.ports.bus import Fenced, Keeping, Kept, Outbox, Place, Publisher, Record, Subscription
from carethread.core.ports.calendar import FOREVER, Calendar, Occupied, Opening
from carethread.core.ports.deliveries import Deliveries
from carethread.core.ports.held import About, DeadLetter, Held, LetterState, Waiting
from carethread.core.ports.journal import Decision, Journal, Left
from carethread.core.ports.ledger import Entry, Ledger
from carethread.core.ports.needs import Looked, Need, Needs
from carethread.core.ports.notices import Notices, Recipient, Tally
from carethread.core.ports.postbox import Post, Postbox
from carethread.core.ports.register import Answering, Register
from carethread.core.ports.replays import Replay, Replays, ReplayState
from carethread.core.ports.requests import URGENT, Asked, Requests, RequestState, Wanted
from carethread.core.ports.services import Content, Owners, Peer, Request, Response
from carethread.core.ports.store import Session, Store
from carethread.core.ports.timers import Timer, Timers
from carethread.core.ports.values import (
    Belongings,
    Chunk,
    Extent,
    Key,
    Page,
    Progress,
    Resource,
    Span,
    Stored,
    Write,
)

__all__ = [
    "FOREVER",
    "URGENT",
    "About",
    "Answering",
    "Asked",
    "Belongings",
    "Calendar",
    "Chunk",
    "Content",
    "DeadLetter",
    "Decision",
    "Deliveries",
    "Entry",
    "Extent",
    "Fenced",
    "Held",
    "Journal",
    "Keeping",
    "Kept",
    "Key",
    "Ledger",
    "Left",
    "LetterState",
    "Looked",
    "Need",
    "Needs",
    "Notices",
    "Occupied",
    "Opening",
    "Outbox",
    "Owners",
    "Page",
    "Peer",
    "Place",
    "Post",
    "Postbox",
    "Progress",
    "Publisher",
    "Recipient",
    "Record",
    "Register",
    "Replay",
    "ReplayState",
    "Replays",
    "Request",
    "RequestState",
    "Requests",
    "Resource",
    "Response",
    "Session",
    "Span",
    "Store",
    "Stored",
    "Subscription",
    "Tally",
    "Timer",
    "Timers",
    "Waiting",
    "Wanted",
    "Write",
]
