"""Taking slots and people, and giving them back: who is in whose way, and what stands in the calendar."""
