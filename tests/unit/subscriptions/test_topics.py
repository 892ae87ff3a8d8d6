"""The catalogue of topics, and that a file with a slip is refused with its place."""

from __future__ import annotations

import re
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from carethread.core.fhir import json
from carethread.subscriptions.topics import CHANGED, CROSSING, TopicError, catalogue, compiled, find
from support.subscribing import TOPICS

NAMES = (
    "appointment-booked", "appointment-cancelled", "appointment-changed", "appointment-no-show", "care-plan-updated",
    "care-team-member-changed", "critical-answer", "feedback-waiting", "hand-off-offered", "hand-off-overdue",
    "high-risk-identified", "measure-alert", "metric-signal", "questionnaire-completed",
    "score-crossed-threshold", "slot-freed",
)  # fmt: skip


def test_the_catalogue() -> None:
    assert tuple(catalogue()) == tuple(TOPICS + name for name in NAMES)
    for url, topic in catalogue().items():
        assert topic.url == url and topic.filters and all((each, "department") in topic.filters for each in topic.types)
    assert find(f"{TOPICS}slot-freed|1.0.0") is find(f"{TOPICS}slot-freed") is not None
    assert find(f"{TOPICS}slot-freed|2.0.0") is None and find("slot-freed") is None


def test_the_page_names_the_filters_of_each_type() -> None:
    page = (Path(__file__).parents[3] / "docs" / "subscriptions.md").read_text(encoding="utf-8")
    table = page.partition("| about | filters beside `department` |\n|---|---|\n")[2].partition("\n\n")[0]
    said = {
        (row.split(" | ")[0].strip("| "), name) for row in table.splitlines() for name in re.findall(r"`(.+?)`", row)
    }
    assert said == {
        (kind, name) for topic in catalogue().values() for kind, name in topic.filters if name != "department"
    }


def changed(change: Callable[[dict[str, Any]], object]) -> bytes:
    """The file of a topic with a slip."""
    topic = deepcopy(dict(catalogue()[f"{TOPICS}appointment-booked"].definition))
    change(topic)
    return json.render(topic)


def trigger(**more: Any) -> Callable[[dict[str, Any]], object]:
    return lambda topic: topic["resourceTrigger"][0].update(more)


def criteria(**more: Any) -> Callable[[dict[str, Any]], object]:
    return lambda topic: topic["resourceTrigger"][0]["queryCriteria"].update(more)


def filter_by(**more: Any) -> Callable[[dict[str, Any]], object]:
    return lambda topic: topic["canFilterBy"][0].update(more)


PART = "resourceTrigger[0].extension[0].extension"


def crossing(**more: str | None) -> dict[str, Any]:
    parts = {"threshold": "service-type", "same": "patient", "order": "date"} | more
    return {
        "url": CROSSING,
        "extension": [{"url": name, "valueString": value} for name, value in parts.items() if value],
    }


@pytest.mark.parametrize(
    ("change", "place", "why"),
    [
        (lambda topic: topic.pop("url"), "url", "needed"),
        (lambda topic: topic.update(resourceType="Basic"), "resourceType", "SubscriptionTopic"),
        (lambda topic: topic.update(resourceTrigger=[]), "resourceTrigger", "array that is not empty"),
        (lambda topic: topic.update(eventTrigger=[{}]), "eventTrigger", "not understood"),
        (lambda topic: topic.update(title=7), "title", "JSON string"),
        (lambda topic: topic.update(resourceTrigger=["x"]), "resourceTrigger[0]", "object"),
        (trigger(resource="Visit"), "resourceTrigger[0].resource", "R4 resource type"),
        (trigger(resource="Slot"), "canFilterBy[0].resource", "no trigger"),
        (trigger(supportedInteraction=["book"]), "resourceTrigger[0].supportedInteraction[0]", "create, update"),
        (criteria(current="colour=red"), "resourceTrigger[0].queryCriteria.current", "no search parameter"),
        (criteria(current="patient.name=x"), "resourceTrigger[0].queryCriteria.current", "no chain"),
        (criteria(current="date=soon"), "resourceTrigger[0].queryCriteria.current", "cannot be read"),
        (criteria(previous="date=2026"), "resourceTrigger[0].queryCriteria.previous", "only the status"),
        (criteria(previous="status:missing=true"), "resourceTrigger[0].queryCriteria.previous", "only the status"),
        (criteria(resultForCreate="yes"), "resourceTrigger[0].queryCriteria.resultForCreate", "test-passes"),
        (criteria(requireBoth="true"), "resourceTrigger[0].queryCriteria.requireBoth", "boolean"),
        (trigger(fhirPathCriteria="%current.where("), "resourceTrigger[0].fhirPathCriteria", ""),
        (trigger(fhirPathCriteria="%previous.start"), "resourceTrigger[0].fhirPathCriteria", "%previous.status"),
        (trigger(extension=[{"url": "x", "valueString": "y"}]), "resourceTrigger[0].extension[0].url", CHANGED),
        (trigger(extension=[crossing(), crossing()]), "resourceTrigger[0].extension[1].url", "once"),
        (trigger(extension=[crossing(order="patient")]), f"{PART}[2].valueString", "of type date"),
        (trigger(extension=[crossing(same="colour")]), f"{PART}[1].valueString", "Appointment"),
        (trigger(extension=[crossing(than="date")]), f"{PART}[3].url", "threshold"),
        (trigger(extension=[{"url": CROSSING, "extension": []}]), PART, "empty"),
        (trigger(extension=[crossing(same=None)]), PART, "one order"),
        (trigger(extension=[{"url": CHANGED}]), "resourceTrigger[0].extension[0].valueString", "needed"),
        (filter_by(filterParameter="colour"), "canFilterBy[0].filterParameter", "no search parameter"),
        (filter_by(modifier=["near"]), "canFilterBy[0].modifier[0]", "missing, identifier"),
        (filter_by(comparator=["ge"]), "canFilterBy[0].comparator[0]", "eq"),
        (lambda topic: topic["notificationShape"][0].update(resource="Slot"), "notificationShape[0].resource", "no"),
        (
            lambda topic: topic["notificationShape"][0].update(include=["Appointment:patient"]),
            "notificationShape[0].include",
            "not understood",
        ),
    ],
)  # fmt: skip
def test_a_slip_is_refused_with_its_place(change: Callable[[dict[str, Any]], object], place: str, why: str) -> None:
    with pytest.raises(TopicError) as refused:
        compiled([("mine.json", changed(change))])
    assert str(refused.value).startswith(f"fhir_profiles/topics/mine.json: {place}: ") and why in str(refused.value)


def test_what_is_no_json_and_what_is_there_twice() -> None:
    with pytest.raises(TopicError, match=r"mine\.json: the file: "):
        compiled([("mine.json", b"{")])
    one = changed(lambda topic: None)
    with pytest.raises(TopicError, match=r"other\.json: url: .* is in another file too"):
        compiled([("one.json", one), ("other.json", one)])
