"""`docker compose up` from nothing: an image, a broker, a database, migrations, every service, one port to speak to."""

from __future__ import annotations

import os
import subprocess
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from support import run
from support.fhir import Fhir
from support.run import Unavailable
from support.servers import free_port, require_engine, until

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.servers, pytest.mark.timeout(900)]


class Compose:
    """One compose project with a name, an image and a port of its own."""

    def __init__(self) -> None:
        self.project = f"carethread-test-{uuid.uuid4().hex[:8]}"
        self.image = f"{self.project}:latest"
        self.port = free_port()
        self._env = {
            **os.environ,
            "CARETHREAD_IMAGE": self.image,
            "CARETHREAD_PORT": str(self.port),
            "CARETHREAD_WEBSOCKET_PORT": str(free_port()),
            "CARETHREAD_SMALL_CELLS": "exact",  # a booking is few people's
            "DOCKER_BUILDKIT": os.environ.get("DOCKER_BUILDKIT", "0"),
        }

    def docker(self, *arguments: str) -> str:
        done = subprocess.run(["docker", *arguments], cwd=ROOT, env=self._env, capture_output=True, text=True)
        assert done.returncode == 0, f"docker {' '.join(arguments)}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        return done.stdout

    def compose(self, *arguments: str) -> str:
        return self.docker("compose", "--project-name", self.project, *arguments)

    def up(self) -> None:
        down = ["docker", "compose", "--project-name", self.project, "down", "--volumes", "--timeout", "0"]
        self._note = run.note("compose", command=down)  # for a run that does not reach its own `down`
        # The host's network, so that a package index that only this machine reaches is reached from inside as well.
        self.docker("build", "--network=host", "--file", "deploy/Dockerfile", "--tag", self.image, ".")
        try:
            self.compose("up", "--detach", "--no-build", "--wait", "--wait-timeout", "240")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.compose('logs', '--tail', '30')}") from None

    def down(self) -> None:
        self.compose("down", "--volumes", "--remove-orphans", "--timeout", "5")
        self.docker("image", "rm", "--force", self.image)
        self._note.unlink(missing_ok=True)


@pytest.fixture(scope="module")
def compose() -> Iterator[Compose]:
    try:
        require_engine()
    except Unavailable as error:
        pytest.skip(str(error))
    if subprocess.run(["docker", "compose", "version"], capture_output=True).returncode:
        pytest.skip("docker has no compose")
    project = Compose()
    try:
        project.up()
        yield project
    finally:
        project.down()


@pytest.fixture(scope="module")
def fhir(compose: Compose) -> Fhir:
    return Fhir(f"http://127.0.0.1:{compose.port}/fhir")


def create(fhir: Fhir, resource: dict[str, Any]) -> str:
    """POST the resource; its reference, such as `Slot/…`."""
    answer = fhir.post(resource["resourceType"], resource)
    assert answer.status == 201, answer
    return f"{resource['resourceType']}/{answer.json['id']}"


def free_slot(fhir: Fhir, schedule: str, start: datetime) -> dict[str, Any]:
    slot = {
        "resourceType": "Slot",
        "schedule": {"reference": schedule},
        "status": "free",
        "start": start.isoformat(),
        "end": (start + timedelta(minutes=20)).isoformat(),
    }
    return {**slot, "reference": create(fhir, slot)}


def booking(slot: dict[str, Any], patient: str, practitioner: str) -> dict[str, Any]:
    return {
        "resourceType": "Appointment",
        "status": "booked",
        "slot": [{"reference": slot["reference"]}],
        "start": slot["start"],
        "end": slot["end"],
        "participant": [
            {"actor": {"reference": patient}, "status": "accepted"},
            {"actor": {"reference": practitioner}, "status": "accepted"},
        ],
    }


def populations(fhir: Fhir, start: datetime) -> dict[str, int]:
    """The counts of the no-show-rate on the days around `start`, by population code."""
    period = [(start + timedelta(days=days)).date().isoformat() for days in (-1, 1)]
    answer = fhir.get(f"Measure/no-show-rate/$evaluate-measure?periodStart={period[0]}&periodEnd={period[1]}")
    if answer.status != 200:
        return {}
    found = answer.json["group"][0]["population"]
    return {population["code"]["coding"][0]["code"]: population["count"] for population in found}


def test_a_booking_reaches_the_metrics(fhir: Fhir) -> None:
    practitioner = create(fhir, {"resourceType": "Practitioner", "name": [{"text": "A practitioner"}]})
    patient = create(fhir, {"resourceType": "Patient", "name": [{"text": "A patient"}]})
    schedule = create(fhir, {"resourceType": "Schedule", "actor": [{"reference": practitioner}]})
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    for status, minutes in (("fulfilled", 90), ("fulfilled", 60), ("noshow", 30)):
        slot = free_slot(fhir, schedule, now - timedelta(minutes=minutes))
        body = booking(slot, patient, practitioner)
        appointment = create(fhir, body)
        assert fhir.get(slot["reference"]).json["status"] == "busy"
        assert fhir.post("Appointment", body).status == 409
        stored = fhir.get(appointment).json
        assert fhir.put(appointment, {**stored, "status": status}).status == 200

    expected = {"denominator": 3, "numerator": 1}
    until(
        lambda: expected.items() <= populations(fhir, now).items(),
        seconds=60,
        what=f"no-show-rate counts {expected}",
        details=lambda: f"last counts: {populations(fhir, now)}",
    )


def test_a_transaction_spans_services(fhir: Fhir) -> None:
    """Which the gateway's role and schema, and the services' way back to the gateway, are for."""
    who = "urn:uuid:5f1d8c1e-0000-4000-8000-00000000000c"
    team = {"resourceType": "CareTeam", "status": "active", "subject": {"reference": who}}
    entries = [
        {"resource": team, "request": {"method": "POST", "url": "CareTeam"}},
        {"fullUrl": who, "resource": {"resourceType": "Patient"}, "request": {"method": "POST", "url": "Patient"}},
    ]
    answer = fhir.post("", {"resourceType": "Bundle", "type": "transaction", "entry": entries})
    assert answer.status == 200, answer
    made = [entry["response"]["location"].partition("/_history")[0] for entry in answer.json["entry"]]
    assert fhir.get(made[0]).json["subject"] == {"reference": made[1]}


def test_every_service_answers_through_the_one_port(fhir: Fhir) -> None:
    for kind in ("Patient", "Appointment", "CareTeam", "Questionnaire", "MeasureReport", "Subscription"):
        assert fhir.get(f"{kind}?_summary=count").json["resourceType"] == "Bundle", kind


PUBLISHED = ("gateway", "subscriptions")
"""REST, and the websockets that a client opens by itself."""


def test_only_what_clients_call_is_published_and_nobody_is_root(compose: Compose) -> None:
    services = compose.compose("ps", "--services").split()
    for service in services:
        container = compose.compose("ps", "--quiet", service).strip()
        ports = compose.docker("inspect", "--format", "{{json .HostConfig.PortBindings}}", container)
        assert ("127.0.0.1" in ports) == (service in PUBLISHED), (service, ports)
        assert "0.0.0.0" not in ports
        if service not in ("kafka", "postgres"):
            assert compose.compose("exec", "--no-TTY", service, "id", "--user").strip() == "10001"
