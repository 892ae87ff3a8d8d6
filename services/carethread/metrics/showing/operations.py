"""`Measure/$charts`: the page at /console/metrics."""

from __future__ import annotations

from carethread.core.context import Context, authorize
from carethread.core.ports import Response
from carethread.core.service import Call, Operation, Page, Runtime
from carethread.metrics.showing.asking import PARAMETERS, wanted
from carethread.metrics.showing.charts import charts
from carethread.metrics.showing.page import shown, sorry


def show(runtime: Runtime, call: Call, context: Context) -> Response:
    """The page. Raises Malformed for a parameter, NotFound for a measure or a department, Busy before there are facts:
    `sorry` says these to people."""
    authorize("read", "Measure", context)
    return shown(charts(runtime, call, wanted(call), context), runtime.base_url)


PAGES = (
    Page(
        "console/metrics",
        "Measure/$charts",
        sorry=sorry,
        title="Measures",
        about="the practice's numbers as charts, by department",
    ),
)

OPERATIONS = (
    Operation(
        name="charts",
        type="Measure",
        levels=("type",),
        definition="https://carethread.dev/fhir/OperationDefinition/Measure-charts",
        handler=show,
        parameters=PARAMETERS,
    ),
)
