"""A deployment with a view that cannot be read: who asks for numbers, who operates it and its log are told which view,
where and why, and no event is spent on it."""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from carethread.cli import cli
from carethread.composition.analysing import Late
from carethread.composition.parts import migrate, runtimes
from carethread.composition.worker import worker
from carethread.core.fhir import json
from carethread.core.ports import Request, Resource
from carethread.core.settings import Settings
from carethread.interactions.rest.handling import handle
from carethread.metrics.facts import shipped
from carethread.metrics.showing.page import sorry
from carethread.metrics.views.library import definitions, views
from carethread.metrics.views.view import View
from support.measuring import Metrics, body, keep, metrics, own_measure
from support.stores import open_store

WRONG = "View flags: subjct.reference: Flag has no element subjct."
PLACE = "ViewDefinition.select[0].column[2].path"


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two views are not right."""
    given = copy.deepcopy(definitions())
    by_name = {each["name"]: each for each in given}
    by_name["flags"]["select"][0]["column"][2]["path"] = "subjct.reference"
    by_name["slots"]["select"][0]["column"][1]["path"] = "now()"
    with monkeypatch.context() as patch:
        patch.setattr(shipped, "definitions", lambda: given)
        shipped.shipped.cache_clear()
        yield
    shipped.shipped.cache_clear()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    found = Settings(data=tmp_path)
    migrate(found, ["metrics"])
    return found


@pytest.fixture
def asked(settings: Settings) -> Iterator[Metrics]:
    store = open_store(f"sqlite:///{settings.data}/asked.db", "metrics")
    made = metrics(store)
    made = replace(made, runtime=replace(made.runtime, analytics=Late(settings)))
    yield made
    store.close()


@pytest.mark.usefixtures("refused")
def test_who_asks_for_a_number_is_told_each_fault(asked: Metrics) -> None:
    for answer in (asked.rate(), asked.ask("Measure/$charts")):
        issues = body(answer)["issue"]
        assert answer.status == 422
        assert (issues[0]["code"], issues[0]["expression"], issues[0]["diagnostics"]) == ("invalid", [PLACE], WRONG)
        assert issues[1]["diagnostics"].startswith("View slots: now() is not for views")
    told = sorry(422, {}, "", posted=False).body
    assert isinstance(told, bytes)
    assert b"Try again in a minute" not in told


@pytest.mark.usefixtures("refused")
def test_views_are_read_once_to_find_that(asked: Metrics, monkeypatch: pytest.MonkeyPatch) -> None:
    asked.rate()
    read: list[object] = []

    def reading(given: Sequence[Resource]) -> Mapping[str, View]:
        read.append(given)
        return views(given)

    monkeypatch.setattr("carethread.metrics.facts.subjects.views", reading)
    assert asked.rate().status == 422
    assert read == []


@pytest.mark.usefixtures("refused")
def test_what_somebody_writes_is_not_refused_for_that(asked: Metrics) -> None:
    measure, library = own_measure("SELECT 1", ["denominator", "numerator"])
    keep(asked, library)
    headers = {"content-type": "application/fhir+json"}
    path = f"Measure/{measure['id']}"
    answer = handle(asked.runtime, Request("PUT", path, (), headers, json.render(measure)), asked.context)
    assert answer.status == 201, answer.body


def test_once_it_is_mended_numbers_are_waited_for(asked: Metrics) -> None:
    answer = asked.rate()
    assert (answer.status, body(answer)["issue"][0]["code"]) == (503, "transient")


@pytest.mark.usefixtures("refused")
def test_the_worker_says_so_and_lets_events_wait(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        loops = {each.name for each in worker(settings, runtimes(settings, ["metrics"])).threads}
    said = next(vars(each)["reason"] for each in caplog.records if each.getMessage() == "views_refused")
    assert WRONG in said
    assert PLACE in said
    assert "relay-metrics" in loops
    assert not loops & {"consumer-metrics", "filling-metrics", "facts", "latest"}


@pytest.mark.usefixtures("refused")
def test_a_rebuild_says_so(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARETHREAD_DATA", str(settings.data))
    done = CliRunner().invoke(cli, ["facts", "rebuild"])
    assert done.exit_code == 1
    assert WRONG in done.output
    assert PLACE in done.output
