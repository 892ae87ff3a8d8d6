"""MetricsService: what it answers and refuses is what the operations over REST answer and refuse."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from carethread.core.fhir import json
from carethread.v1 import metrics_pb2 as pb
from support.measuring import MARCH, RATE, Metrics, body, metrics, visit
from support.rpc import SECONDS, Rpc, outcome_of, serving
from support.stores import open_store

PERIOD: dict[str, Any] = {"period_start": MARCH["periodStart"], "period_end": MARCH["periodEnd"]}
WHICH = pb.MeasureChoice(id=RATE)


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Metrics]:
    store = open_store(f"sqlite:///{tmp_path_factory.mktemp('metrics')}/metrics.db", "metrics")
    made = metrics(store)
    made.facts.tell(
        visit("a", "fulfilled", "p", department="heart"),
        visit("b", "noshow", "p", hour=10),
        visit("c", "fulfilled", "q"),
        visit("d", "noshow", "q", day="2029-02-02"),
    )
    yield made
    store.close()


@pytest.fixture(scope="module")
def rpc(asked: Metrics) -> Iterator[Rpc]:
    with serving({"metrics": asked.runtime}) as made:
        yield made


def timeless(told: Any) -> Any:
    """Without when it was made, and the ids that are made for it."""
    return json.parse(re.sub(rb'("date"|"fullUrl"|"lastUpdated"):"[^"]*"', rb'\1:""', json.render(told)))


def test_a_measure_is_evaluated(asked: Metrics, rpc: Rpc) -> None:
    for request, params in (
        (pb.EvaluateRequest(measure=WHICH, **PERIOD), {}),
        (
            pb.EvaluateRequest(measure=WHICH, department="Organization/heart", **PERIOD),
            {"department": "Organization/heart"},
        ),
        (
            pb.EvaluateRequest(measure=WHICH, report_type=pb.REPORT_TYPE_SUBJECT, subject="Patient/p", **PERIOD),
            {"reportType": "subject", "subject": "Patient/p"},
        ),
        (
            pb.EvaluateRequest(measure=WHICH, report_type=pb.REPORT_TYPE_SUBJECT_LIST, **PERIOD),
            {"reportType": "subject-list"},
        ),
    ):
        found = json.parse(rpc.metrics.Evaluate(request, timeout=SECONDS).report)
        assert timeless(found) == timeless(body(asked.rate(**params)))
    named = pb.MeasureChoice(canonical=f"https://carethread.dev/fhir/Measure/{RATE}")
    answer = rpc.metrics.Evaluate(pb.EvaluateRequest(measure=named, **PERIOD), timeout=SECONDS)
    assert timeless(json.parse(answer.report)) == timeless(body(asked.rate()))
    before = body(asked.ask("MeasureReport", _summary="count"))["total"]
    rpc.metrics.Evaluate(pb.EvaluateRequest(measure=WHICH, **PERIOD), timeout=SECONDS)
    assert body(asked.ask("MeasureReport", _summary="count"))["total"] == before


def test_a_number_is_explained(asked: Metrics, rpc: Rpc) -> None:
    request = pb.EvaluateRequest(measure=WHICH, store=True, **PERIOD)
    id_ = json.parse(rpc.metrics.Evaluate(request, timeout=SECONDS).report)["id"]
    parts = body(asked.ask(f"MeasureReport/{id_}/$explain", population="denominator"))["parameter"]
    by = [each["valueCanonical"] for each in parts if each["name"] == "counted-by"]
    found = rpc.metrics.Explain(pb.ExplainRequest(report=id_, population="denominator"), timeout=SECONDS)
    assert (found.reported, found.found, found.moved_on, found.HasField("next_offset")) == (3, 3, False, False)
    assert (found.measure, list(found.counted_by)) == (f"https://carethread.dev/fhir/Measure/{RATE}|2.3.0", by)
    assert "SELECT" in found.sql
    assert found.reported_as_of == found.found_as_of
    assert [each.resource for each in found.units] == ["Appointment/a", "Appointment/b", "Appointment/c"]
    assert found.units[0].columns["department"] == "Organization/heart"
    assert found.units[0].columns["at"].startswith("2029-03-05T09:00")
    page = pb.ExplainRequest(report=id_, population="denominator", count=1, offset=1)
    second = rpc.metrics.Explain(page, timeout=SECONDS)
    assert ([each.resource for each in second.units], second.next_offset) == (["Appointment/b"], 2)
    stratum = pb.ExplainRequest(report=id_, population="denominator", stratifier="department", stratum="heart")
    assert rpc.metrics.Explain(stratum, timeout=SECONDS).found == 1


def test_a_measure_over_time(asked: Metrics, rpc: Rpc) -> None:
    params = {"periodStart": "2029-01", "periodEnd": "2029-03"}
    for by, name in ((pb.SERIES_INTERVAL_UNSPECIFIED, "month"), (pb.SERIES_INTERVAL_WEEK, "week")):
        request = pb.SeriesRequest(measure=RATE, period_start="2029-01", period_end="2029-03", by=by)
        found = [json.parse(each) for each in rpc.metrics.Series(request, timeout=SECONDS).reports]
        wanted = body(asked.ask(f"Measure/{RATE}/$series", by=name, **params))["entry"]
        assert timeless(found) == timeless([each["resource"] for each in wanted])
    parted = pb.SeriesRequest(measure=RATE, period_start="2029-03", period_end="2029-03", stratifiers=["department"])
    [report] = rpc.metrics.Series(parted, timeout=SECONDS).reports
    assert [each["value"]["text"] for each in json.parse(report)["group"][0]["stratifier"][0]["stratum"]] == [
        "unknown", "heart",
    ]  # fmt: skip


def test_few_people_are_masked_here_too(asked: Metrics) -> None:
    with serving({"metrics": asked.masking().runtime}) as rpc:
        request = pb.EvaluateRequest(measure=WHICH, store=True, **PERIOD)
        report = json.parse(rpc.metrics.Evaluate(request, timeout=SECONDS).report)
        assert all("count" not in each for each in report["group"][0]["population"])
        with pytest.raises(grpc.RpcError) as caught:
            rpc.metrics.Explain(pb.ExplainRequest(report=report["id"], population="numerator"), timeout=SECONDS)
        assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED
        series = pb.SeriesRequest(measure=RATE, period_start="2029-01", period_end="2029-03")
        points = [json.parse(each) for each in rpc.metrics.Series(series, timeout=SECONDS).reports]
        masked = [each["group"][0]["measureScore"].get("extension", [{}])[0].get("valueCode") for each in points]
        assert masked == ["not-applicable", "masked", "masked"]


UNKNOWN = pb.MeasureChoice(id="nothing")
BAD: list[tuple[str, Any, str, str, str]] = [
    ("Evaluate", pb.EvaluateRequest(**PERIOD), "INVALID_ARGUMENT", "required", "measure"),
    ("Evaluate", pb.EvaluateRequest(measure=pb.MeasureChoice(id="no id")), "INVALID_ARGUMENT", "value", "measure"),
    ("Evaluate", pb.EvaluateRequest(measure=UNKNOWN, **PERIOD), "NOT_FOUND", "not-found", "measure"),
    ("Evaluate", pb.EvaluateRequest(measure=WHICH), "INVALID_ARGUMENT", "required", "period_start"),
    (
        "Evaluate", pb.EvaluateRequest(measure=WHICH, period_start="2029-03", period_end="2029-02"),
        "INVALID_ARGUMENT", "value", "period_end",
    ),
    ("Evaluate", pb.EvaluateRequest(measure=WHICH, subject="a b", **PERIOD), "INVALID_ARGUMENT", "value", "subject"),
    (
        "Evaluate", pb.EvaluateRequest(measure=WHICH, report_type=pb.REPORT_TYPE_SUBJECT, **PERIOD),
        "INVALID_ARGUMENT", "required", "subject",
    ),
    (
        "Evaluate", pb.EvaluateRequest(measure=WHICH, report_type=9, **PERIOD),  # type: ignore[arg-type]
        "INVALID_ARGUMENT", "value", "report_type",
    ),
    ("Series", pb.SeriesRequest(**PERIOD), "INVALID_ARGUMENT", "value", "measure"),
    ("Series", pb.SeriesRequest(measure=RATE), "INVALID_ARGUMENT", "required", "period_start"),
    ("Series", pb.SeriesRequest(measure=RATE, by=9, **PERIOD), "INVALID_ARGUMENT", "value", "by"),  # type: ignore[arg-type]
    (
        "Series", pb.SeriesRequest(measure=RATE, stratifiers=["hair"], **PERIOD),
        "INVALID_ARGUMENT", "value", "stratifiers",
    ),
    ("Explain", pb.ExplainRequest(report="no id"), "INVALID_ARGUMENT", "value", "report"),
    ("Explain", pb.ExplainRequest(report="none", population="numerator"), "NOT_FOUND", "not-found", ""),
]  # fmt: skip


def test_what_is_refused(rpc: Rpc) -> None:
    for call, request, status, code, where in BAD:
        with pytest.raises(grpc.RpcError) as caught:
            getattr(rpc.metrics, call)(request, timeout=SECONDS)
        issue = outcome_of(caught.value)["issue"][0]
        told = caught.value.code().name, issue["code"], (issue.get("expression") or [""])[0]
        assert told == (status, code, where), (call, request)


def test_what_is_no_number_of_a_report(asked: Metrics, rpc: Rpc) -> None:
    id_ = body(asked.rate("POST"))["id"]
    for more, where in (
        ({"population": "hair"}, "population"),
        ({"population": "numerator", "group": "2"}, "group"),
        ({"population": "numerator", "stratifier": "age"}, "stratum"),
        ({"population": "numerator", "offset": -1}, "offset"),
        ({"population": "numerator", "count": -1}, "count"),
    ):
        with pytest.raises(grpc.RpcError) as caught:
            rpc.metrics.Explain(pb.ExplainRequest(report=id_, **more), timeout=SECONDS)
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert outcome_of(caught.value)["issue"][0]["expression"] == [where], more
