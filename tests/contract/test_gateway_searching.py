"""Searches through the gateway over services that each have a database of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

import pytest

from carethread.adapters.local import LocalPeer
from carethread.core.context import Context
from carethread.core.fhir import json
from carethread.core.ports import Request, Response
from carethread.core.service import Limits, Runtime, Service
from carethread.gateway import asking
from carethread.gateway.searching import is_search, search
from carethread.interactions.rest.exchange import guarded
from support.stores import BASE, open_store, put, runtime, service_of

Resource = dict[str, Any]

OWNED = {
    "records": ("Patient", "Organization", "Observation", "Encounter", "List"),
    "scheduling": ("Appointment", "Slot", "Schedule"),
    "careteams": ("Task", "CarePlan"),
}


def made(key: str, **members: Any) -> Resource:
    type_name, _, id_ = key.partition("/")
    return {"resourceType": type_name, "id": id_, **members}


def visit(key: str, status: str, patient: str, reason: str) -> Resource:
    actor = {"actor": {"reference": patient}, "status": "accepted"}
    return made(key, status=status, participant=[actor], reasonReference=[{"reference": reason}])


RESOURCES = [
    made("Organization/o", name="Practice"),
    made("Patient/p1", name=[{"family": "One"}], managingOrganization={"reference": "Organization/o"}),
    made("Patient/p2", name=[{"family": "Two"}]),
    made("Observation/b1", status="final", code={"text": "x"}, subject={"reference": "Patient/p1"}),
    made("Observation/b2", status="amended", code={"text": "y"}, subject={"reference": "Patient/p2"}),
    made("List/l", status="current", mode="working", entry=[{"item": {"reference": "Appointment/a2"}}]),
    visit("Appointment/a1", "booked", "Patient/p1", "Observation/b1"),
    visit("Appointment/a2", "noshow", "Patient/p1", "Observation/b2"),
    visit("Appointment/a3", "booked", "Patient/p2", "Observation/b2"),
    made("Task/t1", status="requested", intent="order", focus={"reference": "Appointment/a1"},
         **{"for": {"reference": "Patient/p1"}}),
    made("Task/t2", status="completed", intent="order", focus={"reference": "Appointment/a2"},
         **{"for": {"reference": "Patient/p2"}}),
]  # fmt: skip


class Front:
    """The gateway's searches over services in this process; `asked` counts what it asks them."""

    def __init__(self, folder: Path) -> None:
        self.here: dict[str, Runtime] = {}
        self.services = [Service(name, "Made up.", service_of(*types).types) for name, types in OWNED.items()]
        for service in self.services:
            store = open_store(f"sqlite:///{folder}/{service.name}.db", service.name)
            put(store, [r for r in RESOURCES if r["resourceType"] in OWNED[service.name]])
            self.here[service.name] = runtime(store, service)
        self.peer = LocalPeer(self.here)
        self.asked: list[tuple[str, Request]] = []

    def send(self, service: str, request: Request) -> Response:
        self.asked.append((service, request))
        return self.peer.call(service, request)

    def ask(self, url: str, *, form: str | None = None, prefer: str = "") -> tuple[int, Resource]:
        path, _, query = url.partition("?")
        headers = {"prefer": prefer} if prefer else {}
        if form is not None:
            headers["content-type"] = asking.FORM
        method = "GET" if form is None else "POST"
        request = Request(method, path, parse_qsl(query), headers, (form or "").encode())
        owners = {name: service for service, types in OWNED.items() for name in types}
        assert is_search(request, owners)
        response = guarded(lambda: search(request, self.services, self.send, BASE, Limits(), Context()))
        return response.status, json.parse_object(response.body)


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    made_front = Front(tmp_path_factory.mktemp("gateway"))
    yield made_front
    for each in made_front.here.values():
        each.store.close()


def found(bundle: Resource, mode: str = "match") -> list[str]:
    entries = [each for each in bundle.get("entry", []) if each["search"]["mode"] == mode]
    return [f"{each['resource']['resourceType']}/{each['resource']['id']}" for each in entries]


def link(bundle: Resource, relation: str) -> str:
    url = next((each["url"] for each in bundle["link"] if each["relation"] == relation), "")
    return unquote(url.removeprefix(BASE).removeprefix("/"))


