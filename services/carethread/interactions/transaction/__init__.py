"""Bundles of requests, done each by itself or all together: http://hl7.org/fhir/R4/http.html#transaction."""

from carethread.interactions.transaction.batch import batch
from carethread.interactions.transaction.entries import Entry, entries_of
from carethread.interactions.transaction.local import transaction

__all__ = ["Entry", "batch", "entries_of", "transaction"]
