"""Transactions that span services: the parts prepared here, and the journal of the gateway."""
