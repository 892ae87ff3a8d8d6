"""Series, departments beside each other, and signals, as a caller and as the owner of a number see them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from carethread.adapters.local import LocalOwners, LocalPeer
from carethread.careteams import SERVICE as CARETEAMS
from carethread.core.context import Context
from carethread.core.errands.sending import Sending
from carethread.core.errands.timing import Timing
from carethread.core.errors import Busy
from carethread.core.fhir import json
from carethread.core.fhir.search import parse_query
from carethread.core.fhir.validation import validate
from carethread.core.ports import Request, Response, Session, Stored, Timer
from carethread.core.service import Runtime
from carethread.interactions.mirror import keep
from carethread.interactions.publish import publish
from carethread.interactions.rest.handling import handle
from carethread.metrics import SERVICE
from carethread.metrics.facts.days import EARLIEST
from carethread.metrics.measures.definition import LOOKS_BACK, NAMELESS
from carethread.metrics.series.keeping import KEPT_DAILY
from carethread.metrics.signals import watching
from carethread.metrics.signals.charting import Place
from carethread.metrics.signals.goals import GOAL_MEASURE
from carethread.metrics.signals.restating import Restating
from carethread.metrics.signals.standing import Raised
from carethread.metrics.signals.telling import SIGNAL
from carethread.metrics.signals.watching import RAISED, Seen, look
from support.measuring import Facts, Records, body, counts, own_measure, said, visit
from support.risk import stay
from support.stores import BASE, open_stores

RATE = "Measure/no-show-rate"
CANONICAL = "https://carethread.dev/fhir/Measure/no-show-rate"
NOW = datetime(2030, 3, 20, 8, tzinfo=UTC)
"""After the moment up to which the facts of a test are whole."""

Resource = dict[str, Any]


class BesideRecords(LocalPeer):
    """The services that are here, and records."""

    def call(self, service: str, request: Request) -> Response:
        return Records().call(service, request) if service == "records" else super().call(service, request)


class Trends:
    """Metrics and careteams over their stores, with facts that a test tells."""

    def __init__(self, folder: Path, url: str) -> None:
        self.stores = open_stores(folder, url, ["metrics", "careteams"])
        self.facts, self.now = Facts(), NOW
        runtimes: dict[str, Runtime] = {}
        owners, peer = LocalOwners(runtimes), BesideRecords(runtimes)
        for service in (SERVICE, CARETEAMS):
            analytics = self.facts if service is SERVICE else None
            runtime = Runtime(service, self.stores[service.name], owners, peer, BASE, analytics=analytics)
            runtimes[service.name] = runtime
        self.runtimes = runtimes
        publish(runtimes["metrics"], self.context)
        self.stores["metrics"].transact(_only_one)

    @property
    def context(self) -> Context:
        return Context(clock=lambda: self.now)

    def ask(self, path: str, service: str = "metrics", **params: str) -> Response:
        return handle(self.runtimes[service], Request("GET", path, tuple(params.items()), {}), self.context)

    def put(self, resource: Resource, service: str = "careteams") -> Resource:
        headers = {"content-type": "application/fhir+json"}
        path = f"{resource['resourceType']}/{resource['id']}"
        answer = handle(self.runtimes[service], Request("PUT", path, (), headers, json.render(resource)), self.context)
        assert answer.status in (200, 201), answer.body
        return body(answer)  # type: ignore[no-any-return]

    def found(self, type_name: str, service: str) -> list[Resource]:
        def work(session: Session) -> list[Resource]:
            matches = session.search(parse_query(type_name, []), 100).matches
            return [json.restore(each.body) for each in matches]

        return self.stores[service].snapshot(work)

    def visits(self, month: int, noshows: int, department: str = "north", of: int = 10, year: int = 2029) -> None:
        """As many visits of a month, of which some were missed."""
        for i in range(of):
            status = "noshow" if i < noshows else "fulfilled"
            day = f"{year}-{month:02}-{1 + i % 28:02}"
            id_ = f"{department}-{year}-{month}-{i}"
            self.facts.tell(visit(id_, status, f"p{i}", day=day, department=department))

    def another_day(self) -> None:
        """The next day, and what is due by then."""
        self.later(days=1)

    def later(self, **length: float) -> None:
        """Time passes: what is due at metrics, and what it requested of careteams."""
        self.now += timedelta(**length)
        timing = Timing(self.runtimes["metrics"], lambda: self.now)
        while timing.step():
            pass
        failing = self.stores["metrics"].glance(lambda session: session.timers.failing(10))
        assert failing == [], [each.failure for each in failing]
        sending = Sending(self.runtimes["metrics"], {"Task": "careteams"}, "gateway")
        while sending.step():
            pass
        left = self.stores["metrics"].glance(lambda session: session.requests.all())
        assert left == [], [each.outcome for each in left]

    def kept(self, type_name: str, id_: str) -> Stored:
        return self.stores["careteams"].glance(lambda session: session.current([(type_name, id_)]))[type_name, id_]


def _only_one(session: Session) -> None:
    """The no-show rate alone is looked at, for each look counts anew."""
    for timer in session.timers.ahead("signals", 100):
        if f"Measure/{timer.key}" != RATE:
            session.timers.cancel("signals", timer.key)


@pytest.fixture
def trends(tmp_path: Path, database_url: str) -> Iterator[Trends]:
    made = Trends(tmp_path, database_url)
    yield made
    for store in made.stores.values():
        store.close()


def a_year(trends: Trends, department: str = "north", more: int = 0) -> None:
    """Months as they are, but for January of 2030, which has more no-shows, and February."""
    for month in range(1, 13):
        trends.visits(month, 1 + month % 2, department)
    trends.visits(1, 1 + more, department, year=2030)
    trends.visits(2, 1 + more, department, year=2030)


def parts(resource: Resource, url: str = SIGNAL) -> dict[str, Any]:
    (found,) = [each for each in resource["extension"] if each["url"] == url]
    return {each["url"]: next(value for name, value in each.items() if name != "url") for each in found["extension"]}


def wrong(resource: Resource) -> list[Any]:
    """What is wrong with it; a population of a measure's own is no error."""
    return [each for each in validate(resource) if each.severity == "error"]


