"""Relief: when who answers for a person goes, somebody takes over, or an alarm says that nobody does."""
