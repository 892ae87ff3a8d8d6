"""Alarms as DetectedIssues: raised once, resolved when it is over, raised again when it comes back."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from carethread.adapters.local import LocalPeer
from carethread.core.clock import from_micros, instant, system_clock, to_micros
from carethread.core.context import Context, Principal
from carethread.core.errors import Busy
from carethread.core.ports import Request, Response
from carethread.core.service import ResourceType, Runtime, Service
from carethread.interactions import alarms
from carethread.interactions.alarms import Alarm, settle
from support.stores import BASE
from support.subscribers import HOUR, START, Owner

ONE = Alarm("silent/Subscription/s1", "A subscription is silent", "Subscription/s1 is silent.", "Subscription/s1")
TWO = Alarm("outbox-age", "Events are not published", "The oldest is old.")


@pytest.fixture
def practice(store):
    """A service whose peer owns DetectedIssue."""
    here: dict[str, Runtime] = {}
    owner = Service("careteams", "", (ResourceType("DetectedIssue"),))
    here["careteams"] = Runtime(owner, store, Owner(), LocalPeer(here), BASE)  # type: ignore[arg-type]  # asks nobody
    return replace(here["careteams"], service=Service("subscriptions", "", ()))


def at(micros: int) -> Context:
    return Context(Principal("subscriptions"), lambda: from_micros(micros))


def issues(runtime: Runtime) -> dict[str, dict[str, Any]]:
    body = runtime.peer.call("careteams", Request("GET", "DetectedIssue")).body
    found = [entry["resource"] for entry in json.loads(body).get("entry", ())]
    return {issue["identifier"][0]["value"]: issue for issue in found}


def test_raised_once_and_resolved(practice) -> None:
    assert settle(practice, "subscriptions", [ONE, TWO], at(START)) == (
        ["subscriptions/silent/Subscription/s1", "subscriptions/outbox-age"],
        [],
    )
    assert settle(practice, "subscriptions", [ONE, TWO], at(START + HOUR)) == ([], [])
    raised = issues(practice)["subscriptions/silent/Subscription/s1"]
    assert (raised["status"], raised["meta"]["versionId"]) == ("preliminary", "1")
    assert raised["implicated"] == [{"reference": "Subscription/s1"}]
    assert settle(practice, "subscriptions", [TWO], at(START + 2 * HOUR)) == ([], ["subscriptions/" + ONE.name])
    over = issues(practice)["subscriptions/silent/Subscription/s1"]
    assert over["status"] == "final" and "tag" not in over["meta"] and over["mitigation"]
    assert settle(practice, "subscriptions", [ONE, TWO], at(START + 3 * HOUR)) == (["subscriptions/" + ONE.name], [])
    again = issues(practice)["subscriptions/silent/Subscription/s1"]
    assert again["status"] == "preliminary" and "mitigation" not in again
    assert again["id"] == raised["id"] and again["meta"]["versionId"] == "3"


def test_scopes_are_apart(practice) -> None:
    settle(practice, "subscriptions", [ONE], at(START))
    settle(practice, "subscriptions/machine-2", [TWO], at(START))
    assert settle(practice, "subscriptions", [ONE], at(START)) == ([], [])
    assert settle(practice, "subscriptions/machine-2", [], at(START)) == ([], ["subscriptions/machine-2/outbox-age"])


def test_one_that_several_look_for_lasts_until_nobody_renews_it(practice) -> None:
    minute, now = HOUR // 60, to_micros(system_clock())  # the owner has a clock of its own

    def look(at_minute: int, *found: Alarm) -> tuple[list[str], list[str]]:
        return settle(practice, "careteams/consumer", found, at(now + at_minute * minute), lasting=600)

    name = f"careteams/consumer/{TWO.name}"
    assert look(0, TWO) == ([name], [])
    assert look(1) == ([], []), "another process is well, which says nothing of this one"
    assert look(4, TWO) == ([], []) and issues(practice)[name]["meta"]["versionId"] == "1"
    assert look(6, TWO) == ([], []) and issues(practice)[name]["meta"]["versionId"] == "2", "renewed"
    assert issues(practice)[name]["identifiedDateTime"] == instant(now)
    assert look(9) == ([], []), "who found it is gone, but nobody can know yet"
    assert look(11) == ([], [name])
    assert issues(practice)[name]["status"] == "final"


def test_no_more_than_can_be_read(practice, monkeypatch) -> None:
    monkeypatch.setattr(alarms, "MOST", 5)
    many = [replace(TWO, name=f"n{number}") for number in range(8)]
    raised, _ = settle(practice, "subscriptions", many, at(START))
    assert len(raised) == 5
    assert settle(practice, "subscriptions", many, at(START)) == ([], [])


def test_the_owner_refuses(practice) -> None:
    class Refusing(LocalPeer):
        def call(self, service: str, request: Request) -> Response:
            return Response(503)

    with pytest.raises(Busy):
        settle(replace(practice, peer=Refusing({})), "subscriptions", [ONE], at(START))
