"""Filling in what is known before somebody is asked: `$populate`."""
