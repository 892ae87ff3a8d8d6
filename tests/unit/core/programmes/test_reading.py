"""A PlanDefinition read as a programme, and each fault of one, told with its place."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import pytest

from carethread.core.errors import Invalid
from carethread.core.fhir import json
from carethread.core.fhir.validation import validate
from carethread.core.lengths import FIXED, Length
from carethread.core.ports import Resource
from carethread.core.programmes.programme import NAMED
from carethread.core.programmes.reading import is_programme, programme_of
from carethread.questionnaires.forms.finding import shipped
from support.programmes import FULFILLED, OURS, action, data, duration, programme, repeat

MONTHLY = {"type": "periodic", "timingTiming": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "mo"}}}
STAFF: dict[str, Any] = {"subjectCodeableConcept": {"coding": [{"code": "Practitioner"}]}}


def faults(definition: Resource) -> list[str]:
    """The places of what is wrong."""
    with pytest.raises(Invalid) as refused:
        programme_of(definition)
    return [str(each.expression).removeprefix("PlanDefinition.") for each in refused.value.issues]


@pytest.mark.parametrize("file", sorted(files("carethread.fhir_profiles").joinpath("programmes").iterdir(), key=str))
def test_those_that_come_along_can_be_followed(file: Any) -> None:
    definition = json.parse_object(file.read_bytes())
    assert is_programme(definition)
    assert [each for each in validate(definition) if each.severity in ("error", "fatal")] == []
    found = programme_of(definition)
    assert file.name == f"{definition['id']}.json"
    assert all(each.form in shipped() for each in found.actions)


def test_what_is_read() -> None:
    made = action("trust", priority="urgent", timingDuration=duration(4, "h"))
    made["extension"] += [
        {"url": OURS + "answer-within", "valueDuration": duration(1, "wk")},
        {"url": OURS + "remind-after", "valueDuration": duration(3, "d")},
    ]
    found = programme_of(programme("one", made, ceiling=3, department="ward", version="2"))
    assert (found.name, found.ceiling, found.department) == ("https://example.org/PlanDefinition/one|2", 3, "ward")
    (only,) = found.actions
    assert (only.rank, only.reminders, only.turns, only.every) == (2, (3,), 1, None)
    assert (only.delay, only.within) == (Length(micros=4 * FIXED["h"]), Length(micros=FIXED["wk"]))
    (trigger,) = only.triggers
    assert (trigger.type, trigger.verb, trigger.statuses) == NAMED[FULFILLED]


@pytest.mark.parametrize(
    ("said", "turns"),
    [
        ({"period": 2, "periodUnit": "wk", "boundsDuration": duration(1, "a")}, 25),
        ({"period": 1, "periodUnit": "wk", "count": 4}, 4),
        ({"period": 1, "periodUnit": "mo", "count": 40, "boundsDuration": duration(3, "mo")}, 4),
    ],
)
def test_how_often_a_course_asks(said: Resource, turns: int) -> None:
    assert programme_of(programme("one", action("trust", **repeat(**said)))).actions[0].turns == turns


FAULTY: list[tuple[Resource, list[str]]] = [
    ({"definitionCanonical": "not a canonical"}, ["action[0].definitionCanonical"]),
    ({"action": [{"title": "one more"}]}, ["action[0].action"]),
    ({"trigger": [{"type": "named-event", "name": "x"}]}, ["action[0].trigger[0].name"]),
    ({"trigger": [{"type": "data-removed", "data": [{"type": "Patient"}]}]}, ["action[0].trigger[0].type"]),
    ({"trigger": [MONTHLY]}, ["action[0].trigger[0].type"]),
    ({"trigger": [data("Slot", "true")]}, ["action[0].trigger[0].data"]),
    ({"trigger": [data("Patient", "1 +")]}, ["action[0].trigger[0].condition"]),
    ({"trigger": [{"type": "data-added", "data": [{"type": "Patient"}]}]}, ["action[0].trigger[0].condition"]),
    (
        {"trigger": [{**data("Patient", "true"), "data": [{"type": "Patient", "codeFilter": [{"path": "a"}]}]}]},
        ["action[0].trigger[0].data[0].codeFilter"],
    ),
    ({"trigger": [{"type": "named-event", "name": FULFILLED}] * 11}, ["action[0].trigger"]),
    ({"timingDuration": duration(0, "d")}, ["action[0].timingDuration"]),
    ({"timingDateTime": "2031-01-01"}, ["action[0].timingDateTime"]),
    (repeat(period=1, periodUnit="wk"), ["action[0].timingTiming.repeat"]),
    (repeat(period=1, periodUnit="wk", count=300), ["action[0].timingTiming.repeat"]),
    (repeat(period=3, periodUnit="h", count=3), ["action[0].timingTiming.repeat"]),
    ({"timingTiming": {"repeat": {"frequency": 2, "period": 1, "periodUnit": "wk", "count": 3}}},
     ["action[0].timingTiming.repeat"]),
    ({"condition": [{"kind": "start", "expression": {"language": "text/cql", "expression": "x"}}]},
     ["action[0].condition[0].kind", "action[0].condition[0].expression"]),
    ({"extension": []}, ["action[0].extension"]),
    ({"extension": [{"url": OURS + "answer-validity", "valueDuration": duration(1, "kg")}]},
     ["action[0].extension[0]"]),
]  # fmt: skip


@pytest.mark.parametrize(("change", "places"), FAULTY)
def test_what_cannot_be_followed(change: Resource, places: list[str]) -> None:
    assert faults(programme("bad", action("trust", **change))) == places


def test_faults_of_the_whole() -> None:
    made = programme("bad", action("trust"), action("trust"), ceiling=13, effectivePeriod={"start": "2031"})
    assert faults(made) == ["extension", "action[0].id", "action[1].id", "effectivePeriod"]
    assert faults(programme("bad", *(action("trust", name=str(number)) for number in range(11)))) == ["action"]


def test_reminders_are_few_and_after_whole_days() -> None:
    made = action("trust")
    made["extension"] += [{"url": OURS + "remind-after", "valueDuration": duration(5, "h")}] * 4
    assert faults(programme("bad", made)) == [*(f"action[0].extension[{each}]" for each in (1, 2, 3, 4)),
                                              "action[0].extension"]  # fmt: skip


def test_staff_is_asked_in_rounds_only() -> None:
    assert programme_of(programme("good", action("staff-pulse", trigger=[MONTHLY]), **STAFF)).actions[0].since
    assert faults(programme("bad", action("staff-pulse"), **STAFF)) == ["action[0].trigger[0].type"]
    undated = {**programme("bad", action("staff-pulse", trigger=[MONTHLY], timingDuration=duration(1, "d")), **STAFF)}
    del undated["date"]
    assert faults(undated) == ["date", "action[0].timingDuration"]
    daily = {"type": "periodic", "timingTiming": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}}}
    assert faults(programme("bad", action("staff-pulse", trigger=[daily]), **STAFF)) == [
        "action[0].trigger[0].timingTiming"
    ]
