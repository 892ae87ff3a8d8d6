"""Hand-offs: offered, answered, withdrawn, returned; who answers for the person, and what the ledger says of it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import delete, update
from sqlalchemy.exc import DBAPIError

from carethread.adapters.sql.tables import ledger
from carethread.core.metric_names import HAND_OFFS_EXPIRED, HAND_OFFS_WAITING, TAKE_OVERS
from carethread.core.ports import Resource
from support.care import (
    OURS,
    Care,
    part,
    patient,
    person_team,
    practitioner,
)
from support.desk import refer
from support.handing import answer, asked, entries, offered, parameters, plain_offer, report, steps, ward, who


@pytest.fixture
def practice(tmp_path: Path, database_url: str) -> Iterator[Care]:
    with ward(tmp_path, database_url) as made:
        yield made


def test_who_accepts_answers_from_then_on(practice: Care) -> None:
    task = offered(practice)
    assert task["status"] == "requested"
    assert task["requester"]["reference"] == "Practitioner/doctor"
    assert who(practice) == "Practitioner/doctor", "until it is accepted"
    practice.pass_time(minutes=5)
    status, taken = answer(practice, task, "accept")
    assert (status, taken["status"], [*taken["executionPeriod"]]) == (200, "accepted", ["start"])
    assert who(practice) == "Practitioner/nurse"
    assert steps(practice, task) == ["offered", "accepted"]
    practice.send()
    bundle = task["input"][0]["valueReference"]["reference"]
    assert practice.ask("GET", bundle, service="records").status == 200


def test_somebody_who_is_new_is_known_in_a_moment_and_somebody_whom_nobody_knows_never(practice: Care) -> None:
    practice.put(practitioner("newcomer"))
    wanted = parameters(asked("Practitioner/newcomer"))
    status, issues = practice.refusal("POST", "Task/$hand-off", wanted)
    assert (status, issues[0]["code"]) == (503, "transient")
    status, issues = practice.refusal("POST", "Task/$hand-off", parameters(asked("Practitioner/nobody")))
    assert (status, issues[0]["code"], issues[0]["expression"]) == (422, "not-found", ["to"])
    practice.tell(practitioner("newcomer"))
    assert practice.ask("POST", "Task/$hand-off", wanted).status == 200


def test_until_it_is_declined_or_withdrawn_the_sender_answers(practice: Care) -> None:
    task = offered(practice)
    status, body = answer(practice, task, "decline")
    assert (status, body["issue"][0]["expression"]) == (422, ["reason"])
    status, body = answer(practice, task, "decline", reason="No bed is free.")
    assert (status, body["status"], body["statusReason"]["text"]) == (200, "rejected", "No bed is free.")
    assert [*body["executionPeriod"]] == ["end"]
    assert who(practice) == "Practitioner/doctor"
    last = entries(practice, task)[-1]
    assert (last.step, last.by, last.why) == ("declined", "Practitioner/nurse", "No bed is free.")
    other = offered(practice, "Practitioner/second")
    withdrawn = practice.operate("POST", f"Task/{other['id']}/$withdraw", {"name": "reason", "valueString": "Not now."})
    assert withdrawn["status"] == "cancelled"
    assert [each.by for each in entries(practice, other)] == ["Practitioner/doctor", "Practitioner/doctor"]
    assert answer(practice, other, "accept")[0] == 409, "it is over"
    assert who(practice) == "Practitioner/doctor"


def test_who_was_not_asked_cannot_answer(practice: Care) -> None:
    task = offered(practice)
    for said in ("accept", "decline"):
        status, body = answer(practice, task, said, "Practitioner/stranger", "Why not.")
        assert (status, body["issue"][0]["code"]) == (422, "business-rule")
        assert "stranger" not in str(body) and "nurse" not in str(body)
    assert answer(practice, task, "accept", "PractitionerRole/nurse-role")[0] == 200, "it is the same person"
    assert who(practice) == "PractitionerRole/nurse-role"


@pytest.mark.parametrize("to", ["Organization/ward", "CareTeam/ward-team"])
def test_one_of_a_team_answers_for_it(practice: Care, to: str) -> None:
    task = offered(practice, to, "department-change")
    assert answer(practice, task, "accept")[0] == 400, "somebody says who"
    assert answer(practice, task, "accept", "Practitioner/stranger")[0] == 422
    status, taken = answer(practice, task, "accept", "Practitioner/second")
    assert (status, taken["owner"]["reference"]) == (200, "Practitioner/second")
    assert who(practice) == "Practitioner/second"


def test_the_first_of_two_who_accept_wins(practice: Care) -> None:
    task = offered(practice, "Organization/ward")
    assert answer(practice, task, "accept", "Practitioner/second")[0] == 200
    status, body = answer(practice, task, "accept", "Practitioner/nurse")
    assert (status, body["issue"][0]["code"]) == (409, "conflict")
    assert "second" not in str(body) and "ann" not in str(body)
    assert who(practice) == "Practitioner/second"
    assert steps(practice, task) == ["offered", "accepted"]


def test_two_who_accept_at_once(practice: Care) -> None:
    task = offered(practice, "Organization/ward")
    with ThreadPoolExecutor(2) as pool:
        said = [pool.submit(answer, practice, task, "accept", f"Practitioner/{who}") for who in ("second", "nurse")]
        statuses = sorted(each.result()[0] for each in said)
    assert statuses == [200, 409]
    assert steps(practice, task) == ["offered", "accepted"]
    assert entries(practice, task)[-1].receiver == who(practice)


@pytest.mark.parametrize("said", ["accept", "decline"])
def test_said_again_it_changes_nothing(practice: Care, said: str) -> None:
    task = offered(practice)
    _, first = answer(practice, task, said, reason="I see to it.")
    status, again = answer(practice, task, said, reason="I see to it.")
    assert (status, again) == (200, first)
    assert len(entries(practice, task)) == 2


@pytest.mark.parametrize("how", ["PUT", "PATCH"])
def test_a_plain_write_means_the_same(practice: Care, how: str) -> None:
    task = offered(practice, "Organization/ward")
    taken = {**task, "status": "accepted", "owner": {"reference": "Practitioner/second"}}
    assert practice.ask("PUT", f"Task/{task['id']}", {**task, "status": "accepted"}).status == 422, "who of them?"
    if how == "PUT":
        assert practice.ask("PUT", f"Task/{task['id']}", taken).status == 200
    else:
        patch = [
            {"op": "replace", "path": "/status", "value": "accepted"},
            {"op": "replace", "path": "/owner", "value": {"reference": "Practitioner/second"}},
        ]
        asked_for = practice.ask(
            "PATCH", f"Task/{task['id']}", patch, headers={"content-type": "application/json-patch+json"}
        )
        assert asked_for.status == 200, asked_for.body
    assert who(practice) == "Practitioner/second"
    assert steps(practice, task) == ["offered", "accepted"]
    stolen = {**practice.read(f"Task/{task['id']}"), "owner": {"reference": "Practitioner/nurse"}}
    assert practice.ask("PUT", f"Task/{task['id']}", stolen).status == 409
    begun = {**practice.read(f"Task/{task['id']}"), "status": "in-progress"}
    assert practice.ask("PUT", f"Task/{task['id']}", begun).status == 200
    assert len(entries(practice, task)) == 2, "it was accepted, and still is"


def test_a_plain_offer_means_the_same(practice: Care) -> None:
    with_id = {"id": "plain", **plain_offer(practice)}
    assert practice.ask("PUT", "Task/plain", {**with_id, "status": "accepted"}).status == 422, "it is offered first"
    stranger = {**with_id, "requester": {"reference": "Practitioner/stranger"}}
    status, issues = practice.refusal("PUT", "Task/plain", stranger)
    assert (status, issues[0]["expression"]) == (422, ["Task.requester"])
    late = {**with_id, "restriction": {"period": {"end": practice.at(hours=-1)}}}
    assert practice.ask("PUT", "Task/plain", late).status == 422
    made = practice.put(with_id)
    assert made["businessStatus"]["coding"][0]["code"] == "offered"
    assert steps(practice, made) == ["offered"]
    assert practice.ask("DELETE", "Task/plain").status == 409, "nobody would hear of it"
    left = {name: value for name, value in made.items() if name != "meta"}
    assert OURS + "task-hand-off" in practice.put({**left, "status": "received"})["meta"]["profile"]
    assert answer(practice, made, "accept")[0] == 200


TERMS: list[tuple[Resource, str]] = [
    ({"for": {"reference": "Patient/ben"}}, "Task.for"),
    ({"requester": {"reference": "Practitioner/lead"}}, "Task.requester"),
    ({"owner": {"reference": "Practitioner/second"}}, "Task.owner"),
    ({"restriction": {"period": {"end": "2032-01-01T00:00:00Z"}}}, "Task.restriction.period.end"),
    ({"status": "completed"}, "Task.status"),
    ({"status": "failed"}, "Task.status"),
    (
        {
            "status": "failed",
            "businessStatus": {
                "coding": [{"system": "https://carethread.dev/fhir/CodeSystem/hand-off-status", "code": "expired"}]
            },
        },
        "Task.status",
    ),
]


def test_what_was_offered_stays(practice: Care) -> None:
    task = offered(practice)
    for changed, where in TERMS:
        status, issues = practice.refusal("PUT", f"Task/{task['id']}", {**task, **changed})
        assert (status, issues[0]["expression"]) == (422, [where])


def test_one_hand_off_at_a_time_moves_a_person(practice: Care) -> None:
    task = offered(practice)
    refused = practice.ask("POST", "Task/$hand-off", parameters(asked("Practitioner/second", "care")))
    assert refused.status == 409
    assert f"Task/{task['id']}".encode() in refused.body
    asks_for_one_thing = offered(practice, "Practitioner/second", "follow-up")
    assert answer(practice, asks_for_one_thing, "accept")[0] == 200
    assert who(practice) == "Practitioner/doctor"
    answer(practice, task, "decline", reason="No.")
    assert answer(practice, offered(practice, "Practitioner/second"), "accept")[0] == 200
    assert who(practice) == "Practitioner/second"


def test_silence_leads_along_the_chain_and_ends_with_an_alarm(practice: Care) -> None:
    task = offered(practice, urgency="stat")
    practice.pass_time(minutes=16)
    practice.fire()
    stands = practice.read(f"Task/{task['id']}")
    assert (stands["owner"]["reference"], stands["businessStatus"]["coding"][0]["code"]) == (
        "Practitioner/duty", "escalated"
    )  # fmt: skip
    practice.pass_time(minutes=11)
    practice.fire()
    assert practice.read(f"Task/{task['id']}")["owner"]["reference"] == "Practitioner/lead"
    practice.pass_time(minutes=11)
    practice.fire()
    stands = practice.read(f"Task/{task['id']}")
    assert stands["status"] == "failed"
    assert {each["code"] for each in stands["businessStatus"]["coding"]} == {"expired", "overdue"}
    assert steps(practice, task) == ["offered", "escalated", "escalated", "expired"]
    told = practice.found("Task?code=unanswered-hand-off")
    assert {each["owner"]["reference"] for each in told} == {"Practitioner/doctor", "Practitioner/lead"}
    assert who(practice) == "Practitioner/doctor", "whoever hands over goes on"
    assert answer(practice, task, "accept", "Practitioner/nurse")[0] == 409
    practice.pass_time(days=4)
    practice.fire()
    assert len(practice.found("Task?code=unanswered-hand-off")) == 2, "once"
    assert answer(practice, offered(practice, "Practitioner/second"), "accept")[0] == 200, "another can be offered"


@pytest.mark.parametrize("by", ["Practitioner/nurse", "Practitioner/duty"])
def test_whoever_was_asked_can_answer_after_it_was_escalated(practice: Care, by: str) -> None:
    task = offered(practice, urgency="stat")
    practice.pass_time(minutes=16)
    practice.fire()
    assert answer(practice, task, "accept", by)[0] == 200
    assert who(practice) == by
    practice.pass_time(hours=1)
    practice.fire()
    assert steps(practice, task) == ["offered", "escalated", "accepted"], "the deadline finds nothing to do"


def test_when_the_shift_ends_first_whoever_is_on_call_answers(practice: Care) -> None:
    task = offered(practice, end_of_shift=practice.at(minutes=30))
    practice.pass_time(minutes=31)
    practice.fire()
    assert who(practice) == "Practitioner/duty"
    entry = entries(practice, task)[-1]
    assert (entry.step, entry.sender, entry.receiver) == ("passed-on", "Practitioner/doctor", "Practitioner/duty")
    assert practice.found("Task?code=take-over"), "with an alarm"
    assert answer(practice, task, "accept")[0] == 200
    assert who(practice) == "Practitioner/nurse"
    assert steps(practice, task) == ["offered", "passed-on", "accepted"]


def test_without_a_hand_off_the_ledger_tells_of_the_team(practice: Care) -> None:
    practice.put(
        person_team("anns", "ann", part("Practitioner/doctor", until=practice.at(minutes=30)), department="ward")
    )
    practice.pass_time(minutes=31)
    practice.fire()
    found = practice.operate("GET", "Patient/ann/$ledger")
    (entry,) = [each["part"] for each in found["parameter"] if each["name"] == "entry"]
    told = {each["name"]: next(v for k, v in each.items() if k != "name") for each in entry}
    assert (told["step"], told["about"]["reference"]) == ("passed-on", "CareTeam/anns")
    assert told["to"]["reference"] == "Practitioner/duty"


def test_what_an_ehr_sends_is_kept_as_it_was_sent(practice: Care) -> None:
    sent = {**plain_offer(practice), "id": "theirs", "status": "completed"}
    sent["meta"] = {**sent["meta"], "source": "urn:ehr:one"}
    practice.put(sent)
    practice.put({**sent, "status": "requested"})
    assert practice.store.glance(lambda session: session.ledger.of(["Task/theirs"])) == []
    assert practice.store.glance(lambda session: session.timers.ahead("hand-off", 9)) == []
    status, body = answer(practice, sent, "accept")
    assert (status, body["issue"][0]["expression"]) == (422, ["Task.meta.profile"])


def test_for_history_nobody_is_waited_for(practice: Care) -> None:
    over = {"restriction": {"period": {"end": practice.at(hours=-1)}}}
    practice.put({**plain_offer(practice), **over, "id": "old"}, backfill=True)
    practice.put({**plain_offer(practice), "id": "older", "status": "accepted"}, backfill=True)
    assert practice.store.glance(lambda session: session.timers.ahead("hand-off", 9)) == []
    assert [entry.step for entry in entries(practice, {"id": "old"})] == ["offered"]
    assert [entry.step for entry in entries(practice, {"id": "older"})] == ["accepted"]
    assert who(practice) == "Practitioner/doctor"


def test_results_close_the_loop(practice: Care) -> None:
    practice.put(report("r1", "ann"))
    task = offered(practice, "Practitioner/nurse", "referral", expects_result=True)
    answer(practice, task, "accept")
    back = [{"name": "note", "valueString": "All is well."}]
    assert practice.ask("POST", f"Task/{task['id']}/$return", parameters(back)).status == 422, "where is the result?"
    done = practice.operate("POST", f"Task/{task['id']}/$return", *back, *refer("output", "DiagnosticReport/r1"))
    assert done["status"] == "completed"
    (told,) = practice.found(f"Communication?based-on=Task/{task['id']}")
    assert [each["reference"] for each in told["recipient"]] == ["Practitioner/doctor"]
    assert {"reference": "DiagnosticReport/r1"} in told["about"]
    assert steps(practice, task) == ["offered", "accepted", "returned"]
    again = practice.operate("POST", f"Task/{task['id']}/$return", *back, *refer("output", "DiagnosticReport/r1"))
    assert again == done
    practice.pass_time(days=60)
    practice.fire()
    assert practice.found("Task?code=overdue-result") == []


def test_a_result_that_does_not_come_is_an_alarm_once(practice: Care) -> None:
    task = offered(practice, "Practitioner/nurse", "referral", result_by=practice.at(days=2))
    answer(practice, task, "accept")
    practice.pass_time(days=3)
    practice.fire()
    assert practice.read(f"Task/{task['id']}")["businessStatus"]["coding"][0]["code"] == "overdue"
    assert [each["owner"]["reference"] for each in practice.found("Task?code=overdue-result")] == [
        "Practitioner/doctor"
    ]
    practice.pass_time(days=3)
    practice.fire()
    assert len(practice.found("Task?code=overdue-result")) == 1
    reason: list[Resource] = [
        {"name": "failed", "valueBoolean": True},
        {"name": "reason", "valueString": "The person moved away."},
    ]
    assert practice.operate("POST", f"Task/{task['id']}/$return", *reason)["status"] == "failed"
    assert steps(practice, task) == ["offered", "accepted", "overdue", "failed"]


def test_what_waits_is_counted(practice: Care) -> None:
    def counted() -> list[float]:
        told = practice.store.glance(lambda s: {n: each(s) for n, each in practice.runtime.service.gauges.items()})
        return [told[name] for name in (HAND_OFFS_WAITING, HAND_OFFS_EXPIRED, TAKE_OVERS)]

    assert counted() == [0, 0, 0]
    task = offered(practice, "Practitioner/nurse", "referral")
    other = offered(practice, "Practitioner/nurse", "referral")
    assert counted() == [2, 0, 0]
    answer(practice, other, "accept")
    assert counted() == [1, 0, 0]
    for _ in range(20):
        practice.pass_time(days=4)
        practice.fire()
    assert practice.read(f"Task/{task['id']}")["status"] == "failed"
    alarms = practice.found("Task?code=unanswered-hand-off")
    assert counted() == [0, len(alarms), 0]
    practice.put({**alarms[0], "status": "completed"})
    assert counted() == [0, len(alarms) - 1, 0]
    offered(practice, end_of_shift=practice.at(minutes=30))
    practice.pass_time(minutes=31)
    practice.fire()
    assert counted()[0::2] == [1, 1]


def test_nobody_changes_the_ledger(practice: Care) -> None:
    offered(practice)
    for statement in (update(ledger).values(why="x"), delete(ledger)):
        with pytest.raises(DBAPIError), practice.store.engine.begin() as connection:
            connection.execute(statement)


def test_the_same_key_offers_once(practice: Care) -> None:
    first = practice.operate("POST", "Task/$hand-off", *asked(), idempotency_key="one")
    again = practice.operate("POST", "Task/$hand-off", *asked(), idempotency_key="one")
    assert first["parameter"][0] == again["parameter"][0]
    other = practice.ask(
        "POST", "Task/$hand-off", parameters(asked("Practitioner/second")), headers={"idempotency-key": "one"}
    )
    assert (other.status, b"duplicate" in other.body) == (422, True)
    practice.send()


def test_what_cannot_be_offered_says_where(practice: Care) -> None:
    for parts, status, where in REFUSED:
        found, issues = practice.refusal("POST", "Task/$hand-off", parameters(parts))
        assert (found, issues[0].get("expression", [None])[0] if where else None) == (status, where), issues


def test_who_is_deceased_is_handed_over_no_more(practice: Care) -> None:
    practice.tell(patient("ann", deceasedBoolean=True))
    status, issues = practice.refusal("POST", "Task/$hand-off", parameters(asked()))
    assert (status, issues[0]["expression"]) == (422, ["patient"])


def test_the_ledger_is_told_in_pages(practice: Care) -> None:
    task = offered(practice)
    answer(practice, task, "accept")
    whole = practice.operate("GET", f"Task/{task['id']}/$ledger")
    assert {"name": "state", "valueCode": "accepted"} in whole["parameter"]
    first = practice.operate("GET", "Patient/ann/$ledger?_count=1")
    (after,) = [each["valueUnsignedInt"] for each in first["parameter"] if each["name"] == "next-after"]
    second = practice.operate("GET", f"Patient/ann/$ledger?_count=1&after={after}")
    told = [part for answer in (first, second) for part in answer["parameter"] if part["name"] == "entry"]
    assert len(told) == 2
    assert not [each for each in second["parameter"] if each["name"] == "next-after"]
    for path in ("Patient/ann/$ledger?_count=0", "Patient/ann/$ledger?after=x", "Task/none/$ledger"):
        assert practice.ask("GET", path).status in (400, 404)


REFUSED: list[tuple[list[Resource], int, str | None]] = [
    (asked(person="nobody"), 422, "from"),
    (asked(person="ben"), 422, "from"),
    (asked(kind="errand"), 422, "kind"),
    (asked(urgency="soon"), 422, "urgency"),
    (asked(deadline="2001-01-01T00:00:00Z"), 422, "deadline"),
    (asked(end_of_shift="2001-01-01T00:00:00Z"), 422, "end-of-shift"),
    (asked(deadline="2031-03-04"), 400, "Parameters.parameter.where(name = 'deadline')"),
    (asked("Patient/ben"), 400, "Parameters.parameter.where(name = 'to')"),
    (asked()[1:], 400, "patient"),
    (asked()[:1], 400, "to"),
    (asked("Practitioner/doctor"), 422, "to"),
    (asked(from_="Practitioner/stranger"), 422, "from"),
    ([*asked(), {"name": "who", "valueString": "x"}], 400, "who"),
]


@pytest.mark.parametrize("minutes", [16, 31])
def test_an_answer_that_races_with_time_is_first_or_second(practice: Care, minutes: int) -> None:
    """With the deadline, and with the end of the shift of who hands over: one is first, and the other sees it."""
    task = offered(practice, urgency="stat", end_of_shift=practice.at(minutes=30))
    practice.pass_time(minutes=minutes)
    with ThreadPoolExecutor(2) as pool:
        fired, said = pool.submit(practice.fire), pool.submit(answer, practice, task, "accept", "Practitioner/nurse")
        fired.result()
        assert said.result()[0] == 200, "whoever was asked can answer before and after it was escalated"
    assert who(practice) == "Practitioner/nurse"
    told = steps(practice, task)
    assert told[0] == "offered" and told[-1] == "accepted"
    assert set(told[1:-1]) <= {"escalated", "passed-on"} and len(told) == len(set(told))