@pytest.mark.parametrize(
    ("url", "matches"),
    [
        ("Appointment?status=booked", ["Appointment/a1", "Appointment/a3"]),
        ("Appointment?patient.name=one", ["Appointment/a1", "Appointment/a2"]),
        ("Appointment?patient.name=one&status=booked", ["Appointment/a1"]),
        ("Appointment?patient.name=nobody", []),
        ("Appointment?patient.organization.name=practice&status=noshow", ["Appointment/a2"]),
        ("Appointment?reason-reference:Observation.status=final", ["Appointment/a1"]),
        ("Appointment?_has:Task:focus:status=completed", ["Appointment/a2"]),
        ("Appointment?_has:Task:focus:patient.name=two", ["Appointment/a2"]),
        ("Appointment?_has:Task:focus:status=failed", []),
        ("Appointment?_list=l", ["Appointment/a2"]),
        ("Patient?_has:Appointment:patient:status=noshow", ["Patient/p1"]),
        ("Patient?_has:Appointment:patient:_has:Task:focus:status=requested", ["Patient/p1"]),
        ("Patient?_has:Appointment:patient:reason-reference:Observation.status=amended&_sort=-_id",
         ["Patient/p2", "Patient/p1"]),
        ("Task?focus:Appointment.patient.name=one", ["Task/t1", "Task/t2"]),
        ("Task?focus:Appointment.reason-reference:Observation.patient.name=two", ["Task/t2"]),
        ("Patient/p1/Appointment?status=booked", ["Appointment/a1"]),
        ("Patient/p1/Appointment?reason-reference:Observation.status=amended", ["Appointment/a2"]),
        ("Patient/p1/*", ["Observation/b1", "Appointment/a1", "Appointment/a2", "Task/t1"]),
        ("?_type=Patient,Appointment", ["Patient/p1", "Patient/p2", "Appointment/a1", "Appointment/a2",
                                        "Appointment/a3"]),
        ("?_type=Appointment,Task&status=booked", ["Appointment/a1", "Appointment/a3"]),
        ("?_type=Appointment,Slot&_sort=-_id", ["Appointment/a3", "Appointment/a2", "Appointment/a1"]),
        ("?_id=a1,p2", ["Patient/p2", "Appointment/a1"]),
    ],
)  # fmt: skip
def test_what_leads_from_one_service_into_another(front: Front, url: str, matches: list[str]) -> None:
    status, bundle = front.ask(url, prefer="handling=strict")
    assert status == 200, bundle
    assert found(bundle) == matches
    assert link(bundle, "self") == url
    assert len(bundle.get("entry", [])) == len(matches)
    path, _, query = url.partition("?")
    posted = f"{path}/_search".lstrip("/")
    assert found(front.ask(posted, form=query)[1]) == matches


@pytest.mark.parametrize(
    ("url", "included"),
    [
        ("Appointment?_id=a1&_include=Appointment:patient", {"Patient/p1"}),
        ("Appointment?_id=a1&_include=Appointment:actor&_include=Appointment:reason-reference",
         {"Patient/p1", "Observation/b1"}),
        ("Appointment?_id=a1&_include=*", {"Patient/p1", "Observation/b1"}),
        ("Appointment?_id=a1&_include=Appointment:patient&_include:iterate=Patient:organization",
         {"Patient/p1", "Organization/o"}),
        ("Appointment?_id=a1&_include=Appointment:patient&_elements=status", {"Patient/p1"}),
        ("Appointment?_id=a1&_revinclude=Task:focus", {"Task/t1"}),
        ("Patient?_id=p1&_revinclude=Appointment:patient", {"Appointment/a1", "Appointment/a2"}),
        ("Patient?_id=p1&_revinclude=Appointment:patient&_revinclude:iterate=Task:focus",
         {"Appointment/a1", "Appointment/a2", "Task/t1", "Task/t2"}),
        ("Patient?_id=p1&_include:iterate=Patient:organization&_revinclude:iterate=Task:patient",
         {"Organization/o", "Task/t1"}),
        ("Patient?name=nobody&_revinclude=Appointment:patient", set()),
        ("Observation?_id=b1&_include=Observation:patient", {"Patient/p1"}),
        ("Patient?_id=p1&_revinclude=Appointment:patient&_revinclude:iterate=Task:patient",
         {"Appointment/a1", "Appointment/a2", "Task/t1"}),
        ("Appointment?_id=a1&_include=Appointment:patient&_revinclude:iterate=Task:patient", {"Patient/p1", "Task/t1"}),
    ],
)  # fmt: skip
def test_includes_from_other_services(front: Front, url: str, included: set[str]) -> None:
    status, bundle = front.ask(url, prefer="handling=strict")
    assert status == 200, bundle
    assert set(found(bundle, "include")) == included
    assert len(found(bundle)) == (0 if "nobody" in url else 1)
    assert link(bundle, "self") == url
    marked = [each["search"]["mode"] for each in bundle.get("entry", []) if "tag" in each["resource"].get("meta", {})]
    assert marked == (["match"] if "_elements" in url else [])


def test_what_stays_in_one_service_is_forwarded_as_it_is(front: Front) -> None:
    front.asked.clear()
    for service, url in (
        ("scheduling", "Appointment?status=booked&patient=Patient/p1"),
        ("records", "Observation?patient.name=one&_include=Observation:subject:Patient"),
    ):
        path, _, query = url.partition("?")
        front.ask(url)
        assert front.asked == [(service, Request("GET", path, parse_qsl(query)))]
        front.asked.clear()