def goal(owner: str) -> Resource:
    target = {
        "extension": [{"url": GOAL_MEASURE, "valueCanonical": CANONICAL}],
        "measure": {"text": "No-show rate"},
        "detailQuantity": {"value": 0.15, "comparator": "<="},
    }
    return {
        "resourceType": "Goal",
        "id": "fewer",
        "lifecycleStatus": "active",
        "description": {"text": "Fewer people miss their visit."},
        "subject": {"reference": "Organization/north"},
        "expressedBy": {"reference": owner},
        "target": [target],
    }


def test_a_signal_is_told_once_and_ends(trends: Trends) -> None:
    a_year(trends, more=7)
    a_year(trends, "south")
    trends.another_day()
    (report,) = trends.found("MeasureReport", "metrics")
    told = parts(report)
    assert (told["rule"], told["side"], told["since"]) == ("one-beyond-three", "above", "2030-01-01")
    assert told["measure"].startswith(CANONICAL) and "outcome" not in told
    assert (report["reporter"], report["period"]["start"]) == ({"reference": "Organization/north"}, "2030-02-01")
    assert counts(report["group"][0])["numerator"] == 8
    assert wrong(report) == []
    (task,) = trends.found("Task", "careteams")
    assert parts(task) == told and task["focus"] == {"reference": f"MeasureReport/{report['id']}"}
    assert task["owner"] == {"reference": "Organization/north"} and task["status"] == "requested"
    assert "since 2030-01-01" in task["description"] and "No-show rate" in task["description"]
    assert trends.kept("Task", task["id"]).department == "north"
    trends.another_day()
    assert [each["meta"]["versionId"] for each in trends.found("MeasureReport", "metrics")] == ["1"]
    assert len(trends.found("Task", "careteams")) == 1
    trends.visits(2, 2, year=2030)
    trends.another_day()
    (report,) = trends.found("MeasureReport", "metrics")
    assert (parts(report)["outcome"], parts(report)["until"]) == ("ended", "2030-02-01")
    (task,) = trends.found("Task", "careteams")
    assert task["status"] == "requested" and "since 2030-02-01" in task["businessStatus"]["text"]
    trends.another_day()
    assert [each["meta"]["versionId"] for each in trends.found("MeasureReport", "metrics")] == ["2"]


def test_corrected_data_withdraw_a_signal_and_who_has_begun_is_told(trends: Trends) -> None:
    owned = trends.put(goal("PractitionerRole/head"))
    stored = trends.kept("Goal", owned["id"])
    trends.stores["metrics"].transact(lambda session: keep(trends.runtimes["metrics"], session, [stored]))
    a_year(trends, more=7)
    a_year(trends, "south", more=7)
    trends.another_day()
    tasks = {each["owner"]["reference"]: each for each in trends.found("Task", "careteams")}
    assert tasks.keys() == {"PractitionerRole/head", "Organization/south"}
    trends.put({**tasks["Organization/south"], "status": "accepted"})
    a_year(trends)
    a_year(trends, "south")
    trends.another_day()
    after = {each["id"]: each for each in trends.found("Task", "careteams")}
    unseen = after[tasks["PractitionerRole/head"]["id"]]
    assert unseen["status"] == "cancelled" and "corrected" in unseen["statusReason"]["text"]
    begun = after[tasks["Organization/south"]["id"]]
    assert begun["status"] == "accepted" and "corrected" in begun["businessStatus"]["text"]
    assert [parts(each)["outcome"] for each in trends.found("MeasureReport", "metrics")] == ["withdrawn"] * 2
    a_year(trends, more=7)
    trends.another_day()
    assert len(trends.found("Task", "careteams")) == 3, "what is given again is told anew"


