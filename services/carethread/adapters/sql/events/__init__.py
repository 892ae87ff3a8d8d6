"""Events on their way out (outbox), in (inbox), and on the embedded bus."""
