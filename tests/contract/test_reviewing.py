"""The review of a department's month, on both databases: what it is told, and its decisions as Tasks of their owner."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from carethread.adapters.local import LocalOwners, LocalPeer
from carethread.careteams import SERVICE as CARETEAMS
from carethread.core.context import Context
from carethread.core.errands.sending import Sending
from carethread.core.errors import Busy, FhirError, TooCostly
from carethread.core.fhir import json
from carethread.core.fhir.validation import validate
from carethread.core.ports import Request, Response
from carethread.core.service import Runtime
from carethread.interactions.rest.handling import handle
from carethread.metrics import SERVICE
from carethread.metrics.measures.shipped import libraries
from carethread.metrics.reviewing import figures, pack
from carethread.metrics.signals.charting import Place
from carethread.metrics.signals.standing import Raised
from carethread.metrics.signals.telling import task
from carethread.metrics.signals.watching import RAISED
from carethread.records import SERVICE as RECORDS
from support.facts import Filled, facts_of
from support.measuring import Facts, body, said
from support.reviewing import MONTH, Resource, complaint, decision, visits, ward
from support.stores import BASE, open_stores, put

NOW = datetime(2030, 3, 20, 8, tzinfo=UTC)
LEAD = {"resourceType": "Practitioner", "id": "lead", "active": True, "name": [{"family": "Lead", "given": ["Ada"]}]}
GONE = {"resourceType": "Practitioner", "id": "gone", "active": False}
NONE: Mapping[str, str] = {}
MEASURES = Path(__file__).parents[2] / "fhir_profiles" / "measures"


class Kept(Facts):
    """Facts that are made again only where they have changed."""

    told: dict[tuple[str, str], Resource] | None = None
    filled: Filled

    @contextmanager
    def look(self, *, leisure: bool = False) -> Iterator[Filled]:
        if self.told != self.resources:
            self.told = dict(self.resources)
            with facts_of(self.told.values()) as self.filled:
                pass
        yield self.filled


class Practice:
    """Metrics beside who owns people and Tasks, with one measure and the facts of a department."""

    def __init__(self, folder: Path, url: str) -> None:
        self.stores = open_stores(folder, url, ["records", "careteams", "metrics"])
        self.facts, self.now = Kept(), NOW
        self.runtimes: dict[str, Runtime] = {}
        owners, peer = LocalOwners(self.runtimes), LocalPeer(self.runtimes)
        for service in (RECORDS, CARETEAMS, SERVICE):
            facts = self.facts if service is SERVICE else None
            made = Runtime(service, self.stores[service.name], owners, peer, BASE, analytics=facts)
            self.runtimes[service.name] = made
        put(self.stores["records"], [ward(), LEAD, GONE])
        measure = json.parse_object((MEASURES / "no-show-rate.json").read_bytes())
        put(self.stores["metrics"], [measure, *(each for each in libraries() if each["id"] == measure["id"])])
        self.facts.tell(ward())

    def ask(
        self, path: str, service: str = "metrics", content: Any = None, query: Mapping[str, str] = NONE
    ) -> Response:
        """A GET; with content a POST, or a PATCH where that is a list."""
        method = "GET" if content is None else "PATCH" if isinstance(content, list) else "POST"
        media = "application/json-patch+json" if method == "PATCH" else "application/fhir+json"
        sent = b"" if content is None else json.render(content)
        asked = Request(method, path, tuple(query.items()), {"content-type": media}, sent)
        return handle(self.runtimes[service], asked, Context(clock=lambda: self.now))

    def pack(self, **params: str) -> Response:
        return self.ask("Measure/$review-pack", query={"department": "Organization/ward", "month": MONTH, **params})

    def decide(self, **more: dict[str, Any] | None) -> Response:
        given: dict[str, dict[str, Any] | None] = {
            "department": {"valueReference": {"reference": "Organization/ward"}},
            "month": {"valueString": f"{self.now:%Y-%m}"},
            "words": {"valueString": "Call everybody who missed a visit within two days."},
            "owner": {"valueReference": {"reference": "Practitioner/lead"}},
            "due": {"valueDate": f"{self.now.date() + timedelta(days=30)}"},
            "by": {"valueReference": {"reference": "Practitioner/lead"}},
            "measure": {"valueReference": {"reference": "Measure/no-show-rate"}},
            **more,
        }
        parts = [{"name": name, **value} for name, value in given.items() if value]
        return self.ask("Measure/$review-decide", content={"resourceType": "Parameters", "parameter": parts})

    def sent(self) -> list[Resource]:
        """The Tasks that care teams have, once all that was requested of them is stored."""
        sending = Sending(self.runtimes["metrics"], {"Task": "careteams"}, "gateway")
        while sending.step():
            pass
        left = self.stores["metrics"].glance(lambda session: session.requests.all())
        assert left == [], [each.outcome for each in left]
        return [each["resource"] for each in body(self.ask("Task", "careteams")).get("entry", ())]


@pytest.fixture
def practice(tmp_path: Path, database_url: str) -> Iterator[Practice]:
    made = Practice(tmp_path, database_url)
    yield made
    for store in made.stores.values():
        store.close()


def sections(answer: Response) -> dict[str, Resource]:
    assert answer.status == 200, answer.body
    document = body(answer)
    assert [issue for issue in validate(document) if issue.severity == "error"] == []
    return {each["title"]: each for each in document["entry"][0]["resource"]["section"]}


@pytest.mark.parametrize(
    "error", [Busy("Other queries take all the room; try again."), TooCostly("This takes longer than 60 seconds.")]
)
def test_what_cannot_be_counted_now_is_left_out_and_the_rest_is_told(
    practice: Practice, monkeypatch: pytest.MonkeyPatch, error: FhirError
) -> None:
    """Also where the time for all of them is over: what is decided is asked before."""
    practice.facts.tell(*visits(), decision("open", "2030-01", "Call them.", "2030-02-20"))
    rate, *_ = (each for each in libraries() if each["id"] == "no-show-rate")
    other = json.parse_object((MEASURES / "no-show-rate.json").read_bytes()) | {"id": "later", "title": "Another"}
    put(practice.stores["metrics"], [{**other, "url": "https://example.org/Measure/later", "library": [rate["url"]]}])
    months, asked = figures.months, list[str]()

    def stops(*given: Any) -> Any:
        asked.append("months")
        if len(asked) == 2:
            raise error
        return months(*given)

    monkeypatch.setattr(pack, "months", stops)
    found = sections(practice.pack())
    assert str(error) in found["Left out"]["text"]["div"]
    assert "Another" in found["All measures"]["text"]["div"]
    assert "Call them." in found["Open decisions of earlier reviews"]["text"]["div"]
    assert len(asked) == 2


def test_what_is_decided_becomes_a_task_that_the_next_pack_lists_until_it_is_over(practice: Practice) -> None:
    practice.now = datetime.now(UTC)  # by which care teams judge a day
    (made,) = body(practice.decide())["parameter"]
    assert body(practice.decide())["parameter"] == [made], "said again it is the same"
    (task,) = practice.sent()
    assert made["valueReference"]["reference"] == f"Task/{task['id']}"
    assert [issue for issue in validate(task) if issue.severity == "error"] == []
    assert {name: task[name] for name in ("status", "description", "owner", "requester", "focus")} == {
        "status": "requested",
        "description": "Call everybody who missed a visit within two days.",
        "owner": {"reference": "Practitioner/lead"},
        "requester": {"reference": "Practitioner/lead"},
        "focus": {"reference": "Measure/no-show-rate"},
    }
    due = f"{practice.now.date() + timedelta(days=30)}"
    assert (task["meta"]["versionId"], task["restriction"]["period"]["end"]) == ("1", due)
    assert task["groupIdentifier"]["value"] == f"ward/{practice.now:%Y-%m}"
    practice.now = NOW
    practice.facts.tell(of_review(task, MONTH))
    new = sections(practice.pack())["Decisions of this review"]
    assert new["entry"] == [{"reference": f"{BASE}/Task/{task['id']}"}]
    assert "Ada Lead" in new["text"]["div"]
    practice.facts.tell(of_review(task, "2030-01"))
    assert "not begun" in sections(practice.pack())["Open decisions of earlier reviews"]["text"]["div"]
    done = [{"op": "replace", "path": "/status", "value": "completed"}]
    assert practice.ask(f"Task/{task['id']}", "careteams", done).status == 200
    (over,) = practice.sent()
    practice.facts.tell(of_review(over, "2030-01") | {"executionPeriod": {"end": "2030-02-20"}})
    told = sections(practice.pack())
    assert "entry" not in told["Open decisions of earlier reviews"]
    assert "completed" in told["Decisions that are over"]["text"]["div"]


def of_review(task: Resource, month: str) -> Resource:
    """The same of another month, for the facts of a test are of a time of their own."""
    return task | {"groupIdentifier": task["groupIdentifier"] | {"value": f"ward/{month}"}}


def refer(to: str) -> dict[str, Any]:
    return {"valueReference": {"reference": to}}


def text(said: str) -> dict[str, Any]:
    return {"valueString": said}


@pytest.mark.parametrize(
    ("name", "value", "status", "code"),
    [
        ("department", refer("Organization/nowhere"), 422, "not-found"),
        ("month", text("2999-06"), 400, "value"),
        ("words", None, 400, "required"),
        ("words", text("x" * 501), 400, "too-long"),
        ("owner", None, 400, "required"),
        ("owner", refer("Practitioner/nobody"), 422, "not-found"),
        ("owner", refer("Practitioner/gone"), 422, "business-rule"),
        ("owner", refer("Patient/p1"), 400, "value"),
        ("due", None, 400, "required"),
        ("due", {"valueDate": "2030-03-19"}, 400, "value"),
        ("due", {"valueDate": "2031-04-30"}, 400, "value"),
        ("due", text("2030-02-30"), 400, "value"),
        ("by", refer("Practitioner/nobody"), 422, "not-found"),
        ("measure", text("Measure/unknown"), 422, "not-found"),
        ("whoever", text("x"), 400, "not-supported"),
    ],
)
def test_what_cannot_be_decided_is_refused_and_asks_nobody(
    tmp_path: Path, name: str, value: dict[str, Any] | None, status: int, code: str
) -> None:
    practice = Practice(tmp_path, "sqlite://")
    answer = practice.decide(**{name: value})
    assert (answer.status, body(answer)["issue"][0]["code"]) == (status, code)
    assert name in body(answer)["issue"][0]["expression"][0]
    assert practice.sent() == []


VISITS = list(visits(each_month=20, missed=3, at_last=14))


def test_a_pack_tells_the_month_and_what_it_is_asked_wrongly(tmp_path: Path) -> None:
    practice = Practice(tmp_path, "sqlite://")
    practice.facts.tell(*VISITS, *complaint("c", "p1", "waiting"), decision("d", "2030-01", "Ask them", "2030-03-01"))
    told = sections(practice.pack())
    assert "above the usual since February 2030" in told["What stands out"]["text"]["div"]
    assert "<td>70.0 %</td>" in told["All measures"]["text"]["div"]
    assert "<td>Waiting</td><td>1</td>" in told["Complaints by theme"]["text"]["div"]
    (report,) = [each["resource"] for each in body(practice.pack())["entry"] if "measure" in each["resource"]]
    assert report["group"][0]["measureScore"]["value"] == pytest.approx(0.7)
    assert report["reporter"] == {"reference": f"{BASE}/Organization/ward"}
    html = practice.pack(page="true")
    assert html.headers["Content-Type"] == "text/html; charset=utf-8"
    assert b"Ada Lead" in bytes(html.body)
    assert said(practice.pack(month="2030-03")) == (400, "value", "month")
    assert said(practice.pack(department="nowhere")) == (404, "not-found", "department")
    assert said(practice.pack(page="maybe")) == (400, "value", "page")
    assert said(practice.pack(measure="x")) == (404, "not-found", "measure")
    assert practice.pack(measure="Measure/no-show-rate").status == 200
    assert said(practice.pack(by="x")) == (400, "not-supported", "by")
    practice.runtimes["metrics"] = replace(practice.runtimes["metrics"], analytics=None)
    assert practice.pack().status == 503


@pytest.mark.parametrize(
    ("owner", "told"),
    [
        ("Practitioner/lead", "Ada Lead"), ("Organization/ward", "Eye clinic"), ("CareTeam/t", "CareTeam/t"),
    ],
)  # fmt: skip
def test_a_signal_says_who_finds_out_and_how_far_they_are(tmp_path: Path, owner: str, told: str) -> None:
    practice = Practice(tmp_path, "sqlite://")
    raised = Raised(Place("ward", 0), "above", "one-beyond-three", date(2030, 2, 1), date(2028, 3, 1), 1)
    practice.stores["metrics"].transact(lambda session: session.claim_all(RAISED, {raised.key: "no-show-rate"}))
    asked = task({"id": "no-show-rate"}, "Measure/x", raised, owner, 1_900_000_000_000_000)
    practice.facts.tell(*VISITS, asked)
    html = bytes(practice.pack(page="true").body).decode()
    assert f'{told}, <a href="{BASE}/Task/{asked["id"]}">not begun</a>' in html


def test_small_numbers_are_masked_in_it_whoever_asks(tmp_path: Path) -> None:
    practice = Practice(tmp_path, "sqlite://")
    practice.facts.tell(*VISITS, *complaint("c", "p1", "waiting"))
    practice.runtimes["metrics"] = replace(practice.runtimes["metrics"], small_cells="mask")
    told = sections(practice.pack())
    assert "<td>•</td><td>•</td><td>–</td>" in told["All measures"]["text"]["div"], "6 of 20 came"
    assert "1 to 10" in told["Complaints"]["text"]["div"]
    assert "<td>Waiting</td><td>•</td>" in told["Complaints by theme"]["text"]["div"]
    assert "None." in told["What stands out"]["text"]["div"], "what is not told is on no chart"
    (report,) = [each["resource"] for each in body(practice.pack())["entry"] if "measure" in each["resource"]]
    assert "count" not in str(report["group"][0]["population"]).replace("_count", "")
