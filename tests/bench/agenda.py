"""A huddle's agenda for a department of 500 people, and a notice to 1,000 readers, in one process on both databases.

Facts are put into the store as they are; the answers are those that a client gets, without the network.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench.figures import Figure, percentile
from carethread.careteams.meeting.concerns import GRAVITY, US_CORE_CATEGORY
from carethread.core.fhir import json
from carethread.core.ports import Resource
from carethread.interactions.operations.once import derived
from carethread.interactions.writing.unit import WriteUnit
from support import postgres
from support.care import Care, care, department_team, organization, part, person_team, practitioner, role
from support.stores import put

PEOPLE, READERS, REQUESTS = 500, 1_000, 20
_HUDDLE = "CareTeam/home/$huddle?_count=500"
_CODES = "https://carethread.dev/fhir/CodeSystem/"
_TERMS = "http://terminology.hl7.org/CodeSystem/"


def measure() -> list[Figure]:
    """The same on SQLite and on PostgreSQL."""
    database = postgres.start(durable=True)
    try:
        with tempfile.TemporaryDirectory() as folder:
            return [
                figure
                for name, url in (("SQLite", "sqlite://"), ("PostgreSQL", database.url))
                for figure in _on(name, Path(folder), url)
            ]
    finally:
        database.stop()


def _on(name: str, folder: Path, url: str) -> Iterator[Figure]:
    with care(folder, url, ("records", "careteams")) as practice:
        _fill(practice)
        wall, used = _times(lambda _: practice.ask("GET", _HUDDLE), REQUESTS)
        told = next(each for each in _huddle(practice)["parameter"] if each["name"] == "total")["valueUnsignedInt"]
        how = f"{name}: p50, p99 and CPU of {REQUESTS}; {told} of {PEOPLE} people on it, {PEOPLE * 26:,} facts"
        yield Figure("$huddle of a department", "500 ms", f"{_spread(wall)}, {used * 1000:.0f} ms CPU", how)
        yield from _notice(name, practice)


def _notice(name: str, practice: Care) -> Iterator[Figure]:
    people = [practitioner(f"reader-{number}") for number in range(READERS)]
    put(practice.store, [*people, *(role(f"reads-{n}", f"reader-{n}", "wide") for n in range(READERS))])
    put(practice.store, [organization("wide")])
    put(practice.stores["records"], [organization("wide"), people[0]])
    sent: list[str] = []
    wall, used = _times(lambda _: sent.append(_send(practice)), 5)
    yield Figure(f"$notice to {READERS:,} readers", "", f"{_spread(wall)}, {used * 1000:.0f} ms CPU", f"{name}: of 5")
    wall, used = _times(lambda number: _acknowledge(practice, sent[0], number), READERS)
    how = f"{name}: p50, p99 and CPU of {READERS:,}, one after the other"
    yield Figure("$acknowledge", "", f"{_spread(wall)}, {used * 1000:.1f} ms CPU", how)
    wall, used = _times(lambda number: _as_tasks(practice, number), 2)
    how = f"{name}: what {READERS:,} Tasks in place of rows would cost"
    yield Figure("a Task for each reader", "", f"{_spread(wall)}, {used * 1000:.0f} ms CPU", how)


def _times(do: Callable[[int], object], count: int) -> tuple[list[float], float]:
    """How long each took, and the CPU seconds of one, after one that is not counted where there are a few."""
    if count == REQUESTS:
        do(0)
    wall, before = [], time.process_time()
    for number in range(count):
        began = time.perf_counter()
        do(number)
        wall.append(time.perf_counter() - began)
    return wall, (time.process_time() - before) / count


def _spread(wall: list[float]) -> str:
    return ", ".join(f"{percentile(wall, share) * 1000:.1f} ms" for share in (0.5, 0.99))


def _ask(practice: Care, method: str, path: str, *parts: Resource) -> Resource:
    body = {"resourceType": "Parameters", "parameter": list(parts)} if parts else None
    answer = practice.ask(method, path, body)
    if answer.status != 200:
        raise RuntimeError(f"{path} was answered {answer.status}")
    return json.parse_object(answer.body)


def _huddle(practice: Care) -> Resource:
    return _ask(practice, "GET", _HUDDLE)


def _send(practice: Care) -> str:
    answer = _ask(
        practice,
        "POST",
        "Communication/$notice",
        _reference("recipient", "Organization/wide"),
        _reference("sender", "Practitioner/reader-0"),
        {"name": "text", "valueString": "Made up."},
        {"name": "acknowledge-by", "valueDate": "2031-04-01"},
    )
    return str(answer["parameter"][0]["valueReference"]["reference"])


def _acknowledge(practice: Care, notice: str, number: int) -> None:
    _ask(practice, "POST", f"{notice}/$acknowledge", _reference("by", f"Practitioner/reader-{number}"))


def _as_tasks(practice: Care, turn: int) -> None:
    def work(session: Any) -> None:
        unit = WriteUnit(practice.runtime, session, practice.context())
        for number in range(READERS):
            id_ = derived("Task", f"{turn}/{number}")
            task = _task("", id_, "acknowledge", "2031-04-01", owner=_ref(f"Practitioner/reader-{number}"))
            unit.update({name: value for name, value in task.items() if name != "for"})
        unit.store()

    practice.store.transact(work)


def _ref(reference: str) -> Resource:
    return {"reference": reference}


def _reference(name: str, reference: str) -> Resource:
    return {"name": name, "valueReference": _ref(reference)}


def _concept(system: str, code: str) -> Resource:
    return {"coding": [{"system": system, "code": code}]}


def _task(person: str, id_: str, code: str, due: str, **more: Any) -> Resource:
    return {
        "resourceType": "Task", "id": id_, "status": "requested", "intent": "order", "for": _ref(f"Patient/{person}"),
        "code": _concept(_CODES + "careteam-task", code), "authoredOn": "2031-02-01T08:00:00Z",
        "restriction": {"period": {"end": due}}, **more,
    }  # fmt: skip


def _fill(practice: Care) -> None:
    """A department with a team, and its people, each with a team and 26 facts, of which a few are open."""
    put(practice.stores["records"], [organization("home"), practitioner("ada")])
    staff = [organization("home"), practitioner("ada"), role("ada-home", "ada", "home")]
    put(practice.store, [*staff, department_team("home", "home", part("PractitionerRole/ada-home"))])
    for first in range(0, PEOPLE, 50):
        people = [f"p{number}" for number in range(first, first + 50)]
        put(practice.store, [each for number, who in enumerate(people, first) for each in _of(who, number)])


def _of(who: str, number: int) -> Iterator[Resource]:
    subject = {"subject": _ref(f"Patient/{who}")}
    yield {"resourceType": "Patient", "id": who, "active": True}
    yield person_team(f"of-{who}", who, part("Practitioner/ada"))
    for n in range(12):
        status = "requested" if n < 3 else "completed"
        yield _task(who, f"{who}-t{n}", "outreach", f"2031-0{2 + number % 3}-20", status=status)
    for n, level in enumerate(("high", "low", "low")):
        said = _concept(_TERMS + "risk-probability", level if number % 4 == 0 else "low")
        risk = {"resourceType": "RiskAssessment", "id": f"{who}-r{n}", "status": "final", **subject}
        yield {**risk, "prediction": [{"qualitativeRisk": said}]}
    for n in range(4):
        social = _concept(US_CORE_CATEGORY, "sdoh") if n == 0 else _concept(_TERMS + "condition-category", "problem")
        yield {"resourceType": "Condition", "id": f"{who}-c{n}", **subject, "category": [social], "clinicalStatus":
            _concept(_TERMS + "condition-clinical", "active"), "code": {"text": "Made up"}}  # fmt: skip
    for n in range(4):
        yield {
            "resourceType": "Observation", "id": f"{who}-o{n}", "status": "final", **subject,
            "category": [_concept(GRAVITY, "food-insecurity")], "code": _concept("http://loinc.org", f"88124-{n}"),
            "effectiveDateTime": "2031-02-01", "valueCodeableConcept": _concept("http://loinc.org", "LA19952-3"),
        }  # fmt: skip
    yield {"resourceType": "Flag", "id": f"{who}-f", "status": "active", **subject, "code": {"text": "Made up"}}
