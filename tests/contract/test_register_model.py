"""The register says what a plain recomputation from the histories of the CareTeams says, minute by minute.

Whatever happened to a person's teams: leads that follow each other, shifts that end, teams that end or are deleted,
hand-overs to another team. What has been answered for a moment that is past is never answered otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from carethread.careteams.teams.passing import pass_on
from carethread.core.clock import from_micros, to_micros
from carethread.core.fhir import json
from carethread.core.ports import Resource, Session
from carethread.interactions.writing.unit import WriteUnit
from support.care import Care, care, department_team, organization, part, person_team, practitioner
from support.standing import Past, answered

MINUTE = 60_000_000
PEOPLE = [f"Practitioner/{name}" for name in "abc"]
NUMBERS = count(1)

leads = st.tuples(
    st.lists(st.tuples(st.sampled_from(PEOPLE), st.integers(1, 6)), min_size=1, max_size=3),
    st.sampled_from([0, 0, 2, 4]),
)
"""People who follow each other, each for so many minutes but for the last; and after how many the last one's time is
over, 0: it is not."""

steps = st.one_of(
    st.tuples(st.just("put"), st.integers(0, 2), leads),
    st.tuples(st.just("end"), st.integers(0, 2), st.integers(-1, 5)),
    st.tuples(st.just("pass"), st.integers(0, 2), st.sampled_from(PEOPLE)),
    st.tuples(st.just("delete"), st.integers(0, 2), st.none()),
    st.tuples(st.just("wait"), st.integers(1, 5), st.none()),
)


@pytest.fixture
def practice(tmp_path: Path, database_url: str) -> Iterator[Care]:
    with care(tmp_path, database_url, ("records", "careteams")) as made:
        made.tell(organization("eyes"), *(practitioner(name) for name in ("head", "duty", *"abc")))
        made.put(department_team("eyes", "eyes", part("Practitioner/head"), part("Practitioner/duty", "on-call")))
        yield made


def do(practice: Care, number: int, step: tuple[str, Any, Any]) -> None:
    kind, which, more = step
    id_ = f"team-{number}-{which}"
    if kind == "put":
        people, over = more
        parts, begin = [], 0
        for place, (member, minutes) in enumerate(people):
            last = place == len(people) - 1
            times = {"start": practice.at(minutes=begin)}
            times |= {"end": practice.at(minutes=begin + minutes)} if not last else {}
            times |= {"until": practice.at(minutes=begin + over)} if last and over else {}
            parts.append(part(member, **times))
            begin += minutes
        team = person_team(id_, f"p{number}", *parts, department="eyes")
        stands = practice.ask("GET", f"CareTeam/{id_}")
        seen = json.parse_object(stands.body)["meta"]["versionId"] if stands.status == 200 else ""
        practice.put({**team, "meta": {**team["meta"], **({"versionId": seen} if seen else {})}})
    elif kind == "wait":
        for _ in range(which):
            practice.pass_time(minutes=1)
            practice.fire()
    elif practice.ask("GET", f"CareTeam/{id_}").status != 200:
        return
    elif kind == "delete":
        assert practice.ask("DELETE", f"CareTeam/{id_}").status == 204
    elif kind == "end":
        team = practice.read(f"CareTeam/{id_}")
        over = {"status": "inactive"} if more < 0 else {"period": {"end": practice.at(minutes=more)}}
        practice.ask("PUT", f"CareTeam/{id_}", {**team, **over})  # refused where nobody would lead until then
    else:
        if practice.read(f"CareTeam/{id_}")["status"] != "active":
            return

        def work(session: Session) -> None:
            unit = WriteUnit(practice.runtime, session, practice.own_context())
            pass_on(unit, f"Patient/p{number}", f"CareTeam/{id_}", more, practice.micros, "Task/1")
            unit.store()

        practice.store.transact(work)


Versions = dict[str, list[tuple[int, Resource | None]]]


def histories(practice: Care, number: int) -> Versions:
    """All versions of a person's teams with the moments from which they stood, the teams in the order of making."""

    def look(session: Session) -> Versions:
        keys = [("CareTeam", f"team-{number}-{which}") for which in range(3)]
        found = sorted(session.current(keys).values(), key=lambda stored: stored.row)
        versions = {
            last.id: [session.version((last.type, last.id), n) for n in range(1, last.version + 1)] for last in found
        }
        return {
            id_: [(v.updated, None if v.deleted else json.parse_object(v.body)) for v in each if v]
            for id_, each in versions.items()
        }

    return practice.store.glance(look)


def recomputed(versions: Versions, number: int, begin: int, end: int) -> dict[int, tuple[str, str]]:
    """Who answers in each minute, as it was known then, by which team."""
    past, person = Past({f"CareTeam/{id_}": each for id_, each in versions.items()}), f"Patient/p{number}"
    spans = answered(past, [person], begin)[person]
    return {at: one[2:] for at in range(begin, end, MINUTE) for one in spans if one[0] <= at < one[1]}


def registered(practice: Care, number: int, begin: int, end: int) -> dict[int, tuple[str, str]]:
    found = practice.store.glance(lambda session: session.register.between([f"Patient/p{number}"], 0, 2**62))
    assert all(one.since < one.until for one in found)
    assert all(one.until <= other.since for one, other in pairwise(found))
    return {
        at: (one.member, one.team) for at in range(begin, end, MINUTE) for one in found if one.since <= at < one.until
    }


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.lists(steps, min_size=1, max_size=12))
def test_the_register_is_what_the_histories_say(practice: Care, taken: list[tuple[str, Any, Any]]) -> None:
    number = next(NUMBERS)
    begin = practice.micros
    past: dict[int, tuple[str, str]] = {}
    for step in taken:
        do(practice, number, step)
        now = practice.micros
        told = registered(practice, number, begin, now)
        assert {at: told.get(at) for at in past} == past, "what is past stays"
        past = {at: told.get(at, ("", "")) for at in told}
    end = practice.micros + 30 * MINUTE
    assert registered(practice, number, begin, end) == recomputed(histories(practice, number), number, begin, end)
    practice.now = from_micros(to_micros(practice.now) + MINUTE) + timedelta(0)
