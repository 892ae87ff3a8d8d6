"""The ledger of notifications on SQL: who is to be told, what matched, and what became of it."""
