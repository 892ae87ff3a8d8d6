"""HAPI's validator and ours agree about profiles: our own with their examples, and a small one for each thing that a
profile can ask."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from carethread.core.fhir import json as fhir_json
from carethread.core.fhir.validation import validate
from support import oracle
from support.profile_cases import CASES
from support.profile_definitions import LIBRARY, PROFILES, TERMINOLOGY

FOLDER = Path(__file__).parents[2] / "fhir_profiles"
EXAMPLES = sorted((FOLDER / "examples").glob("*/*.json"))


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, list[oracle.Finding]]:
    """What the oracle finds in each example, by path, and in each case, by name; asked once, for it starts slowly."""
    oracle.needed()
    guide = tmp_path_factory.mktemp("guide")
    for number, definition in enumerate((*PROFILES, *TERMINOLOGY)):
        (guide / f"{number}.json").write_text(json.dumps({"id": f"d{number}", **definition}))
    resources = {str(path): path.read_bytes() for path in EXAMPLES}
    resources |= {case.name: json.dumps(case.resource).encode() for case in CASES}
    found = oracle.judge(list(resources.values()), guides=(FOLDER, guide))
    return dict(zip(resources, map(oracle.errors, found), strict=True))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_both_accept_the_good_examples_and_refuse_the_bad(path, judged):
    ours = [issue for issue in validate(fhir_json.parse(path.read_bytes())) if issue.severity == "error"]
    if path.name.startswith("good-"):
        assert (ours, judged[str(path)]) == ([], [])
    else:
        assert len(ours) == 1, "a bad example has one fault"
        assert judged[str(path)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_both_judge_a_case_alike(case, judged):
    ours = [issue for issue in validate(case.resource, library=LIBRARY) if issue.severity == "error"]
    assert bool(judged[case.name]) == bool(ours), judged[case.name]
