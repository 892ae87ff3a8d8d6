"""Searches as a client asks them, on both databases: what a page brings along, its shape, its links, its paths."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from carethread.adapters.sql.store.store import SqlStore
from carethread.core.context import Context
from carethread.core.fhir import json
from carethread.core.ports import Request
from carethread.core.service import Limits, Runtime
from carethread.interactions.rest.handling import handle
from support.stores import BASE, put, runtime, service_of

Resource = dict[str, Any]

TYPES = ("Patient", "Organization", "Observation", "Appointment", "Encounter", "Provenance", "List", "Slot")


def ref(*keys: str) -> list[Resource]:
    return [{"reference": key} for key in keys]


def coded(code: str, display: str = "") -> Resource:
    return {"coding": [{"system": "urn:l", "code": code, **({"display": display} if display else {})}]}


def made(key: str, **members: Any) -> Resource:
    type_name, _, id_ = key.partition("/")
    return {"resourceType": type_name, "id": id_, **members}


def visit(key: str, status: str, patient: str) -> Resource:
    return made(key, status=status, participant=[{"actor": ref(patient)[0], "status": "accepted"}])


TEXT = {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">One</div>'}
P1, P2 = ref("Patient/p1", "Patient/p2")
RESOURCES: list[Resource] = [
    made("Organization/top", name="Top"),
    made("Organization/mid", name="Mid", partOf=ref("Organization/top")[0]),
    made("Organization/low", name="Low", partOf=ref("Organization/mid")[0]),
    made(
        "Patient/p1",
        name=[{"family": "One"}],
        managingOrganization=ref("Organization/low")[0],
        text=TEXT,
        photo=[{"url": "urn:p"}],
    ),
    made("Patient/p2", name=[{"family": "Two"}], link=[{"other": P1, "type": "seealso"}]),
    made("Encounter/e1", status="finished", subject=P1, **{"class": {"code": "AMB"}}),
    made("Observation/o1", status="final", code=coded("a"), subject=P1, encounter=ref("Encounter/e1")[0]),
    made("Observation/o2", status="final", code=coded("b"), subject=P1, derivedFrom=ref("Observation/o1")),
    made("Observation/o3", status="final", code=coded("a"), subject=P2, derivedFrom=ref("Observation/o2")),
    visit("Appointment/a1", "booked", "Patient/p1"),
    visit("Appointment/a2", "noshow", "Patient/p1"),
    visit("Appointment/a3", "booked", "Patient/p2"),
    made("Provenance/v1", target=ref("Observation/o1")),
    made("List/l1", status="current", entry=[{"item": item} for item in ref("Patient/p2", "Observation/o2")]),
]


@pytest.fixture
def here(store: SqlStore) -> Runtime:
    put(store, RESOURCES)
    return runtime(store, service_of(*TYPES))


def ask(
    here: Runtime, url: str, *, method: str = "GET", form: str | None = None, prefer: str = ""
) -> tuple[int, Resource]:
    path, _, query = url.partition("?")
    headers = {"prefer": prefer} if prefer else {}
    if form is not None:
        headers["content-type"] = "application/x-www-form-urlencoded"
    request = Request(method, path, parse_qsl(query, keep_blank_values=True), headers, (form or "").encode())
    response = handle(here, request, Context())
    return response.status, json.parse_object(response.body)


def found(bundle: Resource, mode: str = "match") -> list[str]:
    return [
        f"{e['resource']['resourceType']}/{e['resource']['id']}"
        for e in bundle.get("entry", [])
        if e["search"]["mode"] == mode
    ]


def searched(here: Runtime, url: str, **more: Any) -> Resource:
    status, bundle = ask(here, url, **more)
    assert status == 200, bundle
    return bundle


def refused(here: Runtime, url: str, **more: Any) -> tuple[int, str, str]:
    status, outcome = ask(here, url, **more)
    assert outcome["resourceType"] == "OperationOutcome"
    (issue,) = outcome["issue"]
    assert len(issue["diagnostics"]) > 15
    return status, issue["code"], (issue.get("expression") or [""])[0]


def link(bundle: Resource, relation: str) -> str:
    return next(
        (each["url"].removeprefix(BASE).removeprefix("/") for each in bundle["link"] if each["relation"] == relation),
        "",
    )


@pytest.mark.parametrize(
    ("url", "matches", "includes"),
    [
        ("Observation?_id=o3&_include=Observation:patient", {"Observation/o3"}, {"Patient/p2"}),
        ("Observation?_id=o1,o2&_include=Observation:derived-from", {"Observation/o1", "Observation/o2"}, set()),
        ("Observation?_id=o3&_include=Observation:derived-from", {"Observation/o3"}, {"Observation/o2"}),
        (
            "Observation?_id=o3&_include:iterate=Observation:derived-from",
            {"Observation/o3"},
            {"Observation/o2", "Observation/o1"},
        ),
        ("Observation?_id=o1&_include=Observation:subject:Group", {"Observation/o1"}, set()),
        ("Observation?_id=o1&_include=*", {"Observation/o1"}, {"Patient/p1", "Encounter/e1"}),
        ("Observation?_id=o1&_include=Observation:*:Patient", {"Observation/o1"}, {"Patient/p1"}),
        (
            "Observation?_id=o1&_include=Observation:subject&_include:iterate=Patient:organization"
            "&_include:iterate=Organization:partof",
            {"Observation/o1"},
            {"Patient/p1", "Organization/low", "Organization/mid", "Organization/top"},
        ),
        (
            "Observation?_id=o1&_include=Observation:subject&_include=Patient:organization",
            {"Observation/o1"},
            {"Patient/p1"},
        ),
        ("Patient?_id=p2&_revinclude=Observation:subject", {"Patient/p2"}, {"Observation/o3"}),
        (
            "Patient?_id=p1&_revinclude=Observation:subject&_revinclude:iterate=Provenance:target",
            {"Patient/p1"},
            {"Observation/o1", "Observation/o2", "Provenance/v1"},
        ),
        ("Patient?_id=p2&_revinclude=*", {"Patient/p2"}, {"Observation/o3", "Appointment/a3", "List/l1"}),
        ("Patient?_revinclude=Patient:link", {"Patient/p1", "Patient/p2"}, set()),
        ("Patient?_id=p1&_revinclude=Observation:subject:Group", {"Patient/p1"}, set()),
        (
            "Encounter?_revinclude=Observation:encounter&_include=Encounter:patient",
            {"Encounter/e1"},
            {"Observation/o1", "Patient/p1"},
        ),
    ],
)
def test_includes(here: Runtime, url: str, matches: set[str], includes: set[str]) -> None:
    bundle = searched(here, url, prefer="handling=strict")
    assert set(found(bundle)) == matches
    assert set(found(bundle, "include")) == includes
    resources = [each for each in bundle["entry"] if each["search"]["mode"] != "outcome"]
    assert len(resources) == len(matches) + len(includes), "nothing comes twice"


def test_includes_are_those_of_the_page_and_bounded(here: Runtime) -> None:
    bundle = searched(here, "Observation?_sort=_id&_count=1&_include=Observation:patient")
    assert (found(bundle), found(bundle, "include")) == (["Observation/o1"], ["Patient/p1"])
    narrow = replace(here, limits=Limits(includes=1))
    assert refused(narrow, "Patient?_id=p1&_revinclude=Observation:subject")[:2] == (403, "too-costly")


@pytest.mark.parametrize(
    ("shape", "members"),
    [
        ("_summary=true", {"id", "name", "managingOrganization"}),
        ("_summary=text", {"id", "text"}),
        ("_summary=data", {"id", "name", "managingOrganization", "photo"}),
        ("_elements=photo", {"id", "photo"}),
        ("_elements=photo,Patient.name", {"id", "photo", "name"}),
    ],
)
def test_parts_of_resources_are_marked(here: Runtime, shape: str, members: set[str]) -> None:
    bundle = searched(here, f"Patient?_id=p1&{shape}")
    (patient,) = (entry["resource"] for entry in bundle["entry"])
    assert set(patient) - {"resourceType", "meta"} == members
    assert [tag["code"] for tag in patient["meta"]["tag"]] == ["SUBSETTED"]
    assert shape in link(bundle, "self")


def test_elements_shape_the_matches_and_a_summary_also_what_they_include(here: Runtime) -> None:
    bundle = searched(here, "Observation?_id=o1&_include=Observation:patient&_elements=code")
    assert "photo" in bundle["entry"][1]["resource"]
    bundle = searched(here, "Observation?_id=o1&_include=Observation:patient&_summary=true")
    assert "photo" not in bundle["entry"][1]["resource"]
    counted = searched(here, "Observation?_summary=count")
    assert (counted["total"], "entry" in counted) == (3, False)
    assert refused(here, "Patient?_summary=text&_include=*") == (400, "invalid", "_summary")
    assert refused(here, "Patient?_summary=true&_elements=name") == (400, "invalid", "_elements")


@pytest.mark.parametrize(
    ("url", "matches"),
    [
        ("Patient/p1/Appointment", ["Appointment/a1", "Appointment/a2"]),
        ("Patient/p1/Appointment?status=booked", ["Appointment/a1"]),
        ("Patient/p2/Appointment?patient.name=Two", ["Appointment/a3"]),
        ("Patient/nobody/Appointment", []),
        ("Patient/p2/*", ["Observation/o3", "Appointment/a3"]),
        ("Patient/p1/*", ["Patient/p2", "Encounter/e1", "Observation/o1", "Observation/o2", "Appointment/a1",
                          "Appointment/a2"]),
        ("Patient/p1/*?_type=Appointment,Encounter", ["Encounter/e1", "Appointment/a1", "Appointment/a2"]),
        ("Patient/p1/Patient", ["Patient/p2"]),
    ],
)  # fmt: skip
def test_compartments(here: Runtime, url: str, matches: list[str]) -> None:
    bundle = searched(here, url, prefer="handling=strict")
    assert found(bundle) == matches
    assert link(bundle, "self") == url
    path, _, query = url.partition("?")
    assert found(searched(here, f"{path}/_search", method="POST", form=query)) == matches


def test_what_is_in_no_compartment(here: Runtime) -> None:
    assert refused(here, "Patient/p1/Slot")[:2] == (404, "not-supported")
    assert refused(here, "Organization/top/Patient")[:2] == (404, "not-supported")
    assert refused(here, "Patient/p1/Appointment", method="DELETE")[:2] == (405, "not-supported")


@pytest.mark.parametrize(
    ("url", "matches"),
    [
        ("?_type=Patient,Encounter", ["Patient/p1", "Patient/p2", "Encounter/e1"]),
        ("?_type=Patient&_type=Encounter", []),
        ("?_id=p1,e1", ["Patient/p1", "Encounter/e1"]),
        ("?_type=Appointment,Observation&patient=Patient/p2", ["Observation/o3", "Appointment/a3"]),
        ("?_type=Appointment,Observation&patient.name=Two&_sort=-_id", ["Observation/o3", "Appointment/a3"]),
        ("?_type=Appointment,Observation&status:not=booked,final", ["Appointment/a2"]),
        ("?_list=l1", ["Patient/p2", "Observation/o2"]),
        ("Observation?_list=l1,l2", ["Observation/o2"]),
        ("Patient?_list=l2", []),
        ("Patient?_has:Observation:subject:_has:Provenance:target:_id=v1", ["Patient/p1"]),
        ("Patient?_has:Observation:subject:encounter:Encounter.status=finished", ["Patient/p1"]),
        ("Observation?subject:Patient.organization.partof.partof.name=top", ["Observation/o1", "Observation/o2"]),
        ("Observation?patient._has:Appointment:patient:status=noshow&code=urn:l|b", ["Observation/o2"]),
        ("Observation?derived-from:missing=true", ["Observation/o1"]),
    ],
)
def test_several_types_lists_and_long_chains(here: Runtime, url: str, matches: list[str]) -> None:
    bundle = searched(here, url, prefer="handling=strict")
    assert found(bundle) == matches
    path, _, query = url.partition("?")
    form = searched(here, f"{path}/_search".lstrip("/"), method="POST", form=query, prefer="handling=strict")
    assert found(form) == matches
    assert link(bundle, "self").lstrip("?") == link(form, "self").lstrip("?")


def test_a_form_joins_the_url(here: Runtime) -> None:
    both = searched(here, "Appointment/_search?status=booked", method="POST", form="patient=Patient/p1")
    assert found(both) == ["Appointment/a1"]
    assert refused(here, "Appointment/_search")[:2] == (405, "not-supported")
    status, _ = ask(here, "Appointment/_search", method="POST")
    assert status == 200
    request = Request("POST", "Appointment/_search", (), {"content-type": "application/json"}, b"{}")
    assert handle(here, request, Context()).status == 415


def test_what_is_ignored_is_told(here: Runtime) -> None:
    url = "Appointment?status=booked&colour=red&near=1&_revinclude=Task:focus"
    bundle = searched(here, url)
    outcome = bundle["entry"][-1]
    assert outcome["search"]["mode"] == "outcome"
    issues = outcome["resource"]["issue"]
    assert [issue["expression"] for issue in issues] == [["colour"], ["near"], ["_revinclude"]]
    assert {issue["severity"] for issue in issues} == {"warning"}
    assert bundle["total"] == 2
    assert link(bundle, "self") == "Appointment?status=booked"
    assert refused(here, url, prefer="handling=strict") == (400, "not-supported", "colour")
    assert refused(here, "Patient?phonetic=x", prefer="handling=strict")[:2] == (400, "not-supported")


def test_the_total_is_told_where_it_is_known(here: Runtime) -> None:
    assert searched(here, "Observation")["total"] == 3
    assert "total" not in searched(here, "Observation?_count=2")
    assert searched(here, "Observation?_count=2&_total=accurate")["total"] == 3
    assert searched(here, "Observation?_count=2&_total=estimate")["total"] == 3
    assert "total" not in searched(here, "Observation?_total=none")


def walk(here: Runtime, url: str) -> list[str]:
    """Every match, page by page."""
    met: list[str] = []
    while url:
        bundle = searched(here, url)
        met += found(bundle)
        assert link(bundle, "first") and link(bundle, "self")
        url = link(bundle, "next")
    return met


@pytest.mark.parametrize(
    "sort", ["", "_lastUpdated", "-status,_id", "code", "-derived-from", "-derived-from,code", "_id"]
)
def test_pages_of_every_order_are_the_whole(here: Runtime, sort: str) -> None:
    query = f"_sort={sort}&" if sort else ""
    whole = walk(here, f"Observation?{query}_count=100")
    assert sorted(whole) == ["Observation/o1", "Observation/o2", "Observation/o3"]
    for size in (1, 2):
        assert walk(here, f"Observation?{query}_count={size}") == whole
    everything = f"?_type=Observation,Appointment&{f'_sort={sort}&' if sort in ('', '_id', '_lastUpdated') else ''}"
    assert walk(here, f"{everything}_count=2") == walk(here, f"{everything}_count=100")


@pytest.mark.parametrize("sort", ["", "family", "-birthdate", "_lastUpdated"])
def test_pages_hold_while_others_write(store: SqlStore, sort: str) -> None:
    """Whoever matches throughout and does not move in the order is met exactly once."""

    def patient(number: int, changed: int = 0) -> Resource:
        return {"resourceType": "Patient", "id": f"p{number}", "name": [{"family": f"N{number % 7}"}],
                "birthDate": f"19{number % 50 + 10}-01-01", "active": True,
                "multipleBirthInteger": changed}  # fmt: skip

    people = 60
    put(store, [patient(number) for number in range(people)])
    here = runtime(store, service_of("Patient"))
    done = threading.Event()
    failures: list[BaseException] = []

    def write() -> None:
        number = 0
        while not done.is_set():
            number += 1
            try:
                put(store, [patient(number % (people // 2), number), {**patient(0), "id": f"new{number}"}])
            except BaseException as error:  # noqa: BLE001  # told to the test by the list
                failures.append(error)
                return

    writer = threading.Thread(target=write)
    writer.start()
    try:
        met = walk(here, f"Patient?active=true&_count=7{f'&_sort={sort}' if sort else ''}")
    finally:
        done.set()
        writer.join()
    assert not failures
    touched = people // 2 if sort == "_lastUpdated" else 0
    steady = [f"Patient/p{number}" for number in range(touched, people)]
    assert sorted(id_ for id_ in met if id_ in steady) == sorted(steady)


def query_of(url: str) -> Sequence[tuple[str, str]]:
    return parse_qsl(urlsplit(url).query)


def test_links_lead_where_they_say(here: Runtime) -> None:
    bundle = searched(here, "Appointment?" + urlencode({"_count": "2", "_sort": "_id", "status:not": "noshow,x"}))
    assert query_of(link(bundle, "self")) == [("_count", "2"), ("_sort", "_id"), ("status:not", "noshow,x")]
    assert link(bundle, "first") == link(bundle, "self")
    assert not link(bundle, "next")
    assert refused(here, "Appointment?_cursor=abc") == (400, "value", "_cursor")
