"""The practice's numbers, each traceable to its resources."""

from carethread.core.service import Service
from carethread.metrics.answering.marking import shown
from carethread.metrics.answering.operations import OPERATIONS as EVALUATING
from carethread.metrics.evaluating.writing import ask_ahead
from carethread.metrics.explaining.operations import OPERATIONS as EXPLAINING
from carethread.metrics.exporting.latest import SAMPLES
from carethread.metrics.exporting.operations import OPERATIONS as EXPORTING
from carethread.metrics.measures.shipped import libraries
from carethread.metrics.resources import MIRRORS, TYPES, distilled
from carethread.metrics.reviewing.operations import OPERATIONS as REVIEWING
from carethread.metrics.showing.operations import OPERATIONS as SHOWING
from carethread.metrics.showing.operations import PAGES
from carethread.metrics.showing.page import FILES
from carethread.metrics.signals.operations import OPERATIONS as TRENDS
from carethread.metrics.signals.watching import TIMERS

SERVICE = Service(
    name="metrics",
    about="The practice's numbers, each traceable to its resources.",
    types=TYPES,
    mirrors=MIRRORS,
    distils=distilled,
    operations=(*EVALUATING, *EXPLAINING, *EXPORTING, *TRENDS, *REVIEWING, *SHOWING),
    timers=TIMERS,
    definitions=("measures",),
    asks_ahead=ask_ahead,
    publishes=libraries,
    shows=shown,
    pages=PAGES,
    files=FILES,
    samples=SAMPLES,
)
