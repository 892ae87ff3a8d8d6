"""The types that metrics owns and mirrors. Adding a type is adding it here."""

from carethread.core.service import PROFILES, Mirror, ResourceType
from carethread.metrics.answering.guarding import report_written
from carethread.metrics.evaluating.writing import (
    library_settled,
    library_written,
    measure_settled,
    measure_written,
)
from carethread.metrics.facts.keeping import mirrors
from carethread.metrics.facts.shipped import shipped
from carethread.metrics.measures.judging import library_judged
from carethread.metrics.signals.goals import is_of_department
from carethread.metrics.signals.watching import measures_watched

TYPES = (
    ResourceType("Measure", rule=measure_written, settles=measure_settled, stored=measures_watched),
    ResourceType("MeasureReport", rule=report_written, profile=PROFILES + "measure-report", only_looks=True),
    ResourceType("Library", rule=library_written, settles=library_settled, judges=library_judged),
)

MIRRORS = (
    Mirror(
        "Goal",
        owner="careteams",
        params=frozenset({"lifecycle-status"}),
        keeps=is_of_department,
        traces=(b"Organization/",),
    ),
)
"""What departments want their numbers to be."""


def distilled() -> tuple[Mirror, ...]:
    """What facts are made of: no copies are kept of it."""
    return mirrors(shipped())
