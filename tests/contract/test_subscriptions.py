"""Subscriptions from their creation to what they are told, on both databases, with real events of real writes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from carethread.adapters.sql.store.store import SqlStore
from carethread.core.context import Context
from carethread.core.fhir import json
from carethread.interactions.publish import publish
from carethread.subscriptions.life import SERVER, refresh
from carethread.subscriptions.unfit import turn_out_unfit
from support.stores import open_store, put, version
from support.subscribing import IG, TOPICS, Practice, appointment, channel, practice, subscription


@pytest.fixture
def here(database_url: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Practice]:
    """On PostgreSQL a schema for each service, else a file; scheduling and subscriptions, where no more are asked
    for."""
    opened: list[SqlStore] = []
    names = getattr(request, "param", ("scheduling", "subscriptions"))

    def open_one(name: str) -> SqlStore:
        url = database_url if database_url.startswith("postgres") else f"sqlite:///{tmp_path}/{name}.db"
        opened.append(open_store(url, name, pool=3))
        return opened[-1]

    yield practice(open_one, names, websocket_url="ws://desk.example:8091")
    for store in opened:
        store.close()


def test_from_the_creation_on_everything_that_matches_is_told_in_order_and_once(here: Practice) -> None:
    here.put("scheduling", appointment("before"))
    here.publish()
    made = here.subscribe(subscription("appointment-booked", "Appointment?patient=Patient/p1"))
    assert made["status"] == "requested"
    here.put("scheduling", appointment("a1"))
    here.put("scheduling", appointment("a2", "p2"))
    here.put("scheduling", appointment("a3", status="proposed"))
    here.publish()
    assert here.subjects(made["id"]) == ["create Appointment/a1/1"], "what is told before the handshake waits"
    here.activate(made["id"])
    here.put("scheduling", appointment("a3"))
    here.put("scheduling", appointment("a3", comment="Bring the list."))
    here.put("scheduling", appointment("imported"), backfill=True)
    events = here.events("scheduling")
    here.consume(events)
    here.consume(events)
    assert here.subjects(made["id"]) == ["create Appointment/a1/1", "update Appointment/a3/2"]
    assert [n.number for n in here.told(made["id"])] == [1, 2]
    assert [n.match.key for n in here.told(made["id"])] == ["Patient/p1"] * 2


def test_deletes_are_told_by_what_was_deleted(here: Practice) -> None:
    mine = here.subscribe(subscription("appointment-cancelled", "Appointment?practitioner=Practitioner/dr"))["id"]
    other = here.subscribe(subscription("appointment-cancelled", "Appointment?practitioner=Practitioner/nobody"))["id"]
    doctor = [{"actor": {"reference": "Practitioner/dr"}, "status": "accepted"}]
    here.put("scheduling", appointment("a1", participant=doctor))
    here.put("scheduling", appointment("a2", participant=doctor))
    here.put("scheduling", appointment("a2", status="cancelled", participant=doctor))
    for id_ in ("a1", "a2"):
        assert here.ask("scheduling", "DELETE", f"Appointment/{id_}").status == 204
    here.publish()
    assert here.subjects(mine) == ["update Appointment/a2/2", "delete Appointment/a1/2"]
    assert here.subjects(other) == []


def concept(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


@pytest.mark.parametrize("here", [()], indirect=True, ids=["all"])
def test_topics_of_all_services(here: Practice) -> None:
    topics = ("slot-freed", "care-team-member-changed", "care-plan-updated", "hand-off-offered", "hand-off-overdue",
              "critical-answer", "feedback-waiting",
              "questionnaire-completed", "score-crossed-threshold", "high-risk-identified", "measure-alert",
              "metric-signal", "appointment-changed", "appointment-no-show")  # fmt: skip
    ids = {topic: here.subscribe(subscription(topic))["id"] for topic in topics}
    patient = {"reference": "Patient/p1"}
    hand_off = concept("https://carethread.dev/fhir/CodeSystem/hand-off-kind", "care")
    team = {"resourceType": "CareTeam", "id": "t", "status": "active", "subject": patient}
    task = {
        "resourceType": "Task",
        "id": "h",
        "status": "requested",
        "intent": "order",
        "code": hand_off,
        "for": patient,
    }
    call = {
        **task,
        "id": "k",
        "code": concept("https://carethread.dev/fhir/CodeSystem/careteam-task", "critical-answer"),
    }
    feedback = {**call, "id": "b", "code": concept("https://carethread.dev/fhir/CodeSystem/careteam-task", "feedback")}
    score = {
        "resourceType": "Observation",
        "id": "o",
        "status": "final",
        "subject": patient,
        "category": [concept("http://terminology.hl7.org/CodeSystem/observation-category", "survey")],
        "code": concept("http://loinc.org", "44261-6"),
        "valueQuantity": {"value": 15},
    }
    flag = {
        "resourceType": "Flag",
        "id": "f",
        "status": "active",
        "subject": patient,
        "code": {"text": "Falls"},
        "category": [concept("http://terminology.hl7.org/CodeSystem/flag-category", "safety")],
    }
    slot = {"resourceType": "Slot", "id": "s", "schedule": {"reference": "Schedule/1"},
            "start": "2026-12-01T09:00:00Z", "end": "2026-12-01T09:30:00Z"}  # fmt: skip
    issue = {"resourceType": "DetectedIssue", "id": "d", "status": "preliminary",
             "implicated": [{"reference": "MeasureReport/m"}]}  # fmt: skip
    number = {"resourceType": "MeasureReport", "id": "n", "status": "complete", "type": "summary", "measure": "urn:m",
              "period": {"start": "2031-01-01", "end": "2031-01-31"}}  # fmt: skip
    told = {"url": "https://carethread.dev/fhir/StructureDefinition/metric-signal", "extension": [
        {"url": "measure", "valueCanonical": "urn:m"}, {"url": "rule", "valueCode": "eight-in-a-row"},
        {"url": "side", "valueCode": "above"}, {"url": "since", "valueDate": "2030-06-01"}]}  # fmt: skip
    ended = {**told, "extension": [*told["extension"], {"url": "outcome", "valueCode": "ended"}]}
    for service, resource in (
        ("scheduling", {**slot, "status": "busy"}),
        ("scheduling", {**slot, "status": "free"}),
        ("careteams", team),
        ("careteams", {**team, "note": [{"text": "No one came or went."}]}),
        ("careteams", {**team, "participant": [{"member": {"reference": "Practitioner/dr"}}]}),
        (
            "careteams",
            {"resourceType": "CarePlan", "id": "c", "status": "active", "intent": "plan", "subject": patient},
        ),
        ("careteams", task),
        ("careteams", {**task, "businessStatus": {"coding": [{"code": "overdue"}]}}),
        ("careteams", call),
        ("careteams", {**call, "description": "It is urgent."}),
        ("careteams", {**call, "status": "cancelled", "statusReason": {"text": "Said by mistake."}}),
        ("careteams", feedback),
        ("careteams", flag),
        ("careteams", {**flag, "status": "inactive"}),
        ("careteams", issue),
        ("metrics", {**number, "id": "o"}),
        ("metrics", {**number, "extension": [told]}),
        ("metrics", {**number, "extension": [told], "date": "2031-02-01"}),
        ("metrics", {**number, "extension": [ended], "date": "2031-02-01"}),
        ("questionnaires", {"resourceType": "QuestionnaireResponse", "id": "q", "status": "in-progress"}),
        ("questionnaires", {"resourceType": "QuestionnaireResponse", "id": "q", "status": "completed"}),
        ("records", score),
        ("records", {**score, "status": "final", "note": [{"text": "The same score."}]}),
        ("scheduling", appointment("a")),
        ("scheduling", appointment("a", start="2026-12-01T10:00:00Z", end="2026-12-01T10:30:00Z")),
        ("scheduling", appointment("a", status="noshow")),
    ):
        here.put(service, resource)
    here.publish()
    assert {topic: here.subjects(id_) for topic, id_ in ids.items()} == {
        "slot-freed": ["update Slot/s/2"],
        "care-team-member-changed": ["create CareTeam/t/1", "update CareTeam/t/3"],
        "care-plan-updated": ["create CarePlan/c/1"],
        "hand-off-offered": ["create Task/h/1"],
        "hand-off-overdue": ["update Task/h/2"],
        "critical-answer": ["create Task/k/1", "update Task/k/2"],
        "feedback-waiting": ["create Task/b/1"],
        "questionnaire-completed": ["update QuestionnaireResponse/q/2"],
        "score-crossed-threshold": ["create Observation/o/1"],
        "high-risk-identified": ["create Flag/f/1"],
        "measure-alert": ["create DetectedIssue/d/1"],
        "metric-signal": ["create MeasureReport/n/1", "update MeasureReport/n/3"],
        "appointment-changed": ["update Appointment/a/2"],
        "appointment-no-show": ["update Appointment/a/3"],
    }


def test_a_patient_who_was_merged_is_told_of_under_each_id(here: Practice) -> None:
    told = here.subscribe(subscription("appointment-booked", "Appointment?patient=Patient/stays"))["id"]
    store = here.subscriptions.store
    gone: dict[str, Any] = {"resourceType": "Patient", "id": "gone", "active": False}
    gone["link"] = [{"other": {"reference": "Patient/stays"}, "type": "replaced-by"}]
    put(store, [gone])
    here.put("scheduling", appointment("a1", "gone"))
    here.put("scheduling", appointment("a2", "stays"))
    here.publish()
    assert here.subjects(told) == ["create Appointment/a1/1", "create Appointment/a2/1"]


def test_while_it_is_off_nothing_is_told_and_numbers_go_on(here: Practice) -> None:
    made = here.subscribe(subscription())
    here.put("scheduling", appointment("a1"))
    here.publish()
    here.activate(made["id"])
    here.put("subscriptions", {**made, "status": "off"})
    here.put("scheduling", appointment("a2"))
    here.publish()
    here.activate(made["id"])
    assert here.ask("subscriptions", "GET", f"Subscription/{made['id']}").body.count(b'"off"') == 1, "the client's word"
    here.put("subscriptions", {**made, "status": "requested"})
    here.put("scheduling", appointment("a3"))
    here.publish()
    assert [(n.number, n.match.id) for n in here.told(made["id"])] == [(1, "a1"), (2, "a3")]
    assert here.ask("subscriptions", "DELETE", f"Subscription/{made['id']}").status == 204
    here.put("scheduling", appointment("a4"))
    here.publish()
    assert len(here.told(made["id"])) == 2
    assert here.ledger(lambda d: d.subscriber(made["id"])).status == "off"


def test_in_error_what_matches_waits_until_the_client_asks_again(here: Practice) -> None:
    made = here.subscribe(subscription())
    here.activate(made["id"])
    here.activate(made["id"], "error", "Given up.")
    stands = json.parse_object(here.ask("subscriptions", "GET", f"Subscription/{made['id']}").body)
    assert (stands["status"], stands["error"]) == ("error", "Given up.")
    here.put("scheduling", appointment("a1"))
    here.publish()
    assert here.ledger(lambda d: len(d.pending(made["id"], 9))) == 1
    here.put("subscriptions", {**stands, "status": "requested"})
    stands = json.parse_object(here.ask("subscriptions", "GET", f"Subscription/{made['id']}").body)
    assert stands["status"] == "requested" and "error" not in stands


def test_the_server_owns_the_status(here: Practice) -> None:
    active = subscription(status="active")
    assert [(code, where) for code, where, _ in here.refused(active)] == [("value", "Subscription.status")]
    made = here.subscribe(subscription())
    here.activate(made["id"])
    stands = json.parse_object(here.ask("subscriptions", "GET", f"Subscription/{made['id']}").body)
    here.put("subscriptions", {**stands, "reason": "Another reason."})
    assert here.ledger(lambda d: d.subscriber(made["id"])).status == "active", "as it stands is no wish"
    here.put("subscriptions", {**stands, "channel": channel(endpoint="https://other.example/told")})
    assert here.ledger(lambda d: d.subscriber(made["id"])).status == "requested", "another endpoint shakes hands anew"
    wrong = {**stands, "status": "error"}
    assert here.ask("subscriptions", "PUT", f"Subscription/{made['id']}", wrong).status == 422


def test_a_subscription_that_its_rule_did_not_see_is_found_by_its_event(here: Practice) -> None:
    """As a transaction across services commits one."""
    resource = {**subscription(), "id": "across"}
    here.subscriptions.store.transact(lambda session: session.write([version(resource)]))
    assert here.ledger(lambda d: d.subscriber("across")) is None
    here.publish()
    assert here.ledger(lambda d: d.subscriber("across")).status == "requested"
    here.put("scheduling", appointment("a1"))
    here.publish()
    assert here.subjects("across") == ["create Appointment/a1/1"]


def test_every_reason_is_told_at_once(here: Practice) -> None:
    wrong = subscription("slot-freed", "Slot?colour=red", end="2020-01-01T00:00:00Z")
    wrong["channel"]["endpoint"] = "https://10.0.0.1/"
    assert {where for _, where, _ in here.refused(wrong)} == {
        "Subscription.criteria.extension[0]", "Subscription.end", "Subscription.channel.endpoint",
    }  # fmt: skip


def test_one_that_is_off_is_judged_too(here: Practice) -> None:
    """Only when it asks for nothing new may what could not be accepted any more still be turned off."""
    wrong = subscription("no-such-topic", status="off")
    wrong["channel"]["endpoint"] = "https://10.0.0.1/"
    assert {where for _, where, _ in here.refused(wrong)} == {"Subscription.criteria", "Subscription.channel.endpoint"}
    made = here.subscribe(subscription(status="off"))
    path = f"Subscription/{made['id']}"
    changed = {**made, "channel": channel(endpoint="https://10.0.0.1/")}
    assert here.ask("subscriptions", "PUT", path, changed).status == 422
    old = {**changed, "id": "old", "status": "requested"}
    here.subscriptions.store.transact(lambda session: session.write([version(old)]))
    assert here.ask("subscriptions", "PUT", "Subscription/old", {**old, "status": "off"}).status == 200
    assert here.ask("subscriptions", "PUT", "Subscription/old", old).status == 422


def test_other_channels(here: Practice) -> None:
    socket = here.subscribe(subscription(channel=channel(type="websocket", endpoint=None)))["id"]
    coding = {"system": "https://carethread.dev/fhir/CodeSystem/subscription-channel", "code": "grpc-stream"}
    custom = {"extension": [{"url": f"{IG}backport-channel-type", "valueCoding": coding}]}
    stream = here.subscribe(subscription(channel=channel(_type=custom, type="message", endpoint=None)))["id"]
    known = {each.subscription: each.channel for each in here.ledger(lambda d: d.subscribers([socket, stream]))}
    assert known == {socket: "websocket", stream: "grpc"}
    ((_, where, said),) = here.refused(subscription(channel=channel(_type=custom, type=None, endpoint=None)))
    assert where == "Subscription.channel.type" and "beside the extension" in said and "websocket" in said
    ((_, where, said),) = here.refused(subscription(channel=channel(type="sms")))
    assert where == "Subscription.channel.type" and "beside" in said and "rest-hook or websocket" in said


def test_a_topic_cannot_be_written_over_rest_and_is_published(here: Practice) -> None:
    publish(here.subscriptions, Context(principal=SERVER))
    topic = json.parse_object(here.ask("subscriptions", "GET", "Basic/slot-freed").body)
    assert topic["extension"][0]["valueUri"] == f"{TOPICS}slot-freed"
    assert here.ask("subscriptions", "PUT", "Basic/slot-freed", topic).status == 422
    assert here.ask("subscriptions", "DELETE", "Basic/slot-freed").status == 422
    other = {"resourceType": "Basic", "id": "b", "code": {"text": "A note."}}
    assert here.ask("subscriptions", "PUT", "Basic/b", other).status == 201
    told = json.parse_object(here.ask("subscriptions", "GET", "metadata").body)
    (of_subscription,) = [r for r in told["rest"][0]["resource"] if r["type"] == "Subscription"]
    assert {"url": f"{IG}capabilitystatement-subscriptiontopic-canonical", "valueCanonical": f"{TOPICS}slot-freed"} in (
        of_subscription["extension"]
    )
    assert {o["name"] for o in of_subscription["operation"]} >= {"status", "events", "resend", "get-ws-binding-token"}


def test_what_a_later_version_does_not_understand_is_in_error_with_the_reason(here: Practice) -> None:
    """Set once, whoever starts; the others stand."""
    ids = [here.subscribe(subscription("appointment-booked", "Appointment?patient=Patient/p1"))["id"] for _ in range(3)]
    stored = [json.parse_object(here.ask("subscriptions", "GET", f"Subscription/{id_}").body) for id_ in ids[:2]]
    stored[0]["_criteria"]["extension"][0]["valueString"] = "Appointment?colour=red"
    stored[1]["criteria"] = f"{TOPICS}of-old"
    put(here.subscriptions.store, stored)
    here.subscriptions.store.transact(lambda session: refresh(session, ids, here.micros))
    assert sorted(turn_out_unfit(here.subscriptions, here.context)) == sorted(ids[:2])
    stand = [json.parse_object(here.ask("subscriptions", "GET", f"Subscription/{id_}").body) for id_ in ids]
    assert [each["status"] for each in stand] == ["error", "error", "requested"]
    assert "colour" in stand[0]["error"] and "topic" in stand[1]["error"]
    turn_out_unfit(here.subscriptions, here.context)
    again = [json.parse_object(here.ask("subscriptions", "GET", f"Subscription/{id_}").body) for id_ in ids]
    assert [each["meta"]["versionId"] for each in again] == [each["meta"]["versionId"] for each in stand]
