"""MetricsService by the operations that REST has, as QuestionnaireService is; it is served where Measure is owned."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import grpc

from carethread.adapters.rpc.calls import Workers
from carethread.adapters.rpc.health import METRICS_SERVICE
from carethread.adapters.rpc.operating import Operating, Said, ids, one, said_of, unary
from carethread.core.errors import Malformed
from carethread.core.fhir import json
from carethread.core.service import Runtime
from carethread.v1 import metrics_pb2 as pb

TYPE = "Measure"
_REPORT = "MeasureReport"

_REPORT_TYPES: Mapping[int, str] = {
    pb.REPORT_TYPE_UNSPECIFIED: "",
    pb.REPORT_TYPE_SUBJECT: "subject",
    pb.REPORT_TYPE_SUBJECT_LIST: "subject-list",
    pb.REPORT_TYPE_POPULATION: "population",
}
_INTERVALS: Mapping[int, str] = {
    pb.SERIES_INTERVAL_UNSPECIFIED: "month",
    pb.SERIES_INTERVAL_DAY: "day",
    pb.SERIES_INTERVAL_WEEK: "week",
    pb.SERIES_INTERVAL_MONTH: "month",
}

_PERIOD = {"periodStart": "period_start", "periodEnd": "period_end"}
_BOUNDS = {each: each for each in ("subject", "practitioner", "department", "group")}


class Metrics:
    """The calls of one runtime, each worked on by a thread."""

    def __init__(self, runtime: Runtime, workers: Workers) -> None:
        self._runtime = runtime
        self._workers = workers

    def add_to(self, server: grpc.aio.Server) -> None:
        """Let the server answer MetricsService."""
        handlers = unary(self._runtime, self._workers, pb, _CALLS)
        server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(METRICS_SERVICE, handlers)])


def _evaluate(metrics: Operating, request: pb.EvaluateRequest) -> pb.EvaluateResponse:
    if request.report_type not in _REPORT_TYPES:
        raise Malformed("report_type is a value of ReportType.", code="value", expression="report_type")
    where, query = _measure(request.measure)
    query = [*query, *_given(request, {**_PERIOD, **_BOUNDS})]
    if kind := _REPORT_TYPES[request.report_type]:
        query.append(("reportType", kind))
    fields = {**_PERIOD, **_BOUNDS, "reportType": "report_type"}
    method = "POST" if request.store else "GET"
    report = metrics.do((TYPE, where), "evaluate-measure", (), query, fields=fields, method=method).body
    return pb.EvaluateResponse(report=report if isinstance(report, bytes) else b"".join(report))


def _measure(choice: pb.MeasureChoice) -> tuple[str, list[tuple[str, str]]]:
    """The id of the Measure, empty where it is a parameter; and the parameter that says which one it is."""
    if choice.WhichOneof("measure") == "id":
        ids("measure", choice.id)
        return choice.id, []
    return "", [("measure", choice.canonical)] if choice.canonical else []


def _series(metrics: Operating, request: pb.SeriesRequest) -> pb.SeriesResponse:
    if request.by not in _INTERVALS:
        raise Malformed("by is a value of SeriesInterval.", code="value", expression="by")
    ids("measure", request.measure)
    fields = {**_PERIOD, "department": "department"}
    query = [*_given(request, fields), ("by", _INTERVALS[request.by])]
    query += [("stratifier", each) for each in request.stratifiers]
    named = {**fields, "stratifier": "stratifiers"}
    found = metrics.do((TYPE, request.measure), "series", (), query, fields=named, method="GET").body
    entries = json.parse_object(found).get("entry", ())
    return pb.SeriesResponse(reports=[json.render(each["resource"]) for each in entries])


def _explain(metrics: Operating, request: pb.ExplainRequest) -> pb.ExplainResponse:
    ids("report", request.report)
    query = _given(request, {each: each for each in ("population", "group", "stratifier")})
    if request.HasField("stratum"):
        query.append(("stratum", request.stratum))
    query += [
        (name, str(number)) for name, number in (("_count", request.count), ("_offset", request.offset)) if number
    ]
    fields = {"_count": "count", "_offset": "offset"}
    found = said_of(metrics.do((_REPORT, request.report), "explain", (), query, fields=fields, method="GET").body)
    following = one(found, "next")
    return pb.ExplainResponse(
        measure=one(found, "measure"),
        population=one(found, "population"),
        reported=int(found["reported"][0]) if "reported" in found else None,
        reported_as_of=one(found, "reported-as-of"),
        found=int(found["found"][0]),
        found_as_of=one(found, "found-as-of"),
        moved_on=found["moved-on"][0],
        counted_by=found.get("counted-by", ()),
        sql=one(found, "sql"),
        units=map(_unit, found.get("unit", ())),
        next_offset=int(parse_qs(urlsplit(following).query)["_offset"][0]) if following else None,
    )


def _unit(found: Said) -> pb.ExplainedUnit:
    columns = {name: _text(values[0]) for name, values in found.items() if name != "resource"}
    return pb.ExplainedUnit(resource=one(found, "resource"), columns=columns)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.render(value).decode()


def _given(request: Any, fields: Mapping[str, str]) -> list[tuple[str, str]]:
    """Parameters of those fields that are not empty."""
    return [(name, getattr(request, member)) for name, member in fields.items() if getattr(request, member)]


_CALLS: dict[str, Callable[[Operating, Any], Any]] = {
    "Evaluate": _evaluate,
    "Series": _series,
    "Explain": _explain,
}
