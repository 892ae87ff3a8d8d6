"""Huddles: whom a team talks about and why, and what it has decided."""
