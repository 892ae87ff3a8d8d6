"""Service metrics over a store, with the facts of plain resources: what its operations answer, without servers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from carethread.adapters.analytics.reading import check
from carethread.adapters.sql.store.store import SqlStore
from carethread.core.context import Context
from carethread.core.fhir import json
from carethread.core.ports import Request, Response
from carethread.core.service import Runtime
from carethread.interactions.publish import publish
from carethread.interactions.rest.handling import handle
from carethread.metrics import SERVICE
from support.facts import Filled, facts_of
from support.stores import put, runtime

Resource = dict[str, Any]
RATE = "no-show-rate"
MARCH = {"periodStart": "2029-03-01", "periodEnd": "2029-03-31"}


@dataclass
class Facts:
    """The facts of resources that a test may change, as `core.ports.analytics.Analytics` gives them."""

    resources: dict[tuple[str, str], Resource] = field(default_factory=dict)

    def tell(self, *resources: Resource) -> None:
        """Have these too, or in place of what has their ids."""
        self.resources |= {(each["resourceType"], each["id"]): each for each in resources}

    @contextmanager
    def look(self, *, leisure: bool = False) -> Iterator[Filled]:
        with facts_of(self.resources.values()) as facts:
            yield facts

    def check(self, sql: str) -> None:
        check(sql)


@dataclass
class Records:
    """The service that has Groups, Patients and all else that is asked for; but for what is `unknown`."""

    groups: dict[str, Resource] = field(default_factory=dict)
    status: int = 200

    def call(self, service: str, request: Request) -> Response:
        assert (service, request.method) == ("records", "GET")
        type_name, _, id_ = request.path.partition("/")
        made = {"resourceType": type_name, "id": id_} if type_name != "Group" and id_ != "unknown" else None
        found = made or self.groups.get(request.path)
        if self.status != 200 or found is None:
            return Response(404 if self.status == 200 else self.status, {}, b'{"resourceType":"OperationOutcome"}')
        return Response(200, {}, json.render(found))

    def knows(self, service: str) -> bool:
        return True


@dataclass
class Metrics:
    """The service, asked as over HTTP."""

    runtime: Runtime
    facts: Facts
    records: Records
    context: Context = field(default_factory=Context)

    def ask(self, path: str, method: str = "GET", /, **params: str) -> Response:
        """What it answers; `_` before a parameter's name is a header."""
        headers = {name[1:].replace("_", "-"): value for name, value in params.items() if name.startswith("_h")}
        headers = {name.removeprefix("h-"): value for name, value in headers.items()}
        query = tuple((name, value) for name, value in params.items() if not name.startswith("_h"))
        return handle(self.runtime, Request(method, path, query, headers), self.context)

    def rate(self, method: str = "GET", /, measure: str = RATE, **params: str) -> Response:
        """`$evaluate-measure` of March, or of another period."""
        return self.ask(f"Measure/{measure}/$evaluate-measure", method, **{**MARCH, **params})

    def masking(self, masks: str = "mask") -> Metrics:
        """The same, where numbers of few people are not told."""
        return replace(self, runtime=replace(self.runtime, small_cells=masks))


def metrics(store: SqlStore) -> Metrics:
    """The service over a store, with what it publishes, and with no facts."""
    facts, records = Facts(), Records()
    made = replace(runtime(store, SERVICE), analytics=facts, peer=records)
    publish(made, Context())
    return Metrics(made, facts, records)


def body(response: Response) -> Any:
    assert isinstance(response.body, bytes)
    return json.parse(response.body)


def said(response: Response) -> tuple[int, str, Any]:
    """Status, code and expression of a refusal."""
    issue = body(response)["issue"][0]
    return response.status, issue["code"], (issue.get("expression") or [None])[0]


def counts(group: Mapping[str, Any]) -> dict[str, int | None]:
    """The counts of a group or stratum; None: masked."""
    return {each["code"]["coding"][0]["code"]: each.get("count") for each in group["population"]}


def visit(id_: str, status: str, who: str = "p", *, day: str = "2029-03-05", hour: int = 9, **more: Any) -> Resource:
    """An Appointment of 20 minutes."""
    department = more.pop("department", "")
    extension = {
        "extension": [
            {
                "url": "https://carethread.dev/fhir/StructureDefinition/department",
                "valueReference": {"reference": f"Organization/{department}"},
            }
        ]
    }
    return {
        "resourceType": "Appointment",
        "id": id_,
        "status": status,
        "start": f"{day}T{hour:02}:00:00Z",
        "end": f"{day}T{hour:02}:20:00Z",
        "participant": [{"actor": {"reference": f"Patient/{who}"}, "status": "accepted"}],
        **(extension if department else {}),
        **more,
    }


def person(id_: str, **more: Any) -> Resource:
    return {"resourceType": "Patient", "id": id_, **more}


def own_measure(sql: str, populations: Iterable[str], id_: str = "own", **more: Any) -> list[Resource]:
    """A Measure of one's own with its Library; it has a share where it has both populations of one."""
    from base64 import b64encode

    populations = list(populations)
    scoring = "proportion" if {"denominator", "numerator"} <= set(populations) else "cohort"

    group = {
        "population": [
            {
                "code": {
                    "coding": [{"system": "http://terminology.hl7.org/CodeSystem/measure-population", "code": name}]
                },
                "criteria": {"language": "application/sql", "expression": name.replace("-", "_")},
            }
            for name in populations
        ]
    }
    url = f"https://example.org/Library/{id_}"
    measure = {
        "resourceType": "Measure",
        "id": id_,
        "url": f"https://example.org/Measure/{id_}",
        "version": "1.0.0",
        "status": "active",
        "library": [url],
        "scoring": {"coding": [{"code": scoring}]},
        "group": [group],
        **more,
    }
    content = [{"contentType": "application/sql", "data": b64encode(sql.encode()).decode()}]
    kind = {"coding": [{"code": "logic-library"}]}
    library = {"resourceType": "Library", "id": id_, "url": url, "status": "active", "type": kind, "content": content}
    return [measure, library]


def keep(metrics: Metrics, *resources: Resource) -> None:
    """Store resources as they are."""
    put(metrics.runtime.store, resources)
