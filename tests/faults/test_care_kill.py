"""kill -9 in the middle of rules, navigation and notices: whoever is at risk is known to be, once, and has a navigator
or an alarm; no navigator has too many; and whoever is to be told or reminded is so, once.

CARETHREAD_TEST_KILLS says how often at each step.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from carethread.adapters.sql.store.store import SqlStore
from carethread.careteams import SERVICE
from carethread.careteams.risk.assessments import fires, rule_of
from carethread.core.clock import to_micros
from carethread.core.fhir import json
from carethread.core.ports import FOREVER, Resource
from support.care_deaths import NAVIGATORS, PEOPLE, act, clock, die, found, histories, prepare, timing
from support.deaths import kills
from support.event_workers import store_at
from support.shipped_rules import of_person, said_of
from support.stores import runtime

KILLS = kills(2)
FACTS = ("Appointment", "Condition", "Observation")
DAY = 86_400_000_000


def fire(store: SqlStore, ahead: timedelta = timedelta()) -> datetime:
    """Do what is due; at which moment nothing was left to do."""
    while timing(store, ahead).step():
        pass
    return clock(ahead)


def check(url: str) -> None:
    store = store_at(url, "careteams")
    prepare(store)
    die(url, KILLS)
    service = runtime(store, SERVICE)
    for _ in range(30):
        act(service)
        fire(store)
    what_is_said_is_so(store)
    each_is_said_once(store)
    navigators(store)
    notices(store)
    ahead = timedelta()
    for days in [*[1] * 20, 40]:  # those who wait are reminded each day, for two weeks
        ahead += timedelta(days=days)
        fire(store, ahead)
    assert stored(store, "CommunicationRequest"), "somebody was reminded"
    notices(store)
    what_is_due_was_told(store, to_micros(clock(ahead)))
    store.close()


def stored(store: SqlStore, *types: str) -> list[Resource]:
    return [
        json.parse_object(each.body)
        for type_name in types
        for chunk in store.dump(type_name)
        for each in chunk.versions
        if not each.deleted
    ]


def what_is_said_is_so(store: SqlStore) -> None:
    """The RiskAssessments say what a plain reading of all facts says, before or after they were read."""
    facts = stored(store, *FACTS)
    for _ in range(20):
        before = clock()
        fire(store)
        said: defaultdict[str, set[str]] = defaultdict(set)
        for each in stored(store, "RiskAssessment"):
            if fires(each):
                said[of_person(each)].add(rule_of(each).rpartition("/")[2])
        if all(
            said[who] in [set(said_of([f for f in facts if of_person(f) == who], at)) for at in (before, clock())]
            for who in PEOPLE
        ):
            return
    raise AssertionError("a rule says otherwise")


def each_is_said_once(store: SqlStore) -> None:
    """One RiskAssessment of each rule and person, and no version that says what the one before it said."""
    all_ = list(histories(store, "RiskAssessment"))
    assert len({(rule_of(each[0][1]), of_person(each[0][1])) for each in all_}) == len(all_) > 0
    for versions in all_:
        told = [(fires(each), sorted(b["reference"] for b in each.get("basis", ()))) for _, each in versions]
        assert all(one != other for one, other in pairwise(told))


Spans = Mapping[str, list[tuple[int, int, str]]]


def spans_of(store: SqlStore, code: str) -> tuple[Spans, Spans]:
    """By person, from when to when they waited for a navigator, and had one, and who that was."""
    waiting: defaultdict[str, list[tuple[int, int, str]]] = defaultdict(list)
    seated: defaultdict[str, list[tuple[int, int, str]]] = defaultdict(list)
    for versions in histories(store, "Task"):
        if code not in str(versions[0][1].get("code")):
            continue
        moments = [*(at for at, _ in versions), FOREVER]
        for (_, task), since, until in zip(versions, moments, moments[1:], strict=False):
            who, owner = task["for"]["reference"], task.get("owner", {}).get("reference", "")
            if task["status"] == "requested":
                waiting[who].append((since, until, owner))
            elif task["status"] == "completed" and "end" not in task.get("executionPeriod", {}):
                seated[who].append((since, until, owner))
    return waiting, seated


def navigators(store: SqlStore) -> None:
    """At no moment had a navigator too many, or a person two, or somebody at high risk neither one nor an alarm."""
    waiting, seated = spans_of(store, "assign-navigator")
    flagged: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    for versions in histories(store, "Flag"):
        moments = [*(at for at, _ in versions), FOREVER]
        for (_, flag), since, until in zip(versions, moments, moments[1:], strict=False):
            if flag["status"] == "active" and "high-risk" in str(flag["code"]):
                flagged[flag["subject"]["reference"]].append((since, until))
    assert flagged
    assert any(waiting.values())
    assert any(seated.values())
    moments = sorted({at for spans in (*waiting.values(), *seated.values()) for one in spans for at in one[:2]})
    for at in moments[:-1]:
        now = {who: [one[2] for one in spans if one[0] <= at < one[1]] for who, spans in seated.items()}
        assert all(len(theirs) <= 1 for theirs in now.values()), "nobody has two"
        loads = Counter(owner for theirs in now.values() for owner in theirs)
        assert all(load <= NAVIGATORS[owner.removeprefix("PractitionerRole/")] for owner, load in loads.items())
        for who in {*flagged, *waiting, *seated}:
            asks = [one for one in waiting.get(who, ()) if one[0] <= at < one[1]]
            is_flagged = [one for one in flagged.get(who, ()) if one[0] <= at < one[1]]
            assert len(asks) + len(now.get(who, ())) == len(is_flagged), "one navigator, or one alarm"
    places = {
        name: store.glance(lambda session, n=name: session.places("navigator", f"PractitionerRole/{n}"))  # type: ignore[misc]
        for name in NAVIGATORS
    }
    last = {who: [one[2] for one in spans if one[1] == FOREVER] for who, spans in seated.items()}
    assert {who: [f"PractitionerRole/{name}"] for name, some in places.items() for who in some} == {
        who: owners for who, owners in last.items() if owners
    }


def notices(store: SqlStore) -> None:
    """Who has read a notice is not waited for, and each reminder is there once."""
    reminders = sorted(stored(store, "CommunicationRequest"), key=lambda each: each["occurrenceDateTime"])
    all_ = [each for each in stored(store, "Communication") if "sent" in each and "recipient" in each]
    sent = [each for each in all_ if "notice" in str(each.get("meta", {}).get("profile"))]
    assert sent
    for notice in sent:
        tally = store.glance(lambda session, n=notice: session.notices.tally(n["id"]))  # type: ignore[misc]
        readers = store.glance(lambda session, n=notice: session.notices.of_notice(n["id"], "", 100))  # type: ignore[misc]
        assert tally.readers == len({each.reader for each in readers}) == len(readers) > 0
        assert (notice["status"] == "completed") == (tally.outstanding == 0 and tally.acknowledged > 0)
        mine = [each for each in reminders if each["about"][0]["reference"] == f"Communication/{notice['id']}"]
        at = [to_micros(datetime.fromisoformat(each["occurrenceDateTime"])) for each in mine]
        assert all(one < other for one, other in pairwise(at)), "each reminder is there once"
        read = {each.reader: each.acknowledged for each in readers if each.acknowledged}
        for moment, reminder in zip(at, mine, strict=True):
            for who in reminder["recipient"]:
                assert moment <= read.get(who["reference"], FOREVER), "nobody is reminded of what they have read"


def what_is_due_was_told(store: SqlStore, now: int) -> None:
    """Nothing that is over has passed in silence."""
    service = runtime(store, SERVICE)
    alarms = {each["focus"]["reference"]: each for each in stored(store, "Task") if "acknowledge" in str(each["code"])}
    for notice in stored(store, "Communication"):
        name = f"Communication/{notice['id']}"
        if "notice" not in str(notice.get("meta", {}).get("profile")):
            continue
        tally = store.glance(lambda session, n=notice: session.notices.tally(n["id"]))  # type: ignore[misc]
        assert not tally.outstanding or alarms[name]["status"] == "requested", (
            "the sender knows that some have not read"
        )
        assert tally.outstanding or name not in alarms or alarms[name]["status"] == "completed"
    assert alarms
    failed = {each["for"]["reference"] for each in found(service, "Task?code=outreach-failed&status=requested")}
    for versions in histories(store, "Task"):
        task = versions[-1][1]
        if "careteam-task" not in str(task.get("code")) or task["code"]["coding"][0]["code"] != "outreach":
            continue
        overdue = ["overdue" in str(each.get("businessStatus")) for _, each in versions]
        assert sum(after and not before for before, after in pairwise([False, *overdue])) <= 1, "overdue once"
        if task["status"] == "requested":
            due = to_micros(datetime.fromisoformat(task["restriction"]["period"]["end"]))
            assert due > now or (overdue[-1] and task["for"]["reference"] in failed), (
                "somebody knows that it is overdue"
            )


@pytest.mark.timeout(180 + 60 * KILLS)
def test_care_teams(tmp_path: Path) -> None:
    check(f"sqlite:///{tmp_path}/careteams.db")


@pytest.mark.timeout(180 + 60 * KILLS)
def test_care_teams_on_postgresql(postgres_database: str) -> None:
    check(postgres_database)
