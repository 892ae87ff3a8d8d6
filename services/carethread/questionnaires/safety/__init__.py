"""Answers that somebody has to see to at once: told with the response, in the same transaction."""
