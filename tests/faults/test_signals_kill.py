"""kill -9 while a signal is told or taken back: for each there is one report and one Task, and both say the same.

CARETHREAD_TEST_KILLS says how often at each step.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from carethread.core.fhir import json
from carethread.core.fhir.search import parse_query
from carethread.core.ports import Session
from carethread.metrics.signals import watching
from carethread.metrics.signals.standing import read
from carethread.metrics.signals.telling import SIGNAL, id_of
from support.deaths import kills
from support.servers import until
from support.signal_deaths import MEASURE, SERVICES, Practice, die, place_of, seen
from support.stores import open_store

KILLS = kills(1)


def found(practice: Practice, service: str, type_name: str) -> dict[str, Any]:
    def work(session: Session) -> list[Any]:
        return [json.restore(each.body) for each in session.search(parse_query(type_name, []), 1000).matches]

    return {each["id"]: each for each in practice.here[service].store.snapshot(work)}


def outcome(report: dict[str, Any]) -> str:
    (parts,) = [each["extension"] for each in report["extension"] if each["url"] == SIGNAL]
    return next((each["valueCode"] for each in parts if each["url"] == "outcome"), "")


def check(url: str) -> None:
    for service in SERVICES:
        open_store(place_of(url, service.name)[0], service.name).close()
    practice = Practice(url)
    practice.prepare()
    die(url, KILLS)
    with patch.object(watching, "look", seen):
        practice.settle()
        practice.look()

        def all_is_sent() -> bool:
            practice.settle()
            return practice.store.glance(lambda session: session.requests.all()) == []

        until(all_is_sent, seconds=60, what="what the dead had in hand is sent")
    for service in SERVICES:
        assert practice.here[service.name].store.glance(lambda session: session.timers.failing(10)) == []
    reports, tasks = found(practice, "metrics", "MeasureReport"), found(practice, "careteams", "Task")
    focus = sorted(each["focus"]["reference"].partition("/")[2] for each in tasks.values())
    assert focus == sorted(reports), "one Task for each, and none for another"
    assert len(reports) > 1
    outcomes = {id_: outcome(each) for id_, each in reports.items()}
    assert set(outcomes.values()) <= {"", "withdrawn"}
    standing = {id_of("report", MEASURE, read(key)) for key in practice.standing()}
    assert {id_ for id_, each in outcomes.items() if not each} == standing
    for each in tasks.values():
        stands = each["focus"]["reference"].partition("/")[2] in standing
        assert each["status"] == ("requested" if stands else "cancelled")
        assert ("statusReason" in each) is not stands
    for runtime in practice.here.values():
        runtime.store.close()


@pytest.mark.timeout(120 + 60 * KILLS)
def test_signals(tmp_path: Path) -> None:
    check(f"sqlite:///{tmp_path}")


@pytest.mark.timeout(120 + 60 * KILLS)
def test_signals_on_postgresql(postgres_database: str) -> None:
    check(postgres_database)