def test_what_can_be_counted_only_now_is_kept_each_day(trends: Trends) -> None:
    third, day = "third-next-available", {"periodStart": "2030-03-16", "periodEnd": "2030-03-16"}
    trends.facts.tell(
        {"resourceType": "Schedule", "id": "gp", "actor": [{"reference": "Practitioner/gp"}], "active": True},
        *(
            {"resourceType": "Slot", "id": f"s{n}", "schedule": {"reference": "Schedule/gp"}, "status": "free",
             "start": f"2030-03-{18 + n}T09:00:00Z", "end": f"2030-03-{18 + n}T09:20:00Z"}
            for n in range(3)
        ),
    )  # fmt: skip
    for _ in range(2):
        trends.stores["metrics"].transact(lambda session: session.timers.set("signals", third, 1))
        trends.later(seconds=1)
    (report,) = trends.found("MeasureReport", "metrics")
    assert (report["period"]["start"], report["meta"]["versionId"]) == ("2030-03-17", "1"), "the first look of the day"
    assert report["group"][0]["measureScore"]["value"] == 3 and report["subject"] == {"reference": "Practitioner/gp"}
    assert wrong(report) == []
    assert trends.found("Task", "careteams") == []
    before = body(trends.ask(f"Measure/{third}/$evaluate-measure", **day))
    assert counts(before["group"][0])["initial-population"] == 0
    trends.facts.tell(
        {**report, "date": "2030-03-16T04:00:00Z", "period": {"start": "2030-03-16", "end": "2030-03-16"}}
    )
    after = body(trends.ask(f"Measure/{third}/$evaluate-measure", **day))["group"][0]
    assert (counts(after)["measure-population"], after["measureScore"]["value"]) == (1, 3)


def test_of_units_that_are_about_people_nothing_is_kept(trends: Trends) -> None:
    """A report of one unit would tell of one person."""
    trends.facts.tell(visit("seen", "fulfilled", "p1", day="2030-03-17", department="north"))
    measure = body(trends.ask(RATE))
    trends.put(
        {**measure, "extension": [*measure.get("extension", ()), {"url": KEPT_DAILY, "valueBoolean": True}]}, "metrics"
    )
    trends.another_day()
    assert [each["type"] for each in trends.found("MeasureReport", "metrics")] == []


OF_CHILDREN = """
SELECT 'Appointment/' || v.id AS resource, v.patient_id AS subject, v.start_at AS "at", v.department_id AS department,
  v.practitioner_id AS practitioner, TRUE AS denominator, v.status = 'noshow' AS numerator
FROM appointments v JOIN patients p ON p.id = v.patient_id
WHERE p.birth_date > DATE '2015-01-01' AND v.start_at >= $start AND v.start_at < $end
"""
PAST, FUTURE = map(datetime.fromisoformat, ("2029-03-05T09:00", "2031-01-01T09:00"))


def looked_at(trends: Trends, changed: dict[str, datetime], *measures: str) -> set[str]:
    """Which of these measures are looked at soon, where tables have changed."""
    never = dict.fromkeys(measures, 2**60)
    trends.stores["metrics"].transact(lambda session: session.timers.set_all("signals", never))
    restating = Restating(trends.runtimes["metrics"], lambda: trends.now)
    restating.changed(changed)
    restating.settle()
    timers = trends.stores["metrics"].glance(lambda session: session.timers.ahead("signals", 100))
    return {each.key for each in timers if each.key in never and each.due < 2**60}


def test_a_bucket_is_over_by_the_clocks_of_any_place(trends: Trends) -> None:
    """On the evening of 31 March in New York it is April in UTC."""
    evening = datetime(2030, 3, 31, 20, 30, tzinfo=ZoneInfo("America/New_York"))
    at = evening.astimezone(UTC).replace(tzinfo=None)
    assert at.month == 4
    trends.now = datetime(2030, 4, 1, 9, tzinfo=UTC)
    assert looked_at(trends, {"appointments": at}, "no-show-rate") == {"no-show-rate"}
    trends.now = datetime(2030, 3, 31, 11, tzinfo=UTC)
    there = datetime(2030, 3, 31, 23, 59, tzinfo=ZoneInfo("Pacific/Kiritimati")).astimezone(UTC).replace(tzinfo=None)
    assert looked_at(trends, {"appointments": there}, "no-show-rate") == {"no-show-rate"}, "there it is April"
    trends.now = datetime(2030, 4, 2, 9, tzinfo=UTC)
    assert looked_at(trends, {"appointments": at + timedelta(days=1)}, "no-show-rate") == set(), "April goes on"


