"""`Measure/$charts` and `Measure/$number`: the pages at /console/metrics and /console/number."""

from __future__ import annotations

from carethread.core.context import Context, authorize
from carethread.core.ports import Response
from carethread.core.service import Call, Operation, Page, Runtime
from carethread.metrics.showing import opening
from carethread.metrics.showing.asking import PARAMETERS, wanted
from carethread.metrics.showing.charts import charts
from carethread.metrics.showing.page import shown, shown_number, sorry


def show(runtime: Runtime, call: Call, context: Context) -> Response:
    """The page. Raises Malformed for a parameter, NotFound for a measure or a department, Busy before there are facts:
    `sorry` says these to people."""
    authorize("read", "Measure", context)
    return shown(charts(runtime, call, wanted(call), context), runtime.base_url)


def open_number(runtime: Runtime, call: Call, context: Context) -> Response:
    """The page of one number. Raises as `opening.opened` does."""
    for type_name in ("Measure", "MeasureReport"):
        authorize("read", type_name, context)
    return shown_number(opening.opened(runtime, call, context), runtime.base_url)


PAGES = (
    Page(
        "console/metrics",
        "Measure/$charts",
        sorry=sorry,
        title="Measures",
        about="the practice's numbers as charts, by department",
    ),
    Page("console/number", "Measure/$number", sorry=sorry),
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
    Operation(
        name="number",
        type="Measure",
        levels=("type",),
        definition="https://carethread.dev/fhir/OperationDefinition/Measure-number",
        handler=open_number,
        parameters=opening.PARAMETERS,
    ),
)
