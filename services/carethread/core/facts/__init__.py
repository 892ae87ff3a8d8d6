"""Facts: rows that SQL counts, made of resources by views; see `docs/decisions/facts.md`."""
