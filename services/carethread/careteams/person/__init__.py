"""The person behind the patient: what matters to them, on one page, and what goes along when somebody takes over."""
