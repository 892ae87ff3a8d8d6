"""The facts that are kept: those of the views that the package carries."""

from __future__ import annotations

from functools import cache

from carethread.metrics.facts.subjects import Subject, subjects
from carethread.metrics.views.library import definitions


@cache
def shipped() -> tuple[Subject, ...]:
    """The subjects of the shipped views."""
    return subjects(definitions())