@pytest.mark.parametrize(
    "url",
    [
        "Appointment?patient.name=o,t&_count=1",
        "Patient/p1/*?_count=1",
        "Patient/p1/*?_count=3",
        "?_type=Patient,Appointment,Task&_count=2",
        "Appointment?_count=1&_sort=-_id&_include=Appointment:patient",
    ],
)
def test_pages_lead_on(front: Front, url: str) -> None:
    whole = [key for page in walk(front, url.replace("_count=1", "_count=50")) for key in page]
    pages = list(walk(front, url))
    assert [key for page in pages for key in page] == whole
    assert len(pages) > 1


def walk(front: Front, url: str) -> Iterator[list[str]]:
    while url:
        status, bundle = front.ask(url)
        assert status == 200, bundle
        yield found(bundle)
        assert "p1,Patient" not in link(bundle, "next"), "links say what was asked"
        url = link(bundle, "next")


def test_counts_add_up(front: Front) -> None:
    assert front.ask("?_type=Patient,Appointment&_summary=count")[1]["total"] == 5
    assert front.ask("Patient/p1/*?_count=0")[1]["total"] == 4
    assert front.ask("?_type=Patient,Appointment")[1]["total"] == 5
    assert front.ask("Appointment?patient.name=one&_summary=count")[1]["total"] == 2


@pytest.mark.parametrize(
    ("url", "code", "place"),
    [
        ("?_type=Patient,Appointment&status=booked", "not-supported", "status"),
        ("?_type=Patient,Account", "value", "_type"),
        ("?_type=Patient,Appointment&_sort=_id", "not-supported", "_sort"),
        ("?_type=Patient,Appointment&_cursor=9.x", "value", "_cursor"),
        ("Appointment?patient.nothing=x", "not-supported", "patient.nothing"),
        ("Appointment?patient.name=x&colour=red", "not-supported", "colour"),
        ("Appointment?patient.birthdate=x", "value", "patient.birthdate"),
        ("Appointment?_include=Appointment:nothing", "not-supported", "_include"),
    ],
)
def test_what_is_refused(front: Front, url: str, code: str, place: str) -> None:
    status, outcome = front.ask(url, prefer="handling=strict")
    assert status == 400, outcome
    (issue,) = outcome["issue"]
    assert (issue["code"], issue["expression"]) == (code, [place])


def test_what_is_ignored_is_told(front: Front) -> None:
    status, bundle = front.ask("Appointment?patient.name=one&colour=red")
    assert (status, found(bundle)) == (200, ["Appointment/a1", "Appointment/a2"])
    assert bundle["entry"][-1]["search"]["mode"] == "outcome"
    assert link(bundle, "self") == "Appointment?patient.name=one"
    status, bundle = front.ask("?_type=Patient,Appointment&status=booked")
    assert len(found(bundle)) == 5
    assert link(bundle, "self") == "?_type=Patient,Appointment"
    assert bundle["entry"][-1]["search"]["mode"] == "outcome"


def test_what_all_includes_leave_out_is_told(front: Front) -> None:
    for url in ("Patient?_id=p1&_revinclude=*", "Patient?_has:Appointment:patient:status=noshow&_revinclude=*"):
        status, bundle = front.ask(url)
        assert status == 200
        (told,) = [each["resource"]["issue"][0] for each in bundle["entry"] if each["search"]["mode"] == "outcome"]
        assert (told["severity"], told["expression"]) == ("information", ["_revinclude"])
        assert "records" in told["diagnostics"]
        assert "_revinclude=*" in link(bundle, "self")


@pytest.mark.parametrize("media", ["application/json", "text/plain", "multipart/form-data; boundary=x", ""])
@pytest.mark.parametrize("path", ["Task/_search?_include=Task:patient", "_search?_type=Patient,Task", "Task/_search"])
def test_criteria_that_are_no_form_are_refused_wherever_they_are_answered(front: Front, path: str, media: str) -> None:
    path, _, query = path.partition("?")
    request = Request("POST", path, parse_qsl(query), {"content-type": media}, b"_id=none")
    response = guarded(lambda: search(request, front.services, front.send, BASE, Limits(), Context()))
    assert response.status == 415


@pytest.mark.parametrize(("form", "code"), [(b"_id=%ff", "structure"), (b"a=&" * 5000, "too-costly")])
@pytest.mark.parametrize("path", ["_search", "Task/_search"])
def test_a_form_that_cannot_be_read_is_refused(front: Front, path: str, form: bytes, code: str) -> None:
    request = Request("POST", path, [("_type", "Patient,Task")], {"content-type": asking.FORM}, form)
    response = guarded(lambda: search(request, front.services, front.send, BASE, Limits(), Context()))
    assert (response.status, json.parse_object(response.body)["issue"][0]["code"]) == (400, code)


def test_a_part_that_leads_to_too_many_is_too_costly(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking.Asking.all, "__defaults__", (1,))
    status, outcome = front.ask("Appointment?patient.name:missing=false")
    assert (status, outcome["issue"][0]["code"]) == (403, "too-costly")
