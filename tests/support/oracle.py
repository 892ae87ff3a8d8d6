"""An independent judge of validity: HAPI's R4 validator, in one process of its own for as many resources as there are.

It lies beside the project, builds itself from Maven's jars when it is first called, and takes some 20 seconds to
start; so a test hands over everything at once.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.run import Unavailable, once

SCRIPT = Path(__file__).parents[3] / "shared" / "oracle" / "oracle.sh"

_BUILD_SECONDS = 600
_START_SECONDS = 240
_PER_RESOURCE_SECONDS = 0.25
_JAVA = "-XX:+UseSerialGC -Xms1g -XX:TieredStopAtLevel=1"
"""On two cores the serial collector leaves one to the validator: 28 instead of 45 seconds for 710 examples. The second
compiler costs more than it gains in a process that lives so shortly: 40 seconds of CPU instead of 25."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One message; `key` names its kind, such as `Type_Specific_Checks_DT_ID_Valid` or an invariant's URL and key."""

    severity: str
    key: str
    location: str
    message: str


def needed() -> None:
    """Skip the calling test where the oracle cannot run; under CI=true only an absent folder is a reason to."""
    if not SCRIPT.is_file():
        pytest.skip("the oracle's folder is not beside the project")
    try:
        once("oracle", _built)
    except Unavailable as error:
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI=true allows no skip of a test that needs the oracle. {error}")
        pytest.skip(str(error))


def _built() -> str:
    missing = [tool for tool in ("java", "mvn") if shutil.which(tool) is None]
    if missing:
        raise Unavailable(f"The oracle needs {' and '.join(missing)}.")
    run = subprocess.run(["bash", str(SCRIPT), "-"], input=b"", capture_output=True, timeout=_BUILD_SECONDS)
    if run.returncode:
        raise Unavailable(f"The oracle does not start: {run.stderr.decode(errors='replace')[-500:]}")
    return str(SCRIPT)


def judge(resources: Sequence[bytes], *options: str, guides: Iterable[Path] = ()) -> list[list[Finding]]:
    """The errors and warnings that the oracle finds in each resource, in the order given.

    A resource is JSON, right or wrong, without a line break outside its strings. `guides` are folders of
    StructureDefinitions, ValueSets and Questionnaires; `options` are the script's, such as `-lax-profiles`.
    """
    known = [part for guide in guides for part in ("-ig", str(guide))]
    run = subprocess.run(
        ["bash", str(SCRIPT), *known, *options, "-warn", "-"],
        input=b"\n".join(resource.replace(b"\r", b" ").replace(b"\n", b" ") for resource in resources),
        capture_output=True,
        env={**os.environ, "JAVA_TOOL_OPTIONS": _JAVA},
        timeout=_START_SECONDS + _PER_RESOURCE_SECONDS * len(resources),
    )
    if run.returncode not in (0, 1):
        raise RuntimeError(f"The oracle ended with {run.returncode}: {run.stderr.decode(errors='replace')[-2000:]}")
    findings: list[list[Finding]] = [[] for _ in resources]
    judged = 0
    for line in run.stdout.splitlines():
        entry = json.loads(line)
        if entry["kind"] == "issue":
            number = int(entry["file"].rpartition(":")[2]) - 1
            findings[number].append(
                Finding(
                    entry["severity"],
                    entry.get("message_id") or "",
                    entry.get("location") or "",
                    entry.get("message") or "",
                )
            )
        judged += entry["kind"] == "result"
    if judged != len(resources):
        raise RuntimeError(f"The oracle judged {judged} of {len(resources)} resources.")
    return findings


def errors(findings: Iterable[Finding]) -> list[Finding]:
    """Those that make a resource invalid."""
    return [finding for finding in findings if finding.severity in ("error", "fatal")]
