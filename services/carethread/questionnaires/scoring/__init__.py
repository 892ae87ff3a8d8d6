"""Scores: calculated items, what they mean, and how they have changed."""
