"""HAPI's validator and ours agree about profiles: our own with their examples, and a small one for each thing that a
profile can ask; and both accept the forms that come along, and a whole response to each that has options to choose."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from carethread.core.fhir import json as fhir_json
from carethread.core.fhir.validation import validate
from carethread.questionnaires.answering.judging import judge
from carethread.questionnaires.scoring.calculating import calculated
from support import oracle
from support.instruments import NAMES, answering, shipped
from support.profile_cases import CASES
from support.profile_definitions import LIBRARY, PROFILES, TERMINOLOGY

FOLDER = Path(__file__).parents[2] / "fhir_profiles"
EXAMPLES = sorted((FOLDER / "examples").glob("*/*.json"))
FORMS = {name: shipped(name) for name in NAMES}


def _answered(name: str) -> dict[str, object]:
    """A response that chooses the first option of each question."""
    form = FORMS[name]
    picks = {item.link_id: 0 for item in form.items.values() if item.options and not item.enable_when}
    subject = {"reference": f"{form.raw['subjectType'][0]}/one"}
    return calculated(form, answering(form, picks, subject=subject))


ANSWERED = {name: _answered(name) for name, form in FORMS.items() if any(item.options for item in form.items.values())}


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, list[oracle.Finding]]:
    """What the oracle finds in each example, by path, and in each case, by name; asked once, for it starts slowly."""
    oracle.needed()
    guide = tmp_path_factory.mktemp("guide")
    for number, definition in enumerate((*PROFILES, *TERMINOLOGY)):
        (guide / f"{number}.json").write_text(json.dumps({"id": f"d{number}", **definition}))
    resources = {str(path): path.read_bytes() for path in EXAMPLES}
    resources |= {case.name: json.dumps(case.resource).encode() for case in CASES}
    resources |= {f"form {name}": json.dumps(form.raw).encode() for name, form in FORMS.items()}
    resources |= {f"answered {name}": json.dumps(response).encode() for name, response in ANSWERED.items()}
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


@pytest.mark.parametrize("name", NAMES)
def test_both_accept_the_forms_that_come_along(name, judged):
    ours = [issue for issue in validate(FORMS[name].raw) if issue.severity == "error"]
    assert (ours, judged[f"form {name}"]) == ([], [])


@pytest.mark.parametrize("name", ANSWERED)
def test_both_accept_what_answers_them(name, judged):
    ours = [*validate(ANSWERED[name]), *judge(FORMS[name], ANSWERED[name])]
    assert ([issue for issue in ours if issue.severity == "error"], judged[f"answered {name}"]) == ([], [])
