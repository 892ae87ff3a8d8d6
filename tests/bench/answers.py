"""Answers judged by their form, in this process: a PHQ-9, and a form of 500 questions that enable one another."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from bench.figures import Figure
from carethread.core.errors import Issue
from carethread.core.fhir import json
from carethread.core.fhir.validation import validate
from carethread.core.ports import Resource
from carethread.questionnaires.answering.judging import judge
from carethread.questionnaires.forms.finding import shipped
from carethread.questionnaires.forms.form import Form
from support.answers import answer, code, form, item, response, when

PHQ9 = "https://carethread.dev/fhir/Questionnaire/phq-9"
GROUPS, QUESTIONS = 50, 10


def phq_9() -> tuple[Form, Resource]:
    """The form that CareThread brings along, every question of it answered."""
    asked = shipped()[PHQ9]
    chosen = [each for each in asked.items.values() if each.options]
    return asked, response(*(answer(each.link_id, each.options[1].value, text=each.text) for each in chosen))


def large() -> tuple[Form, Resource]:
    """Groups of choices, each enabled by the one before, all of them required and answered."""
    links = [[f"g{group}q{number}" for number in range(QUESTIONS)] for group in range(GROUPS)]
    asked = form(
        *(
            item(
                f"g{group}",
                "group",
                *(
                    item(
                        link,
                        "choice",
                        required=True,
                        options="a b c d e",
                        **({"enableWhen": [when(before, "=", answerCoding=code("a"))]} if before else {}),
                    )
                    for before, link in zip(["", *some], some, strict=False)
                ),
            )
            for group, some in enumerate(links)
        )
    )
    given = response(
        *(
            answer(f"g{group}", inner=[answer(link, code("a"), text=f"About {link}") for link in some])
            for group, some in enumerate(links)
        )
    )
    return asked, given


def measure() -> list[Figure]:
    """Judge each again and again; and judge it by R4's definition too, as a write does."""
    figures = []
    for what, goal, (asked, given), times in (
        ("a PHQ-9", "< 1 ms", phq_9(), 2000),
        (f"{GROUPS * QUESTIONS} items", "< 30 ms", large(), 100),
    ):
        given = json.parse_object(json.render(given))
        wrong = [each for each in (*judge(asked, given), *validate(given)) if each.severity == "error"]
        if wrong:
            raise AssertionError(f"{what} is to be right: {_told(wrong)}")
        spent = _milliseconds(partial(judge, asked, given), times)
        whole = _milliseconds(partial(validate, given), times)
        told = f"its definition takes {whole:.2f} ms more; CPU time, mean of {times:,}"
        figures.append(Figure(f"validate {what} by its form", goal, f"{spent:.2f} ms", told))
    return figures


def _told(issues: list[Issue]) -> str:
    return "; ".join(f"{each.expression}: {each.diagnostics}" for each in issues)


def _milliseconds(work: Callable[[], object], times: int) -> float:
    work()
    began = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - began) / times * 1000
