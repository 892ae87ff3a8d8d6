"""Calendar feeds on both databases: links that are made and revoked, and what is read at them with another reader."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

from carethread.adapters.http.app import make_app
from carethread.adapters.http.fhir import answering
from carethread.adapters.local import LocalOwners
from carethread.adapters.sql.store.store import SqlStore
from carethread.adapters.sql.tables import claims
from carethread.core.context import Context
from carethread.core.ports import Key, Request, Response, Session
from carethread.core.service import PROFILES
from carethread.interactions.rest.handling import handle
from carethread.interactions.writing.check import check_resource
from carethread.scheduling import SERVICE
from carethread.scheduling.feeds.links import MOST
from support.calendar_reader import events
from support.stores import put, runtime

NOW = datetime(2027, 3, 10, 12, tzinfo=UTC)
LINK, FEED = "Appointment/$calendar-link", "Appointment/$calendar"


def schedule(id_: str = "s", zone: str = "Europe/London") -> dict[str, Any]:
    template = {"url": PROFILES + "availability", "extension": [{"url": "zone", "valueString": zone}]}
    actor = [{"reference": "Practitioner/nurse"}]
    return {"resourceType": "Schedule", "id": id_, "actor": actor, **({"extension": [template]} if zone else {})}


def slot(id_: str, start: datetime, of: str = "s") -> dict[str, Any]:
    end = start + timedelta(minutes=30)
    times = {"start": start.isoformat(), "end": end.isoformat()}
    return {"resourceType": "Slot", "id": id_, "schedule": {"reference": f"Schedule/{of}"}, "status": "busy", **times}


def appointment(id_: str, start: datetime, status: str = "booked", **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Appointment",
        "id": id_,
        "status": status,
        "serviceType": [{"coding": [{"code": "60", "display": "Nutrition; diet, food"}], "text": "Secret text"}],
        "reasonCode": [{"text": "Secret reason"}],
        "description": "Secret description",
        "comment": "Secret comment",
        "start": start.isoformat(),
        "end": (start + timedelta(minutes=30)).isoformat(),
        "participant": [
            {"actor": {"reference": "Patient/person", "display": "Secret name"}, "status": "accepted"},
            {"actor": {"reference": "Practitioner/nurse"}, "status": "accepted"},
            {"actor": {"reference": "Location/room"}, "status": "accepted"},
        ],
        **more,
    }


class Owner(LocalOwners):
    """The service records, which knows of nobody else."""

    def __init__(self) -> None:
        super().__init__({})

    def read(self, service: str, key: Key, version: int = 0) -> None:
        return None


class Desk:
    """Scheduling over a store, at a moment."""

    def __init__(self, store: SqlStore) -> None:
        self.runtime = replace(runtime(store, SERVICE), owners=Owner())
        self.now = NOW
        put(
            store,
            [
                {"resourceType": "Patient", "id": "person", "name": [{"family": "Secret name"}]},
                {"resourceType": "Practitioner", "id": "nurse", "name": [{"family": "Nurse", "prefix": ["Sister"]}]},
                {"resourceType": "Location", "id": "room", "name": "Room 5, ground floor"},
                schedule(),
            ],
        )

    def put(self, *resources: dict[str, Any]) -> None:
        put(self.runtime.store, resources)

    def ask(self, method: str, path: str, query: dict[str, str] | None = None, **headers: str) -> Response:
        asked = Request(method, path, list((query or {}).items()), {n.replace("_", "-"): v for n, v in headers.items()})
        return handle(self.runtime, asked, Context(clock=lambda: self.now))

    def link(self, actor: str, **more: str) -> dict[str, Any]:
        answer = self.ask("POST", LINK, {"actor": actor, **more})
        assert answer.status == 200, answer.body
        return {part["name"]: next(v for n, v in part.items() if n != "name") for part in parts(answer)}

    def token(self, actor: str) -> str:
        url: str = self.link(actor)["link"]
        return url.rpartition("/")[2].removesuffix(".ics")

    def feed(self, token: str, **headers: str) -> Response:
        return self.ask("GET", FEED, {"token": token}, **headers)

    def events(self, actor: str) -> list[Any]:
        answer = self.feed(self.token(actor))
        assert answer.status == 200, answer.body
        return events(answer.body)


def parts(answer: Response) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(answer.body)["parameter"]
    return found


@pytest.fixture
def desk(store: SqlStore) -> Desk:
    return Desk(store)


def test_a_practitioners_and_a_rooms_calendar_never_say_who_comes_and_why(desk: Desk):
    desk.put(slot("1", NOW), appointment("a", NOW, slot=[{"reference": "Slot/1"}]))
    for actor in ("Practitioner/nurse", "Location/room"):
        answer = desk.feed(desk.token(actor))
        assert answer.headers["Content-Type"] == "text/calendar;charset=utf-8"
        assert b"Secret" not in answer.body
        assert b"person" not in answer.body
        [event] = events(answer.body)
        assert str(event["summary"]) == "Nutrition; diet, food"
        assert str(event["location"]) == "Room 5, ground floor"
        assert str(event["description"]) == "Status: booked"
        assert (str(event["uid"]), int(event["sequence"]), str(event["status"])) == ("a@care.example", 0, "CONFIRMED")


def test_a_persons_calendar_says_when_where_and_with_whom_and_not_what_for(desk: Desk):
    others = appointment("b", NOW + timedelta(hours=1))
    others["participant"].append({"actor": {"reference": "Patient/other", "display": "Secret"}, "status": "accepted"})
    desk.put(appointment("a", NOW), others)
    answer = desk.feed(desk.token("Patient/person"))
    assert b"Secret" not in answer.body
    assert b"Nutrition" not in answer.body
    assert [(str(e["summary"]), str(e["location"])) for e in events(answer.body)] == [
        ("Appointment with Sister Nurse", "Room 5, ground floor")
    ] * 2


def test_times_are_local_where_the_schedule_says_its_zone_on_both_sides_of_a_change(desk: Desk):
    zoned = [datetime(2027, 3, 27, 9, tzinfo=UTC), datetime(2027, 3, 28, 8, tzinfo=UTC)]
    for number, start in enumerate(zoned):
        desk.put(slot(f"z{number}", start), appointment(f"z{number}", start, slot=[{"reference": f"Slot/z{number}"}]))
    desk.put(schedule("plain", ""), slot("u", NOW, "plain"), appointment("u", NOW, slot=[{"reference": "Slot/u"}]))
    body = desk.feed(desk.token("Practitioner/nurse")).body
    assert b"DTSTART:20270310T120000Z" in body
    assert b"DTSTART;TZID=Europe/London:20270327T090000" in body
    assert b"DTSTART;TZID=Europe/London:20270328T090000" in body
    assert body.count(b"BEGIN:VTIMEZONE") == 1
    assert [event["dtstart"].dt.astimezone(UTC) for event in events(body)] == [NOW, *zoned]


SHOWN = {
    "booked": "CONFIRMED",
    "arrived": "CONFIRMED",
    "noshow": "CONFIRMED",
    "pending": "TENTATIVE",
    "cancelled": "CANCELLED",
    "entered-in-error": "CANCELLED",
}


def test_the_status_is_one_of_those_that_a_calendar_has(desk: Desk):
    desk.put(*(appointment(status, NOW, status) for status in (*SHOWN, "waitlist", "proposed")))
    shown = {str(event["uid"]).partition("@")[0]: str(event["status"]) for event in desk.events("Patient/person")}
    assert shown == SHOWN


def test_a_hold_that_is_over_and_who_has_declined_show_as_cancelled(desk: Desk):
    until = {"url": PROFILES + "hold-until", "valueInstant": (NOW + timedelta(minutes=5)).isoformat()}
    declined = appointment("d", NOW)
    declined["participant"][1]["status"] = "declined"
    desk.put(appointment("h", NOW, "pending", extension=[until]), declined)

    def shown(actor: str) -> dict[str, str]:
        return {str(event["uid"])[0]: str(event["status"]) for event in desk.events(actor)}

    assert shown("Patient/person") == {"h": "TENTATIVE", "d": "CONFIRMED"}
    assert shown("Practitioner/nurse") == {"h": "TENTATIVE", "d": "CANCELLED"}
    desk.now += timedelta(minutes=5)
    assert shown("Patient/person") == {"h": "CANCELLED", "d": "CONFIRMED"}


def test_a_change_keeps_the_uid_and_raises_the_sequence(desk: Desk):
    desk.put(appointment("a", NOW))
    desk.put(appointment("a", NOW + timedelta(hours=1)))
    [event] = desk.events("Patient/person")
    assert (str(event["uid"]), int(event["sequence"])) == ("a@care.example", 1)


def test_the_window_goes_from_90_days_back_to_400_ahead(desk: Desk):
    days = (-91, -90, 0, 400, 401)
    desk.put(*(appointment(f"d{day}", NOW + timedelta(days=day)) for day in days))
    assert [str(event["uid"]).partition("@")[0] for event in desk.events("Patient/person")] == ["d-90", "d0", "d400"]


def test_who_asks_again_is_told_whether_something_changed(desk: Desk):
    desk.put(appointment("a", NOW))
    token = desk.token("Patient/person")
    tag = desk.feed(token).headers["ETag"]
    assert (desk.feed(token, if_none_match=tag).status, desk.feed(token, if_none_match=tag).body) == (304, b"")
    desk.now += timedelta(hours=2)
    assert desk.feed(token, if_none_match=tag).status == 304, "time alone changes nothing"
    desk.put(appointment("a", NOW, "cancelled"))
    assert desk.feed(token, if_none_match=tag).status == 200


def test_a_revoked_link_is_as_one_that_never_was(desk: Desk):
    desk.put(appointment("a", NOW))
    first, second = desk.token("Patient/person"), desk.token("Patient/person")
    never = desk.feed("never-made")
    assert desk.link("Patient/person", revoke="true", link=f"https://care.example/calendar/{first}.ics") == {
        "revoked": 1
    }
    assert (desk.feed(first).status, desk.feed(first).body) == (404, never.body)
    assert desk.feed(second).status == 200
    assert desk.ask("POST", LINK, {"actor": "Practitioner/nurse", "revoke": "true", "link": second}).status == 404
    for none in ("http://host/calendar/", "http://host/calendar/.ics", ".ics", ""):
        body = {"actor": "Patient/person", "revoke": "true", "link": none}
        assert desk.ask("POST", LINK, body).status == 404, "a link that names none ends none"
    assert desk.feed(second).status == 200
    assert desk.link("Patient/person", revoke="true") == {"revoked": 1}
    assert desk.feed(second).status == 404
    assert desk.link("Patient/person", revoke="true") == {"revoked": 0}


def test_who_made_and_revoked_a_link_is_audited(desk: Desk, store: SqlStore):
    token = desk.token("Patient/person")
    desk.link("Patient/person", revoke="true", link=token)
    desk.link("Patient/person", revoke="true")

    def work(session: Session) -> list[dict[str, Any]]:
        asked = [session.requests.all(each.number)[0] for each in session.requests.all()]
        return [json.loads(each.wanted.body) for each in asked]

    audits = store.snapshot(work)
    assert [(audit["resourceType"], audit["action"]) for audit in audits] == [("AuditEvent", "C"), ("AuditEvent", "D")]
    for audit in audits:
        check_resource("AuditEvent", audit)
    assert audits[0]["entity"] == [{"what": {"reference": "Patient/person"}}]
    assert token not in str(audits)


def test_a_token_is_not_kept_and_not_guessed(desk: Desk, store: SqlStore):
    link = desk.link("Practitioner/nurse")
    assert urlsplit(link["link"]).netloc == "care.example"
    token = link["link"].rpartition("/")[2].removesuffix(".ics")
    assert len(token) == 43
    with store.engine.connect() as connection:
        rows = [tuple(row) for row in connection.execute(claims.select())]
    assert rows and token not in str(rows)


def test_a_person_who_has_died_or_is_not_active_has_an_empty_calendar(desk: Desk):
    desk.put(appointment("a", NOW))
    for gone in ({"deceasedBoolean": True}, {"deceasedDateTime": "2027-03-01"}, {"active": False}):
        desk.put({"resourceType": "Patient", "id": "person", **gone})
        assert desk.events("Patient/person") == []
    desk.put({"resourceType": "Patient", "id": "person", "deceasedBoolean": False, "active": True})
    assert len(desk.events("Patient/person")) == 1


def test_the_calendar_of_who_was_merged_is_that_of_both(desk: Desk):
    link = {"type": "replaced-by", "other": {"reference": "Patient/person"}}
    desk.put({"resourceType": "Patient", "id": "old", "active": False, "link": [link]})
    of_old = appointment("o", NOW)
    of_old["participant"][0]["actor"] = {"reference": "Patient/old"}
    desk.put(appointment("a", NOW + timedelta(hours=1)), of_old)
    for actor in ("Patient/old", "Patient/person"):
        assert [str(event["uid"])[0] for event in desk.events(actor)] == ["o", "a"]


def test_a_practitioner_is_also_met_in_a_role(desk: Desk):
    role = {"resourceType": "PractitionerRole", "id": "role", "practitioner": {"reference": "Practitioner/nurse"}}
    by_role = appointment("a", NOW)
    by_role["participant"][1]["actor"] = {"reference": "PractitionerRole/role"}
    desk.put(role, by_role)
    assert len(desk.events("Practitioner/nurse")) == 1
    assert [str(event["summary"]) for event in desk.events("Patient/person")] == ["Appointment with Sister Nurse"]


WRONG: list[tuple[dict[str, str], int, str]] = [
    ({}, 400, "actor"),
    ({"actor": "nurse"}, 400, "actor"),
    ({"actor": "Device/1"}, 400, "actor"),
    ({"actor": "https://elsewhere.example/fhir/Patient/1"}, 400, "actor"),
    ({"actor": "Patient/nobody"}, 422, "actor"),
    ({"actor": "Patient/person", "revoke": "yes"}, 400, "revoke"),
    ({"actor": "Patient/person", "link": "x"}, 400, "link"),
    ({"actor": "Patient/person", "patient": "x"}, 400, "patient"),
]


def test_what_is_wrong_with_a_link_is_said(desk: Desk):
    for query, status, where in WRONG:
        answer = desk.ask("POST", LINK, query)
        assert (answer.status, json.loads(answer.body)["issue"][0]["expression"]) == (status, [where]), query


def test_a_link_is_posted_for_and_an_actor_has_a_bounded_number(desk: Desk):
    assert desk.ask("GET", LINK, {"actor": "Patient/person"}).status == 405
    assert desk.ask("GET", FEED).status == 400
    assert [desk.link("Patient/person")["links"] for _ in range(MOST)] == list(range(1, MOST + 1))
    assert desk.ask("POST", LINK, {"actor": "Patient/person"}).status == 409


def test_the_link_works_as_it_was_given(desk: Desk):
    """At the edge: any Accept, HEAD, a 304, and a 404 in place of what was revoked."""
    desk.put(appointment("a", NOW))
    path = urlsplit(desk.link("Patient/person")["link"]).path

    def answer(request: Request, context: Context) -> Response:
        return handle(desk.runtime, request, context)

    app = make_app(
        answering(answer, lambda: desk.now, lambda *_: None),
        max_body_bytes=1000,
        not_ready=list,
        exposition=lambda: (b"", ""),
        asyncapi=lambda _: Response(200),
        pages=SERVICE.pages,
    )
    client = app.test_client()
    got = client.get(path, headers={"Accept": "text/calendar"})
    assert (got.status_code, got.headers["Content-Type"]) == (200, "text/calendar;charset=utf-8")
    assert len(events(got.data)) == 1
    assert client.get(path, headers={"If-None-Match": got.headers["ETag"]}).status_code == 304
    assert client.head(path).status_code == 200
    assert client.post(path).status_code == 405
    assert client.get("/calendar/unknown.ics").status_code == 404
    assert client.get("/calendar/a%00b.ics").status_code == 400
