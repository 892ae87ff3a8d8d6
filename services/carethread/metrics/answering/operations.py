"""$evaluate-measure: http://hl7.org/fhir/R4/operation-measure-evaluate-measure.html.

The units of a Measure are rows that its SQL finds among the facts, each in the highest version of its resource, so
events that come twice, late or out of order change no count. Asked by GET the report is answered and forgotten; by POST
it is stored.
"""

from __future__ import annotations

from carethread.core.context import Context, authorize
from carethread.core.ports import Resource, Response
from carethread.core.service import Call, Operation, Runtime
from carethread.interactions.operations.parameters import once, refuse_unknown
from carethread.interactions.rest.headers import preferences
from carethread.metrics.answering import waiting
from carethread.metrics.answering.answering import analytics_of, answered, question, still_told
from carethread.metrics.answering.storing import store
from carethread.metrics.answering.working import Work
from carethread.metrics.evaluating.asking import PARAMETERS
from carethread.metrics.suppressing.masking import Progress, untold


def evaluate_measure(runtime: Runtime, call: Call, context: Context) -> Resource | Response:
    """The MeasureReport of one measure over a period; with `Prefer: respond-async` the place to ask for it.

    Raises Malformed for a parameter, NotFound for a Measure that is not known, Invalid for one that is not counted by
    SQL or whose SQL is wrong, Forbidden for numbers of few people, TooCostly, Busy before there are facts.
    """
    authorize("read", "Measure", context)
    if "respond-async" in preferences(call.request.headers):
        analytics_of(runtime)
        question(runtime, call)
        return waiting.begin(runtime, call, context, _work(runtime))
    return evaluated(runtime, call, context)


def evaluated(
    runtime: Runtime,
    call: Call,
    context: Context,
    progress: Progress = untold,
    *,
    leisure: bool = False,
) -> Resource:
    """The report, stored where the call is a POST. `leisure`: nobody waits for it."""
    asks = question(runtime, call)
    kept = call.request.method == "POST"
    found = answered(runtime, asks, context, kept=kept, progress=progress, leisure=leisure)
    if not kept:
        return found
    progress("storing")
    return store(runtime, asks, found, context)


def evaluation(runtime: Runtime, call: Call, context: Context) -> Response:
    """How far an evaluation is, or what it came to; by DELETE it is cancelled. Raises NotFound."""
    authorize("read", "Measure", context)
    refuse_unknown(call, f"${waiting.OPERATION}", ("job",))
    job = once(call, "job")
    if call.request.method == "DELETE":
        return waiting.cancel(runtime, job, context)
    return waiting.status(runtime, job, call, context, _work(runtime))


def _work(runtime: Runtime) -> Work:
    def done(call: Call, context: Context, progress: Progress) -> Resource:
        return evaluated(runtime, call, context, progress, leisure=True)

    def still(call: Call, context: Context, report: Resource) -> None:
        still_told(runtime, question(runtime, call), report, context)

    return Work(done, still)


OPERATIONS = (
    Operation(
        name="evaluate-measure",
        type="Measure",
        levels=("type", "instance"),
        definition="http://hl7.org/fhir/OperationDefinition/Measure-evaluate-measure",
        handler=evaluate_measure,
        parameters=PARAMETERS,
    ),
    Operation(
        name=waiting.OPERATION,
        type="Measure",
        levels=("type",),
        definition="https://carethread.dev/fhir/OperationDefinition/Measure-evaluation",
        handler=evaluation,
        parameters=("job",),
        cancels=True,
    ),
)
