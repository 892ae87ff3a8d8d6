"""The schema of one service, the same on SQLite and PostgreSQL: a module for each idea, and one `metadata` for all.

Times are integers, microseconds since the epoch. A new table needs its migration too (`adapters/sql/migrations/`).
"""

from __future__ import annotations

from carethread.adapters.sql.tables.asks import asks
from carethread.adapters.sql.tables.base import metadata
from carethread.adapters.sql.tables.consuming import (
    dead_letters,
    held,
    held_keys,
    inbound_answers,
    inbound_versions,
    inbox,
    positions,
    replays,
)
from carethread.adapters.sql.tables.deliveries import binding_tokens, notifications, reached, subscribers
from carethread.adapters.sql.tables.efforts import efforts
from carethread.adapters.sql.tables.facts import fact_marks, facts
from carethread.adapters.sql.tables.indexes import (
    INDEX_TABLES,
    composites,
    dates,
    fit,
    numbers,
    quantities,
    references,
    strings,
    tokens,
    uris,
)
from carethread.adapters.sql.tables.ledger import ledger, needs
from carethread.adapters.sql.tables.notices import recipients
from carethread.adapters.sql.tables.register import accountable
from carethread.adapters.sql.tables.relaying import beats, forgotten, messages, outbox, relay
from carethread.adapters.sql.tables.requests import requests
from carethread.adapters.sql.tables.resources import claims, exports, mirrors, resources, staged, versions
from carethread.adapters.sql.tables.scheduling import busy, offers, openings, purposes, waited, waiting
from carethread.adapters.sql.tables.timers import timers

__all__ = [
    "INDEX_TABLES",
    "accountable",
    "asks",
    "beats",
    "binding_tokens",
    "busy",
    "claims",
    "composites",
    "dates",
    "dead_letters",
    "efforts",
    "exports",
    "fact_marks",
    "facts",
    "fit",
    "forgotten",
    "held",
    "held_keys",
    "inbound_answers",
    "inbound_versions",
    "inbox",
    "ledger",
    "messages",
    "metadata",
    "mirrors",
    "needs",
    "notifications",
    "numbers",
    "offers",
    "openings",
    "outbox",
    "positions",
    "purposes",
    "quantities",
    "reached",
    "recipients",
    "references",
    "relay",
    "replays",
    "requests",
    "resources",
    "staged",
    "strings",
    "subscribers",
    "timers",
    "tokens",
    "uris",
    "versions",
    "waited",
    "waiting",
]
