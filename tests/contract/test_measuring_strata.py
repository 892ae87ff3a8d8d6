"""Strata over HTTP: department, age, sex, language, insurance and social need, each beside plain Python."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Any

import pytest

from carethread.core.clock import system_clock
from support.filling import client_of
from support.measured import known
from support.measures import asked, forms, hand_off_closure, social_need_screening, visits
from support.measures.plain import Practice, Unit, score
from support.measures.strata import STRATA
from support.measuring import Metrics, counts
from support.small_practice import practice

FIRST, LAST = date(2029, 11, 15), date(2029, 12, 31)
"""Of the people some came before, and some after."""

ALL = ("department", "age", "sex", "language", "insurance", "social-need")
CASES: Mapping[str, Callable[[Practice], Iterable[Unit]]] = {
    "no-show-rate": visits.no_show,
    "late-cancellation-rate": visits.late_cancellation,
    "feedback-loop-closure": asked.feedback,
    "hand-off-closure": hand_off_closure.units,
    "satisfaction-top-box": forms.satisfaction,
    "social-need-screening": social_need_screening.units,
}
"""With the second computation of each."""

Members = list[tuple[frozenset[str], float | None]]
Told = tuple[dict[str, int], float | None]


@pytest.fixture(scope="module")
def opened(opened: Metrics) -> Metrics:
    opened.facts.tell(*practice())
    return opened


def strata(group: Mapping[str, Any]) -> dict[str, dict[str, Told]]:
    """What a report tells of each stratum, by its stratifier."""
    return {
        parted["code"][0]["coding"][0]["code"]: {each["value"]["text"]: _told(each) for each in parted["stratum"]}
        for parted in group["stratifier"]
    }


def _told(holder: Mapping[str, Any]) -> Told:
    told = holder.get("measureScore", {}).get("value")
    return {name: count or 0 for name, count in counts(holder).items()}, told


def _value(people: Practice, unit: Unit, stratifier: str) -> str:
    if stratifier == "department":
        return unit.department or "unknown"
    return STRATA[stratifier.replace("-", "_")](people, unit.subject, LAST) or "unknown"


@pytest.mark.parametrize("name", CASES)
def test_each_stratum_is_that_of_plain_python(opened: Metrics, name: str) -> None:
    client = client_of(opened.runtime, system_clock)
    answer = client.get(f"/fhir/Measure/{name}/$evaluate-measure?periodStart={FIRST}&periodEnd={LAST}")
    assert answer.status_code == 200, answer.text
    people, groups = Practice(practice()), answer.get_json()["group"]
    units = people.within(CASES[name](people), FIRST, LAST)
    assert units and any(tuple(strata(group)) == ALL for group in groups)
    for place, (group, defined) in enumerate(zip(groups, known(name).groups, strict=True)):
        for stratifier, found in strata(group).items():
            members: defaultdict[str, Members] = defaultdict(list)
            for unit in units:
                members[_value(people, unit, stratifier)].append(unit.groups[place])
            assert len(members) > 1, "one stratum shows nothing"
            expected = {value: _expected(counts(group), inside, defined.method) for value, inside in members.items()}
            assert found == expected


def _expected(names: Iterable[str], inside: Members, method: str) -> tuple[dict[str, int], Any]:
    sizes = Counter(name for populations, _ in inside for name in populations)
    number = score(method or "proportion", inside)
    return {name: sizes[name] for name in names}, number if number is None else pytest.approx(number, abs=5e-5)
