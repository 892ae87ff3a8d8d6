"""What nobody gets past the desk, on both databases: by an extension, by a plain write, or by renewing for ever."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from carethread.core.fhir import json
from carethread.core.ports import Resource, Stored
from carethread.interactions import mirror
from carethread.scheduling.rules import APPOINTMENT
from support.desk import OURS, START, Desk, desk, lasting, of, patient, refer, schedule, slot, wish

BY_THE_LEAD = {"override_role": "desk-lead", "override_reason": "both have agreed"}
PASSED: Resource = {
    "url": OURS + "override",
    "extension": [
        {"url": "role", "valueCode": "desk-lead"},
        {"url": "reason", "valueString": "both have agreed"},
        {"url": "conflict", "valueCode": "overlap"},
    ],
}


@pytest.fixture
def front(tmp_path: Path, database_url: str) -> Iterator[Desk]:
    with desk(tmp_path, database_url) as made:
        for name in ("ann", "ben", "cay"):
            made.put(patient(name), service="records")
        made.put(patient("late", deceasedBoolean=True), service="records")
        for name in ("one", "else"):
            made.put(schedule(name, "Practitioner/one"))
            for number in range(3):
                made.put(slot(f"{name}-{number}", name, 30 + number / 2))
        yield made


def resource(who: str, **members: Any) -> Resource:
    """The parameter that has members of the Appointment."""
    person = {"actor": {"reference": f"Patient/{who}"}, "status": "accepted"}
    made = {"resourceType": "Appointment", "status": "proposed", "participant": [person], **members}
    return {"name": "appointment-resource", "resource": made}


def known(front: Desk, *people: Resource) -> None:
    """Have the copies of people come to scheduling."""
    rendered = [(each["id"], json.render(each)) for each in people]
    mirror.remember(
        front.runtime, [Stored("Patient", id_, 1, 0, False, body, "PUT", "k", "") for id_, body in rendered]
    )


def plain(slot_: str, who: str = "ann", *, hour: float = 30, **members: Any) -> Resource:
    begin = START + timedelta(hours=hour)
    people = [{"actor": {"reference": each}, "status": "accepted"} for each in (f"Patient/{who}", "Practitioner/one")]
    return {
        "resourceType": "Appointment",
        "meta": {"profile": [OURS + "appointment"]},
        "status": "booked",
        "slot": [{"reference": f"Slot/{slot_}"}],
        "start": begin.isoformat(),
        "end": (begin + timedelta(minutes=30)).isoformat(),
        "participant": people,
        **members,
    }


def kinds(answer: Any) -> list[str]:
    issues = json.parse_object(answer.body)["issue"]
    return [each.get("details", {}).get("coding", [{}])[0].get("code", each["code"]) for each in issues]


def test_an_override_is_for_one_time_and_its_people(front: Desk) -> None:
    front.done("book", *wish(["one-0"], "ann"))
    front.done("book", *wish(["one-1"], "ben"))
    over = front.done("hold", *wish(["else-0"], "cay", **BY_THE_LEAD))
    over = front.done("book", of(over))
    assert (over["status"], PASSED in over["extension"]) == ("booked", True), "it stands as long as the time does"
    assert front.refused("reschedule", of(over), *wish(["else-1"])) == (
        409,
        [("not-found", ""), ("conflict", "overlap")],
    )
    moved = {**over, **{name: front.read("Slot/else-1")[name] for name in ("start", "end")}}
    moved["slot"] = [{"reference": "Slot/else-1"}]
    assert front.ask("PUT", f"Appointment/{over['id']}", moved).status == 409
    free = front.done("reschedule", of(over), *wish(["else-2"]))
    assert not any(each["url"] == OURS + "override" for each in free.get("extension", ()))
    again = front.done("reschedule", of(over), *wish(["else-1"], **BY_THE_LEAD))
    assert PASSED in again["extension"]


def test_nobody_says_an_override_but_the_desk(front: Desk) -> None:
    front.done("book", *wish(["one-0"], "ann"))
    forged = resource("cay", extension=[PASSED])
    assert front.refused("book", *wish(["else-0"], "cay"), forged)[0] == 409
    kept = front.done("book", *wish(["else-1"], "cay"), forged)
    assert "extension" not in kept
    for url in ("override", "hold-until", "held-since", "confirm-by", "offer"):
        mark = PASSED if url == "override" else {"url": OURS + url, "valueInstant": "2031-03-05T08:00:00Z"}
        answer = front.ask("PUT", f"Appointment/{kept['id']}", {**kept, "extension": [mark]})
        assert (answer.status, url.encode() in answer.body) == (422, True)
        assert json.parse_object(answer.body)["issue"][0]["expression"] == ["Appointment.extension[0]"]
    told = plain("else-0", "cay", id="told", extension=[PASSED])
    assert front.ask("PUT", "Appointment/told", told, backfill=True).status == 201


def test_a_plain_write_keeps_what_the_desk_has_said(front: Desk) -> None:
    held = front.done("hold", *wish(["one-0"], "ann"))
    front.put({**held, "comment": "brings a letter"})
    assert front.done("book", of(held))["comment"] == "brings a letter"


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        (plain("one-0", hour=78), ["time"]),
        (plain("one-0", hour=-100), ["past", "time"]),
        (plain("one-0", "late"), ["business-rule"]),
        ({**plain("one-0", "late"), "status": "waitlist", "slot": []}, ["business-rule"]),
    ],
)
def test_a_plain_write_of_ours_is_refused_what_the_desk_would(front: Desk, sent: Resource, why: list[str]) -> None:
    sent = {name: each for name, each in sent.items() if each != []}
    known(front, patient("late", deceasedBoolean=True))
    answer = front.ask("POST", "Appointment", sent)
    assert (answer.status, kinds(answer)) == (422, why)
    assert front.ask("PUT", "Appointment/told", {**sent, "id": "told"}, backfill=True).status == 201
    theirs = {**sent, "meta": {"source": "urn:made-up:ehr"}}
    assert front.ask("POST", "Appointment", theirs).status == 201, "what an EHR tells is taken as it comes"


def test_a_plain_change_of_what_has_begun_is_no_new_booking(front: Desk) -> None:
    booked = front.done("book", *wish(["one-0"], "ann"))
    front.pass_time(hours=30.2)
    arrived = front.put({**booked, "status": "arrived"})
    front.put({**arrived, "status": "booked"})
    late = {**booked, "start": (START + timedelta(hours=30.1)).isoformat()}
    assert front.ask("PUT", f"Appointment/{booked['id']}", late).status == 422


_ENDED = ("meta", "extension", "cancelationReason")


def test_what_was_ours_stays_ours_without_our_profile(front: Desk) -> None:
    booked = front.done("book", *wish(["one-0"], "ann"))
    ended = front.done("cancel", of(booked))
    again = {**{name: each for name, each in ended.items() if name not in _ENDED}, "status": "booked"}
    answer = front.ask("PUT", f"Appointment/{ended['id']}", again)
    assert (answer.status, kinds(answer)) == (422, ["business-rule"])
    noted = {**ended, "comment": "Called."}
    answer = front.ask("PUT", f"Appointment/{ended['id']}", {n: each for n, each in noted.items() if n != "meta"})
    assert json.parse(answer.body)["meta"]["profile"] == [APPOINTMENT]


def test_a_series_and_a_renewal_ask_after_the_people_too(front: Desk) -> None:
    parts = [
        {"name": "rule", "valueString": "FREQ=DAILY;COUNT=1"},
        {"name": "start", "valueString": "2031-03-04T14:00:00"},
        {"name": "zone", "valueString": "UTC"},
        *refer("schedule", "Schedule/one"),
    ]
    answer = front.call("book-series", *parts, resource("late"))
    assert (answer.status, b"deceased" in answer.body) == (422, True)
    held = front.done("hold", *wish(["one-0"], "ann"))
    front.put(patient("ann", active=False), service="records")
    moved = front.call("move-series", {"name": "start", "valueString": "2031-03-04T15:00:00"}, parts[2], id_=held["id"])
    assert (moved.status, b"inactive" in moved.body) == (422, True)
    assert front.refused("renew", of(held)) == (422, [("business-rule", "")])


def test_a_hold_is_renewed_for_two_hours_in_all(front: Desk) -> None:
    held = front.done("hold", *wish(["one-0"], "ann"), lasting(60))
    front.pass_time(minutes=30)
    held = front.done("renew", of(held), lasting(60))
    front.pass_time(minutes=50)
    answer = front.call("renew", of(held), lasting(60))
    assert (answer.status, b"120 minutes in all" in answer.body) == (422, True)
    assert front.call("hold", of(held), lasting(60)).status == 422
    held = front.done("renew", of(held), lasting(40))
    front.pass_time(minutes=41)
    front.fire()
    assert front.done("hold", of(held), lasting(60))["status"] == "pending", "it was over: others could have had it"


def test_a_hold_of_a_part_of_a_slot_is_booked_as_it_was_held(front: Desk) -> None:
    times = {"start": "2031-03-04T14:00:00Z", "end": "2031-03-04T14:10:00Z"}
    held = front.done("hold", *wish(["one-0"], "ann"), resource("ann", **times))
    booked = front.done("book", of(held))
    assert {name: booked[name] for name in times} == {name: held[name] for name in times} == times
    assert booked["minutesDuration"] == 10
    assert front.done("reschedule", of(booked), *wish(["one-1"]))["minutesDuration"] == 30


def test_a_check_of_what_was_given_up_agrees_with_booking_it(front: Desk) -> None:
    booked = front.done("book", *wish(["one-0"], "ann"))
    assert kinds(front.call("check", of(booked))) == ["informational"]
    front.done("cancel", of(booked))
    assert kinds(front.call("check", of(booked))) == ["status"]
    assert front.refused("book", of(booked))[0] == 422
    held = front.done("hold", *wish(["one-0"], "ben"))
    front.pass_time(minutes=6)
    front.fire()
    assert kinds(front.call("check", of(held))) == ["informational"]


def test_a_check_with_an_override_says_what_it_passes_over(front: Desk) -> None:
    front.done("book", *wish(["one-0"], "ann"))
    answer = front.call("check", *wish(["else-0"], "cay", **BY_THE_LEAD))
    issues = json.parse_object(answer.body)["issue"]
    assert [(each["severity"], each["code"]) for each in issues] == [("warning", "conflict")]
    issues = json.parse_object(front.call("check", *wish(["one-0"], "cay", **BY_THE_LEAD)).body)["issue"]
    assert [each["severity"] for each in issues] == ["error"]
    assert front.call("check", *wish(["else-0"], "cay", override_role="cook", override_reason="so")).status == 422


def test_the_day_of_a_duplicate_is_one_of_the_schedules_zone(front: Desk) -> None:
    parts = [{"url": "zone", "valueCode": "America/New_York"}]
    days = [{"url": "day", "valueCode": day} for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")]
    hours = [{"url": "start", "valueTime": "00:00:00"}, {"url": "end", "valueTime": "23:59:00"}]
    rule = {"url": "rule", "extension": [*days, *hours, {"url": "slot-minutes", "valuePositiveInt": 30}]}
    availability = {"url": OURS + "availability", "extension": [*parts, rule]}
    front.put(schedule("ny", "Practitioner/ny", extension=[availability]))
    talk = [{"coding": [{"system": "urn:example:services", "code": "talk"}]}]
    for name, hour in (
        ("evening", 39.5),
        ("night", 40.5),
        ("next", 46.5),
    ):  # 23:30Z, 00:30Z, 06:30Z: 18:30, 19:30, 01:30
        front.put({**slot(name, "ny", hour), "serviceType": talk})
    front.done("book", *wish(["evening"], "ann"))
    assert front.refused("book", *wish(["night"], "ann")) == (409, [("not-found", ""), ("duplicate", "duplicate")])
    front.done("book", *wish(["next"], "ann"))
