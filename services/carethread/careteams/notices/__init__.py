"""Notices: change that is told openly, with who has read it."""
