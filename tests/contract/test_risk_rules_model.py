"""The rules that CareThread brings along, against a plain reading of their texts: facts of all kinds come in any order,
late, twice, corrected, moved to another person and deleted, while time passes; at each look what is said of everybody
is what all facts say that are here. CARETHREAD_TEST_EXAMPLES says of how many chances, each the same whenever it runs.
"""

from __future__ import annotations

import itertools
import os
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from carethread.adapters.sql.store.store import SqlStore
from carethread.careteams.risk.assessments import fires, rule_of
from carethread.core.fhir import json
from carethread.core.ports import Key, Resource, Stored
from support.risk import OURS, OWNED, START, Practice, copied, need, person, plan, score, stay, visit
from support.shipped_rules import LEVELS, Said, of_person, said_of

EXAMPLES = int(os.environ.get("CARETHREAD_TEST_EXAMPLES", "40"))
RULES = Path(__file__).parents[2] / "fhir_profiles" / "rules"
_runs = itertools.count()

DAYS = [*range(-3, 16), *(day + by for day in (30, 60, 90, 182, 365) for by in (-2, -1, 0, 1))]
"""Days before the beginning: many of late, and some about the ends of the windows, for time passes by days too."""


def when(days: int) -> str:
    return (START - timedelta(days=days)).isoformat()


def encounter(id_: str, who: str, days: int, lasts: int, over: bool, kind: str, status: str) -> Resource:
    return stay(id_, who, when(days), when(days - lasts) if over else "", kind, status)


def condition(id_: str, who: str, code: str, kind: str, status: str) -> Resource:
    system = "http://hl7.org/fhir/us/sdoh-clinicalcare/CodeSystem/SDOHCC-CodeSystemTemporaryCodes"
    return need(id_, who, code, status) | {"category": [{"coding": [{"system": system, "code": kind}]}]}


def answer(id_: str, who: str, days: int, code: str, status: str) -> Resource:
    made = {**score(id_, who, when(days), 0, status), "valueCodeableConcept": coded("http://loinc.org", code)}
    del made["valueQuantity"]
    return {**made, "code": coded("http://loinc.org", "44260-8")}


def care_plan(id_: str, who: str, days: int, done: bool, timed: bool, created: int | None, status: str) -> Resource:
    made = plan(id_, who, ("completed", when(300)), ("completed" if done else "scheduled", when(days)), status=status)
    if timed:
        detail = made["activity"][1]["detail"]
        repeat = {"boundsPeriod": detail.pop("scheduledPeriod"), "frequency": 1, "period": 1, "periodUnit": "d"}
        detail["scheduledTiming"] = {"repeat": repeat}
    return made | ({} if created is None else {"created": when(created)})


def task(id_: str, who: str, days: int, status: str, code: str) -> Resource:
    return {
        "resourceType": "Task", "id": id_, "status": status, "intent": "order",
        "code": coded(f"{OURS}CodeSystem/careteam-task", code), "for": {"reference": f"Patient/{who}"},
        "restriction": {"period": {"end": when(days)}},
    }  # fmt: skip


def message(id_: str, who: str, days: int, status: str) -> Resource:
    subject = {"reference": f"Patient/{who}"}
    return {"resourceType": "Communication", "id": id_, "status": status, "subject": subject, "sent": when(days)}


def complaint(id_: str, who: str, days: int, status: str) -> Resource:
    return {
        "resourceType": "QuestionnaireResponse", "id": id_, "status": status, "authored": when(days),
        "questionnaire": f"{OURS}Questionnaire/complaint|1.0.0", "subject": {"reference": f"Patient/{who}"},
    }  # fmt: skip


def consent(id_: str, who: str, days: int, lasts: int | None, kind: str, status: str) -> Resource:
    period = {} if lasts is None else {"period": {"start": when(days), "end": when(days - lasts)}}
    return {
        "resourceType": "Consent", "id": id_, "status": status,
        "scope": coded("http://terminology.hl7.org/CodeSystem/consentscope", "patient-privacy"),
        "category": [coded(f"{OURS}CodeSystem/consent-kind", "feedback-in-risk")],
        "patient": {"reference": f"Patient/{who}"}, "dateTime": when(days), "policyRule": {"text": "Opt-in."},
        "provision": {"type": kind, **period},
    }  # fmt: skip


