"""A front desk for tests: `scheduling` beside `records`, a clock that is moved, and short ways to ask."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

from carethread.adapters.local import LocalOwners, LocalPeer
from carethread.adapters.sql.store.store import SqlStore
from carethread.careteams import SERVICE as CARETEAMS
from carethread.core.context import Context
from carethread.core.errands.timing import Timing
from carethread.core.fhir import json
from carethread.core.ports import Request, Resource, Response
from carethread.core.service import Runtime
from carethread.interactions.rest.handling import handle
from carethread.questionnaires import SERVICE as QUESTIONNAIRES
from carethread.records import SERVICE as RECORDS
from carethread.scheduling import SERVICE as SCHEDULING
from support.stores import BASE, open_stores

OURS = "https://carethread.dev/fhir/StructureDefinition/"
START = datetime(2031, 3, 3, 8, tzinfo=UTC)
"""When the clock begins; the first slots begin an hour later."""


class Desk:
    """The services over their stores; `now` is the time on the wall."""

    def __init__(self, stores: Mapping[str, SqlStore]) -> None:
        self.stores = stores
        self.now = START
        self.runtimes: dict[str, Runtime] = {}
        owners, peer = LocalOwners(self.runtimes), LocalPeer(self.runtimes)
        for service in (RECORDS, SCHEDULING, CARETEAMS, QUESTIONNAIRES):
            if service.name in stores:
                self.runtimes[service.name] = Runtime(service, stores[service.name], owners, peer, BASE)

    @property
    def runtime(self) -> Runtime:
        return self.runtimes["scheduling"]

    def context(self, *, backfill: bool = False) -> Context:
        return Context(clock=lambda: self.now, backfill=backfill)

    def restart(self) -> None:
        """Put the clock back to where it began."""
        self.now = START

    def pass_time(self, **length: float) -> None:
        self.now += timedelta(**length)

    def fire(self) -> int:
        """Do what is due by now; how many times something was."""
        timing, count = Timing(self.runtime, lambda: self.now), 0
        while timing.step():
            count += 1
        return count

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        service: str = "scheduling",
        backfill: bool = False,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> Response:
        sent = {"content-type": "application/fhir+json", **{k.lower().replace("_", "-"): v for k, v in headers.items()}}
        content = b"" if body is None else json.render(body)
        return handle(self.runtimes[service], Request(method, path, (), sent, content), self.context(backfill=backfill))

    def put(self, resource: Resource, *, service: str = "scheduling", backfill: bool = False) -> Resource:
        path = f"{resource['resourceType']}/{resource['id']}"
        answer = self.ask("PUT", path, resource, service=service, backfill=backfill)
        assert answer.status in (200, 201), answer.body
        return json.parse_object(answer.body)

    def read(self, path: str) -> Resource:
        answer = self.ask("GET", path)
        assert answer.status == 200, answer.body
        return json.parse_object(answer.body)

    def status(self, path: str) -> str:
        found: str = self.read(path)["status"]
        return found

    def call(self, name: str, *parts: Resource, id_: str = "", **headers: str) -> Response:
        """An operation of the desk."""
        where = f"Appointment/{id_}/${name}" if id_ else f"Appointment/${name}"
        return self.ask(
            "POST",
            where,
            {"resourceType": "Parameters", **({"parameter": list(parts)} if parts else {})},
            headers=headers,
        )

    def done(self, name: str, *parts: Resource, id_: str = "", **headers: str) -> Resource:
        """The Appointment that an operation answers."""
        answer = self.call(name, *parts, id_=id_, **headers)
        assert answer.status == 200, answer.body
        bundle = json.parse_object(answer.body)
        assert (bundle["type"], bundle["total"], len(bundle["entry"])) == ("searchset", 1, 1)
        found: Resource = bundle["entry"][0]["resource"]
        return found

    def refused(self, name: str, *parts: Resource, id_: str = "", **headers: str) -> tuple[int, list[tuple[str, str]]]:
        """The status of a refusal, and the code and kind of each issue."""
        answer = self.call(name, *parts, id_=id_, **headers)
        issues = json.parse_object(answer.body)["issue"]
        kinds = [(each["code"], each.get("details", {}).get("coding", [{}])[0].get("code", "")) for each in issues]
        return answer.status, kinds


@contextmanager
def desk(folder: Path, url: str) -> Iterator[Desk]:
    """A desk on SQLite files in a folder, or on a PostgreSQL database."""
    stores = open_stores(folder, url, ("records", "scheduling"))
    try:
        yield Desk(stores)
    finally:
        for store in stores.values():
            store.close()


def patient(id_: str, **members: Any) -> Resource:
    return {"resourceType": "Patient", "id": id_, "name": [{"family": "Person", "given": [id_]}], **members}


def schedule(id_: str, *actors: str, **members: Any) -> Resource:
    return {"resourceType": "Schedule", "id": id_, "actor": [{"reference": actor} for actor in actors], **members}


def slot(id_: str, plan: str, hour: float, minutes: int = 30, *, seats: int = 1, **members: Any) -> Resource:
    """A Slot that begins so many hours after START."""
    begin = START + timedelta(hours=hour)
    made: Resource = {
        "resourceType": "Slot",
        "id": id_,
        "schedule": {"reference": f"Schedule/{plan}"},
        "status": "free",
        "start": begin.isoformat(),
        "end": (begin + timedelta(minutes=minutes)).isoformat(),
        **members,
    }
    if seats != 1:
        url = "http://fhir-registry.smarthealthit.org/StructureDefinition/slot-capacity"
        made["extension"] = [*made.get("extension", ()), {"url": url, "valueInteger": seats}]
    return made


def refer(name: str, *references: str) -> list[Resource]:
    """Parameters that refer to something."""
    return [{"name": name, "valueReference": {"reference": reference}} for reference in references]


def wish(slots: Sequence[str], patient_id: str = "", **texts: str) -> list[Resource]:
    """The parameters of a booking."""
    people = refer("patient", f"Patient/{patient_id}") if patient_id else []
    said = [{"name": name.replace("_", "-"), "valueString": value} for name, value in texts.items()]
    return [*refer("slot", *(f"Slot/{each}" for each in slots)), *people, *said]


def of(appointment: Resource | str) -> Resource:
    """The parameter that names an Appointment."""
    id_ = appointment if isinstance(appointment, str) else appointment["id"]
    return refer("appointment-reference", f"Appointment/{id_}")[0]


def lasting(minutes: int) -> Resource:
    """The parameter that says for how long something is held."""
    return {
        "name": "duration",
        "valueDuration": {"value": minutes, "unit": "min", "system": "http://unitsofmeasure.org", "code": "min"},
    }
