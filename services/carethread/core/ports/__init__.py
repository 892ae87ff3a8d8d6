"""What the inside asks of the outside: a store, a bus, and the other services. Adapters implement these."""

from carethread.core.ports.bus import Fenced, Outbox, Place, Publisher, Record, Subscription
from carethread.core.ports.journal import Decision, Journal, Left
from carethread.core.ports.services import Owners, Peer, Request, Response
from carethread.core.ports.store import Session, Store
from carethread.core.ports.values import Belongings, Extent, Key, Page, Resource, Span, Stored, Write

__all__ = [
    "Belongings",
    "Decision",
    "Extent",
    "Fenced",
    "Journal",
    "Key",
    "Left",
    "Outbox",
    "Owners",
    "Page",
    "Peer",
    "Place",
    "Publisher",
    "Record",
    "Request",
    "Resource",
    "Response",
    "Session",
    "Span",
    "Store",
    "Stored",
    "Subscription",
    "Write",
]