def test_what_looks_ahead_is_judged_by_what_is_corrected_in_this_month(trends: Trends) -> None:
    """Whether somebody was readmitted after a stay of January is told by one of February."""
    again = stay("again", "p1", "2030-02-20T09:00:00Z", "2030-02-22T09:00:00Z", "IMP")
    trends.facts.tell(stay("first", "p1", "2030-01-20T09:00:00Z", "2030-01-28T09:00:00Z", "IMP"), again)
    january, rate = {"periodStart": "2030-01", "periodEnd": "2030-01"}, "Measure/readmission-30-days/$evaluate-measure"
    assert counts(body(trends.ask(rate, **january))["group"][0])["numerator"] == 1
    trends.facts.tell({**again, "status": "entered-in-error"})
    assert counts(body(trends.ask(rate, **january))["group"][0])["numerator"] == 0
    both = "no-show-rate", "readmission-30-days"
    trends.now = datetime(2030, 2, 28, 8, tzinfo=UTC)
    corrected = datetime.fromisoformat("2030-02-20T09:00")
    assert looked_at(trends, dict.fromkeys(("encounters", "appointments"), corrected), *both) == {both[1]}
    today = {"encounters": trends.now.replace(tzinfo=None)}
    assert looked_at(trends, today, *both) == set(), "who comes today is not of the past yet"


OF_A_PERSON = ["treatment-adherence", "social-need-screening", "phq-9-response", "response-rate", "no-show-rate", "own"]


@pytest.mark.parametrize(
    ("changed", "judged"),
    [
        ("patients.organization_id", {"treatment-adherence"}),
        ("patients.birth_date", {"social-need-screening", "phq-9-response", "own"}),
        ("patients.postal_code", set()),
        ("patients", {*OF_A_PERSON}),
    ],
)
def test_what_changes_of_a_person_is_judged_by_the_measures_that_read_it(
    trends: Trends, changed: str, judged: set[str]
) -> None:
    """`patients` itself tells of deaths, which take visits out; a measure of one's own by the words of its SQL."""
    sql = OF_CHILDREN.replace("birth_date", "BIRTH_DATE")
    for each in own_measure(sql, ["denominator", "numerator"]):
        trends.put(each, "metrics")
    assert looked_at(trends, {changed: EARLIEST}, *OF_A_PERSON) == judged


def test_what_touches_nothing_is_decided_without_writing(trends: Trends, monkeypatch: pytest.MonkeyPatch) -> None:
    restating = Restating(trends.runtimes["metrics"], lambda: trends.now)
    restating.changed({"deliveries": PAST})
    monkeypatch.setattr(trends.stores["metrics"], "transact", None)
    restating.settle()


def test_a_signal_is_withdrawn_within_seconds_of_a_correction(trends: Trends) -> None:
    restating = Restating(trends.runtimes["metrics"], lambda: trends.now)
    restating.settle()
    a_year(trends, more=7)
    restating.changed({"appointments": PAST})
    trends.later(seconds=3)
    restating.settle()
    trends.later(seconds=1)
    assert trends.found("Task", "careteams") == [], "nobody is told anything wrong, so it takes a little longer"
    trends.later(seconds=5)
    (task,) = trends.found("Task", "careteams")
    assert task["status"] == "requested"
    a_year(trends)
    trends.later(minutes=1)
    restating.settle()
    restating.changed({"deliveries": PAST, "appointments": FUTURE})
    restating.settle()
    trends.later(seconds=10)
    assert trends.found("Task", "careteams") == [task], "other facts, and visits to come, are behind no bucket"
    restating.changed({"appointments": PAST})
    restating.changed({"appointments": FUTURE})
    restating.settle()
    trends.later(seconds=0)
    (after,) = trends.found("Task", "careteams")
    assert after["status"] == "cancelled" and "corrected" in after["statusReason"]["text"]
    (report,) = trends.found("MeasureReport", "metrics")
    assert parts(report)["outcome"] == "withdrawn"


@pytest.mark.parametrize(
    ("more", "length", "expected"),
    [
        (7, 60, [*range(0, 1800, 120)]),
        (0, 20, [0, 40, 80, 120, *range(200, 1800, 200)]),
        (0, 200, [0, 1400]),
    ],
    ids=["stands", "none", "none of many"],
)
def test_many_corrections_are_judged_together(trends: Trends, more: int, length: int, expected: list[int]) -> None:
    """However many there are, looks take half of the time where a signal stands, else a tenth in the long run; but ten
    minutes of rest may be owed, so that a small practice is soon told what an import says."""
    restating, looks = Restating(trends.runtimes["metrics"], lambda: trends.now), []

    def dues() -> set[int]:
        timers = trends.stores["metrics"].glance(lambda session: session.timers.ahead("signals", 100))
        return {each.due for each in timers}

    a_year(trends, more=more)
    trends.another_day()

    def slow(session: Session) -> None:
        session.timers.set("signals", "no-show-rate", 2**60, b"%d" % (length * 1_000_000))

    trends.stores["metrics"].transact(slow)
    for second in range(0, 1800, 20):
        restating.changed({"appointments": PAST})
        restating.settle()
        if 2**60 not in dues():
            looks.append(second)
            trends.stores["metrics"].transact(slow)
        trends.now += timedelta(seconds=20)
    assert looks == expected
    trends.now += timedelta(hours=1)
    restating.settle()
    assert 2**60 not in dues(), "what was gathered meanwhile is not forgotten"


