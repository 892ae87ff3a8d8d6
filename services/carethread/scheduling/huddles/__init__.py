"""Huddles: when the members of a care team are free together."""
