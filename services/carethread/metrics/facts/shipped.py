"""The facts that are kept: those of the views that the package carries."""

from __future__ import annotations

from functools import cache, lru_cache

from carethread.core.errors import Invalid, Issue
from carethread.metrics.facts.subjects import Subject, subjects
from carethread.metrics.views.library import definitions


@cache
def shipped() -> tuple[Subject, ...]:
    """The subjects of the shipped views."""
    return subjects(definitions())


def checked() -> tuple[Subject, ...]:
    """The same, once all of their views are read. Raises Invalid with every fault of every view: its name, place and
    path."""
    if faults := _faults(shipped()):
        refused = Invalid(issues=faults)
        for each in faults:
            refused.add_note(str(each.expression))
        raise refused
    return shipped()


@lru_cache(1)
def _faults(known: tuple[Subject, ...]) -> tuple[Issue, ...]:
    """Found once: whoever asks for a number is told of them, and reading views takes a while."""
    faults: list[Issue] = []
    for subject in known:
        try:
            _ = subject.views
        except Invalid as error:
            faults += error.issues
    return tuple(faults)