def test_short_looks_come_before_long_ones(trends: Trends) -> None:
    """The number of what takes a minute can wait longer than that of what takes none."""
    took = {"avoidable-repeat-visits": 60, "late-cancellation-rate": 2, "no-show-rate": 1}

    def timed(session: Session) -> None:
        for name, seconds in took.items():
            session.timers.set("signals", name, 2**60, b"%d" % (seconds * 1_000_000))

    trends.stores["metrics"].transact(timed)
    restating = Restating(trends.runtimes["metrics"], lambda: trends.now)
    restating.changed({"appointments": PAST})
    restating.settle()
    timers = trends.stores["metrics"].glance(lambda session: session.timers.ahead("signals", 9))
    soon = sorted((each for each in timers if each.key in took), key=lambda each: each.due)
    assert [each.key for each in soon] == sorted(took, key=took.__getitem__)
    assert soon[-1].due - soon[0].due < 1_000_000


@pytest.fixture
def looks(trends: Trends, monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], None]]:
    """What happens while the measure is being counted, and is then gone: of each look the last."""
    during: list[Callable[[], None]] = []

    def overtaken(runtime: Runtime, measure: Resource) -> Seen:
        found = look(runtime, measure)
        during.pop()()
        return found

    monkeypatch.setattr(watching, "look", overtaken)
    return during


def test_what_is_corrected_while_it_is_counted_is_counted_again(
    trends: Trends, looks: list[Callable[[], None]]
) -> None:
    """But what was counted is settled first, so that corrections that never cease keep nobody from being told."""
    restating = Restating(trends.runtimes["metrics"], lambda: trends.now)

    def corrected(more: int) -> None:
        a_year(trends, more=more)
        trends.now += timedelta(seconds=15)
        restating.changed({"appointments": PAST})
        restating.settle()

    corrected(7)
    looks += [lambda: None, lambda: corrected(7), lambda: corrected(0)]
    trends.later(seconds=6)
    assert looks == [], "each correction is counted"
    told = {"withdrawn": "cancelled", None: "requested"}
    assert {parts(each).get("outcome") for each in trends.found("MeasureReport", "metrics")} == told.keys()
    assert sorted(each["status"] for each in trends.found("Task", "careteams")) == sorted(told.values())
    due = trends.stores["metrics"].glance(lambda session: session.timers.ahead("signals", 9))
    assert [each.due for each in due] == [int(datetime(2030, 3, 21, 4, tzinfo=UTC).timestamp() * 1e6)]


def test_what_failed_is_tried_again_in_its_time_and_then_once_more(
    trends: Trends, looks: list[Callable[[], None]]
) -> None:
    """Corrections do not hasten it, for it would fail again; so those that come while it succeeds are not seen."""
    store, now = trends.stores["metrics"], int(trends.now.timestamp() * 1e6)
    failed = Timer("signals", "no-show-rate", now - 1)

    def fail(session: Session) -> None:
        session.timers.set(failed.kind, failed.key, failed.due)
        assert session.timers.put_off(failed, now + 60_000_000, "It takes too long.")

    store.transact(fail)
    restating = Restating(trends.runtimes["metrics"], lambda: trends.now)
    restating.changed({"appointments": PAST})
    restating.settle()
    assert store.glance(lambda session: session.timers.earliest()) == now + 60_000_000
    looks += [lambda: None, lambda: None]
    trends.later(seconds=60)
    assert looks == []


