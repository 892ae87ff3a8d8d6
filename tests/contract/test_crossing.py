"""A score crosses a threshold: it is told when the one before was on the other side, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from carethread.adapters.sql.store.store import SqlStore
from carethread.core.errors import Busy
from support.stores import open_store
from support.subscribing import Practice, practice, subscription

TOPIC = "score-crossed-threshold"
MODERATE = "Observation?code-value-quantity=44261-6$ge10"


@pytest.fixture
def here(database_url: str, tmp_path: Path) -> Iterator[Practice]:
    opened: list[SqlStore] = []

    def open_one(name: str) -> SqlStore:
        url = database_url if database_url.startswith("postgres") else f"sqlite:///{tmp_path}/{name}.db"
        opened.append(open_store(url, name, pool=3))
        return opened[-1]

    yield practice(open_one, ("records", "subscriptions"))
    for store in opened:
        store.close()


def score(id_: str, value: int, day: int | None, **more: Any) -> dict[str, Any]:
    """A PHQ-9 of a made-up person; `day` of a month."""
    survey = {"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "survey"}
    made: dict[str, Any] = {
        "resourceType": "Observation",
        "id": id_,
        "status": "final",
        "category": [{"coding": [survey]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": "44261-6"}]},
        "subject": {"reference": "Patient/p1"},
        "valueQuantity": {"value": value},
    }
    if day is not None:
        made["effectiveDateTime"] = f"2026-11-{day:02}T08:00:00Z"
    return made | more


def watch(here: Practice, *filters: str) -> str:
    return str(here.subscribe(subscription(TOPIC, *(filters or (MODERATE,))))["id"])


def tell(here: Practice, *scores: dict[str, Any]) -> None:
    for each in scores:
        here.put("records", each)
        here.publish()


def test_told_when_it_crosses_and_not_while_it_stays(here) -> None:
    above, below = watch(here), watch(here, "Observation?value-quantity=lt10")
    tell(here, *(score(f"s{day}", value, day) for day, value in enumerate((12, 15, 4, 3, 10, 11), 1)))
    assert here.subjects(above) == ["create Observation/s1/1", "create Observation/s5/1"], "the first counts"
    assert here.subjects(below) == ["create Observation/s3/1"]


def test_the_same_whenever_it_is_matched(here) -> None:
    """All that happened meanwhile is there when the events are matched; each is judged by what stood when it
    happened."""
    above = watch(here)
    here.put("records", score("s1", 4, 1))
    here.put("records", score("s2", 12, 2))
    here.put("records", score("s3", 13, 3))
    here.put("records", score("s2", 5, 2, status="amended"))
    here.put("records", score("s1", 14, 1, status="amended"))
    here.publish()
    assert here.subjects(above) == ["create Observation/s2/1", "update Observation/s1/2"]
    asked = "from=2026-11-22T00:00:00Z&to=2026-11-23T00:00:00Z"
    report = here.ask("subscriptions", "GET", f"Subscription/{above}/$delivery-report?{asked}")
    assert report.status == 200 and b"not-matched" not in report.body


def test_corrected_scores(here) -> None:
    above = watch(here)
    tell(
        here,
        score("s1", 4, 1),
        score("s2", 12, 2),
        score("s2", 13, 2, status="amended"),
        score("s3", 5, 3),
        score("s3", 16, 3, status="corrected"),
        score("s3", 6, 3, status="corrected"),
        score("s3", 17, 3, status="corrected"),
    )
    assert here.subjects(above) == ["create Observation/s2/1"], "after a score above nothing crosses"
    tell(here, score("s4", 3, 4), score("s5", 2, 5), score("s5", 20, 5, status="amended"))
    assert here.subjects(above)[1:] == ["update Observation/s5/2"]


def test_late_scores_are_compared_with_those_of_their_time(here) -> None:
    above = watch(here)
    tell(here, score("s1", 4, 1), score("s5", 15, 5), score("s3", 12, 3), score("s2", 3, 2), score("s4", 11, 4))
    assert here.subjects(above) == ["create Observation/s5/1", "create Observation/s3/1"]


def test_what_is_no_score_before(here) -> None:
    """Another person, another code, one that is not final, one that was deleted, and none with a time."""
    above = watch(here, "Observation?value-quantity=ge10")
    other = {"coding": [{"system": "http://loinc.org", "code": "70274-6"}]}
    tell(
        here,
        score("o1", 20, 1, subject={"reference": "Patient/p2"}),
        score("o2", 20, 2, code=other),
        score("o3", 20, 3, status="preliminary"),
        score("o4", 20, 4),
    )
    assert here.ask("records", "DELETE", "Observation/o4").status == 204
    here.publish()
    tell(here, score("s1", 10, 5), score("s2", 11, None))
    told = [subject.split("/")[1] for subject in here.subjects(above)]
    assert told == ["o1", "o2", "o4", "s1", "s2"], "without a time it cannot be told, and counts"


def test_a_time_after_all_others_cannot_be_compared(here) -> None:
    above = watch(here)
    late = [score(f"s{number}", 20, None, effectiveDateTime="9999-12-31T23:59:59-14:00") for number in (1, 2)]
    tell(here, *late)
    assert here.subjects(above) == ["create Observation/s1/1", "create Observation/s2/1"]


def test_a_preliminary_score_that_becomes_final(here) -> None:
    above = watch(here)
    tell(here, score("s1", 4, 1), score("s2", 12, 2, status="preliminary"), score("s2", 12, 2))
    assert here.subjects(above) == ["update Observation/s2/2"]


def test_who_names_no_threshold_is_told_of_each(here) -> None:
    every = watch(here, "Observation?patient=Patient/p1")
    tell(here, score("s1", 12, 1), score("s2", 13, 2))
    assert len(here.subjects(every)) == 2


def test_an_owner_that_is_away(here, monkeypatch) -> None:
    above = watch(here)
    here.put("records", score("s1", 12, 1))
    events = here.events("records")
    with monkeypatch.context() as away:
        away.setattr(type(here.subscriptions.peer), "call", refuse)
        with pytest.raises(Busy):
            here.consume(events)
    here.consume(events)
    assert here.subjects(above) == ["create Observation/s1/1"]


def refuse(*_: object) -> None:
    raise Busy("The owner is away.")
