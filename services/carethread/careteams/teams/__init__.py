"""Care teams: who is on them when, who answers for a person, and who takes over."""
