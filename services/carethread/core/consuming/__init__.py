"""Events that come in: read, done once, put aside when they cannot be done, replayed."""
