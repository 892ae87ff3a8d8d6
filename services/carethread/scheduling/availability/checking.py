"""The rule of a Schedule's write: a template that it carries makes sense."""

from __future__ import annotations

from carethread.core.ports import Resource
from carethread.core.service import Ruling, Unit
from carethread.scheduling.availability.reading import template_of


def schedule_written(unit: Unit, before: Resource | None, after: Resource | None, id_: str) -> Ruling:
    """Raises Invalid, naming each element of the availability that is wrong."""
    if after is not None:
        template_of(after)
    return Ruling()
