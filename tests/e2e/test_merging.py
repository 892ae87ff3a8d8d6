"""A merge in records, as the other services' searches see it: by events, in both directions, within two seconds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from carethread.adapters.sql.events.bus import EmbeddedSubscription
from carethread.core.events import from_headers
from support.fhir import Fhir
from support.processes import CareThread, carethread

pytestmark = pytest.mark.alone

SECONDS = 2.0
STARTING_SECONDS = 30.0


@pytest.fixture(scope="module")
def server() -> Iterator[CareThread]:
    """Every service, and a worker that follows: it begins after the server listens, and the first start publishes."""
    with carethread("up") as process:
        of(process.fhir, "left")
        of(process.fhir, "right")
        assert process.fhir.post("Patient/$merge", merging("left", "right")).status == 200
        for path, key in SEARCHES.items():
            both = {key.format("left"), key.format("right")}
            soon(lambda path=path: found(process.fhir, path.format("right")), both, STARTING_SECONDS)  # type: ignore[misc]
        yield process


def merging(source: str, target: str) -> dict[str, Any]:
    names = (("source-patient", source), ("target-patient", target))
    said = [{"name": name, "valueReference": {"reference": f"Patient/{id_}"}} for name, id_ in names]
    return {"resourceType": "Parameters", "parameter": said}


def made(fhir: Fhir, key: str, **members: Any) -> dict[str, Any]:
    type_name, _, id_ = key.partition("/")
    resource = {"resourceType": type_name, "id": id_, **members}
    answer = fhir.put(key, resource)
    assert answer.status in (200, 201), answer
    return resource


def found(fhir: Fhir, path: str) -> set[str]:
    entries = fhir.get(path).json.get("entry", [])
    return {f"{each['resource']['resourceType']}/{each['resource']['id']}" for each in entries}


def soon(look: Callable[[], set[str]], wanted: set[str], seconds: float = SECONDS) -> None:
    until = time.monotonic() + seconds
    while look() != wanted:
        assert time.monotonic() < until, look()
        time.sleep(0.02)


def of(fhir: Fhir, patient: str) -> None:
    """One resource of the patient in each service that owns what can refer to one."""
    me = {"reference": f"Patient/{patient}"}
    made(fhir, f"Patient/{patient}", identifier=[{"system": "urn:mrn", "value": f"mrn-{patient}"}])
    made(fhir, f"Observation/o-{patient}", status="final", code={"text": "pulse"}, subject=me)
    made(fhir, f"Appointment/a-{patient}", status="proposed", participant=[{"actor": me, "status": "accepted"}])
    made(fhir, f"Task/t-{patient}", status="requested", intent="order", **{"for": me})
    made(fhir, f"QuestionnaireResponse/q-{patient}", status="completed", subject=me)


def everything(fhir: Fhir, patient: str) -> set[str]:
    return found(fhir, f"Patient/{patient}/$everything?_count=100")


SEARCHES = {
    "Appointment?patient=Patient/{}": "Appointment/a-{}",
    "Appointment?patient.identifier=mrn-{}": "Appointment/a-{}",
    "Task?patient=Patient/{}": "Task/t-{}",
    "Task?patient.identifier=mrn-{}": "Task/t-{}",
    "QuestionnaireResponse?subject=Patient/{}": "QuestionnaireResponse/q-{}",
    "Patient/{}/Task": "Task/t-{}",
    "Patient?_has:Task:patient:_id=t-{}": "Patient/{}",
    "Patient?_has:Appointment:patient:_id=a-{}": "Patient/{}",
}
"""By search, what it finds; the one and the other of those that were merged."""

WHOLE = ("Patient/{}", "Observation/o-{}", "Appointment/a-{}", "Task/t-{}", "QuestionnaireResponse/q-{}")


def test_all_services_follow_a_merge_and_its_end(server: CareThread) -> None:
    fhir = server.fhir
    of(fhir, "one")
    of(fhir, "two")
    both = ("one", "two")

    def see(together: bool) -> None:
        for patient in both:
            whose = both if together else (patient,)
            for path, key in SEARCHES.items():
                url = path.format(patient)
                soon(lambda url=url: found(fhir, url), {key.format(each) for each in whose})  # type: ignore[misc]
            whole = {key.format(each) for each in whose for key in WHOLE}
            soon(lambda patient=patient: everything(fhir, patient), whole)  # type: ignore[misc]

    see(together=False)
    parameters = merging("two", "one")
    assert fhir.post("Patient/$merge", parameters).status == 200
    see(together=True)
    url = "Task?_id=t-two&_include=Task:patient"
    assert found(fhir, url) == {"Task/t-two", "Patient/one", "Patient/two"}
    assert found(fhir, "Patient?_id=one&_revinclude=Task:patient") == {"Patient/one", "Task/t-one", "Task/t-two"}
    assert fhir.post("Patient/$unmerge", parameters).status == 200
    see(together=False)

    verbs = events(server)
    assert verbs["Patient/two"] == ["created", "merged", "unmerged"]
    assert verbs["Patient/one"] == ["created", "updated", "updated"]


def events(server: CareThread) -> dict[str, list[str]]:
    """The verbs of the patients' events that went over the bus, by resource and in order."""
    reader = EmbeddedSubscription(server.data / "bus.db", ["carethread.patient.v1"], dict)
    verbs: dict[str, list[str]] = {}
    while batch := reader.poll(0):
        for record in (record for records in batch.values() for record in records):
            event = from_headers(record.headers, record.key, record.value)
            verbs.setdefault(event.key, []).append(event.verb)
    reader.close()
    return verbs