def coded(system: str, code: str) -> Resource:
    return {"coding": [{"system": system, "code": code}]}


def appointment(id_: str, who: str, days: int, status: str) -> Resource:
    return visit(id_, who, when(days), status)


def measured(id_: str, who: str, days: int, value: int, status: str) -> Resource:
    return score(id_, who, when(days), value, status)


_FINAL = ["final", "final", "corrected", "entered-in-error"]
_BOTH = [True, False]
KINDS: Mapping[str, tuple[Callable[..., Resource], Mapping[str, Sequence[Any]]]] = {
    "v": (appointment, {"days": DAYS, "status": ["noshow", "noshow", "noshow", "booked", "fulfilled"]}),
    "n": (
        condition,
        {
            "code": ["Z59.82", "Z59.41"],
            "kind": ["transportation-insecurity", "food-insecurity", "homelessness", "stress"],
            "status": ["active", "active", "recurrence", "resolved"],
        },
    ),
    "e": (
        encounter,
        {
            "days": DAYS,
            "lasts": [0, 1, 6],
            "over": [True, True, False],
            "kind": ["IMP", "IMP", "EMER", "EMER", "AMB"],
            "status": ["finished", "finished", "finished", "in-progress", "planned"],
        },
    ),
    "s": (measured, {"days": DAYS, "value": range(4, 21), "status": _FINAL}),
    "a": (answer, {"days": DAYS, "code": ["LA6569-3", "LA6571-9", "LA6568-5"], "status": _FINAL}),
    "p": (
        care_plan,
        {
            "days": DAYS,
            "done": _BOTH,
            "timed": _BOTH,
            "created": [None, None, *DAYS],
            "status": ["active", "active", "completed"],
        },
    ),
    "t": (
        task,
        {
            "days": DAYS,
            "status": ["requested", "in-progress", "completed"],
            "code": ["activity", "activity", "outreach"],
        },
    ),
    "m": (message, {"days": DAYS, "status": ["completed", "in-progress"]}),
    "q": (complaint, {"days": DAYS, "status": ["completed", "amended", "in-progress"]}),
    "c": (
        consent,
        {
            "days": DAYS,
            "lasts": [None, 30, 400],
            "kind": ["permit", "permit", "permit", "permit", "deny"],
            "status": ["active", "active", "inactive"],
        },
    ),
}
"""Kinds of facts: what makes one of them, and from what."""

THEMES = ("vnee", "s", "qqccv", "e", "ev", "pme", "pt", "a", "n", "".join(KINDS))
"""Kinds that rules read together."""

STATES: Sequence[Resource] = ({}, {}, {"deceasedBoolean": True}, {"active": False}, {"link": True}, {"link": True})

Told = tuple[Key, int, Resource | None]
"""A version of a fact; None: it is deleted."""


