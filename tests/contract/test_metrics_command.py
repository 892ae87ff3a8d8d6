"""`carethread metrics evaluate`: the report of an export or of facts, by what the page of the engines says; what is
wrong in a line."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path
from string import Template
from typing import Any

import pytest
from click.testing import CliRunner, Result

from carethread.cli import cli
from carethread.core.fhir import json
from carethread.core.settings import SettingsError

PAGE = Path(__file__).parents[2] / "docs" / "metrics-engines.md"
BLOCKS = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
YEAR = ["--period-start", "2026-01", "--period-end", "2026-12"]
VISITS = [
    {
        "resourceType": "Appointment", "id": f"v{number}", "status": status, "start": f"2026-02-0{number}T09:00:00Z",
        "end": f"2026-02-0{number}T09:30:00Z", "meta": {"versionId": "2"},
        "participant": [{"actor": {"reference": "Patient/p"}, "status": "accepted"}],
    }
    for number, status in enumerate(("fulfilled", "noshow", "fulfilled", "cancelled"), 1)
]  # fmt: skip


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder without an installation, with an export in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CARETHREAD_DATA", str(tmp_path / "nothing"))
    export = tmp_path / "export"
    export.mkdir()
    (export / "Appointment-0.ndjson").write_bytes(b"".join(json.render(each) + b"\n" for each in VISITS))
    (export / "error-1.ndjson").write_bytes(b'{"resourceType":"OperationOutcome"}\n')
    told = {
        "transactionTime": "2026-12-31T23:00:00Z",
        "output": [{"type": "Appointment", "file": "Appointment-0.ndjson"}],
    }
    (export / "manifest.json").write_bytes(json.render(told))
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["metrics", "evaluate", *arguments])


def counts(result: Result) -> dict[str, int]:
    assert result.exit_code == 0, result.output
    report = json.parse_object(result.stdout.encode())
    return {each["code"]["coding"][0]["code"]: each["count"] for each in report["group"][0]["population"]}


def test_the_page_does_what_it_says(here: Path) -> None:
    lines = [line for block in BLOCKS.findall(PAGE.read_text()) for line in block.splitlines()]
    months = {"first": "2026-01", "last": "2026-12"}
    commands = [shlex.split(Template(line).substitute(months)) for line in lines if line.startswith("carethread ")]
    assert len(commands) == 3
    for words in commands:
        assert words[:3] == ["carethread", "metrics", "evaluate"]
        if "spark" not in words:
            assert run(*words[3:]).exit_code == 0
    assert (here / "facts" / "manifest.json").is_file()


def test_an_export_is_counted_and_nothing_is_left(here: Path) -> None:
    found = run("no-show-rate", *YEAR, "--ndjson", "export")
    assert counts(found) == {
        "initial-population": 3,
        "denominator": 3,
        "denominator-exclusion": 0,
        "numerator": 1,
        "unresolved": 0,
    }
    assert '"2026-12-31T23:00:00.000Z"' in found.stdout
    assert {each.name for each in here.iterdir()} == {"export"}


def test_facts_are_kept_and_not_overwritten(here: Path) -> None:
    made = run("no-show-rate", *YEAR, "--ndjson", "export", "--facts", "facts")
    assert counts(run("no-show-rate", *YEAR, "--facts", "facts")) == counts(made)
    again = run("no-show-rate", *YEAR, "--ndjson", "export", "--facts", "facts")
    assert (again.exit_code, "has facts already" in again.output) == (1, True)
    assert counts(run("no-show-rate", *YEAR, "--facts", "facts", "--department", "none"))["denominator"] == 0


def test_nobody_is_looked_for_where_nobody_is_named(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("carethread.metrics.evaluating.members.in_facts", lambda *args: pytest.fail("looked"))
    assert counts(run("no-show-rate", *YEAR, "--ndjson", "export"))


def test_who_is_not_known_to_the_facts_has_no_number(here: Path) -> None:
    there: list[dict[str, Any]] = [
        {"resourceType": "Organization", "id": "ward", "name": "Ward"},
        {"resourceType": "PractitionerRole", "id": "r", "practitioner": {"reference": "Practitioner/known"}},
    ]
    for each in there:
        (here / "export" / f"{each['resourceType']}-0.ndjson").write_bytes(json.render(each) + b"\n")
    told = json.parse_object((here / "export" / "manifest.json").read_bytes())
    told["output"] += [{"type": each["resourceType"], "file": f"{each['resourceType']}-0.ndjson"} for each in there]
    (here / "export" / "manifest.json").write_bytes(json.render(told))
    counts(run("no-show-rate", *YEAR, "--ndjson", "export", "--facts", "facts"))
    for option, known, type_name in (
        ("--department", "ward", "Organization"),
        ("--practitioner", "known", "Practitioner"),
    ):
        assert counts(run("no-show-rate", *YEAR, "--facts", "facts", option, known))["denominator"] == 0
        refused = run("no-show-rate", *YEAR, "--facts", "facts", option, "nope")
        assert (refused.exit_code, f"{type_name}/nope is not known" in refused.output) == (1, True)


def test_an_own_measure_is_read_with_its_sql(here: Path) -> None:
    shipped = Path(__file__).parents[2] / "fhir_profiles" / "measures"
    (here / "own.json").write_bytes((shipped / "no-show-rate.json").read_bytes())
    own = (shipped / "no-show-rate.sql").read_text().replace("status = 'noshow'", "status = 'fulfilled'")
    (here / "own.sql").write_text(own)
    assert counts(run("own.json", *YEAR, "--ndjson", "export"))["numerator"] == 2


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["no-such", *YEAR, "--ndjson", "export"], 1, "There are: .*no-show-rate"),
        (["lost.json", *YEAR, "--ndjson", "export"], 1, "no Measure lost.json"),
        (["odd.json", *YEAR, "--ndjson", "export"], 1, "has no SQL beside it, in odd.sql"),
        (["torn.json", *YEAR, "--ndjson", "export"], 1, "cannot be read"),
        (["no-show-rate", "--period-start", "2026-13", "--period-end", "2026", "--ndjson", "export"], 2, "periodStart"),
        (
            ["no-show-rate", "--period-start", "2027", "--period-end", "2026", "--ndjson", "export"],
            2,
            "periodEnd .* is before",
        ),
        (["no-show-rate", "--period-end", "2026"], 2, "--period-start"),
        (["no-show-rate", *YEAR, "--ndjson", "empty"], 2, "no \\*.ndjson files"),
        (["no-show-rate", *YEAR, "--ndjson", "foreign"], 2, "--as-of says it"),
        (["no-show-rate", *YEAR, "--ndjson", "damaged"], 2, "no manifest of an export"),
        (["no-show-rate", *YEAR, "--as-of", "2026-01-01T00:00:00Z"], 2, "belongs to --ndjson"),
        (["no-show-rate", *YEAR, "--master", "local[2]"], 2, "belong to --engine spark"),
        (["no-show-rate", *YEAR, "--engine", "spark", "--conf", "much"], 2, "NAME=VALUE"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(here: Path, arguments: list[str], code: int, told: str) -> None:
    (here / "odd.json").write_bytes(b'{"resourceType":"Measure"}')
    (here / "torn.json").write_bytes(b"{")
    for name in ("empty", "foreign", "damaged"):
        (here / name).mkdir()
    (here / "foreign" / "a.ndjson").write_bytes(b"{}\n")
    (here / "damaged" / "manifest.json").write_bytes(b'{"transactionTime": "yesterday"}')
    found = run(*arguments)
    assert found.exit_code == code, found.output
    assert re.search(told, found.output)


@pytest.mark.parametrize(
    ("more", "told"), [(["--facts", "facts"], "No facts"), ([], "There is no database of metrics")]
)
def test_where_nothing_is_published_or_installed(here: Path, more: list[str], told: str) -> None:
    found = run("no-show-rate", *YEAR, *more)
    assert (found.exit_code, told in found.output) == (1, True)


def test_spark_that_is_not_installed_is_named(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("carethread.adapters.analytics.spark", "pyspark", "pyspark.errors", "py4j", "py4j.protocol"):
        monkeypatch.setitem(sys.modules, name, None)
    said = run("no-show-rate", *YEAR, "--ndjson", "export", "--engine", "spark").exception
    assert isinstance(said, SettingsError)
    assert "pip install 'carethread[spark]'" in str(said)