def test_while_facts_are_away_they_are_asked_for_each_minute(
    trends: Trends, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is said of each time, and what is known of how long a look takes stays."""
    asked: list[datetime] = []

    def away(runtime: Runtime, measure: Resource) -> Seen:
        asked.append(trends.now)
        raise Busy("There are no facts.")

    begin, due = trends.now, int(trends.now.timestamp() * 1e6)
    trends.stores["metrics"].transact(lambda session: session.timers.set("signals", "no-show-rate", due, b"7"))
    with monkeypatch.context() as patch:
        patch.setattr(watching, "look", away)
        for _ in range(12):
            trends.later(seconds=15)
    assert [(each - begin).total_seconds() for each in asked] == [15, 75, 135]
    assert "timer_waits" not in caplog.text
    (timer,) = trends.stores["metrics"].glance(lambda session: session.timers.ahead("signals", 9))
    assert timer.payload == b"7"
    trends.later(seconds=60)
    (timer,) = trends.stores["metrics"].glance(lambda session: session.timers.ahead("signals", 9))
    assert timer.due - due > 3600 * 1_000_000, "then it was looked at"


def test_a_measure_that_is_stored_is_looked_at_no_later_than_it_was_to_be(trends: Trends) -> None:
    a_year(trends, more=7)
    trends.another_day()
    a_year(trends)
    Restating(trends.runtimes["metrics"], lambda: trends.now).settle()
    trends.put({**body(trends.ask(RATE)), "description": "What nobody came to."}, "metrics")
    trends.later(seconds=0)
    (task,) = trends.found("Task", "careteams")
    assert task["status"] == "cancelled"


def test_what_stands_is_judged_before_what_waits(trends: Trends) -> None:
    """While looks at other measures are due, and while these rest."""
    a_year(trends, more=7)
    trends.another_day()
    (task,) = trends.found("Task", "careteams")
    assert task["status"] == "requested"
    restating, seen = Restating(trends.runtimes["metrics"], lambda: trends.now), []
    restating.changed({"appointments": PAST})
    restating.settle()
    measures = ["late-cancellation-rate", "waiting-time"]
    due = int((trends.now - timedelta(seconds=30)).timestamp() * 1e6)
    trends.stores["metrics"].transact(lambda session: session.timers.set_all("signals", dict.fromkeys(measures, due)))
    a_year(trends)
    trends.now += timedelta(seconds=3)
    restating.changed({"appointments": PAST})
    restating.settle()
    timing = Timing(trends.runtimes["metrics"], lambda: trends.now, observe=lambda name, count: seen.append(name))
    timing.step()
    Sending(trends.runtimes["metrics"], {"Task": "careteams"}, "gateway").step()
    left = trends.stores["metrics"].glance(lambda session: session.timers.ahead("signals", 100))
    assert {each.key for each in left if each.due <= due} == set(measures), "they still wait"
    (report,) = trends.found("MeasureReport", "metrics")
    assert parts(report)["outcome"] == "withdrawn"


def test_who_begins_judges_what_stands(trends: Trends) -> None:
    a_year(trends, more=7)
    trends.another_day()
    a_year(trends)
    Restating(trends.runtimes["metrics"], lambda: trends.now).settle()
    trends.later(seconds=0)
    (task,) = trends.found("Task", "careteams")
    assert task["status"] == "cancelled"


def test_a_measure_that_cannot_be_counted_keeps_no_other_from_being_judged(trends: Trends) -> None:
    wrong = {
        "resourceType": "Measure",
        "id": "a-wrong-one",
        "status": "active",
        "library": ["https://example.org/none"],
    }
    trends.put(wrong, "metrics")
    restating = Restating(trends.runtimes["metrics"], lambda: trends.now)
    restating.changed({"appointments": PAST})
    restating.settle()
    timers = trends.stores["metrics"].glance(lambda session: session.timers.ahead("signals", 100))
    soon = int((trends.now + timedelta(minutes=1)).timestamp() * 1e6)
    assert [each.key for each in timers if each.due <= soon] == ["no-show-rate"]


def test_a_measure_that_is_retired_or_looked_at_by_weeks_has_other_signals(trends: Trends) -> None:
    a_year(trends, more=7)
    trends.another_day()
    (measure,) = [each for each in trends.found("Measure", "metrics") if f"Measure/{each['id']}" == RATE]
    trends.put({**measure, "status": "retired"}, "metrics")
    trends.another_day()
    (report,) = trends.found("MeasureReport", "metrics")
    assert parts(report)["outcome"] == "withdrawn"
    (task,) = trends.found("Task", "careteams")
    assert task["status"] == "cancelled"
    trends.another_day()
    assert trends.stores["metrics"].glance(lambda session: session.timers.ahead("signals", 9)) == []
    weekly = {"url": "https://carethread.dev/fhir/StructureDefinition/charted-by", "valueCode": "week"}
    trends.put({**measure, "extension": [*measure.get("extension", ()), weekly]}, "metrics")
    for week in range(12):
        trends.facts.tell(*_week(week, week % 2))
    trends.facts.tell(*_week(12, 3), *_week(13, 3))
    trends.another_day()
    found = [each for each in trends.found("MeasureReport", "metrics") if each["id"] != report["id"]]
    assert [(parts(each)["since"], each["period"]["end"]) for each in found] == [("2030-02-25", "2030-03-10")]


def test_what_looks_back_is_charted_without_limits_and_raises_no_signal(trends: Trends) -> None:
    """For its points are not independent. It is looked at no more, unless its units are kept."""
    a_year(trends, more=7)
    trends.another_day()
    year, is_so = {"periodStart": "2029-03", "periodEnd": "2030-02"}, {"url": LOOKS_BACK, "valueBoolean": True}

    def charts() -> list[bool]:
        told = body(trends.ask(f"{RATE}/$series", **year))["entry"]
        return ["extension" in each["resource"]["group"][0] for each in told]

    assert all(charts())
    measure = body(trends.ask(RATE))
    trends.put({**measure, "extension": [*measure.get("extension", ()), is_so]}, "metrics")
    assert not any(charts())
    trends.another_day()
    (task,) = trends.found("Task", "careteams")
    assert task["status"] == "cancelled"
    assert trends.stores["metrics"].glance(lambda session: session.timers.ahead("signals", 9)) == []


def _week(number: int, noshows: int) -> list[Resource]:
    """Eight visits of the week after so many others."""
    monday = datetime(2029, 12, 3, tzinfo=UTC) + timedelta(weeks=number)
    states = ["noshow"] * noshows + ["fulfilled"] * (8 - noshows)
    return [
        visit(f"w{number}-{i}", status, f"p{i}", day=f"{monday:%Y-%m-%d}", department="weekly")
        for i, status in enumerate(states)
    ]


def many(trends: Trends, missed: int, last: tuple[int, int]) -> None:
    """Months of 40 people of whom some 15 miss their visit, and in January so many; `last` of how many in February."""
    for month in range(1, 13):
        trends.visits(month, 15 + month % 2, of=40)
    trends.visits(1, missed, of=40, year=2030)
    trends.visits(2, *last[:1], of=last[1], year=2030)


NAMELESS_ONE = {"url": NAMELESS, "valueBoolean": True}


@pytest.mark.parametrize("kind", ["exact", "mask", "nameless"])
def test_numbers_that_are_not_told_raise_no_signal(trends: Trends, kind: str) -> None:
    """Of ten people in February all missed their visit; of forty in January as many as ever."""
    if kind == "nameless":
        measure = body(trends.ask(RATE))
        trends.put({**measure, "extension": [*measure.get("extension", ()), NAMELESS_ONE]}, "metrics")
    else:
        trends.runtimes["metrics"] = replace(trends.runtimes["metrics"], small_cells=kind)
    many(trends, 15, (10, 10))
    trends.another_day()
    told = [parts(each)["since"] for each in trends.found("MeasureReport", "metrics")]
    assert told == (["2030-02-01"] if kind == "exact" else [])
    assert len(trends.found("Task", "careteams")) == len(told)
    many(trends, 28, (28, 40))
    trends.another_day()
    told_ = [each for each in trends.found("MeasureReport", "metrics") if "outcome" not in parts(each)]
    assert [parts(each)["since"] for each in told_] == ["2030-01-01"]
    assert counts(told_[0]["group"][0])["numerator"] == 28
    assert wrong(told_[0]) == []


def test_a_process_that_begins_looks_by_another_setting_at_all_measures(trends: Trends) -> None:
    """Once: what was looked at by the same one waits for its day."""
    masks = trends.runtimes["metrics"] = replace(trends.runtimes["metrics"], small_cells="mask")
    many(trends, 15, (10, 10))
    trends.another_day()
    assert trends.found("Task", "careteams") == []
    exact = trends.runtimes["metrics"] = replace(masks, small_cells="exact")
    for runtime, tasks in ((masks, 0), (exact, 1)):
        Restating(runtime, lambda: trends.now).settle()
        trends.later(seconds=6)
        assert len(trends.found("Task", "careteams")) == tasks
    (timer,) = trends.stores["metrics"].glance(lambda session: session.timers.ahead("signals", 9))
    assert watching.last_look(timer).small_cells == "exact"


def test_who_stands_behind_a_signal_is_not_told_by_weeks_either(trends: Trends) -> None:
    """Weeks are told to nobody, where small numbers are not: no number of a week raises a signal."""
    weekly = {"url": "https://carethread.dev/fhir/StructureDefinition/charted-by", "valueCode": "week"}
    measure = body(trends.ask(RATE))
    trends.put({**measure, "extension": [*measure.get("extension", ()), weekly]}, "metrics")
    for week in range(12):
        trends.facts.tell(*_week(week, week % 2))
    trends.facts.tell(*_week(12, 3), *_week(13, 3))
    trends.another_day()
    (report,) = trends.found("MeasureReport", "metrics")
    trends.runtimes["metrics"] = replace(trends.runtimes["metrics"], small_cells="mask")
    trends.another_day()
    (report,) = trends.found("MeasureReport", "metrics")
    assert parts(report)["outcome"] == "withdrawn"
    (task,) = trends.found("Task", "careteams")
    assert task["status"] == "cancelled"


def test_without_facts_it_is_looked_again_soon(trends: Trends) -> None:
    a_year(trends, more=7)
    with_facts = trends.runtimes["metrics"]
    trends.runtimes["metrics"] = replace(with_facts, analytics=None)
    trends.another_day()
    assert trends.found("Task", "careteams") == []
    trends.runtimes["metrics"] = with_facts
    trends.later(seconds=60)
    assert len(trends.found("Task", "careteams")) == 1


def test_a_series_is_a_report_for_each_month_with_its_chart(trends: Trends) -> None:
    a_year(trends, more=7)
    period = {"periodStart": "2029-01", "periodEnd": "2030-03-31"}
    answer = body(trends.ask(f"{RATE}/$series", **period))
    reports = [each["resource"] for each in answer["entry"]]
    assert [each["status"] for each in reports] == ["complete"] * 14 + ["pending"]
    assert [counts(each["group"][0])["numerator"] for each in reports][-3:] == [8, 8, 0]
    (chart,) = reports[12]["group"][0]["extension"]
    assert {each["url"] for each in chart["extension"]} >= {"centre", "lower", "upper", "signal"}
    assert wrong(answer) == [] and wrong(reports[12]) == []
    weeks = body(trends.ask(f"{RATE}/$series", **period, by="week", department="north"))
    assert len(weeks["entry"]) == 65 and weeks["entry"][0]["resource"]["reporter"]["reference"] == "Organization/north"
    by_department = body(trends.ask(f"{RATE}/$series", **period, stratifier="department"))
    (stratifier,) = by_department["entry"][0]["resource"]["group"][0]["stratifier"]
    assert [each["value"]["text"] for each in stratifier["stratum"]] == ["north"]


def test_where_small_numbers_are_not_told_a_series_is_of_whole_months(trends: Trends) -> None:
    trends.runtimes["metrics"] = replace(trends.runtimes["metrics"], small_cells="mask")
    a_year(trends)
    period = {"periodStart": "2029-12-01", "periodEnd": "2030-03-31"}
    reports = [each["resource"] for each in body(trends.ask(f"{RATE}/$series", **period))["entry"]]
    assert [counts(each["group"][0])["numerator"] for each in reports] == [None] * 4
    assert all("extension" not in each["group"][0] for each in reports), "limits would tell numbers"
    assert said(trends.ask(f"{RATE}/$series", **period, by="week")) == (403, "suppressed", "by")
    assert trends.ask(f"{RATE}/$series", periodStart="2029-12-02", periodEnd="2030-03-31").status == 403
    assert trends.ask(f"{RATE}/$compare", periodStart="2029-12-02", periodEnd="2029-12-31").status == 403


def test_departments_stand_beside_each_other_with_their_goals(trends: Trends) -> None:
    stored = trends.kept("Goal", trends.put(goal("PractitionerRole/head"))["id"])
    trends.stores["metrics"].transact(lambda session: keep(trends.runtimes["metrics"], session, [stored]))
    for name, title in (("north", "Zebra ward"), ("south", "Antelope ward")):
        trends.facts.tell({"resourceType": "Organization", "id": name, "name": title})
    trends.visits(5, 18, "north", of=40)
    trends.visits(5, 2, "south", of=40)
    report = body(trends.ask(f"{RATE}/$compare", periodStart="2029-05-01", periodEnd="2029-05-31"))
    assert wrong(report) == []
    (stratifier,) = report["group"][0]["stratifier"]
    south, north = (
        parts(each, "https://carethread.dev/fhir/StructureDefinition/department-comparison")
        for each in stratifier["stratum"]
    )
    assert (south["department"]["display"], south["position"], north["position"]) == ("Antelope ward", "below", "above")
    assert north["met"] is False and north["goal"] == {"reference": "Goal/fewer"} and "goal" not in south


@pytest.mark.parametrize(
    ("path", "params", "expected"),
    [
        ("$series", {"by": "year"}, (400, "value", "by")),
        ("$series", {"stratifier": "shoe-size"}, (400, "value", "stratifier")),
        ("$series", {"stratifier": "age", "department": "x"}, (400, "not-supported", "stratifier")),
        ("$series", {"periodEnd": "2028"}, (400, "value", "periodEnd")),
        ("$series", {"subject": "p"}, (400, "not-supported", "subject")),
        ("$series", {"by": "day", "periodStart": "2000"}, (403, "too-costly", "periodEnd")),
        ("$series", {"by": "day", "stratifier": "age"}, (403, "too-costly", "periodEnd")),
        ("$compare", {"department": "north"}, (400, "not-supported", "department")),
    ],
)
def test_what_cannot_be_answered(trends: Trends, path: str, params: dict[str, str], expected: Any) -> None:
    period = {"periodStart": "2029-01-01", "periodEnd": "2029-12-31"}
    assert said(trends.ask(f"{RATE}/{path}", **{**period, **params})) == expected


def test_a_measure_that_is_not_there(trends: Trends) -> None:
    period = {"periodStart": "2029-01-01", "periodEnd": "2029-12-31"}
    assert trends.ask("Measure/nothing/$series", **period).status == 404
    assert trends.ask("Measure/workload/$series", **period).status == 422


REFERENCES = """
SELECT 'Appointment/' || id AS resource, patient_id AS subject, start_at AS at,
  'Organization/' || department_id AS department, NULL AS practitioner,
  TRUE AS initial_population, TRUE AS denominator, status = 'noshow' AS numerator
FROM appointments WHERE start_at >= $start AND start_at < $end
"""


def test_what_is_no_department_raises_no_signal_and_one_that_was_raised_is_withdrawn(trends: Trends) -> None:
    a_year(trends, more=7)
    measure, library = own_measure(REFERENCES, ["initial-population", "denominator", "numerator"])
    trends.put(library, "metrics")
    trends.put(measure, "metrics")
    day = datetime(2030, 1, 1, tzinfo=UTC).date()
    raised = Raised(Place("Organization/north", 0), "above", "one-beyond-three", day, day, 1)
    trends.stores["metrics"].transact(lambda session: session.claim_all(RAISED, {raised.key: "own"}))
    trends.another_day()
    (report,) = trends.found("MeasureReport", "metrics")
    assert parts(report)["measure"].startswith(CANONICAL)
    assert trends.stores["metrics"].glance(lambda session: session.places(RAISED, "own")) == []
