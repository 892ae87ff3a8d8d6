"""Availability as data: a weekly template on a Schedule, and the Slots that follow from it."""
