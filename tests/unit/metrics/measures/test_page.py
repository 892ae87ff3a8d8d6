"""docs/measures.md is what the Measures say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from runpy import run_path

import pytest

from carethread.core.fhir.definitions import resource_types
from carethread.metrics.measures.shipped import texts

SCRIPT = Path(__file__).resolve().parents[4] / "tools" / "generate_measures_page.py"
elements_read = run_path(str(SCRIPT.with_name("elements_read.py")))["elements_read"]


def test_the_page_is_up_to_date():
    done = subprocess.run([sys.executable, SCRIPT, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("measure", texts())
def test_of_each_measure_it_is_told_what_is_read(measure: str):
    read = elements_read(measure)
    assert read
    assert read.keys() <= resource_types()
    assert all(read.values())


@pytest.mark.parametrize(
    ("measure", "type_name", "there", "not_there"),
    [
        ("waiting-time", "Appointment", {"created", "extension visit-times", "extension department"}, {"slot"}),
        ("no-show-rate", "Appointment", {"status", "start", "participant"}, {"created", "extension visit-times"}),
        ("social-need-screening", "Observation", {"category", "code"}, {"answer"}),  # category: the view's condition
        ("net-promoter", "QuestionnaireResponse", {"item", "authored"}, {"answer"}),  # of what is unrolled
        ("plan-adherence", "CarePlan", {"activity", "status"}, {"progress"}),
        ("readmission-30-days", "Patient", {"deceased", "link"}, {"birthDate"}),  # link: who was merged
    ],
)
def test_what_counts_is_told_and_nothing_else(
    measure: str, type_name: str, there: set[str], not_there: set[str]
) -> None:
    found = set(elements_read(measure)[type_name])
    assert there <= found
    assert not found & not_there
