"""`Measure/$review-pack` and `Measure/$review-decide`."""

from __future__ import annotations

from carethread.core.clock import to_micros
from carethread.core.context import Context, authorize
from carethread.core.errors import Malformed
from carethread.core.ports import Resource, Response
from carethread.core.service import Call, Operation, Runtime
from carethread.interactions.operations.parameters import once, refuse_unknown
from carethread.metrics.reviewing.asking import DEPARTMENT, MONTH, review
from carethread.metrics.reviewing.deciding import TAKES, decide
from carethread.metrics.reviewing.document import document
from carethread.metrics.reviewing.pack import pack
from carethread.metrics.reviewing.page import page

_PAGE, _MEASURE = "page", "measure"
_READ = ("Measure", "MeasureReport", "Task")


def review_pack(runtime: Runtime, call: Call, context: Context) -> Resource | Response:
    """The pack as a document, or as a page to be printed. Raises Malformed for a parameter or a month that is not over,
    NotFound for a department or a measure that is not known, Busy before there are facts."""
    for type_name in _READ:
        authorize("read", type_name, context)
    refuse_unknown(call, "$review-pack", (DEPARTMENT, MONTH, _MEASURE, _PAGE))
    wanted = once(call, _PAGE).lower()
    if wanted not in ("", "true", "false"):
        raise Malformed("page is true or false.", code="value", expression=_PAGE)
    only = {each.removeprefix("Measure/") for each in call.params.get(_MEASURE, ())}
    made = pack(runtime, review(call), only, to_micros(context.clock()), context)
    return page(made, runtime.base_url) if wanted == "true" else document(made, runtime.base_url, context)


OPERATIONS = (
    Operation(
        name="review-pack",
        type="Measure",
        levels=("type",),
        definition="https://carethread.dev/fhir/OperationDefinition/Measure-review-pack",
        handler=review_pack,
        parameters=(DEPARTMENT, MONTH, _MEASURE, _PAGE),
    ),
    Operation(
        name="review-decide",
        type="Measure",
        levels=("type",),
        definition="https://carethread.dev/fhir/OperationDefinition/Measure-review-decide",
        handler=decide,
        affects_state=True,
        parameters=TAKES,
    ),
)
