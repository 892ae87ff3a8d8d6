"""Schemathesis against our OpenAPI document: whatever it sends, no 5xx and no answer that is not documented.

What is about all types, and some types: its coverage phase tries each boundary of each parameter, so it has two of
them; its fuzzing has one of each service. A run of all types is the same command without the paths. Checks of
schemathesis that are left out, and why:

- positive_data_acceptance: a body of the schema's shape may still break FHIR's rules, which no JSON Schema can say.
- negative_data_rejection: an unknown parameter is passed over unless the client asks for strict handling.
- missing_required_header: only `$export` has one, and its own tests ask without it.
- unsupported_method, allow_header_conformance: HEAD and OPTIONS are answered everywhere and not listed.
- use_after_free, ensure_resource_availability: links between operations are not documented.
- ignored_auth, object_level_authorization: there is no authentication.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3

from support.processes import CareThread, carethread

pytestmark = pytest.mark.timeout(240)

TESTS = Path(__file__).parents[1]
OF_THE_TYPE = r"(/(\{id\}(/[_$].*)?|[_$].*))?$"
"""What follows a type in a path, but for compartments."""

OF_ALL_TYPES = r"^/fhir/[^A-Z]*$"
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)


@pytest.fixture(scope="module")
def server() -> Iterator[CareThread]:
    with carethread("up") as process:
        yield process


@pytest.mark.parametrize(
    ("phase", "types", "seconds"),
    [
        ("coverage", "Patient|Measure", 45),
        ("fuzzing", "Patient|Slot|Flag|QuestionnaireResponse|Measure|Subscription", 40),
    ],
)
def test_whatever_is_sent_the_answer_is_documented(
    server: CareThread, tmp_path: Path, phase: str, types: str, seconds: int
) -> None:
    options = {
        "--include-path-regex": f"^/fhir/({types}){OF_THE_TYPE}|{OF_ALL_TYPES}",
        "--checks": ",".join(CHECKS),
        "--phases": phase,
        "--max-time": str(seconds),
        "--max-examples": "8",
        "--seed": "20310301",
        "--suppress-health-check": "all",
        "--warnings": "off",
    }
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "run", f"{server.url}/openapi.json"),
            *(part for option in options.items() for part in option),
            *("--no-shrink", "--continue-on-failure"),
        ],
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join((str(TESTS.parent / "services"), str(TESTS))),
            "SCHEMATHESIS_HOOKS": "support.hostile",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert " generated, " in done.stdout, done.stdout
    assert server.fhir.get("metadata").status == 200


def test_the_events_are_described_beside_it(server: CareThread) -> None:
    answer = urllib3.request("GET", f"{server.url}/asyncapi.json")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    described = answer.json()
    assert described["asyncapi"] == "3.0.0"
    assert "servers" not in described, "the embedded bus has no address"
    assert {"Patient", "Appointment", "Inbound", "InboundOutcome", "DeadLetter"} <= set(described["channels"])
    again = urllib3.request("GET", f"{server.url}/asyncapi.json", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status, again.data) == (304, b"")
