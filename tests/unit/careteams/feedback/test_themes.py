"""What comments are about, counted, and what is told of small counts; codes as they are published."""

from __future__ import annotations

from pathlib import Path

import pytest

from carethread.careteams.feedback import coding, resolving, reviewing, rule, terms
from carethread.careteams.feedback.figures import COUNTS, RANKS, SHARE, TO_ANSWER, TO_CLOSE
from carethread.careteams.feedback.terms import SEVERITIES, THEMES, Terms, concept, terms_of, with_output
from carethread.careteams.feedback.texts import LANGUAGES, message
from carethread.careteams.feedback.themes import ALL, SEVERE, Themes, changes, counted, themes, told
from carethread.careteams.risk.feedback import is_feedback
from carethread.core.fhir import json
from carethread.core.ports import Resource

PROFILES = Path(__file__).parents[4] / "fhir_profiles"


def comment(status: str, *found: str, severity: str = "low") -> Resource:
    made: Resource = {"status": status}
    made = with_output(made, terms.THEME, *({"valueCodeableConcept": concept(THEMES, each)} for each in found))
    return with_output(made, terms.SEVERITY, {"valueCodeableConcept": concept(SEVERITIES, severity)})


def test_what_is_counted() -> None:
    found = themes(
        [
            comment("requested"),
            comment("completed", "waiting", "respect"),
            comment("completed", "waiting", severity="high"),
            comment("cancelled", "care"),
        ]
    )
    assert found == Themes(3, 1, 1, {"waiting": 2, "respect": 1})


@pytest.mark.parametrize(("count", "said"), [(0, 0), (1, None), (4, None), (5, 5), (60, 60)])
def test_few_are_not_told(count: int, said: int | None) -> None:
    assert told(count) == said
    assert counted(count) == ({"valueString": "<5"} if said is None else {"valueUnsignedInt": said})


def test_a_change_is_told_of_what_can_be_told_both_times() -> None:
    now, before = Themes(30, 0, 0, {"care": 9, "costs": 3, "access": 7}), Themes(30, 0, 0, {"care": 5, "costs": 8})
    assert changes(now, before) == {"care": 4, "access": 7}


def codes(name: str) -> list[str]:
    published = json.parse_object((PROFILES / "CodeSystem" / f"{name}.json").read_bytes())
    return [each["code"] for each in published["concept"]]


def test_the_codes_are_those_that_are_published() -> None:
    assert codes("feedback-theme") == list(ALL)
    assert codes("feedback-severity") == list(SEVERE)
    assert codes("feedback-outcome") == list(resolving.OUTCOME_CODES)
    assert codes("feedback-untold") == [*resolving.UNTOLD_CODES, *terms.WITHDRAWN_WHY]
    assert codes("feedback-decision") == list(reviewing.DECISION_CODES)
    figures = [*COUNTS, SHARE, *(f"{name}-{rank}" for name in (TO_ANSWER, TO_CLOSE) for rank in RANKS)]
    assert codes("feedback-figure") == figures
    assert set(codes("careteam-task")) >= {terms.ANSWER, terms.PAST, terms.CODE, terms.REVIEW}
    assert set(codes("feedback-part")) >= {terms.RESOLUTION, terms.TOLD, terms.NOTICE, terms.WHY_UNTOLD, terms.THEME}


def test_each_theme_has_a_domain() -> None:
    published = json.parse_object((PROFILES / "CodeSystem" / "feedback-theme.json").read_bytes())
    found = {each["property"][0]["valueCode"] for each in published["concept"]}
    assert found == {"clinical", "management", "relationships", "other"}


def test_the_person_is_told_in_each_language_something_else() -> None:
    said = {message(language, outcome) for language in LANGUAGES for outcome in ("explained", "changed", "apologised")}
    assert len(said) == 3 * len(LANGUAGES)


def test_terms_that_make_no_sense_are_passed_over() -> None:
    parts = [{"url": "take-hours", "valuePositiveInt": 10**9}, {"url": "review-days", "valuePositiveInt": 7}]
    found = terms_of({"extension": [{"url": terms.TERMS, "extension": parts}]})
    assert (found.take, found.review) == (Terms().take, 7 * 24 * 3_600_000_000)
    assert terms_of(None) == Terms()


def test_a_rule_reads_the_task_only_as_it_reads_what_was_said() -> None:
    task = {"resourceType": "Task", "code": concept("https://carethread.dev/fhir/CodeSystem/careteam-task", "feedback")}
    other = {"resourceType": "Task", "code": {"text": "feedback"}}
    form = "https://carethread.dev/fhir/Questionnaire/visit-experience|1.0.0"
    assert is_feedback(task)
    assert not is_feedback(other)
    assert is_feedback({"resourceType": "QuestionnaireResponse", "questionnaire": form})


def test_only_tasks_of_ours_are_feedback() -> None:
    ours = {"code": concept("https://carethread.dev/fhir/CodeSystem/careteam-task", "feedback")}
    assert rule.is_answered(ours)
    assert not rule.is_answered({**ours, "meta": {"source": "urn:example:ehr"}})
    assert not rule.is_answered(None)
    assert not coding.is_comment(ours)
