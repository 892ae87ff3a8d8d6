"""What may be asked of a Subscription, and that an independent judge finds what is told to be R4."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from carethread.adapters.sql.deliveries.forgetting import forget_told
from carethread.adapters.sql.store.store import SqlStore
from carethread.core.clock import instant
from carethread.core.fhir import json
from carethread.core.fhir.validation import validate
from carethread.core.ports.services import Response
from carethread.subscriptions import tokens
from carethread.subscriptions.focus import fitting
from carethread.subscriptions.notification import event_bundle, status_bundle
from carethread.subscriptions.resources import topics_as_basic
from support import oracle
from support.stores import BASE, open_store
from support.subscribing import TOPICS, Practice, appointment, channel, practice, subscription

NAMED = ("committed", "published", "matched", "delivered", "acknowledged", "pending", "parked")

R5_UNKNOWN = "Extension_EXT_Version_Invalid"
"""What the judge says of every extension that stands for an element of R5: he knows R4 only."""


@pytest.fixture
def here(database_url: str, tmp_path: Path) -> Iterator[Practice]:
    opened: list[SqlStore] = []

    def open_one(name: str) -> SqlStore:
        url = database_url if database_url.startswith("postgres") else f"sqlite:///{tmp_path}/{name}.db"
        opened.append(open_store(url, name, pool=3))
        return opened[-1]

    yield practice(open_one, ("scheduling", "subscriptions"), websocket_url="ws://desk.example:8091")
    for store in opened:
        store.close()


def told(answer: Response, status: int = 200) -> dict[str, Any]:
    assert answer.status == status, answer.body
    return dict(json.parse_object(answer.body))


def parts(parameters: dict[str, Any], name: str = "parameter") -> dict[str, list[Any]]:
    """The values, and lists of parts, of a Parameters by name."""
    found: dict[str, list[Any]] = {}
    for each in parameters[name]:
        value = parts(each, "part") if "part" in each else next(v for k, v in each.items() if k.startswith("value"))
        found.setdefault(each["name"], []).append(value)
    return found


def busy(here: Practice, **more: Any) -> str:
    """A subscription that was told of a booking, of its change of mind, and of two others."""
    id_ = str(here.subscribe(subscription(**more))["id"])
    here.activate(id_)
    here.put("scheduling", appointment("a1"))
    here.put("scheduling", appointment("a1", status="proposed"))
    here.put("scheduling", appointment("a1", comment="Bring the list."))
    here.put("scheduling", appointment("a2", "p2"))
    here.publish()
    return id_


def test_status_of_one_of_some_and_of_all(here: Practice) -> None:
    first, second = busy(here), here.subscribe(subscription("slot-freed"))["id"]
    bundle = told(here.ask("subscriptions", "GET", f"Subscription/{first}/$status"))
    assert (bundle["type"], bundle["total"]) == ("searchset", 1)
    status = parts(bundle["entry"][0]["resource"])
    assert status["subscription"] == [{"reference": f"{BASE}/Subscription/{first}"}]
    assert (status["status"], status["type"]) == (["active"], ["query-status"])
    assert (status["topic"], status["events-since-subscription-start"]) == ([f"{TOPICS}appointment-booked"], ["3"])
    assert "error" not in status and "notification-event" not in status

    def of(query: str) -> int:
        return int(told(here.ask("subscriptions", "GET", f"Subscription/$status{query}"))["total"])

    assert (of(""), of(f"?id={first}"), of("?status=requested"), of("?status=active&status=requested")) == (2, 1, 1, 2)
    assert of(f"?id={second}&id={first}") == 2 and of(f"?id={first}&status=off") == 0
    here.activate(second, "error", "Given up.")
    failed = told(here.ask("subscriptions", "GET", f"Subscription/{second}/$status"))["entry"][0]["resource"]
    assert parts(failed)["error"] == [{"text": "Given up."}]
    for wrong in ("?status=gone", "?id=a/b", "?state=off"):
        assert here.ask("subscriptions", "GET", f"Subscription/$status{wrong}").status == 400
    assert here.ask("subscriptions", "GET", "Subscription/nobody/$status").status == 404


def test_events_by_number_in_the_content_that_is_wished_for(here: Practice) -> None:
    id_ = busy(here)
    bundle = told(here.ask("subscriptions", "GET", f"Subscription/{id_}/$events?eventsSinceNumber=2"))
    assert bundle["type"] == "history" and len(bundle["entry"]) == 3
    status = parts(bundle["entry"][0]["resource"])
    assert (status["type"], status["events-since-subscription-start"]) == (["query-event"], ["3"])
    assert [event["event-number"] for event in status["notification-event"]] == [["2"], ["3"]]
    assert [event["focus"] for event in status["notification-event"]] == [
        [{"reference": f"{BASE}/Appointment/a1"}],
        [{"reference": f"{BASE}/Appointment/a2"}],
    ]
    assert [entry["request"]["method"] for entry in bundle["entry"][1:]] == ["PUT", "POST"]
    assert not any("resource" in entry for entry in bundle["entry"][1:]), "the Subscription asks for ids only"
    full = told(here.ask("subscriptions", "GET", f"Subscription/{id_}/$events?content=full-resource"))
    shown = [entry["resource"] for entry in full["entry"][1:]]
    assert [(r["id"], r["meta"]["versionId"]) for r in shown] == [("a1", "1"), ("a1", "3"), ("a2", "1")]
    empty = told(here.ask("subscriptions", "GET", f"Subscription/{id_}/$events?content=empty&eventsUntilNumber=1"))
    status = parts(empty["entry"][0]["resource"])
    assert len(empty["entry"]) == 1 and "topic" not in status
    assert status["notification-event"] == [{"event-number": ["1"], "timestamp": ["2026-11-22T08:00:00.000Z"]}]
    misspelt = here.ask("subscriptions", "GET", f"Subscription/{id_}/$events?sinceNumber=2")
    assert misspelt.status == 400 and b"$events takes eventsSinceNumber, eventsUntilNumber, content" in misspelt.body
    for wrong in ("eventsSinceNumber=x", "eventsSinceNumber=1&eventsSinceNumber=2", "content=all"):
        assert here.ask("subscriptions", "GET", f"Subscription/{id_}/$events?{wrong}").status == 400


def test_events_are_told_in_answers_of_bounded_size(here: Practice, monkeypatch: pytest.MonkeyPatch) -> None:
    """By bytes, at least one, or by number; the link leads on, in the content that was asked for."""
    id_ = busy(here)

    def numbers(query: str) -> tuple[list[list[str]], str]:
        bundle = told(here.ask("subscriptions", "GET", query.removeprefix(f"{BASE}/")))
        events = parts(bundle["entry"][0]["resource"])["notification-event"]
        assert "outcome" not in bundle["entry"][0]["response"]
        return [event["event-number"] for event in events], bundle.get("link", [{"url": ""}])[0]["url"]

    whole = f"Subscription/{id_}/$events?content=full-resource"
    for bound, value in (("focus.fitting.__defaults__", (1,)), ("operations.MOST_EVENTS", 1)):
        with monkeypatch.context() as patch:
            patch.setattr(f"carethread.subscriptions.{bound}", value)
            first, onward = numbers(whole)
            second, onward = numbers(onward)
            third, end = numbers(onward)
        assert (first, second, third, end) == ([["1"]], [["2"]], [["3"]], "")
        assert "content=full-resource" in onward
    assert numbers(whole) == ([["1"], ["2"], ["3"]], "")


def test_what_is_no_longer_kept_is_said(here: Practice) -> None:
    id_ = busy(here)
    here.acknowledge(id_, 1, 2)
    here.now += timedelta(days=100)
    store: Any = here.subscriptions.store
    assert forget_told(store.engine, here.micros) == 2
    whole = told(here.ask("subscriptions", "GET", f"Subscription/{id_}/$events"))
    (issue,) = whole["entry"][0]["response"]["outcome"]["issue"]
    assert issue["code"] == "incomplete" and "2 of the events 1 to 3 are no longer kept" in issue["diagnostics"]
    assert [each for each in validate(whole) if each.severity in ("error", "fatal")] == []
    rest = told(here.ask("subscriptions", "GET", f"Subscription/{id_}/$events?eventsSinceNumber=3"))
    assert "outcome" not in rest["entry"][0]["response"]
    none = told(here.ask("subscriptions", "GET", f"Subscription/{id_}/$events?eventsUntilNumber=2"))
    assert "2 of the events 1 to 2" in none["entry"][0]["response"]["outcome"]["issue"][0]["diagnostics"]
    asked = f"Subscription/{id_}/$delivery-report?from=2026-11-22T00:00:00Z&to=2026-11-23"
    report = parts(told(here.ask("subscriptions", "GET", asked)))
    assert report["kept-since"] == [instant(here.micros)]
    assert [gap["why"] for gap in report["gap"]] == [["pending"]], "what is forgotten is no gap"


def test_resend_by_number_and_by_time(here: Practice) -> None:
    id_ = busy(here)
    here.acknowledge(id_, 1, 2, 3)
    assert here.ledger(lambda d: d.pending(id_, 9)) == []
    asked = f"Subscription/{id_}/$resend"
    assert here.ask("subscriptions", "GET", f"{asked}?eventsSinceNumber=2").status == 405
    answer = told(here.ask("subscriptions", "POST", f"{asked}?eventsSinceNumber=2&eventsUntilNumber=2"))
    assert answer["resourceType"] == "OperationOutcome" and "1 notifications" in answer["issue"][0]["diagnostics"]
    assert [n.number for n in here.ledger(lambda d: d.pending(id_, 9))] == [2]
    body = {
        "resourceType": "Parameters",
        "parameter": [{"name": "eventsSinceInstant", "valueInstant": "2026-11-22T08:00:02Z"}],
    }
    told(here.ask("subscriptions", "POST", asked, body))
    assert [n.number for n in here.ledger(lambda d: d.pending(id_, 9))] == [2, 3]
    for wrong in ("", "?eventsSinceInstant=2026", "?eventsUntilNumber=-1"):
        assert here.ask("subscriptions", "POST", f"{asked}{wrong}").status == 400


def test_a_token_binds_a_websocket_once(here: Practice) -> None:
    socket = here.subscribe(subscription(channel=channel(type="websocket", endpoint=None)))["id"]
    hook = here.subscribe(subscription())["id"]
    given = parts(told(here.ask("subscriptions", "GET", f"Subscription/{socket}/$get-ws-binding-token")))
    assert given["websocket-url"] == ["ws://desk.example:8091"] and given["subscription"] == [socket]
    assert given["expiration"] == ["2026-11-22T08:01:00.000Z"]
    (token,) = given["token"]
    assert tokens.redeem(here.subscriptions, token + "x", here.context) == {}
    assert tokens.redeem(here.subscriptions, token, here.context) == {socket: 1}
    assert tokens.redeem(here.subscriptions, token, here.context) == {}
    late = parts(told(here.ask("subscriptions", "GET", f"Subscription/$get-ws-binding-token?id={socket}")))["token"][0]
    here.now += timedelta(minutes=2)
    assert tokens.redeem(here.subscriptions, late, here.context) == {}
    for wrong, status in ((f"{hook}/$get-ws-binding-token", 422), ("$get-ws-binding-token", 400)):
        assert here.ask("subscriptions", "GET", f"Subscription/{wrong}").status == status


def test_the_report_names_every_gap(here: Practice) -> None:
    id_ = busy(here)
    here.acknowledge(id_, 1)
    here.ledger(lambda d: d.quarantine(id_, "test", 2, "status 422", here.micros))
    here.put("scheduling", appointment("a3"))
    lost = here.events("scheduling")
    here.put("scheduling", appointment("a4", status="proposed"))
    here.put("scheduling", appointment("imported"), backfill=True)
    here.put("scheduling", appointment("a5"))
    here.publish()
    here.put("scheduling", appointment("a6"))
    here.events("scheduling")
    here.put("scheduling", appointment("a7"))
    asked = f"Subscription/{id_}/$delivery-report?from=2026-11-22T00:00:00Z&to=2026-11-23"
    report = parts(told(here.ask("subscriptions", "GET", asked)))
    counts = {name: report[name][0] for name in NAMED}
    assert counts == dict(zip(NAMED, (10, 9, 4, 2, 1, 2, 0), strict=True))
    assert report["quarantined"] == [1] and report["gaps"] == [6], report["gap"]
    gaps = [(gap["why"][0], gap["focus"][0].removeprefix(BASE), gap["sequence"][0]) for gap in report["gap"]]
    assert gaps == [
        ("not-matched", "/Appointment/a3/_history/1", str(lost[0].sequence)),
        ("not-consumed", "/Appointment/a6/_history/1", "9"),
        ("not-published", "/Appointment/a7/_history/1", "0"),
        ("quarantined", "/Appointment/a1/_history/3", "3"),
        ("pending", "/Appointment/a2/_history/1", "4"),
        ("pending", "/Appointment/a5/_history/1", "8"),
    ]
    sources = {source["service"][0]: source for source in report["source"]}
    assert sources["records"]["unknown"] == [True], "who cannot be asked is named"
    source = sources["scheduling"]
    assert source["consumed-through"] == ["8"]
    assert (source["first-sequence"], source["last-sequence"]) == (["1"], ["9"])
    here.consume(lost)
    here.publish()
    here.activate(id_, "error", "Given up.")
    report = parts(told(here.ask("subscriptions", "GET", asked)))
    assert report["matched"] == [6] and report["parked"] == [4] and report["status"] == ["error"]
    early, late = "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"
    for wrong, name in (
        ("from=2026-11-22", "to"),
        ("from=2026-11-23&to=2026-11-22", "to"),
        ("from=x&to=y", "from"),
        (f"from={early}&to=2026-11-22", "from"),
        (f"from=2026-11-22&to={late}", "to"),
    ):
        refused = here.ask("subscriptions", "GET", f"Subscription/{id_}/$delivery-report?{wrong}")
        assert told(refused, 400)["issue"][0]["expression"] == [name], wrong
    whole = "from=0001-01-01T00:00:00Z&to=9999-12-31T23:59:59Z"
    assert here.ask("subscriptions", "GET", f"Subscription/{id_}/$delivery-report?{whole}").status == 200
    for bound in (f"eventsSinceInstant={early}", f"eventsUntilInstant={late}"):
        assert here.ask("subscriptions", "POST", f"Subscription/{id_}/$resend?{bound}").status == 400


def test_the_report_names_when_it_was_off_or_in_error(here: Practice) -> None:
    id_ = str(here.subscribe(subscription())["id"])
    here.activate(id_)

    def turn(status: str) -> str:
        here.now += timedelta(seconds=1)
        resource = told(here.ask("subscriptions", "GET", f"Subscription/{id_}"))
        answer = here.ask("subscriptions", "PUT", f"Subscription/{id_}", resource | {"status": status})
        assert answer.status == 200, answer.body
        return instant(here.micros)

    def booked(*ids: str) -> None:
        for each in ids:
            here.put("scheduling", appointment(each))

    def report() -> dict[str, list[Any]]:
        asked = f"Subscription/{id_}/$delivery-report?from=2026-11-22T00:00:00Z&to=2026-11-23"
        return parts(told(here.ask("subscriptions", "GET", asked)))

    booked("lost")
    here.events("scheduling")
    booked("before")
    here.publish()
    booked("late")
    off = turn("off")
    booked("during")
    here.publish()
    booked("unpublished")
    last = report()
    assert last["interval"] == [{"status": ["off"], "period": [{"start": off}]}], "it lasts"
    assert (last["off"], last["gaps"], last["parked"]) == ([3], [2], [1])
    here.publish()
    on = turn("requested")
    booked("after")
    here.publish()
    here.now += timedelta(seconds=1)
    here.activate(id_, "error", "Given up.")
    error = instant(here.micros)
    booked("parked")
    here.publish()
    last = report()
    assert last["interval"] == [
        {"status": ["off"], "period": [{"start": off, "end": on}]},
        {"status": ["error"], "period": [{"start": error}], "reason": ["Given up."]},
    ]
    named = {name: [(e["why"][0], e["focus"][0].split("/")[-3]) for e in last[name]] for name in ("gap", "not-told")}
    assert named["not-told"] == [("off", "late"), ("off", "during"), ("off", "unpublished")]
    assert named["gap"] == [("not-matched", "lost"), ("parked", "before"), ("parked", "after"), ("parked", "parked")]
    assert (last["off"], last["gaps"], last["matched"]) == ([3], [4], [3])
    turn("off")
    assert here.ask("subscriptions", "DELETE", f"Subscription/{id_}").status in (200, 204)
    booked("deleted")
    here.publish()
    here.now += timedelta(seconds=1)
    assert here.ask("subscriptions", "PUT", f"Subscription/{id_}", subscription(id=id_)).status in (200, 201)
    here.publish()
    last = report()
    assert [each["status"] for each in last["interval"]] == [["off"], ["error"], ["off"]], "deleted counts as off"
    assert last["off"] == [4]


def test_what_is_told_is_valid_r4_to_an_independent_judge(here: Practice) -> None:
    oracle.needed()
    id_ = busy(here, content="full-resource")
    here.ask("scheduling", "DELETE", "Appointment/a2")
    here.publish()
    runtime = here.subscriptions
    resource = told(here.ask("subscriptions", "GET", f"Subscription/{id_}"))
    subscriber = here.ledger(lambda d: d.subscriber(id_))
    notifications = here.told(id_)
    found = [status_bundle(kind, resource, subscriber, BASE, here.micros) for kind in ("handshake", "heartbeat")]
    for content in ("empty", "id-only", "full-resource"):
        _, shown = fitting(runtime, subscriber, notifications, here.context, content)
        found.append(
            event_bundle("event-notification", resource, subscriber, notifications, shown, BASE, here.micros, content)
        )
    asked = ("$status", "$events", "$delivery-report?from=2026-11-22&to=2026-11-23")
    found += [here.ask("subscriptions", "GET", f"Subscription/{id_}/{name}").body for name in asked]
    found.append(here.ask("subscriptions", "GET", f"Subscription/{id_}").body)
    found += [json.render(topic) for topic in topics_as_basic()]
    found.append(here.ask("subscriptions", "GET", "metadata").body)
    for body in found:
        assert [issue for issue in validate(json.parse(body)) if issue.severity in ("error", "fatal")] == []
    judged = [oracle.errors(each) for each in oracle.judge(found, "-lax-profiles")]
    wrong = [finding for each in judged for finding in each if finding.key != R5_UNKNOWN]
    assert not wrong, wrong
