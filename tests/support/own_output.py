"""What the product itself says in FHIR: its answers to requests of every kind, the demo practice, the files it carries.

The answers come from all services behind the gateway, in this process, on SQLite.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from carethread.composition.parts import owners_of_types, registry
from carethread.core.context import Context
from carethread.core.fhir import json
from carethread.core.ports import Request, Response
from carethread.demo.practice import generate
from carethread.interactions.rest.handling import handle
from support.mutations import Case
from support.owners import practice_of
from support.stores import open_store, put

PROFILES = Path(__file__).parents[2] / "fhir_profiles"

KINDS = ("answers", "demo practice", "files carried")
"""The kinds of the cases below."""

_TODAY = date(2031, 3, 3)
_OF_A_TYPE = 10
"""Resources of the demo practice that are judged, of each type; all are stored."""

_JSON = {"content-type": "application/fhir+json", "accept": "application/fhir+json"}
_MEASURE = json.parse((PROFILES / "measures" / "no-show-rate.json").read_bytes())
_FLAG = {"resourceType": "Flag", "status": "active", "code": {"text": "x"}, "subject": {"reference": "Patient/made-up"}}
_PATCH = {
    "resourceType": "Parameters",
    "parameter": [
        {
            "name": "operation",
            "part": [
                {"name": "type", "valueCode": "replace"},
                {"name": "path", "valueString": "Patient.active"},
                {"name": "value", "valueBoolean": False},
            ],
        }
    ],
}


def practice() -> list[dict[str, Any]]:
    """The demo practice on a fixed day."""
    return list(generate(1, _TODAY))


def demo(resources: Sequence[dict[str, Any]]) -> Iterator[Case]:
    """The first of each type that the demo practice has."""
    seen: Counter[str] = Counter()
    for resource in resources:
        kind = resource["resourceType"]
        seen[kind] += 1
        if seen[kind] <= _OF_A_TYPE:
            yield Case("demo practice", f"{kind}/{resource['id']}", json.render(resource))


def carried() -> Iterator[Case]:
    """Every file of `fhir_profiles/` but the examples, some of which are wrong on purpose, and the topics and views, of
    which R4 knows nothing: as the Basic resources that they are published as, topics are judged elsewhere."""
    for path in sorted(PROFILES.rglob("*.json")):
        if not {"examples", "topics", "views"} & set(path.parts):
            yield Case(
                "files carried", path.relative_to(PROFILES).as_posix(), json.render(json.parse(path.read_bytes()))
            )


def answers(folder: Path, resources: Sequence[dict[str, Any]]) -> Iterator[Case]:
    """What each request of a tour through the API is answered with; the stores lie in the folder."""
    owned: dict[str, list[dict[str, Any]]] = defaultdict(list)
    owners = owners_of_types()
    for resource in resources:
        owned[owners[resource["resourceType"]]].append(resource)
    stores = {name: open_store(f"sqlite:///{folder}/{name}.db", name) for name in registry()}
    for name, store in stores.items():
        put(store, owned[name])
    whole = practice_of(stores, f"sqlite:///{folder}/gateway.db", services=registry())

    def case(name: str, answer: Response) -> Iterator[Case]:
        if answer.body:
            yield Case("answers", f"{name}: {answer.status}", b"".join(_chunks(answer.body)))

    for name, runtime in whole.runtimes.items():
        yield from case(f"{name} metadata", handle(runtime, Request("GET", "metadata", (), {}, b""), Context()))
    for line, body in _tour(resources):
        method, _, url = line.partition(" ")
        path, _, query = url.partition("?")
        sent = body if isinstance(body, bytes) else json.render(body) if body is not None else b""
        request = Request(method, path, tuple(parse_qsl(query, keep_blank_values=True)), _JSON, sent)
        yield from case(line, whole.handler(request, Context()))
    for store in stores.values():
        store.close()
    whole.journal.engine.dispose()


def _chunks(body: Any) -> Iterator[bytes]:
    if isinstance(body, bytes):
        yield body
    else:
        yield from body


def _tour(resources: Sequence[dict[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Requests, each as `METHOD URL` and a body: right ones of each interaction, and wrong ones of each category."""
    some: dict[str, dict[str, Any]] = {}
    for resource in resources:
        some.setdefault(resource["resourceType"], resource)
    flag, patient = some["Flag"], some["Patient"]
    yield "GET metadata", None
    for kind, resource in some.items():
        yield f"GET {kind}/{resource['id']}", None
        yield f"GET {kind}?_count=3", None
    yield "GET Appointment?_count=5&_include=Appointment:patient&_include=Appointment:actor&_sort=date", None
    yield "GET Appointment?_summary=count", None
    yield "GET Patient?_count=3&_summary=true", None
    yield "GET Patient?_count=3&_elements=name", None
    yield "GET Patient?name=nobody-has-this-name", None
    yield "GET Patient?no-such-parameter=x", None
    yield "POST Flag", _FLAG
    yield f"PUT Flag/{flag['id']}", {**flag, "status": "inactive"}
    yield f"DELETE Flag/{flag['id']}", None
    yield f"GET Flag/{flag['id']}", None
    yield f"GET Flag/{flag['id']}/_history", None
    yield f"GET Flag/{flag['id']}/_history/1", None
    yield "GET Flag/_history?_count=3", None
    yield "GET _history?_count=3", None
    yield "GET ?_type=Flag,Patient&_count=3", None
    yield f"PATCH Patient/{patient['id']}", _PATCH
    yield (
        "POST Patient/$match",
        {
            "resourceType": "Parameters",
            "parameter": [{"name": "resource", "resource": {"resourceType": "Patient", "name": patient["name"]}}],
        },
    )
    yield f"GET Patient/{patient['id']}/$everything", None
    yield f"GET Patient/{patient['id']}/Appointment", None
    yield f"PUT Measure/{_MEASURE['id']}", _MEASURE
    for mode in ("batch", "transaction"):
        yield "POST ", _bundle(mode, ("POST", "Flag", _FLAG), ("GET", "Flag?_count=2", None))
        yield "POST ", _bundle(mode, ("POST", "Flag", {**_FLAG, "status": "x"}), ("GET", "Flag/absent", None))
    yield "POST Patient/$validate", {"resourceType": "Patient", "gender": "x", "madeUp": 1}
    yield "POST Patient/$validate", {"resourceType": "Patient", "active": True}
    yield "GET Flag/absent", None
    yield "GET Banana", None
    yield "GET Flag?_count=x", None
    yield "POST Flag", {**_FLAG, "status": "x", "made up": [], "code": {}}
    yield "POST Flag", {"resourceType": "Patient"}
    yield "POST Flag", b"{"
    yield "POST ", {"resourceType": "Bundle", "type": "searchset"}
    yield "PATCH Flag/absent", [{"op": "replace", "path": "/status", "value": "x"}]
    yield "TRACE Flag", None
    yield f"PUT Flag/{flag['id']}", {**flag, "id": "another"}


def _bundle(kind: str, *entries: tuple[str, str, Any]) -> dict[str, Any]:
    made = []
    for method, url, resource in entries:
        entry: dict[str, Any] = {"request": {"method": method, "url": url}}
        if resource is not None:
            entry["resource"] = resource
        made.append(entry)
    return {"resourceType": "Bundle", "type": kind, "entry": made}