class Facts:
    """All that was ever made of two people, and what has come of it."""

    def __init__(self, practice: Practice, chance: random.Random) -> None:
        self.practice, self.chance, self.run = practice, chance, f"f{next(_runs)}"
        self.here: dict[Key, tuple[int, Resource | None]] = {}
        self.true: set[str] = set()
        for who in "ab":
            self.come((("Patient", self.id(who)), 1, person(self.id(who))))
        kinds = chance.choice(THEMES)
        facts = [self.fact(f"{kind}{number}", kind) for number, kind in enumerate(chance.choices(kinds, k=14))]
        self.coming = [told for each in (self.people(), *facts) for told in each]

    def people(self) -> Iterable[Told]:
        """Versions of the Patients: some of them die, go away, come back, or are merged and parted."""
        for version in range(2, 2 + self.chance.choice([0, 0, 1, 2])):
            who, how = self.chance.choice("ab"), self.chance.choice(STATES)
            if "link" in how:
                who, how = "b", {"link": [{"type": "replaced-by", "other": {"reference": f"Patient/{self.id('a')}"}}]}
            yield ("Patient", self.id(who)), version, person(self.id(who), **how)

    def fact(self, name: str, kind: str) -> Iterable[Told]:
        """Versions of a fact, of which each may be another's, and the last may delete it."""
        make, parts = KINDS[kind]
        for version in range(1, 1 + self.chance.choice([1, 1, 2, 3])):
            drawn = {part: self.chance.choice(values) for part, values in parts.items()}
            body = make(self.id(name), self.id(self.chance.choice("aaaab")), **drawn)
            is_gone = version > 1 and self.chance.random() < 0.3
            yield (body["resourceType"], body["id"]), version, None if is_gone else body

    def id(self, name: str) -> str:
        return f"{self.run}-{name}"

    def come(self, told: Told, *, backfill: bool = False) -> None:
        """A version comes; what is ours is written, and has no versions that come late."""
        key, version, body = told
        if key[0] in OWNED:
            if version < self.here.get(key, (0, None))[0]:
                return
            if body:
                self.practice.put(body, backfill=backfill)
            elif key in self.here:
                assert self.practice.ask("DELETE", "/".join(key)).status in (200, 204)
        else:
            self.practice.tell_all([_copy(key, version, body)], backfill=backfill)
        if version >= self.here.get(key, (0, None))[0]:
            self.here[key] = version, body

    def expected(self, name: str) -> Said:
        facts = [resource for _, resource in self.here.values() if resource]
        patients = {each["id"]: each for each in facts if each["resourceType"] == "Patient"}
        merged = "link" in patients.get(self.id("b"), {})
        me = patients[self.id(name)]
        if (merged and name == "b") or me.get("deceasedBoolean") or me.get("active") is False:
            return {}
        ids = {self.id("a"), self.id("b")} if merged else {self.id(name)}
        mine = [each for each in facts if each["resourceType"] != "Patient" and of_person(each) in ids]
        return said_of(mine, self.practice.now)

    def look(self) -> None:
        """What is said of everybody is what all facts say that are here."""
        for name in "ab":
            expected = self.expected(name)
            assert self.practice.risks(self.id(name)) == expected
            self.true |= expected.keys()


def _copy(key: Key, version: int, body: Resource | None) -> Stored:
    made = copied(body or {"resourceType": key[0], "id": key[1]}, version)
    return made if body else Stored(key[0], key[1], version, made.updated, True, b"", "DELETE", made.key)


@pytest.fixture
def rules(store: SqlStore) -> Practice:
    """A practice in which the rules are in effect."""
    practice = Practice(store)
    for path in sorted(RULES.iterdir()):
        practice.put(json.parse_object(path.read_bytes()))
    practice.fire()
    return practice


def test_these_are_all_rules() -> None:
    found = {path.stem: json.parse_object(path.read_bytes()) for path in RULES.iterdir()}
    assert {name: each["action"][0]["code"][0]["coding"][0]["code"] for name, each in found.items()} == LEVELS


@pytest.mark.timeout(120 + 5 * EXAMPLES)
def test_in_any_order_they_say_what_their_texts_say(rules: Practice) -> None:
    true = {name for seed in range(EXAMPLES) for name in _in_any_order(rules, random.Random(seed))}
    assert true == LEVELS.keys() or EXAMPLES < 40, "each rule is true of somebody"


def _in_any_order(practice: Practice, chance: random.Random) -> set[str]:
    """The rules that were true at some time."""
    practice.now = START
    facts = Facts(practice, chance)
    told = [*facts.coming, *(each for each in facts.coming if chance.random() < 0.2)]
    chance.shuffle(told)
    for each in told:
        facts.come(each, backfill=chance.random() < 0.2)
        days, seconds = chance.choice([0, 0, 0, 0, 0, 0, 1, 6]), chance.choice([0, 0, 1, 2])
        practice.pass_time(days=days, seconds=seconds)
        facts.look()
    for days in sorted(chance.sample(range(1, 120), 3)):
        practice.pass_time(days=days)
        facts.look()
    for said in practice.found("RiskAssessment", patient=f"Patient/{facts.id('a')}"):
        level = said["prediction"][0]["qualitativeRisk"]["coding"][0]["code"]
        assert level == (LEVELS[rule_of(said).rpartition("/")[2]] if fires(said) else "low")
        began, over = said["occurrencePeriod"]["start"], said["occurrencePeriod"].get("end")
        assert bool(over) != fires(said)
        assert datetime.fromisoformat(began) <= datetime.fromisoformat(over or began)
    return facts.true
