"""A practice's care teams for tests: `careteams` beside `records`, `scheduling` and `questionnaires`, a clock that is
moved, and short ways to ask."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qsl

from carethread.adapters.sql.store.store import SqlStore
from carethread.core.clock import to_micros
from carethread.core.context import Context, Principal
from carethread.core.errands.sending import Sending
from carethread.core.fhir import json
from carethread.core.ports import Request, Resource, Response
from carethread.core.service import Runtime
from carethread.interactions.mirror import keep
from carethread.interactions.rest.handling import handle
from support.desk import OURS, START, Desk, patient
from support.stores import open_stores

NAMES = ("records", "scheduling", "careteams", "questionnaires")
ROLE = "https://carethread.dev/fhir/CodeSystem/care-team-role"

__all__ = ["NAMES", "OURS", "ROLE", "START", "Care", "care", "department_team", "organization", "part", "patient",
           "person_team", "practitioner", "role"]  # fmt: skip


class Care(Desk):
    """The services over their stores; `now` is the time on the wall. What is asked of no service by name is asked of
    `careteams`."""

    def __init__(self, stores: Mapping[str, SqlStore]) -> None:
        super().__init__(stores)
        self.owners = {type_.name: name for name, each in self.runtimes.items() for type_ in each.service.types}

    @property
    def runtime(self) -> Runtime:
        return self.runtimes["careteams"]

    @property
    def store(self) -> SqlStore:
        return self.stores["careteams"]

    @property
    def micros(self) -> int:
        """Now, in microseconds."""
        return to_micros(self.now)

    def at(self, **length: float) -> str:
        """An instant so far from now, as FHIR writes it: `care.at(hours=2)`."""
        return (self.now + timedelta(**length)).isoformat()

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        service: str = "careteams",
        backfill: bool = False,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> Response:
        where, _, query = path.partition("?")
        sent = {"content-type": "application/fhir+json", **{k.lower().replace("_", "-"): v for k, v in headers.items()}}
        content = b"" if body is None else json.render(body)
        request = Request(method, where, parse_qsl(query, keep_blank_values=True), sent, content)
        return handle(self.runtimes[service], request, self.context(backfill=backfill))

    def put(self, resource: Resource, *, service: str = "", backfill: bool = False) -> Resource:
        """Write a resource to its owner."""
        owner = service or self.owners[resource["resourceType"]]
        return super().put(resource, service=owner, backfill=backfill)

    def tell(self, *resources: Resource) -> None:
        """Write resources to their owner, and have the others keep their copies."""
        for resource in resources:
            self.put(resource)
            self.keep(resource)

    def keep(self, *resources: Resource) -> None:
        """Have the services that mirror them copy resources as their owner has them now, deleted ones too."""
        for key in ((each["resourceType"], each["id"]) for each in resources):
            owner = self.owners[key[0]]
            stored = self.stores[owner].glance(lambda session, key=key: session.current([key]))[key]  # type: ignore[misc]
            for runtime in self.runtimes.values():
                if any(mirror.type == key[0] for mirror in runtime.service.mirrors):
                    runtime.store.transact(lambda session, r=runtime, s=stored: keep(r, session, [s]))  # type: ignore[misc]

    def send(self, service: str = "careteams") -> None:
        """Have the owners that are here store all that was requested of them; nothing may be refused."""
        sending = Sending(self.runtimes[service], self.owners, "gateway")
        while sending.step():
            pass
        all_ = self.stores[service].glance(lambda session: session.requests.all())
        left = [each for each in all_ if each.wanted.type in self.owners]
        assert left == [], [(each.wanted.path, each.outcome) for each in left]

    def found(self, path: str, *, service: str = "") -> list[Resource]:
        """The matches of a search: `care.found("Task?code=take-over")`."""
        answer = self.ask("GET", path, service=service or self.owners[path.partition("?")[0]])
        assert answer.status == 200, answer.body
        return [each["resource"] for each in json.parse_object(answer.body).get("entry", ())]

    def operate(self, method: str, path: str, *parts: Resource, **headers: str) -> Resource:
        """The answer of an operation that succeeds."""
        body = {"resourceType": "Parameters", "parameter": list(parts)} if method == "POST" else None
        answer = self.ask(method, path, body, headers=headers)
        assert answer.status == 200, answer.body
        return json.parse_object(answer.body)

    def refusal(self, method: str, path: str, body: Any = None, **more: Any) -> tuple[int, list[Resource]]:
        """The status of what is refused, and its issues."""
        answer = self.ask(method, path, body, **more)
        return answer.status, json.parse_object(answer.body).get("issue", [])

    def own_context(self) -> Context:
        """As the service's own errands have it."""
        return Context(Principal("careteams"), clock=lambda: self.now)


