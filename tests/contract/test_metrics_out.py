"""Numbers as tables and as Prometheus reads them: what REST tells, and nothing that it masks."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from threading import Event as Signal
from typing import Any

import pytest

from carethread.adapters.analytics.packing import packed
from carethread.adapters.prometheus import exposition
from carethread.adapters.sql.store.store import SqlStore
from carethread.core.context import Context
from carethread.core.errors import Busy
from carethread.core.fhir import json
from carethread.core.metric_names import FACTS_FAILED, MEASURE_AS_OF, MEASURE_PERIOD_END, MEASURE_VALUE
from carethread.core.ports import Request, Response
from carethread.core.service import Runtime
from carethread.interactions.rest.handling import handle
from carethread.metrics.answering.answering import Question, answered
from carethread.metrics.exporting import latest
from carethread.metrics.exporting.latest import EVERY_SECONDS, SAMPLES, refresh
from support.facts import NOW
from support.measuring import MARCH, RATE, Metrics, Resource, body, counts, metrics, said, visit
from support.stores import open_store

TABLE = f"Measure/{RATE}/$table"


def month_of(people: int, missed: int, department: str, day: str, first: int = 0) -> list[Resource]:
    """A visit of each of so many people, of which some are missed."""
    return [
        visit(
            f"{department}-{day}-{i}", "noshow" if i < missed else "fulfilled", f"p{first + i}",
            day=day, department=department,
        )
        for i in range(people)
    ]  # fmt: skip


def practice(made: Metrics) -> Metrics:
    """March: two departments with many people in all numbers, and February with few who missed."""
    made.facts.tell(
        *month_of(40, 15, "heart", "2029-03-05"), *month_of(40, 12, "skin", "2029-03-06", 100),
        *month_of(40, 3, "heart", "2029-02-05"), *month_of(40, 12, "skin", "2029-02-06", 100),
    )  # fmt: skip
    return made


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Metrics]:
    store = open_store(f"sqlite:///{tmp_path_factory.mktemp('metrics')}/metrics.db", "metrics")
    made = practice(metrics(store))
    yield replace(made, runtime=replace(made.runtime, parquet=packed))
    store.close()


def read(answer: Response) -> list[dict[str, str]]:
    assert answer.status == 200, answer.body
    assert isinstance(answer.body, bytes)
    return list(csv.DictReader(StringIO(answer.body.decode(), newline="")))


def test_a_table_has_what_the_report_has(asked: Metrics) -> None:
    answer = asked.ask(TABLE, **MARCH)
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{RATE}.csv"'
    rows = read(answer)
    group = body(asked.rate())["group"][0]
    strata = [stratum for each in group["stratifier"] for stratum in each["stratum"]]
    found = [[int(row[name]) for name in ("denominator", "numerator")] for row in rows]
    assert found == [[counts(each)[name] for name in ("denominator", "numerator")] for each in (group, *strata)]
    assert {row["stratifier"] for row in rows} == {
        "", "department", "age", "sex", "language", "insurance", "social-need",
    }  # fmt: skip
    assert {row["department"] for row in read(asked.ask(TABLE, **MARCH, department="heart"))} == {"heart"}


def test_a_table_is_no_page(asked: Metrics) -> None:
    assert asked.ask(TABLE, **MARCH).headers["X-Content-Type-Options"] == "nosniff"


def test_a_table_over_time(asked: Metrics) -> None:
    params = {"periodStart": "2029-02", "periodEnd": "2029-03", "by": "month", "stratifier": "department"}
    rows = read(asked.ask(TABLE, **params))
    told = [(row["period_start"], row["period_end"], row["stratum"], row["numerator"]) for row in rows]
    assert told == [
        ("2029-02-01", "2029-02-28", "", "15"), ("2029-02-01", "2029-02-28", "heart", "3"),
        ("2029-02-01", "2029-02-28", "skin", "12"), ("2029-03-01", "2029-03-31", "", "27"),
        ("2029-03-01", "2029-03-31", "heart", "15"), ("2029-03-01", "2029-03-31", "skin", "12"),
    ]  # fmt: skip


def test_parquet(asked: Metrics) -> None:
    answer = asked.ask(TABLE, **MARCH, format="parquet")
    assert answer.headers["Content-Type"] == "application/vnd.apache.parquet"
    assert isinstance(answer.body, bytes)
    assert (answer.body[:4], answer.body[-4:]) == (b"PAR1", b"PAR1")
    without = replace(asked, runtime=replace(asked.runtime, parquet=None))
    assert said(without.ask(TABLE, **MARCH, format="parquet"))[:2] == (503, "transient")


@pytest.mark.parametrize(
    ("params", "begins"),
    [
        ({"_h_accept": "text/csv"}, "text/csv;"),
        ({"_h_accept": "application/vnd.apache.parquet"}, "application/vnd.apache.parquet"),
        ({"_h_accept": "text/csv;q=0, application/vnd.apache.parquet"}, "application/vnd.apache.parquet"),
        ({"_h_accept": "application/fhir+json"}, "text/csv;"),
        ({"_h_accept": "text/csv", "format": "parquet"}, "application/vnd.apache.parquet"),
        ({"_h_accept": "text/html", "_format": "application/vnd.apache.parquet"}, "application/vnd.apache.parquet"),
    ],
)
def test_the_media_type_that_is_accepted_is_answered(asked: Metrics, params: dict[str, str], begins: str) -> None:
    answer = asked.ask(TABLE, **MARCH, **params)
    assert answer.status == 200 and answer.headers["Content-Type"].startswith(begins)


def test_what_a_table_is_not_answers_with_what_it_is(asked: Metrics) -> None:
    refused = body(asked.ask(TABLE, **MARCH, _h_accept="text/html"))["issue"][0]
    assert refused["code"] == "not-supported"
    for each in ("application/fhir+json", "text/csv", "application/vnd.apache.parquet"):
        assert each in refused["diagnostics"]
    assert asked.rate(_h_accept="text/csv").status == 406, "a report is no table"


def test_few_people_are_masked_in_a_table(asked: Metrics) -> None:
    february = {"periodStart": "2029-02", "periodEnd": "2029-02"}
    for more in ({}, {"by": "month", "stratifier": "department"}):
        rows = read(asked.masking().ask(TABLE, **february, **more))
        parted = [row for row in rows if row["stratifier"] == "department"]
        numbers = ("initial_population", "denominator", "numerator", "unresolved", "score")
        assert [[row[name] for name in numbers] for row in parted] == [[""] * 5] * 2, "and the other, its complement"
        assert {(row["masked"], row["score_absent"]) for row in parted} == {("true", "masked")}
        assert rows[0]["numerator"] == "15"
    assert said(asked.masking().ask(TABLE, **MARCH, practitioner="x"))[:2] == (403, "suppressed")
    assert said(asked.masking().ask(TABLE, **february, by="day"))[:2] == (403, "suppressed")


@pytest.mark.parametrize(
    ("params", "status", "code", "where"),
    [
        ({**MARCH, "format": "xls"}, 400, "value", "format"),
        ({"periodStart": "2029-03"}, 400, "required", "periodEnd"),
        ({**MARCH, "by": "hour"}, 400, "value", "by"),
        ({**MARCH, "colour": "red"}, 400, "not-supported", "colour"),
        ({**MARCH, "by": "month", "stratifier": "hair"}, 400, "value", "stratifier"),
    ],
)
def test_what_is_wrong_with_a_table_is_named(
    asked: Metrics, params: dict[str, str], status: int, code: str, where: str
) -> None:
    assert said(asked.ask(TABLE, **params)) == (status, code, where)
    assert said(asked.ask("Measure/nothing/$table", **MARCH))[:2] == (404, "not-found")


@pytest.mark.parametrize(
    ("params", "told"),
    [
        (
            {"stratifier": "age"},
            "'stratifier' is not supported; $table without by takes periodStart, periodEnd, reportType, subject, "
            "practitioner, department, group, by, format.",
        ),
        (
            {"by": "month", "subject": "p"},
            "'subject' is not supported; $table with by takes periodStart, periodEnd, by, department, stratifier, "
            "format.",
        ),
    ],
)
def test_a_table_says_what_it_takes_itself(asked: Metrics, params: dict[str, str], told: str) -> None:
    refused = asked.ask(TABLE, **MARCH, **params)
    assert said(refused) == (400, "not-supported", [*params][-1])
    assert body(refused)["issue"][0]["diagnostics"].startswith(told)


def test_what_a_table_does_not_take_is_refused_or_passed_over(asked: Metrics) -> None:
    parts = [{"name": name, "valueString": value} for name, value in MARCH.items()]
    for given in ({"valuePeriod": {"start": "2029"}}, {"valueString": "red"}):
        posted = {"resourceType": "Parameters", "parameter": [*parts, {"name": "colour", **given}]}
        request = Request("POST", TABLE, (), {"content-type": "application/fhir+json"}, json.render(posted))
        assert said(handle(asked.runtime, request, Context())) == (400, "not-supported", "colour")
        lenient = replace(request, headers={**request.headers, "prefer": "handling=lenient"})
        assert handle(asked.runtime, lenient, Context()).body == asked.ask(TABLE, **MARCH).body


AT = datetime.fromtimestamp(NOW / 1_000_000, UTC)
"""17 March 2030: up to when the facts of a test are whole, so that February is the last month."""


def last(made: Metrics, later: float = 0) -> bool:
    return refresh(made.runtime, Context(clock=lambda: AT + timedelta(seconds=later)))


def shown(made: Metrics) -> dict[tuple[str, str], float]:
    """The numbers of the rate by name and department, as Prometheus reads them."""
    state = made.runtime.store.glance(lambda session: {name: of(made.runtime, session) for name, of in SAMPLES.items()})
    lines = [line for line in exposition({"metrics": lambda: state})[0].decode().splitlines() if line[0] != "#"]
    found = {}
    for line in lines:
        name, _, labels = line.partition("{")
        of = [each for each in labels.partition("}")[0].split(",") if each.startswith("department=")]
        if name in SAMPLES and (not of or f'measure="{RATE}"' in labels):
            found[name, of[0][12:-1] if of else ""] = float(line.rpartition(" ")[2])
    return found


def test_prometheus_reads_what_was_counted_before(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    told_of = [{"id": "workload"}, {"id": RATE}]  # the first is not counted by SQL, which is no reason to stop
    monkeypatch.setattr("carethread.metrics.exporting.latest.libraries", lambda: told_of)
    made = metrics(store)
    assert shown(made) == {}
    told = [*month_of(40, 10, "heart", "2030-02-05"), *month_of(40, 20, "skin", "2030-02-06", 100)]
    made.facts.tell(*told, *month_of(5, 5, "heart", "2030-03-05"))
    assert last(made)
    found = shown(made)
    assert [found[MEASURE_VALUE, each] for each in ("", "heart", "skin")] == [0.375, 0.25, 0.5]
    assert found[MEASURE_PERIOD_END, ""] == datetime(2030, 3, 1, tzinfo=UTC).timestamp()
    assert found[MEASURE_AS_OF, ""] == NOW / 1_000_000
    made.facts.tell(visit("heart-2030-02-05-0", "fulfilled", "p0", day="2030-02-05", department="heart"))
    assert not last(made, EVERY_SECONDS - 1), "another process counted just now"
    assert last(made, EVERY_SECONDS + 1)
    assert shown(made)[MEASURE_VALUE, "heart"] == 0.225
    assert last(made.masking(), 2 * EVERY_SECONDS + 2)
    masked = shown(made)
    assert [(MEASURE_VALUE, each) in masked for each in ("", "heart", "skin")] == [True, False, False]


def test_one_measure_whose_facts_are_not_there_holds_up_no_other(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latest, "libraries", lambda: [{"id": RATE}, {"id": "after-hours-load"}])
    made, waits = metrics(store), {"after-hours-load"}

    def some(runtime: Runtime, asks: Question, *given: Any, **more: Any) -> Any:
        if asks.measure["id"] in waits:
            raise Busy("These facts are still being gathered.")
        return answered(runtime, asks, *given, **more)

    monkeypatch.setattr(latest, "answered", some)
    made.facts.tell(*month_of(40, 10, "heart", "2030-02-05"))
    assert last(made)
    assert shown(made)[MEASURE_VALUE, ""] == 0.25
    waits |= {RATE}
    with pytest.raises(Busy, match="gathered"):
        last(made, EVERY_SECONDS + 1)
    waits -= {"after-hours-load"}
    assert last(made, EVERY_SECONDS + 1)
    assert shown(made)[MEASURE_VALUE, ""] == 0.25, "what was told of this month stays"
    assert last(made.masking(), 2 * EVERY_SECONDS + 2)
    assert (MEASURE_VALUE, "") not in shown(made), "but nothing that may not be told any more"


def test_a_measure_that_fails_for_no_foreseen_reason_holds_up_no_other(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(latest, "libraries", lambda: [{"id": "after-hours-load"}, {"id": RATE}])
    made, seen = metrics(store), []

    def some(runtime: Runtime, asks: Question, *given: Any, **more: Any) -> Any:
        if asks.measure["id"] != RATE:
            raise ZeroDivisionError("Mr Example")
        return answered(runtime, asks, *given, **more)

    monkeypatch.setattr(latest, "answered", some)
    made.facts.tell(*month_of(40, 10, "heart", "2030-02-05"))
    context = Context(clock=lambda: AT)
    assert refresh(made.runtime, context, observe=lambda name, count: seen.append(name))
    assert shown(made)[MEASURE_VALUE, ""] == 0.25
    assert seen == [FACTS_FAILED]
    (line,) = [each for each in caplog.records if each.message == "measure_not_counted"]
    assert line.error == "ZeroDivisionError" and "Example" not in str(vars(line))  # type: ignore[attr-defined]


def test_the_loop_outlives_what_nobody_foresaw(asked: Metrics, monkeypatch: pytest.MonkeyPatch) -> None:
    stop, seen, times = Signal(), [], []

    def fails(*given: Any) -> bool:
        times.append(1)
        if len(times) == 3:
            stop.set()
        raise Busy("The database is away.") if len(times) == 1 else ZeroDivisionError

    monkeypatch.setattr(latest, "_LOOK_SECONDS", 0.001)
    monkeypatch.setattr(latest, "refresh", fails)
    latest.keep_latest(asked.runtime, Context(), stop, lambda name, count: seen.append(name))
    assert len(times) == 3 and seen == [FACTS_FAILED] * 2


def test_numbers_that_may_not_be_told_any_more_are_not_shown_until_they_are_counted_anew(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latest, "libraries", lambda: [{"id": RATE}])
    made = metrics(store)
    made.facts.tell(*month_of(40, 20, "heart", "2030-02-05"), *month_of(5, 5, "skin", "2030-02-05", 40))
    assert last(made) and shown(made)[MEASURE_VALUE, "skin"] == 1
    masked = made.masking()
    assert {name for name, _ in shown(masked)} == {MEASURE_PERIOD_END, MEASURE_AS_OF}, "counted while few were told"
    assert last(masked, 1)
    assert shown(masked).keys() == shown(made).keys(), "what is told to all is told"


def test_before_there_are_facts_there_are_no_numbers(asked: Metrics) -> None:
    without = replace(asked, runtime=replace(asked.runtime, analytics=None))
    with pytest.raises(Busy):
        last(without)
    assert (MEASURE_VALUE, "") not in shown(asked)
