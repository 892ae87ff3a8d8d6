"""A measure's numbers over time."""