@contextmanager
def stores_of(folder: Path, url: str, names: tuple[str, ...] = NAMES) -> Iterator[Mapping[str, SqlStore]]:
    """The stores of services on SQLite files in a folder, or on a PostgreSQL database."""
    stores = open_stores(folder, url, names)
    try:
        yield stores
    finally:
        for store in stores.values():
            store.close()


@contextmanager
def care(folder: Path, url: str, names: tuple[str, ...] = NAMES) -> Iterator[Care]:
    """Care teams on SQLite files in a folder, or on a PostgreSQL database."""
    with stores_of(folder, url, names) as stores:
        yield Care(stores)


def practitioner(id_: str, **members: Any) -> Resource:
    return {"resourceType": "Practitioner", "id": id_, "active": True, **members}


def role(id_: str, who: str, department: str = "", **members: Any) -> Resource:
    """A PractitionerRole of a Practitioner (their id) in an Organization (its id)."""
    where = {"organization": {"reference": f"Organization/{department}"}} if department else {}
    return {
        "resourceType": "PractitionerRole", "id": id_, "active": True,
        "practitioner": {"reference": f"Practitioner/{who}"}, **where, **members,
    }  # fmt: skip


def organization(id_: str, **members: Any) -> Resource:
    return {"resourceType": "Organization", "id": id_, "active": True, "name": id_, **members}


def part(member: str, *codes: str, start: str = "", end: str = "", until: str = "", backup: str = "") -> Resource:
    """A participant of a care team (`Practitioner/1`) with roles of ours, `accountable` if none is named."""
    made: Resource = {}
    marks: list[Resource] = []
    if until:
        marks.append({"url": OURS + "accountable-until", "valueDateTime": until})
    if backup:
        marks.append({"url": OURS + "backup", "valueReference": {"reference": backup}})
    if marks:
        made["extension"] = marks
    made["role"] = [{"coding": [{"system": ROLE, "code": code} for code in codes or ("accountable",)]}]
    made["member"] = {"reference": member}
    if start or end:
        made["period"] = {**({"start": start} if start else {}), **({"end": end} if end else {})}
    return made


def person_team(id_: str, person: str, *parts: Resource, department: str = "", **members: Any) -> Resource:
    """An active CareTeam of our profile for a Patient (their id), of a department."""
    where = {"managingOrganization": [{"reference": f"Organization/{department}"}]} if department else {}
    return {
        "resourceType": "CareTeam", "id": id_, "meta": {"profile": [OURS + "care-team"]}, "status": "active",
        "subject": {"reference": f"Patient/{person}"}, "participant": list(parts), **where, **members,
    }  # fmt: skip


def department_team(id_: str, department: str, *parts: Resource, up: str = "", **members: Any) -> Resource:
    """An active team of a department (its Organization's id), which escalates to another (`CareTeam/2`)."""
    marks = [{"url": OURS + "escalates-to", "valueReference": {"reference": up}}] if up else []
    return {
        "resourceType": "CareTeam", "id": id_, "meta": {"profile": [OURS + "department-team"]},
        **({"extension": marks} if marks else {}), "status": "active", "participant": list(parts),
        "managingOrganization": [{"reference": f"Organization/{department}"}], **members,
    }  # fmt: skip
