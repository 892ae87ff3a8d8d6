"""Events that go out: one leader for each outbox sends what is committed, in order."""
