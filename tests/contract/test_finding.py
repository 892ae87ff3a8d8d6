"""`$find` on the real store: what it proposes is all that can be, by a model that tries everything, and nothing else."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from carethread.core.clock import instant, to_micros
from carethread.core.context import Context
from carethread.core.fhir import json
from carethread.core.fhir.validation import validate
from carethread.core.ports import Request
from carethread.core.service import Runtime
from carethread.interactions.rest.handling import handle
from carethread.scheduling import SERVICE
from carethread.scheduling.calendars import appointment_stored, slot_stored
from carethread.scheduling.finding import proposals
from carethread.scheduling.rules import CAPACITY, HOLD_UNTIL, MODALITY
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

_days = iter(range(10_000))
"""Each example has days of its own in the one database."""


def at(begin: int, minutes: int) -> str:
    return instant(begin + minutes * MINUTE)


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
        pairs = [*query, *((name.replace("_", "-"), value) for name, value in named.items())]
        status, bundle = self.send("GET", "Appointment/$find", None, *pairs)
        assert status == 200, bundle
        found: Resource = bundle
        return found

    def refused(self, *query: tuple[str, str], **named: str) -> tuple[int, str, str]:
        """Status, code and element of a refusal."""
        pairs = [*query, *((name.replace("_", "-"), value) for name, value in named.items())]
        status, outcome = self.send("GET", "Appointment/$find", None, *pairs)
        issue = outcome["issue"][0]
        return status, issue["code"], issue["expression"][0]

    def enter(self, *resources: Resource) -> None:
        """Store resources as they are, with what finding goes by."""
        put(self.here.store, resources)
        context = Context(clock=lambda: self.now, backfill=True)
        for type_name, hook in (("Slot", slot_stored), ("Appointment", appointment_stored)):
            ids = [each["id"] for each in resources if each["resourceType"] == type_name]
            if ids:
                self.here.store.transact(lambda session, hook=hook, ids=ids: hook(self.here, session, ids, context))


def people() -> Iterator[Resource]:
    for id_ in "abi":
        yield {"resourceType": "Practitioner", "id": id_}
    for id_ in "pq":
        yield {"resourceType": "Patient", "id": id_}
    yield {"resourceType": "PractitionerRole", "id": "c"}
    for id_ in ("room", "hall"):
        yield {"resourceType": "Location", "id": id_}
    for id_, actor in SCHEDULES.items():
        yield {"resourceType": "Schedule", "id": id_, "active": True, "actor": [{"reference": actor}]}


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
    made = Desk(runtime(store, SERVICE), MONDAY)
    made.enter(*people())
    yield made
    store.close()


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
        if schedule not in ("room", "hall") or chance.random() < 0.3:
            made["serviceType"] = [{"coding": [{"system": SYSTEM, "code": chance.choice("xy")}]}]
        seats = chance.choice([1, 1, 2])
        told = [{"url": CAPACITY, "valueInteger": seats}] if seats > 1 else []
        if chance.random() < 0.3:
            told.append({"url": MODALITY, "valueCode": chance.choice(["video", "in-person"])})
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


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32))
def test_it_proposes_all_that_can_be(desk: Desk, seed: int) -> None:
    chance = random.Random(seed)
    made = Made(chance, next(_days))
    desk.now = MONDAY + timedelta(microseconds=made.begin - to_micros(MONDAY))
    desk.enter(*made.slots, *made.appointments)
    practice = Practice(SCHEDULES, made.slots, made.appointments)
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
        assert expected <= firsts, (pairs, expected - firsts)
        assert len(found) <= len(expected)
        assert all(any((moment(each["start"]), s["reference"][5:]) in expected for s in each["slot"]) for each in found)
