"""Measure/[id]/$table: what `$evaluate-measure` or `$series` answers, as a table for programs that read no FHIR.

Both are asked as they are over REST, so who may see which number is decided there; the table is made of their reports.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from carethread.core.context import Context
from carethread.core.errors import Busy, Malformed
from carethread.core.ports import Request, Resource, Response
from carethread.core.service import Call, Operation, Runtime
from carethread.interactions.operations.invoke import invoke
from carethread.interactions.operations.parameters import once, refuse_objects, refuse_unknown
from carethread.interactions.rest.exchange import preferred
from carethread.metrics.evaluating.asking import PARAMETERS
from carethread.metrics.exporting.rows import Table, table
from carethread.metrics.exporting.writing import as_csv
from carethread.metrics.signals.operations import SERIES

_FORMAT, _BY = "format", "by"
_ASKED = ("periodStart", "periodEnd", "department", "practitioner", "group", "subject", "stratifier")
_HANDED_ON = tuple(dict.fromkeys((*_ASKED, *PARAMETERS, _BY)))
_WITHOUT_BY = (*(each for each in PARAMETERS if each != "measure"), _BY)
"""What a report is asked by: the table's measure is that of its address."""


class _Format(NamedTuple):
    media_type: str
    parameters: str
    written: Callable[[Runtime, Table], bytes]


def _csv(runtime: Runtime, found: Table) -> bytes:
    return as_csv(found)


def _parquet(runtime: Runtime, found: Table) -> bytes:
    if runtime.parquet is None:
        raise Busy("Nothing here writes Parquet.", retry_after=0)
    return runtime.parquet(found.columns, as_csv(found, for_programs=True))


FORMATS: Mapping[str, _Format] = {
    "csv": _Format("text/csv", "; charset=utf-8; header=present", _csv),
    "parquet": _Format("application/vnd.apache.parquet", "", _parquet),
}

_BY_MEDIA_TYPE = {each.media_type: name for name, each in FORMATS.items()}


def tabled(runtime: Runtime, call: Call, context: Context) -> Response:
    """A file with a row for each stratum, and with `by` for each day, week or month of the period: in the `format` that
    is asked for, else in that which is accepted.

    Raises Malformed for another format, and whatever the operation raises that counts.
    """
    taker, takes = ("$table with by", SERIES) if once(call, _BY) else ("$table without by", _WITHOUT_BY)
    refuse_objects(call.body, call.params, (*_HANDED_ON, _FORMAT))
    refuse_unknown(call, taker, (*takes, _FORMAT))
    accepted = preferred(call.request, tuple(_BY_MEDIA_TYPE))
    named = once(call, _FORMAT) or _BY_MEDIA_TYPE.get(accepted, "csv")
    if named not in FORMATS:
        raise Malformed(f"format is one of {', '.join(FORMATS)}.", code="value", expression=_FORMAT)
    made = FORMATS[named]
    body = made.written(runtime, table(reports(runtime, call, context)))
    told = {
        "Content-Type": f"{made.media_type}{made.parameters}",
        "Content-Disposition": f'attachment; filename="{call.id}.{named}"',
    }
    return Response(200, {**told, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}, body)


def reports(runtime: Runtime, call: Call, context: Context) -> list[Resource]:
    """The MeasureReports that a call is about; none is stored."""
    name = "series" if once(call, _BY) else "evaluate-measure"
    query = [(each, value) for each, values in call.params.items() if each in _HANDED_ON for value in values]
    headers = {each: value for each, value in call.request.headers.items() if each != "prefer"}
    request = Request("GET", f"Measure/${name}", query, headers)
    found = invoke(runtime, request, name, "Measure", call.id, None, context)
    if isinstance(found, Response):
        raise Busy("The numbers are not there yet; ask again.")
    if found["resourceType"] == "Bundle":
        return [each["resource"] for each in found.get("entry", ())]
    return [found]


OPERATIONS = (
    Operation(
        name="table",
        type="Measure",
        levels=("instance",),
        definition="https://carethread.dev/fhir/OperationDefinition/Measure-table",
        handler=tabled,
        parameters=(*_ASKED, _BY, _FORMAT),
        answers=tuple(_BY_MEDIA_TYPE),
    ),
)
