"""`$find` on the real store: it proposes all that can be, by a model that tries everything, and nothing else."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from carethread.adapters.local import LocalOwners
from carethread.core.clock import instant, to_micros
from carethread.core.context import Context
from carethread.core.fhir import json
from carethread.core.fhir.validation import validate
from carethread.core.ports import Key, Request, Session, Stored
from carethread.core.service import Runtime
from carethread.interactions.rest.handling import handle
from carethread.scheduling import SERVICE
from carethread.scheduling.booking.calendars import slot_stored
from carethread.scheduling.finding import proposals
from carethread.scheduling.rules import CAPACITY, HOLD_UNTIL, MODALITY, PLACE
from carethread.scheduling.visits.following import appointment_follows
from support.finding_model import Practice, Question, Resource, moment
from support.stores import BASE, open_store, put, runtime

POSTGRES = pytest.param("postgres", marks=pytest.mark.servers)
SYSTEM = "http://example.org/services"
MONDAY = datetime(2031, 1, 6, tzinfo=UTC)
DAY = 86_400_000_000
MINUTE = 60_000_000

SCHEDULES = {
    "a": "Practitioner/a", "b": "Practitioner/b", "b2": "Practitioner/b", "c": "PractitionerRole/c",
    "room": "Location/room", "hall": "Location/hall",
}  # fmt: skip
"""Somebody has two; an interpreter has none."""

SERVICES = {"b": "x", "c": "y"}
"""What the Schedules say of services, for their slots that do not."""

_days = iter(range(10_000))
"""Each example has days of its own in the one database."""


def at(begin: int, minutes: int) -> str:
    return instant(begin + minutes * MINUTE)


class Elsewhere(LocalOwners):
    """The other services, where one Patient is whom the mirror has not got yet."""

    def __init__(self) -> None:
        super().__init__({})

    def read(self, service: str, key: Key, version: int = 0) -> Stored | None:
        if key != ("Patient", "late"):
            return None
        body = json.render({"resourceType": "Patient", "id": "late"})
        return Stored("Patient", "late", 1, 1_700_000_000_000_000, False, body, key="Patient/late")


class Desk:
    """A service with its people, spoken to as a client would."""

    def __init__(self, here: Runtime, now: datetime) -> None:
        self.here = here
        self.now = now

    def send(self, method: str, path: str, body: Resource | None = None, *query: tuple[str, str]) -> tuple[int, Any]:
        headers = {"content-type": "application/fhir+json"} if body else {}
        request = Request(method, path, query, headers, json.render(body) if body else b"")
        answer = handle(self.here, request, Context(clock=lambda: self.now))
        return answer.status, json.parse(answer.body) if answer.body else None

    def find(self, *query: tuple[str, str], **named: str) -> Resource:
        pairs = [
            *query,
            *(
                (("_" if name[0] == "_" else "") + name.lstrip("_").replace("_", "-"), value)
                for name, value in named.items()
            ),
        ]
        status, bundle = self.send("GET", "Appointment/$find", None, *pairs)
        assert status == 200, bundle
        found: Resource = bundle
        return found

    def refused(self, *query: tuple[str, str], **named: str) -> tuple[int, str, str]:
        """Status, code and element of a refusal."""
        pairs = [
            *query,
            *(
                (("_" if name[0] == "_" else "") + name.lstrip("_").replace("_", "-"), value)
                for name, value in named.items()
            ),
        ]
        status, outcome = self.send("GET", "Appointment/$find", None, *pairs)
        issue = outcome["issue"][0]
        return status, issue["code"], issue["expression"][0]

    def enter(self, *resources: Resource) -> None:
        """Store resources as they are, with what finding goes by."""
        put(self.here.store, resources)
        context = Context(clock=lambda: self.now, backfill=True)
        for type_name, hook in (("Slot", slot_stored), ("Appointment", appointment_follows)):
            ids = [each["id"] for each in resources if each["resourceType"] == type_name]
            if ids:
                self.here.store.transact(partial(hook, self.here, ids=ids, context=context))


def people() -> Iterator[Resource]:
    for id_ in "abi":
        yield {"resourceType": "Practitioner", "id": id_}
    for id_ in "pq":
        yield {"resourceType": "Patient", "id": id_}
    yield {"resourceType": "PractitionerRole", "id": "c"}
    for id_ in ("room", "hall"):
        yield {"resourceType": "Location", "id": id_}
    for id_, actor in SCHEDULES.items():
        said = [{"coding": [{"system": SYSTEM, "code": SERVICES[id_]}]}] if id_ in SERVICES else []
        more = {"serviceType": said} if said else {}
        yield {"resourceType": "Schedule", "id": id_, "active": True, **more, "actor": [{"reference": actor}]}


@pytest.fixture(scope="module", params=["sqlite", POSTGRES])
def desk(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    if request.param == "postgres":
        from support import postgres

        with postgres.database(request.getfixturevalue("postgres_url")) as url:
            yield from _desk(url)
    else:
        yield from _desk(f"sqlite:///{tmp_path_factory.mktemp('finding')}/scheduling.db")


def _desk(url: str) -> Iterator[Desk]:
    store = open_store(url, "scheduling")
    made = Desk(replace(runtime(store, SERVICE), owners=Elsewhere()), MONDAY)
    made.enter(*people())
    yield made
    store.close()


def at_place(location: str) -> dict[str, Any]:
    return {"extension": [{"url": PLACE, "valueReference": {"reference": location}}]}


def slot(id_: str, schedule: str, start: str, end: str, **more: Any) -> Resource:
    return {
        "resourceType": "Slot",
        "id": id_,
        "schedule": {"reference": f"Schedule/{schedule}"},
        "status": "free",
        "start": start,
        "end": end,
        **more,
    }


def appointment(
    id_: str, slots: Sequence[str], actors: Sequence[str], start: str, end: str, until: str = ""
) -> Resource:
    made: Resource = {
        "resourceType": "Appointment",
        "id": id_,
        "status": "pending" if until else "booked",
        "slot": [{"reference": f"Slot/{each}"} for each in slots],
        "start": start,
        "end": end,
        "participant": [{"actor": {"reference": actor}, "status": "accepted"} for actor in actors],
    }
    return {**made, "extension": [{"url": HOLD_UNTIL, "valueInstant": until}]} if until else made


class Made:
    """A practice of some days, made by chance: its slots and what takes them."""

    def __init__(self, chance: random.Random, day: int) -> None:
        self.begin = to_micros(MONDAY) + 3 * day * DAY + 6 * 60 * MINUTE
        self.chance = chance
        self.slots: list[Resource] = []
        self.appointments: list[Resource] = []
        for schedule in SCHEDULES:
            minute = chance.choice([0, 15, 30])
            while minute < 300:
                length = chance.choice([15, 30, 30, 60])
                if chance.random() < 0.75:
                    self._slot(f"{day}-{schedule}-{minute}", schedule, minute, length)
                minute += length + chance.choice([0, 0, 0, 15])
        for number in range(3):
            minute = 15 * chance.randrange(20)
            actor = chance.choice(["Practitioner/a", "Practitioner/b", "Practitioner/i", "Patient/p", "Patient/q"])
            until = chance.choice(["", "", at(self.begin, -1), at(self.begin, 1)])
            span = at(self.begin, minute), at(self.begin, minute + 30)
            self.appointments.append(appointment(f"{day}-other-{number}", [], [actor], *span, until))

    def _slot(self, id_: str, schedule: str, minute: int, length: int) -> None:
        chance, span = self.chance, (at(self.begin, minute), at(self.begin, minute + length))
        made = slot(id_, schedule, *span)
        if chance.random() < (0.3 if schedule in ("room", "hall", "b", "c") else 0.9):
            made["serviceType"] = [{"coding": [{"system": SYSTEM, "code": chance.choice("xy")}]}]
        seats = chance.choice([1, 1, 2])
        told = [{"url": CAPACITY, "valueInteger": seats}] if seats > 1 else []
        if chance.random() < 0.3:
            told.append({"url": MODALITY, "valueCode": chance.choice(["video", "in-person"])})
        if chance.random() < 0.3:
            told += at_place(chance.choice(["Location/room", "Location/hall", "Location/far"]))["extension"]
        if told:
            made["extension"] = told
        taken = chance.choice([0, 0, 0, 1, seats])
        for number in range(taken):
            until = chance.choice(["", at(self.begin, -1), at(self.begin, 1)])
            actors = [SCHEDULES[schedule], f"Patient/x{number}"]
            self.appointments.append(appointment(f"{id_}-{number}", [id_], actors, *span, until))
        made["status"] = "busy" if taken >= seats else chance.choice(["free"] * 6 + ["busy-unavailable"])
        if made["status"] == "busy-unavailable" and taken:
            made["status"] = "free"
        self.slots.append(made)


SEATS = {
    "practitioner": [
        ("Practitioner/a", {"a"}),
        ("Practitioner/b", {"b", "b2"}),
        ("Practitioner/a,Practitioner/b,PractitionerRole/c", {"a", "b", "b2", "c"}),
    ],
    "actor": [
        ("Location/room", {"room"}),
        ("Location/room,Location/hall", {"room", "hall"}),
        ("Practitioner/i", {"Practitioner/i"}),
        ("Practitioner/b", {"b", "b2"}),
    ],
}


def question(chance: random.Random, made: Made) -> tuple[Question, list[tuple[str, str]]]:
    """Something to ask, as the model has it and as a URL has it."""
    pairs = [("start", instant(made.begin)), ("end", instant(made.begin + DAY)), ("_count", "200")]
    seats: list[frozenset[str]] = []
    if chance.random() < 0.7:
        text, who = chance.choice(SEATS["practitioner"])
        pairs.append(("practitioner", text))
        seats.append(frozenset(who))
    for text, who in chance.sample(SEATS["actor"], chance.choice([0, 1, 1, 2])):
        pairs.append(("actor", text))
        seats.append(frozenset(who))
    seats = seats or [frozenset(SCHEDULES)]
    seats.sort(key=lambda seat: seat == {"Practitioner/i"})  # the first that has slots says how long it takes
    asked: dict[str, Any] = {}
    if chance.random() < 0.5:
        asked["service"] = chance.choice("xy")
        pairs.append(("service-type", f"{SYSTEM}|{asked['service']}"))
    if chance.random() < 0.2:
        asked["modality"] = "video"
        pairs.append(("modality", "video"))
    if chance.random() < 0.3:
        asked["place"] = chance.choice(["Location/room", "Location/hall", "Location/far"])
        pairs.append(("location-reference", asked["place"]))
    if chance.random() < 0.4:
        asked["minutes"] = chance.choice([15, 30, 45, 75])
        pairs.append(("duration", str(asked["minutes"])))
    if chance.random() < 0.3:
        first = made.begin + 60 * MINUTE
        asked["windows"] = [(first, first + 120 * MINUTE)]
        pairs.append(("window", "07:00-09:00"))
    patients = chance.choice([[], ["p"], ["p", "q"]])
    pairs += [("patient-reference", f"Patient/{each}") for each in patients]
    arrangement = chance.choice(["together", "adjacent", "parallel"]) if len(patients) == 2 else "together"
    pairs.append(("arrangement", arrangement))
    if arrangement == "adjacent":
        asked["turns"] = 2
    if arrangement == "parallel":
        seats.append(seats[0])
    pairs.append(("sort", chance.choice(["earliest", "best"])))
    return Question(made.begin, made.begin + DAY, made.begin, seats, patients, **asked), pairs


def _again(here: Runtime, id_: str, session: Session) -> Resource:
    return proposals.appointment(here, session, id_)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32))
def test_it_proposes_all_that_can_be(desk: Desk, seed: int) -> None:
    chance = random.Random(seed)
    made = Made(chance, next(_days))
    desk.now = MONDAY + timedelta(microseconds=made.begin - to_micros(MONDAY))
    desk.enter(*made.slots, *made.appointments)
    practice = Practice(SCHEDULES, made.slots, made.appointments, SERVICES)
    by_id = {each["id"]: each for each in made.slots}
    for _ in range(6):
        asked, pairs = question(chance, made)
        if asked.seats[0] == {"Practitioner/i"}:
            continue
        bundle = desk.find(*pairs)
        found = [each["resource"] for each in bundle.get("entry", ())]
        firsts = set()
        for each in found:
            slots = [by_id[name["reference"].removeprefix("Slot/")] for name in each["slot"]]
            firsts |= {
                (moment(one["start"]), one["id"])
                for one in slots
                if Practice._schedule(one) in asked.seats[0] and one["start"] == each["start"]
            }
        expected = practice.answer(asked)
        assert bundle["total"] == len(found) < 100
        assert expected <= firsts, (seed, pairs, asked, expected - firsts)
        assert len(found) <= len(expected)
        assert all(any((moment(each["start"]), s["reference"][5:]) in expected for s in each["slot"]) for each in found)
        for each in found:
            told = {name: value for name, value in each.items() if name != "extension"}
            again = desk.here.store.snapshot(partial(_again, desk.here, each["id"]))
            assert {name: value for name, value in again.items() if name != "extension"} == told


def test_the_pages_are_the_whole(desk: Desk) -> None:
    made = Made(random.Random(3), next(_days))
    desk.now = MONDAY + timedelta(microseconds=made.begin - to_micros(MONDAY))
    desk.enter(*made.slots, *made.appointments)
    for sort in ("earliest", "best"):
        asked = {"patient_reference": "Patient/p", "sort": sort, "end": instant(made.begin + DAY)}
        whole = desk.find(**asked, _count="200")
        ids = [each["resource"]["id"] for each in whole["entry"]]
        page, seen = desk.find(**asked, _count="7"), []
        while True:
            assert page["total"] == whole["total"] == len(ids) > 15
            seen += [each["resource"]["id"] for each in page["entry"]]
            link = next((each["url"] for each in page["link"] if each["relation"] == "next"), "")
            if not link:
                break
            page = desk.find(*parse_qsl(urlsplit(link).query))
        assert seen == ids
        scores = [each["search"].get("score", 0) for each in whole["entry"]]
        assert scores == sorted(scores, reverse=True)
        assert desk.find(**asked, _count="0")["total"] == len(ids)


@pytest.fixture
def day(desk: Desk) -> str:
    """A day of its own, at whose beginning it is."""
    desk.now = MONDAY + timedelta(days=3 * next(_days))
    return desk.now.date().isoformat()


def starts(bundle: Resource) -> list[tuple[str, str]]:
    """When each proposal is, and its slots."""
    found = [each["resource"] for each in bundle.get("entry", ()) if each["search"]["mode"] == "match"]
    return [(each["start"][11:16], " ".join(name["reference"][5:] for name in each["slot"])) for each in found]


def offer(desk: Desk, day: str, schedule: str, *times: str, minutes: int = 30, **more: Any) -> None:
    for time in times:
        start = f"{day}T{time}:00Z"
        end = instant(moment(start) + minutes * MINUTE)
        desk.enter(slot(f"{day}-{schedule}-{time[:2]}{time[3:]}", schedule, start, end, **more))


def names(day: str, *slots: str) -> str:
    return " ".join(f"{day}-{each}" for each in slots)


def test_a_hold_that_is_over_is_free_at_once_and_one_that_stands_is_not(desk: Desk, day: str) -> None:
    offer(desk, day, "a", "09:00", status="busy")
    id_ = f"{day}-a-0900"
    span = f"{day}T09:00:00Z", f"{day}T09:30:00Z"
    desk.enter(appointment(f"{day}-hold", [id_], ["Practitioner/a", "Patient/q"], *span, f"{day}T00:05:00Z"))
    assert starts(desk.find(end=day, patient_reference="Patient/q")) == []
    desk.now += timedelta(minutes=5)
    assert starts(desk.find(end=day, patient_reference="Patient/q")) == [("09:00", id_)]


def test_a_proposal_is_an_appointment_that_can_be_held(desk: Desk, day: str) -> None:
    coding = {"coding": [{"system": SYSTEM, "code": "x"}]}
    offer(desk, day, "a", "09:00", serviceType=[coding], extension=[{"url": MODALITY, "valueCode": "video"}])
    offer(desk, day, "room", "08:00", minutes=240)
    bundle = desk.find(
        end=day, practitioner="Practitioner/a", actor="Location/room", patient_reference="Patient/p", reason="x"
    )
    assert [issue for issue in validate(bundle) if issue.severity in ("error", "fatal")] == []
    entry = bundle["entry"][0]
    found = entry["resource"]
    assert entry["fullUrl"] == f"{BASE}/Appointment/{found['id']}"
    assert (found["status"], found["start"], found["end"], found["minutesDuration"]) == (
        "proposed", f"{day}T09:00:00.000Z", f"{day}T09:30:00.000Z", 30,
    )  # fmt: skip
    assert found["serviceType"] == [coding]
    assert found["extension"][0] == {"url": MODALITY, "valueCode": "video"}
    assert {(each["actor"]["reference"], each["status"]) for each in found["participant"]} == {
        ("Practitioner/a", "needs-action"), ("Location/room", "needs-action"), ("Patient/p", "needs-action"),
    }  # fmt: skip
    reasons = [each["extension"] for each in found["extension"] if each["url"].endswith("/ranking-reason")]
    shares = {parts[0]["valueCode"]: float(parts[2]["valueDecimal"]) for parts in reasons}
    assert shares.keys() == {"waiting", "reason"}
    assert sum(shares.values()) == pytest.approx(float(entry["search"]["score"]), abs=0.001)


def test_the_earliest_first_says_so(desk: Desk, day: str) -> None:
    offer(desk, day, "a", "09:00", "10:00")
    bundle = desk.find(end=day, sort="earliest")
    for each in bundle["entry"]:
        why = [one["extension"] for one in each["resource"]["extension"] if one["url"].endswith("/ranking-reason")]
        assert [part["valueCode"] for parts in why for part in parts if part["url"] == "code"] == ["earliest"]
        assert "score" not in each["search"]
    assert [issue for issue in validate(bundle) if issue.severity in ("error", "fatal")] == []


def test_a_reason_finds_what_is_made_for_it(desk: Desk, day: str) -> None:
    code = f"why-{day}"
    said = {"coding": [{"system": SYSTEM, "code": code}]}
    offer(desk, day, "a", "08:00", "10:00")
    offer(desk, day, "a", "09:00", appointmentType=said)
    desk.enter(
        {"resourceType": "HealthcareService", "id": f"h{day}", "specialty": [said]},
        {"resourceType": "Schedule", "id": f"h{day}", "actor": [{"reference": f"HealthcareService/h{day}"}]},
        {"resourceType": "Schedule", "id": f"s{day}", "specialty": [said], "actor": [{"reference": "Practitioner/x"}]},
    )
    other = [{"coding": [{"system": SYSTEM, "code": "y"}]}]
    offer(desk, day, f"h{day}", "11:00", serviceType=other)
    offer(desk, day, f"s{day}", "12:00", serviceType=other)

    def times(**more: str) -> list[str]:
        return [time for time, _ in starts(desk.find(end=day, sort="earliest", **more))]

    assert times() == ["08:00", "09:00", "10:00", "11:00", "12:00"]
    assert times(reason=f"{SYSTEM}|{code}") == ["09:00", "11:00", "12:00"]
    assert times(reason=code, service_type=f"{SYSTEM}|y") == ["11:00", "12:00"]
    assert times(reason=code, practitioner="Practitioner/a") == ["09:00"]


def test_where_nothing_is_made_for_a_reason_it_excludes_nothing_and_that_is_said(desk: Desk, day: str) -> None:
    offer(desk, day, "a", "08:00")
    bundle = desk.find(end=day, reason="nobody-knows-it")
    assert bundle["total"] == 1
    issues = bundle["entry"][-1]["resource"]["issue"]
    assert [issue["expression"] for issue in issues] == [["reason"]]
    assert desk.find(end=day, reason="nobody-knows-it", service_type="nor-it")["total"] == 0


def test_a_parameters_asks_as_a_url_does(desk: Desk, day: str) -> None:
    offer(desk, day, "a", "09:00", "14:00", serviceType=[{"coding": [{"system": SYSTEM, "code": "x"}]}])
    offer(desk, day, "b", "09:00", serviceType=[{"coding": [{"system": SYSTEM, "code": "y"}]}])
    body = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "start", "valueDateTime": day},
            {"name": "end", "valueDateTime": day},
            {"name": "practitioner", "valueReference": {"reference": "Practitioner/a"}},
            {"name": "practitioner", "valueReference": {"reference": "Practitioner/b"}},
            {"name": "service-type", "valueCodeableConcept": {"coding": [{"system": SYSTEM, "code": "x"}]}},
            {"name": "timing", "valueTiming": {"repeat": {"when": ["MORN"], "boundsPeriod": {"start": day}}}},
            {"name": "patient-resource", "resource": {"resourceType": "Patient"}},
            {"name": "referral-identifier", "valueIdentifier": {"system": "http://r", "value": "1"}},
        ],
    }
    status, bundle = desk.send("POST", "Appointment/$find", body)
    assert status == 200, bundle
    assert starts(bundle) == [("09:00", names(day, "a-0900"))]
    outcome = bundle["entry"][-1]
    assert outcome["search"]["mode"] == "outcome"
    assert outcome["resource"]["issue"][0]["expression"] == ["referral-identifier"]


def test_family_comes_together_one_after_the_other_or_side_by_side(desk: Desk, day: str) -> None:
    offer(desk, day, "a", "09:00", "09:30", "11:00")
    offer(desk, day, "b", "09:30")
    family = (
        ("patient-reference", "Patient/p"),
        ("patient-reference", "Patient/q"),
        ("end", day),
        ("sort", "earliest"),
    )
    assert len(starts(desk.find(*family))) == 4
    assert starts(desk.find(*family, arrangement="adjacent")) == [("09:00", names(day, "a-0900", "a-0930"))]
    assert starts(desk.find(*family, arrangement="parallel")) == [("09:30", names(day, "a-0930", "b-0930"))]


def test_care_team_preferences_and_previous_visits_rank(desk: Desk, day: str) -> None:
    patient = {
        "resourceType": "Patient",
        "id": f"r{day}",
        "communication": [{"language": {"coding": [{"code": "es"}]}}],
    }
    team = {
        "resourceType": "CareTeam",
        "id": f"t{day}",
        "status": "active",
        "subject": {"reference": f"Patient/r{day}"},
        "participant": [{"member": {"reference": "Practitioner/b"}}],
    }
    desk.enter(patient, team)
    offer(desk, day, "a", "08:00", "14:00")
    offer(desk, day, "b", "10:00")
    asked = {"end": day, "patient_reference": f"Patient/r{day}"}
    assert starts(desk.find(**asked))[0] == ("10:00", names(day, "b-1000"))
    assert starts(desk.find(**asked, sort="earliest"))[0] == ("08:00", names(day, "a-0800"))
    before = desk.now - timedelta(days=1)
    span = instant(to_micros(before)), instant(to_micros(before) + 30 * MINUTE)
    visit = {**appointment(f"v{day}", [], ["Practitioner/a", f"Patient/r{day}"], *span), "status": "fulfilled"}
    desk.enter({**team, "status": "inactive"}, visit)
    best = desk.find(**asked, preferred_window="13:00-18:00", zone="Europe/London")
    assert starts(best)[0] == ("14:00", names(day, "a-1400"))
    codes = [each["extension"][0]["valueCode"] for each in best["entry"][0]["resource"]["extension"]]
    assert codes == ["preferred-time", "waiting", "seen-before"]


def test_a_team_a_role_a_language_and_a_place_are_who_is_meant(desk: Desk, day: str) -> None:
    made: list[Resource] = [
        {"resourceType": "Practitioner", "id": "w", "communication": [{"coding": [{"code": "uk"}]}]},
        {
            "resourceType": "PractitionerRole",
            "id": "w",
            "code": [{"coding": [{"system": "http://roles", "code": "nurse"}]}],
            "practitioner": {"reference": "Practitioner/w"},
            "organization": {"reference": "Organization/o"},
            "location": [{"reference": "Location/wing"}],
        },
        {"resourceType": "Location", "id": "wing", "name": "East wing", "partOf": {"reference": "Location/house"}},
        {
            "resourceType": "HealthcareService",
            "id": "w",
            "characteristic": [{"coding": [{"code": "wheelchair"}]}],
            "location": [{"reference": "Location/wing"}],
        },
        {
            "resourceType": "Schedule",
            "id": "w",
            "actor": [{"reference": "PractitionerRole/w"}, {"reference": "Location/wing"}],
        },
        {"resourceType": "CareTeam", "id": "w", "participant": [
            {"member": {"reference": "Practitioner/w"}}, {"member": {"reference": "Practitioner/a"}},
            {"member": {"reference": "Patient/p"}},
        ]},
    ]  # fmt: skip
    desk.enter(*made)
    offer(desk, day, "w", "09:00", "10:00")
    offer(desk, day, "a", "10:00", "11:00")
    both = [("10:00", names(day, "a-1000", "w-1000"))]
    mine = [("09:00", names(day, "w-0900")), ("10:00", names(day, "w-1000"))]
    assert starts(desk.find(end=day, team="CareTeam/w")) == both
    assert starts(desk.find(end=day, role="http://roles|nurse", practitioner="Practitioner/a")) == both
    for name, value in (
        ("practitioner", "Practitioner/w"),
        ("practitioner", f"{BASE}/PractitionerRole/w"),
        ("role", "nurse"),
        ("language", "uk"),
        ("organization", "Organization/o"),
        ("location-reference", "Location/house"),
        ("location-string", "east"),
        ("accessibility", "wheelchair"),
    ):
        assert starts(desk.find(("end", day), (name, value))) == mine, name
    unknown = desk.find(end=day, team="CareTeam/none", practitioner="Practitioner/none")
    assert unknown["total"] == 0
    assert [each["severity"] for each in unknown["entry"][0]["resource"]["issue"]] == ["warning"] * 2


def test_a_slot_that_is_at_a_place_of_its_own_is_nowhere_else(desk: Desk, day: str) -> None:
    """A clinic whose Schedule is at the main house, and some of whose hours are at a branch, with rooms in a wing."""
    main, branch, wing, room = (f"{name}-{day}" for name in ("main", "branch", "wing", "ward"))
    position = {"latitude": 52, "longitude": 13}
    patient: Resource = {"resourceType": "Patient", "id": f"near-{day}", "address": [{"postalCode": "10115"}]}
    made: list[Resource] = [
        {"resourceType": "Location", "id": main, "position": position, "name": f"House {day}"},
        {"resourceType": "Location", "id": branch, "address": {"postalCode": "10115"}},
        {"resourceType": "Location", "id": wing, "partOf": {"reference": f"Location/{branch}"}},
        {"resourceType": "Location", "id": room, "partOf": {"reference": f"Location/{wing}"}},
        {"resourceType": "Schedule", "id": f"k{day}", "active": True,
         "actor": [{"reference": f"Practitioner/k-{day}"}, {"reference": f"Location/{main}"}]},
        {"resourceType": "Schedule", "id": f"l{day}", "actor": [{"reference": f"Practitioner/l-{day}"}]},
        {"resourceType": "HealthcareService", "id": f"step-free-{day}",
         "characteristic": [{"coding": [{"code": f"step-free-{day}"}]}],
         "location": [{"reference": f"Location/{branch}"}]},
        patient,
    ]  # fmt: skip
    desk.enter(*made)
    offer(desk, day, f"k{day}", "09:00")
    offer(desk, day, f"k{day}", "10:00", **at_place(f"{BASE}/Location/{branch}"))
    offer(desk, day, f"k{day}", "11:00", **at_place(f"Location/{room}"))
    offer(desk, day, f"k{day}", "12:00", **at_place("https://elsewhere.example/fhir/Location/1"))
    offer(desk, day, f"l{day}", "13:00", **at_place(f"Location/{branch}"))
    offer(desk, day, f"l{day}", "14:00")

    def times(*query: tuple[str, str], **named: str) -> list[str]:
        return [time for time, _ in starts(desk.find(*query, end=day, sort="earliest", **named))]

    there = ["10:00", "11:00", "13:00"]
    assert times(location_reference=f"Location/{main}") == ["09:00"] == times(location_string=f"house {day}")
    assert times(location_reference=f"Location/{branch}") == there, "a room in a wing of it is there too"
    assert times(location_reference=f"Location/{wing}") == ["11:00"]
    assert times(location_reference=f"Location/{wing}", practitioner=f"Practitioner/l-{day}") == []
    assert times(location_reference=f"Location/{branch}", practitioner=f"Practitioner/l-{day}") == ["13:00"]
    assert times(accessibility=f"step-free-{day}") == there
    assert times(location_reference=f"Location/{branch}", accessibility=f"step-free-{day}") == there
    assert times(location_reference=f"Location/{main}", accessibility=f"step-free-{day}") == []
    both = {"practitioner": f"Practitioner/k-{day}", "actor": f"Practitioner/none-{day}"}
    desk.enter({"resourceType": "Practitioner", "id": f"none-{day}"})
    assert times(location_reference=f"Location/{branch}", **both) == ["10:00", "11:00"]
    assert times(location_reference=f"Location/{main}", **both) == ["09:00"]
    found = {
        entry["resource"]["start"][11:16]: entry["resource"]
        for entry in desk.find(end=day, practitioner=f"Practitioner/k-{day}", patient_reference=f"Patient/near-{day}")[
            "entry"
        ]
    }
    people = {time: [each["actor"]["reference"] for each in one["participant"]] for time, one in found.items()}
    assert people["09:00"][:2] == [f"Practitioner/k-{day}", f"Location/{main}"]
    assert people["10:00"][:2] == [f"Practitioner/k-{day}", f"{BASE}/Location/{branch}"]
    reasons = {
        time: {each["extension"][0]["valueCode"] for each in one["extension"] if each["url"].endswith("reason")}
        for time, one in found.items()
    }
    assert "travel" in reasons["10:00"] and "travel" not in reasons["09:00"]


def test_what_a_slot_does_not_say_its_schedule_says(desk: Desk, day: str) -> None:
    def code(code_: str) -> list[Resource]:
        return [{"coding": [{"system": SYSTEM, "code": f"{code_}-{day}"}]}]

    schedule: Resource = {
        "resourceType": "Schedule", "id": f"v{day}", "serviceType": code("heart"), "specialty": code("cardiology"),
        "actor": [{"reference": f"Practitioner/v-{day}"}],
    }  # fmt: skip
    desk.enter(schedule)
    offer(desk, day, f"v{day}", "09:00")
    offer(desk, day, f"v{day}", "10:00", serviceType=code("foot"))
    offer(desk, day, f"v{day}", "11:00", specialty=code("podiatry"))
    visit = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0276", "code": "ROUTINE"}]}
    offer(desk, day, f"v{day}", "12:00", appointmentType=visit)
    offer(desk, day, "room", "09:00", minutes=240)

    def times(**named: str) -> list[str]:
        return [time for time, _ in starts(desk.find(end=day, sort="earliest", **named))]

    assert times(service_type=f"{SYSTEM}|heart-{day}") == ["09:00", "11:00", "12:00"]
    assert times(service_type=f"foot-{day}") == ["10:00"]
    assert times(specialty=f"{SYSTEM}|cardiology-{day}") == ["09:00", "10:00", "12:00"]
    assert times(specialty=f"podiatry-{day}") == ["11:00"]
    assert times(specialty=f"cardiology-{day}", service_type=f"heart-{day}") == ["09:00", "12:00"]
    assert times(service_type=f"heart-{day}", visit_type="ROUTINE") == ["12:00"]
    assert times(service_type=f"heart-{day}", actor="Location/room", practitioner=f"Practitioner/v-{day}") == [
        "09:00", "11:00", "12:00",
    ]  # fmt: skip
    assert times(service_type=f"heart-{day}", practitioner="Practitioner/a") == []
    (one,) = desk.find(end=day, service_type=f"heart-{day}", visit_type="ROUTINE")["entry"]
    assert (one["resource"]["serviceType"], one["resource"]["specialty"]) == (code("heart"), code("cardiology"))
    desk.enter({**schedule, "serviceType": code("lung")})
    assert times(service_type=f"heart-{day}") == [], "as soon as the Schedule says so"
    assert times(service_type=f"lung-{day}") == ["09:00", "11:00", "12:00"]


def test_a_team_that_has_one_schedule_is_free_together(desk: Desk, day: str) -> None:
    """A clinic of two people and a device: whose Schedule it is has the time, or it is not offered."""
    who = [f"Practitioner/m-{day}", f"Practitioner/n-{day}", f"Device/scanner-{day}", f"HealthcareService/clinic-{day}"]
    clinic = {"resourceType": "Schedule", "id": f"clinic-{day}", "actor": [{"reference": each} for each in who]}
    desk.enter(clinic, {"resourceType": "HealthcareService", "id": f"clinic-{day}"})
    offer(desk, day, f"clinic-{day}", "09:00", "10:00", "11:00")
    for number, actor in enumerate((who[1], who[2])):
        span = f"{day}T{9 + number:02d}:15:00Z", f"{day}T{9 + number:02d}:20:00Z"
        desk.enter(appointment(f"{day}-away-{number}", [], [actor], *span))
    free = [("11:00", names(day, f"clinic-{day}-1100"))]
    for each in who[:2]:
        assert starts(desk.find(end=day, practitioner=each)) == free, each
    for each in who:
        assert starts(desk.find(end=day, actor=each)) == free, each


def test_a_service_that_has_no_schedule_takes_part_as_it_is(desk: Desk, day: str) -> None:
    desk.enter({"resourceType": "HealthcareService", "id": f"bare-{day}"})
    offer(desk, day, "a", "09:00")
    bundle = desk.find(end=day, practitioner="Practitioner/a", actor=f"HealthcareService/bare-{day}")
    (found,) = bundle["entry"]
    assert bundle["total"] == 1
    people = [each["actor"]["reference"] for each in found["resource"]["participant"]]
    assert people == ["Practitioner/a", f"HealthcareService/bare-{day}"]


def test_an_interpreter_and_a_room_are_free_with_the_clinician(desk: Desk, day: str) -> None:
    """Whose Schedule is for another service joins, as long as its Slots leave that to it."""
    interpreting = [{"coding": [{"system": SYSTEM, "code": "interpreting"}]}]
    made: list[Resource] = [
        {"resourceType": "Practitioner", "id": f"j-{day}", "communication": [{"coding": [{"code": f"x-{day}"}]}]},
        {"resourceType": "PractitionerRole", "id": f"j-{day}", "practitioner": {"reference": f"Practitioner/j-{day}"},
         "code": [{"coding": [{"system": "http://roles", "code": f"interpreter-{day}"}]}]},
        {"resourceType": "Schedule", "id": f"j-{day}", "serviceType": interpreting,
         "actor": [{"reference": f"PractitionerRole/j-{day}"}]},
    ]  # fmt: skip
    desk.enter(*made)
    offer(desk, day, "a", "09:00", "11:00", "13:00", serviceType=[{"coding": [{"system": SYSTEM, "code": "x"}]}])
    offer(desk, day, f"j-{day}", "08:30", "10:30", minutes=90)
    offer(desk, day, "room", "11:00", minutes=120)
    asked = {"practitioner": "Practitioner/a", "role": f"interpreter-{day}", "service_type": f"{SYSTEM}|x"}
    found = starts(desk.find(end=day, language=f"x-{day}", **asked))
    assert [time for time, _ in found] == ["09:00", "11:00"]
    (three,) = desk.find(end=day, actor="Location/room", language=f"x-{day}", **asked)["entry"]
    assert three["resource"]["start"][11:16] == "11:00" and len(three["resource"]["slot"]) == 3
    assert desk.find(end=day, language=f"y-{day}", **asked)["total"] == 0


def test_the_third_next_available(desk: Desk, day: str) -> None:
    begin = (desk.now + timedelta(days=1)).date().isoformat()
    offer(desk, begin, "hall", "09:00", "10:00")
    query = (("actor", "Location/hall"), ("start", day))
    status, few = desk.send("GET", "Schedule/$third-next-available", None, *query)
    assert (status, [each["name"] for each in few["parameter"]]) == (200, ["slot", "slot", "note"])
    offer(desk, begin, "hall", "12:00", "15:00")
    status, told = desk.send("GET", "Schedule/$third-next-available", None, *query)
    assert status == 200
    assert told["parameter"][:2] == [
        {"name": "third", "valueInstant": f"{begin}T12:00:00.000Z"},
        {"name": "days", "valueDecimal": 1.5},
    ]
    assert "note" not in [each["name"] for each in told["parameter"]]
    status, outcome = desk.send("GET", "Schedule/$third-next-available", None, ("team", "CareTeam/w"))
    assert (status, outcome["issue"][0]["code"]) == (400, "not-supported")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"practitioner": "Practitioner/nobody"}, ["Practitioner/nobody is not known here", "perhaps no Schedule"]),
        ({"organization": "Organization/nowhere"}, ["perhaps no Schedule"]),
        ({}, ["every service"]),
    ],
    ids=["practitioner", "organization", "nothing"],
)
def test_the_third_next_available_says_what_its_number_is_worth(
    desk: Desk, day: str, asked: dict[str, str], said: list[str]
) -> None:
    offer(desk, (desk.now + timedelta(days=1)).date().isoformat(), "hall", "09:00", "11:00", "13:00")
    status, told = desk.send("GET", "Schedule/$third-next-available", None, *asked.items())
    notes = [each["valueString"] for each in told["parameter"] if each["name"] == "note"]
    assert status == 200
    assert all(text in note for text, note in zip(said, notes, strict=True)), notes


def test_who_is_scarce_is_waited_for(desk: Desk, day: str) -> None:
    for id_, actor in (("often", "Practitioner/often"), ("seldom", "Device/seldom")):
        desk.enter({"resourceType": "Schedule", "id": f"{day}-{id_}", "actor": [{"reference": f"{actor}-{day}"}]})
    begin = to_micros(desk.now)
    every = [
        slot(f"{day}-often-{n}", f"{day}-often", at(begin, 60 * n), at(begin, 60 * n + 60)) for n in range(24 * 40)
    ]
    seldom = [
        slot(f"{day}-seldom-{n}", f"{day}-seldom", at(begin, n), at(begin, n + 90)) for n in (1440 * 20, 1440 * 39)
    ]
    desk.enter(*every, *seldom)
    asked = {"practitioner": f"Practitioner/often-{day}", "actor": f"Device/seldom-{day}"}
    found = desk.find(**asked, end=instant(begin + 60 * DAY))["entry"]
    assert [each["resource"]["start"] for each in found] == [at(begin, 1440 * 20), at(begin, 1440 * 39)]
    assert desk.find(**asked, end=instant(begin + 10 * DAY))["total"] == 0


@pytest.mark.parametrize(
    ("name", "value", "element"),
    [
        ("start", "2031-01-01T10:00:00Z", "end"),
        ("start", "yesterday", "start"),
        ("start", "0000-01-01", "start"),
        ("end", "9999-12-31", "end"),
        ("end", "2033-01-01", "end"),
        ("zone", "Nowhere/Land", "zone"),
        ("practitioner", "Patient/p", "practitioner"),
        ("practitioner", "http://elsewhere.example/Practitioner/1", "practitioner"),
        ("patient-reference", "p", "patient-reference"),
        ("modality", "fax", "modality"),
        ("service-type", "|", "service-type"),
        ("window", "mon 25:00-26:00", "window"),
        ("duration", "0", "duration"),
        ("duration", "99999", "duration"),
        ("_count", "-1", "_count"),
        ("sort", "worst", "sort"),
        ("arrangement", "pile", "arrangement"),
        ("patient-resource", "x", "patient-resource"),
        ("_cursor", "x", "_cursor"),
        ("slot", "x", "slot"),
    ],
)
def test_a_wrong_parameter_is_refused_by_its_name(desk: Desk, name: str, value: str, element: str) -> None:
    more = (("end", "2030-12-31"),) if name == "start" and value.startswith("2031") else ()
    desk.now = MONDAY
    status, _, where = desk.refused((name, value), *more)
    assert (status, where) == (400, element)


def test_who_cannot_come_is_refused(desk: Desk) -> None:
    gone: list[Resource] = [
        {"resourceType": "Patient", "id": "gone", "deceasedBoolean": True},
        {"resourceType": "Patient", "id": "away", "active": False},
        {
            "resourceType": "Patient",
            "id": "old",
            "link": [{"type": "replaced-by", "other": {"reference": "Patient/p"}}],
        },
    ]
    desk.enter(*gone)
    for id_ in ("gone", "away", "old"):
        assert desk.refused(patient_reference=f"Patient/{id_}") == (422, "business-rule", "patient-reference")
    assert desk.refused(patient_reference="Patient/nobody") == (422, "not-found", "patient-reference")


def test_who_is_known_to_their_owner_only_is_asked_for(desk: Desk, day: str) -> None:
    offer(desk, day, "a", "09:00")
    found = desk.find(end=day, patient_reference="Patient/late")["entry"][0]["resource"]
    assert found["participant"][-1]["actor"] == {"reference": "Patient/late"}


def test_a_part_without_a_value_is_no_bound_that_is_passed_over(desk: Desk) -> None:
    part = {"name": "practitioner", "part": [{"name": "practitioner", "valueString": "Practitioner/a"}]}
    status, outcome = desk.send("POST", "Appointment/$find", {"resourceType": "Parameters", "parameter": [part]})
    assert (status, outcome["issue"][0]["expression"]) == (400, ["Parameters.parameter[0]"])


def test_a_home_that_is_nowhere_on_earth_counts_for_nothing(desk: Desk, day: str) -> None:
    offer(desk, day, "a", "09:00")
    degrees = [{"url": name, "valueDecimal": json.Number("1e400")} for name in ("latitude", "longitude")]
    place = {"url": "http://hl7.org/fhir/StructureDefinition/geolocation", "extension": degrees}
    person = {"resourceType": "Patient", "address": [{"extension": [place]}]}
    parts: list[Resource] = [{"name": "end", "valueDateTime": day}, {"name": "patient-resource", "resource": person}]
    parts.append({"name": "practitioner", "valueReference": {"reference": "Practitioner/a"}})
    status, bundle = desk.send("POST", "Appointment/$find", {"resourceType": "Parameters", "parameter": parts})
    assert (status, bundle["total"]) == (200, 1)


def test_codes_of_any_system_are_passed(desk: Desk, day: str) -> None:
    assert desk.find(end=day, service_type="urn:of:mine|1", specialty="7", visit_type="http://v|")["total"] == 0
