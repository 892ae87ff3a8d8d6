"""Clients that others wrote work unchanged: fhirpy, SMART's fhirclient, and HAPI's generic client for Java."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from fhirclient.client import FHIRClient
from fhirclient.models.fhirdate import FHIRDate
from fhirclient.models.humanname import HumanName
from fhirclient.models.identifier import Identifier
from fhirclient.models.patient import Patient
from fhirclient.server import FHIRNotFoundException
from fhirpy import AsyncFHIRClient, SyncFHIRClient
from fhirpy.base.exceptions import MultipleResourcesFound, OperationOutcome, ResourceNotFound

from support.maven import jars
from support.processes import CareThread, carethread
from support.run import Unavailable

JAVA = Path(__file__).parents[1] / "support" / "java" / "HapiClient.java"


@pytest.fixture(scope="module")
def server() -> Iterator[CareThread]:
    with carethread("up") as process:
        yield process


@pytest.fixture
def system() -> str:
    """An identifier system that no other test uses."""
    return f"urn:uuid:{uuid4()}"


# ---------------------------------------------------------------------------------------------------------- fhirpy


@pytest.fixture
def fhirpy(server: CareThread) -> SyncFHIRClient:
    return SyncFHIRClient(server.fhir.base)


def person(system: str, value: str, family: str = "Person") -> dict[str, object]:
    return {"name": [{"family": family}], "identifier": [{"system": system, "value": value}]}


def test_fhirpy_writes_reads_and_deletes(fhirpy, system):
    patient = fhirpy.resource("Patient", **person(system, "1"), active=True)
    patient.save()
    assert (patient.id, patient["meta"]["versionId"]) == (patient.id, "1")
    patient["active"] = False
    patient.save()
    assert patient["meta"]["versionId"] == "2"
    read = fhirpy.reference("Patient", patient.id).to_resource()
    assert read.serialize() == patient.serialize()
    assert fhirpy.get("Patient", patient.id)["active"] is False
    assert read.refresh()["meta"]["versionId"] == "2"
    patient.delete()
    with pytest.raises(ResourceNotFound):
        fhirpy.get("Patient", patient.id)


def test_fhirpy_keeps_an_id_of_its_own(fhirpy, system):
    id_ = str(uuid4())
    fhirpy.resource("Patient", id=id_, **person(system, "own")).save()
    assert fhirpy.resources("Patient").search(_id=id_).get()["identifier"][0]["value"] == "own"


def test_fhirpy_patches(fhirpy, system):
    patient = fhirpy.resource("Patient", **person(system, "patch"), gender="female").create()
    patient.patch(gender="other", birthDate="1980-02-29")
    assert (patient["gender"], patient["birthDate"], patient["name"][0]["family"]) == ("other", "1980-02-29", "Person")
    patient["gender"] = "male"
    patient.save(fields=["gender"])
    assert patient["meta"]["versionId"] == "3"
    found = fhirpy.resources("Patient").search(identifier=f"{system}|patch").patch(active=True)
    assert (found["active"], found["gender"]) == (True, "male")
    assert "birthDate" not in fhirpy.patch("Patient", patient.id, birthDate=None)


def test_fhirpy_searches_and_pages(fhirpy, system):
    for number in range(5):
        fhirpy.resource("Patient", **person(system, str(number), f"Pager-{number}")).save()
    found = fhirpy.resources("Patient").search(identifier=f"{system}|").sort("-family").limit(2)
    assert [patient["name"][0]["family"] for patient in found.fetch()] == ["Pager-4", "Pager-3"]
    assert [patient["name"][0]["family"] for patient in found.fetch_all()] == [f"Pager-{n}" for n in (4, 3, 2, 1, 0)]
    assert found.count() == 5
    assert found.first()["name"][0]["family"] == "Pager-4"
    assert fhirpy.resources("Patient").search(identifier=f"{system}|", family__contains="GER-3").get().id
    with pytest.raises(MultipleResourcesFound):
        found.get()


def test_fhirpy_follows_references(fhirpy, system):
    patient = fhirpy.resource("Patient", **person(system, "subject")).create()
    encounter = fhirpy.resource(
        "Encounter", status="planned", **{"class": {"code": "AMB"}}, subject=patient.to_reference()
    ).create()
    encounters = fhirpy.resources("Encounter").search(patient__Patient__identifier=f"{system}|subject")
    page = encounters.include("Encounter", "subject").fetch_raw()
    assert [entry["resource"].id for entry in page["entry"]] == [encounter.id, patient.id]
    back = fhirpy.resources("Patient").search(_id=patient.id).revinclude("Encounter", "subject").fetch_raw()
    assert [entry["resource"].id for entry in back["entry"]] == [patient.id, encounter.id]
    assert fhirpy.resources("Patient").has("Encounter", "patient", status="planned").search(_id=patient.id).get()
    assert encounter["subject"].to_resource().id == patient.id


def test_fhirpy_creates_under_a_condition(fhirpy, system):
    search = fhirpy.resources("Patient").search(identifier=f"{system}|once")
    first, created = search.get_or_create(fhirpy.resource("Patient", **person(system, "once")))
    assert created
    again, created = search.get_or_create(fhirpy.resource("Patient", **person(system, "once", "Other")))
    assert (again.id, again["name"][0]["family"], created) == (first.id, "Person", False)
    changed, created = search.update(fhirpy.resource("Patient", **person(system, "once", "Changed")))
    assert (changed.id, changed["name"][0]["family"], created) == (first.id, "Changed", False)
    search.delete()
    with pytest.raises(ResourceNotFound):
        fhirpy.get("Patient", first.id)


def test_fhirpy_validates(fhirpy, system):
    assert fhirpy.resource("Patient", **person(system, "valid")).is_valid()
    assert not fhirpy.resource("Observation", status="unheard-of").is_valid()
    with pytest.raises(OperationOutcome) as refused:
        fhirpy.resource("Observation", status="unheard-of").save()
    assert "Observation.status" in str(refused.value)


def test_fhirpy_transacts(fhirpy, system):
    patient = {"resourceType": "Patient", **person(system, "bundle")}
    entries = [
        {"resource": patient, "request": {"method": "POST", "url": "Patient"}},
        {"request": {"method": "GET", "url": f"Patient?identifier={system}|bundle"}},
    ]
    answer = fhirpy.execute("", data={"resourceType": "Bundle", "type": "transaction", "entry": entries})
    assert [entry["response"]["status"][:3] for entry in answer["entry"]] == ["201", "200"]
    assert answer["entry"][1]["resource"]["type"] == "searchset"


def test_fhirpy_without_blocking(server, system):
    async def visit() -> None:
        client = AsyncFHIRClient(server.fhir.base)
        patients = client.resources("Patient").search(identifier=f"{system}|")
        made = [client.resource("Patient", **person(system, str(number), f"Pager-{number}")) for number in range(5)]
        await asyncio.gather(*(patient.save() for patient in made))
        found = [patient["name"][0]["family"] async for patient in patients.sort("family").limit(2)]
        assert found == [f"Pager-{number}" for number in range(5)]
        assert await patients.count() == 5
        one = patients.search(identifier=f"{system}|1")
        first, created = await one.get_or_create(client.resource("Patient", **person(system, "1", "Other")))
        assert (first.id, created) == (made[1].id, False)
        await first.patch(active=True)
        assert (await client.get("Patient", first.id))["active"]
        assert await first.is_valid()
        await first.delete()
        with pytest.raises(ResourceNotFound):
            await first.refresh()

    asyncio.run(visit())


# ------------------------------------------------------------------------------------------------------ fhirclient


@pytest.fixture
def smart(server: CareThread) -> FHIRClient:
    client = FHIRClient({"app_id": "tests", "api_base": server.fhir.base})
    assert client.prepare(), "a server without authorization is ready at once"
    return client


def smart_person(system: str, value: str, family: str = "Person") -> Patient:
    patient = Patient()
    patient.name = [HumanName({"family": family, "given": ["Ann"]})]
    patient.identifier = [Identifier({"system": system, "value": value})]
    return patient


def test_smart_reads_the_capabilities(smart):
    statement = smart.server.capabilityStatement
    assert statement.fhirVersion == "4.0.1"
    assert {"Patient", "Appointment", "Questionnaire"} <= {each.type for each in statement.rest[0].resource}


def test_smart_creates_reads_updates_and_deletes(smart, system):
    patient = smart_person(system, "1")
    patient.birthDate = FHIRDate("1980-02-29")
    created = patient.create(smart.server)
    read = Patient.read(created["id"], smart.server)
    assert (read.name[0].family, read.birthDate.isostring, read.meta.versionId) == ("Person", "1980-02-29", "1")
    read.active = True
    assert read.update(smart.server)["meta"]["versionId"] == "2"
    assert Patient.read(read.id, smart.server).active is True
    read.delete()
    with pytest.raises(FHIRNotFoundException):
        Patient.read("was-never-there", smart.server)


def test_smart_searches_and_pages(smart, system):
    for number in range(5):
        smart_person(system, str(number), f"Pager-{number}").create(smart.server)
    search = Patient.where({"identifier": f"{system}|", "_count": "2", "_sort": "family"})
    pages = list(search.perform_iter(smart.server))
    assert [len(page.entry) for page in pages] == [2, 2, 1]
    everyone = [patient.name[0].family for patient in search.perform_resources_iter(smart.server)]
    assert everyone == [f"Pager-{number}" for number in range(5)]


# ------------------------------------------------------------------------------------------------------------ HAPI

STEPS = re.findall(r'self\.step\("([\w-]+)"', JAVA.read_text())


@pytest.fixture(scope="module")
def hapi(server: CareThread) -> dict[str, str]:
    """What became of each step: `ok`, or what went wrong."""
    java = shutil.which("java")
    if java is None:
        pytest.skip("no java to run HAPI's client")
    try:
        libraries = jars(JAVA.with_name("pom.xml"))
    except Unavailable as error:
        pytest.skip(str(error))
    command = [java, "-Xmx256m", "-XX:TieredStopAtLevel=1", "-cp", f"{libraries}/*", str(JAVA), server.fhir.base]
    run = subprocess.run(command, capture_output=True, text=True, timeout=100, check=True)
    return dict(line.split("\t", 1) for line in run.stdout.splitlines() if "\t" in line)


@pytest.mark.servers
@pytest.mark.parametrize("step", STEPS)
def test_hapi(hapi, step):
    assert hapi[step] == "ok"
