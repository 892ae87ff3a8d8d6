"""The course of a visit: its states, its times, its answers, and what follows from each."""
