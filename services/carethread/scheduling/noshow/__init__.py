"""Fewer missed visits: reminders, a score that only ever adds help, and an outcome for every visit that is past."""
