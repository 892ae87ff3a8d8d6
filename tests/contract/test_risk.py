"""Risk rules: a fact that arrives, is corrected or grows old changes what is said of a person; nothing else does."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

import pytest

from carethread.adapters.sql.store.store import SqlStore
from carethread.careteams.risk import effect
from carethread.careteams.risk.assessments import hidden_from
from carethread.core.fhir import json
from carethread.core.fhir.validation import validate
from carethread.core.ports import Resource
from support.risk import (
    MISSED,
    OURS,
    OVERDUE,
    RISING,
    SILENT,
    Practice,
    coded,
    need,
    person,
    plan,
    reads,
    rule,
    score,
    stay,
    visit,
)
from support.stores import put as stored


@pytest.fixture
def practice(store: SqlStore) -> Practice:
    made = Practice(store)
    for each in (MISSED, RISING, SILENT, OVERDUE):
        made.put(each)
    made.tell(person("ann"))
    return made


def missing(practice: Practice, who: str = "ann") -> None:
    """Make the rule on missed visits true."""
    practice.tell(visit(f"{who}-1", who, practice.ago(days=20)))
    practice.tell(visit(f"{who}-2", who, practice.ago(days=10)))
    practice.tell(need(f"{who}-n", who))


def test_an_assessment_says_which_facts_and_what_each_weighs(practice: Practice) -> None:
    missing(practice)
    weights = {"Appointment/ann-1": "0.25", "Appointment/ann-2": "0.25", "Condition/ann-n": "0.5"}
    assert practice.risks("ann") == {"missed": weights}
    (found,) = practice.found("RiskAssessment")
    assert [issue for issue in validate(found) if issue.severity == "error"] == []
    assert found["method"]["text"] == f"{OURS}PlanDefinition/missed|1"
    assert (found["status"], found["mitigation"], found["occurrencePeriod"]["start"]) == (
        "final", "Call.", "2031-03-03T08:00:00.000Z"
    )  # fmt: skip


def test_what_changes_nothing_writes_nothing(practice: Practice) -> None:
    missing(practice)
    practice.tell(visit("ann-3", "ann", practice.ago(days=5), "fulfilled"))
    practice.tell(person("ann", gender="female"))
    practice.pass_time(hours=1)
    (found,) = practice.found("RiskAssessment")
    assert found["meta"]["versionId"] == "1"


def test_a_further_fact_amends_it_and_a_correction_ends_it(practice: Practice) -> None:
    missing(practice)
    practice.now += timedelta(minutes=5)
    practice.tell(visit("ann-3", "ann", practice.ago(days=5)))
    (found,) = practice.found("RiskAssessment")
    assert (found["status"], len(found["basis"]), found["meta"]["versionId"]) == ("amended", 4, "2")
    assert found["occurrencePeriod"] == {"start": "2031-03-03T08:00:00.000Z"}
    practice.tell(need("ann-n", "ann", status="resolved"))
    (found,) = practice.found("RiskAssessment")
    assert [issue for issue in validate(found) if issue.severity == "error"] == []
    assert practice.risks("ann") == {}
    assert found["occurrencePeriod"]["end"] == "2031-03-03T08:05:00.000Z"
    assert "basis" not in found


@pytest.mark.parametrize("sure", ["unconfirmed", "provisional", "differential", "refuted", "entered-in-error"])
def test_what_nobody_has_confirmed_counts_once_somebody_has(practice: Practice, sure: str) -> None:
    missing(practice)
    practice.tell(need("ann-n", "ann", sure=sure))
    assert practice.risks("ann") == {}
    practice.tell(need("ann-n", "ann", sure="confirmed"))
    assert set(practice.risks("ann")) == {"missed"}


def test_a_window_is_over_at_its_moment(practice: Practice) -> None:
    missing(practice)
    practice.pass_time(days=70, seconds=-1)
    assert practice.risks("ann"), "the older visit was 90 days ago in a second"
    practice.pass_time(seconds=1)
    assert practice.risks("ann"), "a moment that is written to the second lasts that long"
    practice.pass_time(seconds=1)
    assert practice.risks("ann") == {}


def test_who_is_not_asked_keeps_their_moment(practice: Practice) -> None:
    """A score is nothing to the rule on missed visits, whose window ends all the same when it does."""
    missing(practice)
    practice.pass_time(days=60)
    practice.tell(score("ann-s", "ann", practice.ago(days=0), 3))
    assert "missed" in practice.risks("ann")
    practice.pass_time(days=11)
    assert practice.risks("ann") == {}


def test_what_is_absent_is_seen_when_it_is(practice: Practice) -> None:
    practice.tell(stay("e", "ann", practice.ago(days=1), practice.ago(days=1)))
    practice.put(plan("p", "ann"))
    assert practice.risks("ann") == {}
    practice.pass_time(days=59, seconds=2)
    assert practice.risks("ann") == {"silent": {"CarePlan/p": "0.25"}}
    practice.tell(stay("f", "ann", practice.ago(hours=1), status="in-progress"))
    practice.pass_time(days=400)
    assert practice.risks("ann") == {}, "it goes on"


def test_an_activity_is_overdue_by_itself_only(practice: Practice) -> None:
    practice.tell(stay("e", "ann", practice.ago(days=1), practice.ago(days=1)))
    soon, late = (practice.now + timedelta(days=days) for days in (1, 90))
    practice.put(plan("p", "ann", ("completed", soon.isoformat()), ("not-started", late.isoformat())))
    practice.pass_time(days=2)
    assert practice.risks("ann") == {}, "what is past is done, and what is not done is to come"
    practice.put(plan("p", "ann", ("scheduled", soon.isoformat()), ("not-started", late.isoformat())))
    assert practice.risks("ann") == {"overdue": {"CarePlan/p": "0.3"}}


def test_scores_are_in_order_of_their_dates(practice: Practice) -> None:
    practice.tell(score("b", "ann", practice.ago(days=1), 14))
    assert practice.risks("ann") == {}
    practice.tell(score("a", "ann", practice.ago(days=30), 9))
    assert practice.risks("ann") == {"rising": {"Observation/a": "0.5", "Observation/b": "0.5"}}
    practice.tell(score("c", "ann", practice.ago(days=10), 12))
    assert practice.risks("ann") == {}, "a late one stands between them"


@pytest.mark.parametrize("how", [{"deceasedBoolean": True}, {"deceasedDateTime": "2031-03-01"}, {"active": False}])
def test_nothing_is_said_of_who_is_dead_or_away(practice: Practice, how: dict[str, Any]) -> None:
    missing(practice)
    practice.tell(person("ann", **how))
    assert practice.risks("ann") == {}
    practice.tell(visit("ann-3", "ann", practice.ago(days=5)))
    assert practice.risks("ann") == {}
    practice.tell(person("ann"))
    assert len(practice.risks("ann")["missed"]) == 4


def test_a_patient_who_is_deleted_or_not_here_yet(practice: Practice) -> None:
    missing(practice, "eve")
    assert practice.risks("eve") == {}
    practice.tell(person("eve"))
    assert "missed" in practice.risks("eve")
    practice.delete(person("eve"))
    assert practice.risks("eve") == {}


def test_merged_patients_are_one_person_and_two_again(practice: Practice) -> None:
    practice.tell(person("old"))
    practice.tell(visit("1", "ann", practice.ago(days=20)))
    practice.tell(visit("2", "old", practice.ago(days=10)))
    practice.tell(need("n", "old"))
    assert (practice.risks("ann"), practice.risks("old")) == ({}, {})
    practice.tell(person("old", link=[{"type": "replaced-by", "other": {"reference": "Patient/ann"}}]))
    assert list(practice.risks("ann")["missed"]) == ["Appointment/1", "Appointment/2", "Condition/n"]
    practice.tell(visit("3", "old", practice.ago(days=9)))
    assert len(practice.risks("ann")["missed"]) == 4
    practice.tell(person("old"))
    assert "missed" in practice.risks("old")
    assert practice.risks("ann") == {}


def test_a_fact_that_was_about_another_goes_over(practice: Practice) -> None:
    practice.tell(person("ben"))
    missing(practice)
    practice.tell(need("ann-n", "ben"), key="Patient/ann")
    assert practice.risks("ann") == {}
    practice.tell(visit("ann-1", "ben", practice.ago(days=20)), key="Patient/ann")
    practice.tell(visit("ann-2", "ben", practice.ago(days=20)), key="Patient/ann")
    assert "missed" in practice.risks("ben")
    practice.tell(visit("ann-2", "ann", practice.ago(days=20)), key="Patient/ann")
    assert practice.risks("ben") == {}, "and back"


def test_a_fact_that_is_deleted(practice: Practice) -> None:
    missing(practice)
    practice.delete(need("ann-n", "ann"))
    assert practice.risks("ann") == {}


def test_history_makes_assessments_that_alert_nobody(practice: Practice) -> None:
    for each in (visit("1", "ann", practice.ago(days=20)), visit("2", "ann", practice.ago(days=10)), need("n", "ann")):
        practice.tell(each, backfill=True)
    assert practice.risks("ann") == {}, "it is looked at afterwards, once for all"
    practice.fire()
    assert "missed" in practice.risks("ann")
    told = practice.store.snapshot(lambda s: s.committed(["RiskAssessment"], 0, 2**62, (0, 0, 0), 10))
    assert [event.backfill for _, event in told] == [True]


@pytest.mark.parametrize("at_once", [20, 500])
def test_many_people_in_one_write_are_looked_at(
    practice: Practice, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    from support.risk import copied

    monkeypatch.setattr("carethread.careteams.risk.following._AT_ONCE", at_once)
    names = [f"p{number}" for number in range(60)]
    practice.tell_all([copied(person(name), 1) for name in names])
    some = [copied(visit(f"{n}-{i}", n, practice.ago(days=i + 1)), 1) for n in names for i in range(2)]
    practice.tell_all([*some, *(copied(need(f"{n}-n", n), 1) for n in names)])
    assert bool(practice.risks(names[0])) == (at_once > len(names))
    practice.fire()
    assert all("missed" in practice.risks(name) for name in names)


class TestRulesThatChange:
    def test_a_new_rule_is_asked_of_everybody(self, practice: Practice) -> None:
        practice.tell(visit("1", "ann", practice.ago(days=20)))
        practice.put(rule("once", "%missed.exists()", reads("missed", "Appointment", 1, coded("status", "noshow"))))
        practice.fire()
        assert practice.risks("ann") == {"once": {"Appointment/1": "1"}}

    def test_a_rule_that_is_retired_or_deleted_says_nothing_more(self, practice: Practice) -> None:
        missing(practice)
        practice.put({**MISSED, "status": "retired"})
        practice.fire()
        assert practice.risks("ann") == {}
        practice.put(MISSED)
        practice.fire()
        assert "missed" in practice.risks("ann")
        assert practice.ask("DELETE", "PlanDefinition/missed").status in (200, 204)
        practice.fire()
        assert practice.risks("ann") == {}

    def test_without_any_rule_all_is_over(self, practice: Practice) -> None:
        missing(practice)
        for name in ("missed", "rising", "silent", "overdue"):
            assert practice.ask("DELETE", f"PlanDefinition/{name}").status in (200, 204)
        practice.fire()
        assert practice.risks("ann") == {}
        (found,) = practice.found("RiskAssessment")
        assert found["status"] == "amended"

    def test_what_was_being_written_when_rules_changed_is_looked_at(self, practice: Practice) -> None:
        practice.put(rule("new", "%goals.exists()", reads("goals", "Goal", 1)))
        practice.fire()
        row = {"resourceType": "Goal", "id": "g", "lifecycleStatus": "active", "description": {"text": "Walk."}}
        stored(practice.store, [{**row, "subject": {"reference": "Patient/ann"}}])
        assert practice.risks("ann") == {}, "its write saw no rule that reads it"
        practice.pass_time(minutes=1)
        assert "new" in practice.risks("ann")

    def test_ones_own_rule_takes_the_place_of_ours(self, practice: Practice) -> None:
        url = f"{OURS}PlanDefinition/two-emergency-visits"
        emergencies = reads("seen", "Encounter", 1, coded("class", "EMER"))
        ours = rule("two-emergency-visits", "%seen.count() >= 2", emergencies)
        practice.put(ours)
        for name in "12":
            practice.tell(stay(name, "ann", practice.ago(days=5), practice.ago(days=5), "EMER"))
        assert "two-emergency-visits" in practice.risks("ann")
        own = {**rule("strict", "%seen.count() >= 3", emergencies), "url": url}
        practice.put(own)
        practice.fire()
        assert practice.risks("ann") == {}
        practice.put({**own, "status": "retired"})
        practice.fire()
        assert practice.risks("ann") == {}, "ours stays out of effect"
        practice.put({**ours, "version": "2"})
        practice.fire()
        assert practice.risks("ann") == {}, "whatever its version"

    @pytest.fixture
    def full(self, practice: Practice, monkeypatch: pytest.MonkeyPatch) -> Practice:
        """Five rules are in effect, and no more can be; four are the practice's."""
        monkeypatch.setattr(effect, "MOST_RULES", 5)
        practice.put(rule("fifth", "%goals.exists()", reads("goals", "Goal", 1)))
        return practice

    def test_a_draft_that_comes_to_be_active_counts(self, full: Practice) -> None:
        sixth = rule("sixth", "%goals.exists()", reads("goals", "Goal", 1))
        full.put({**sixth, "status": "draft"})
        answer = full.ask("PUT", "PlanDefinition/sixth", sixth)
        assert (answer.status, json.parse_object(answer.body)["issue"][0]["code"]) == (422, "too-costly")
        full.put({**MISSED, "version": "2"})
        full.put({**MISSED, "status": "retired"})
        full.put(sixth)

    def test_all_rules_of_a_transaction_count(self, practice: Practice, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(effect, "MOST_RULES", 5)
        some = [rule(name, "%goals.exists()", reads("goals", "Goal", 1)) for name in ("fifth", "sixth")]
        entries = [
            {"resource": each, "request": {"method": "PUT", "url": f"PlanDefinition/{each['id']}"}} for each in some
        ]
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        assert practice.ask("POST", "", bundle).status == 422
        assert practice.ask("POST", "", {**bundle, "entry": entries[:1]}).status == 200

    def test_no_draft_of_anybody_pushes_a_rule_out(self, practice: Practice, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(effect, "_PAGE", 2)
        for number in range(5):
            practice.put({**rule(f"draft-{number}", "true", reads("goals", "Goal", 1)), "status": "draft"})
        missing(practice)
        practice.fire()
        assert "missed" in practice.risks("ann")

    def test_another_version_keeps_since_when_it_is_so(self, practice: Practice) -> None:
        missing(practice)
        practice.pass_time(days=1)
        practice.put({**MISSED, "version": "2"})
        practice.fire()
        (found,) = practice.found("RiskAssessment")
        assert found["method"]["text"].endswith("/missed|2")
        assert found["occurrencePeriod"] == {"start": "2031-03-03T08:00:00.000Z"}


class TestFeedback:
    """Answers on trust, experience and complaints: read by opt-in, and hidden from who was rated."""

    RULE = rule(
        "complained",
        "%complaints.exists()",
        reads("complaints", "QuestionnaireResponse", 1, coded("questionnaire", f"{OURS}Questionnaire/complaint")),
        extension=[{"url": f"{OURS}StructureDefinition/reads-feedback", "valueBoolean": True}],
    )
    BLIND: ClassVar[Resource] = {**RULE, "id": "blind", "url": f"{OURS}PlanDefinition/blind", "extension": []}
    CONSENT: ClassVar[Resource] = {
        "resourceType": "Consent",
        "id": "c",
        "status": "active",
        "scope": {
            "coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]
        },
        "category": [{"coding": [{"system": f"{OURS}CodeSystem/consent-kind", "code": "feedback-in-risk"}]}],
        "patient": {"reference": "Patient/ann"},
        "dateTime": "2031-01-01",
        "policyRule": {"text": "Opt-in."},
        "provision": {"type": "permit", "period": {"end": "2031-04-01"}},
    }

    def response(self, **members: Any) -> Resource:
        return {
            "resourceType": "QuestionnaireResponse",
            "id": "q",
            "status": "completed",
            "questionnaire": f"{OURS}Questionnaire/complaint|1.0.0",
            "subject": {"reference": "Patient/ann"},
            "encounter": {"reference": "Encounter/e"},
            "authored": "2031-03-01",
            **members,
        }

    @pytest.fixture
    def asked(self, practice: Practice) -> Practice:
        practice.put(self.RULE)
        practice.put({name: value for name, value in self.BLIND.items() if name != "extension"})
        practice.fire()
        taken = [{"individual": {"reference": "Practitioner/doc"}}]
        practice.tell({**stay("e", "ann", practice.ago(days=3), practice.ago(days=3)), "participant": taken})
        practice.tell(self.response())
        return practice

    def test_without_opt_in_nothing_is_read(self, asked: Practice) -> None:
        assert asked.risks("ann") == {}

    def test_with_it_only_by_rules_that_say_so_and_no_answer_is_named(self, asked: Practice) -> None:
        asked.put(self.CONSENT)
        assert asked.risks("ann") == {"complained": {}}
        (found,) = asked.found("RiskAssessment")
        assert [issue for issue in validate(found) if issue.severity == "error"] == []
        assert b"QuestionnaireResponse" not in json.render(found)
        assert found["meta"]["security"][0]["code"] == "R"
        assert hidden_from(found, {"Practitioner/doc"})
        assert not hidden_from(found, {"Practitioner/other"})

    def test_it_ends_with_the_consent(self, asked: Practice) -> None:
        asked.put(self.CONSENT)
        asked.pass_time(days=30)
        assert asked.risks("ann") == {}
        (found,) = asked.found("RiskAssessment")
        assert hidden_from(found, {"Practitioner/doc"}), "what it was is still not theirs to see"

    @pytest.mark.parametrize(
        "members", [{"status": "inactive"}, {"provision": {"type": "deny"}}, {"category": [{"text": "Another."}]}]
    )
    def test_what_is_no_consent_to_it(self, asked: Practice, members: dict[str, Any]) -> None:
        asked.put({**self.CONSENT, **members})
        assert asked.risks("ann") == {}

    def test_a_refusal_wins(self, asked: Practice) -> None:
        asked.put(self.CONSENT)
        asked.put({**self.CONSENT, "id": "d", "provision": {"type": "deny"}})
        assert asked.risks("ann") == {}

    def test_unsigned_it_only_refuses(self, asked: Practice) -> None:
        unsigned = {name: value for name, value in self.CONSENT.items() if name != "dateTime"}
        asked.put(unsigned)
        assert asked.risks("ann") == {}
        asked.put(self.CONSENT)
        asked.put({**unsigned, "id": "d", "provision": {"type": "deny"}})
        assert asked.risks("ann") == {}

    def test_where_nobody_knows_who_was_rated_it_is_hidden_from_all(self, asked: Practice) -> None:
        asked.put(self.CONSENT)
        named = {"url": f"{OURS}StructureDefinition/rated", "valueReference": {"reference": "Practitioner/doc"}}
        nobody = {name: value for name, value in self.response().items() if name != "encounter"}
        asked.tell(nobody)
        asked.tell({**nobody, "id": "r", "extension": [named]})
        (found,) = asked.found("RiskAssessment")
        assert found["meta"]["security"][0]["code"] == "R"
        assert hidden_from(found, {"Practitioner/other"})
        assert hidden_from(found, set())

    def test_who_is_rated_can_be_said(self, asked: Practice) -> None:
        asked.put(self.CONSENT)
        rated = {"url": f"{OURS}StructureDefinition/rated", "valueReference": {"reference": "PractitionerRole/r"}}
        asked.tell(self.response(extension=[rated]))
        (found,) = asked.found("RiskAssessment")
        assert hidden_from(found, {"PractitionerRole/r"})
        assert not hidden_from(found, {"Practitioner/doc"})


class TestRulesThatFail:
    BROKEN = rule("broken", "%missed.start.single() > @2000-01-01", reads("missed", "Appointment", 1))

    def test_a_rule_that_cannot_be_asked_is_told_of_and_the_others_go_on(self, practice: Practice) -> None:
        practice.put(self.BROKEN)
        missing(practice)
        assert "missed" in practice.risks("ann")
        (issue,) = practice.found("DetectedIssue")
        assert issue["status"] == "preliminary"
        assert issue["implicated"] == [{"reference": "PlanDefinition/broken"}]
        assert "PlanDefinition.action[0].condition[0].expression" in issue["detail"]
        practice.tell(visit("ann-3", "ann", practice.ago(days=4)))
        assert len(practice.found("DetectedIssue")) == 1
        practice.put({**self.BROKEN, "version": "2", "status": "retired"})
        (issue,) = practice.found("DetectedIssue")
        assert issue["status"] == "final"

    def test_what_it_said_before_stands(self, practice: Practice) -> None:
        practice.put(self.BROKEN)
        practice.tell(visit("1", "ann", practice.ago(days=4)))
        assert "broken" in practice.risks("ann")
        practice.tell(visit("2", "ann", practice.ago(days=3)))
        assert "broken" in practice.risks("ann")


class TestTrying:
    def test_it_says_how_many_and_writes_nothing(self, practice: Practice) -> None:
        for number in range(7):
            practice.tell(person(f"p{number}"))
            practice.tell(visit(f"p{number}-1", f"p{number}", practice.ago(days=number * 10)))
        tried = rule("tried", "%m.exists()", reads("m", "Appointment", 1, coded("status", "noshow"), start=35))
        before = practice.found("RiskAssessment")
        found = self.ask(practice, tried, ("_count", 2))
        assert (found["people"], found["flagged"], found["failed"]) == ([8], [4], [0])
        assert found["person"] == [{"reference": "Patient/p0"}, {"reference": "Patient/p1"}]
        assert self.ask(practice, tried, ("at", practice.ago(days=35)))["flagged"] == [3]
        assert practice.found("RiskAssessment") == before
        assert practice.ask("GET", "PlanDefinition/missed/$try").status == 200

    def ask(self, practice: Practice, tried: Resource, *more: tuple[str, Any]) -> dict[str, list[Any]]:
        parts: list[Resource] = [{"name": "rule", "resource": tried}]
        parts += [{"name": name, ("valueDateTime" if name == "at" else "valueInteger"): value} for name, value in more]
        answer = practice.ask("POST", "PlanDefinition/$try", {"resourceType": "Parameters", "parameter": parts})
        assert answer.status == 200, answer.body
        told: dict[str, list[Any]] = {}
        for part in json.parse_object(answer.body)["parameter"]:
            told.setdefault(part["name"], []).append(next(v for k, v in part.items() if k != "name"))
        return told

    def test_of_merged_patients_it_is_asked_once(self, practice: Practice) -> None:
        practice.tell(person("old", link=[{"type": "replaced-by", "other": {"reference": "Patient/ann"}}]))
        practice.tell(visit("1", "old", practice.ago(days=2)))
        tried = rule("tried", "%m.exists()", reads("m", "Appointment", 1))
        found = self.ask(practice, tried)
        assert (found["people"], found["flagged"], found["person"]) == ([1], [1], [{"reference": "Patient/ann"}])

    @pytest.mark.parametrize(
        ("path", "status", "where"),
        [
            ("PlanDefinition/$try", 400, "rule"),
            ("PlanDefinition/missed/$try?at=tomorrow", 400, "at"),
            ("PlanDefinition/missed/$try?at=2099-01-01", 400, "at"),
            ("PlanDefinition/missed/$try?_count=1000", 400, "_count"),
            ("PlanDefinition/missed/$try?people=all", 400, "people"),
            ("PlanDefinition/missed/$try?after=nowhere", 400, None),
            ("PlanDefinition/none/$try", 404, None),
            ("PlanDefinition/other/$try", 422, "PlanDefinition.meta.profile"),
        ],
    )
    def test_what_cannot_be_tried(self, practice: Practice, path: str, status: int, where: str | None) -> None:
        practice.put({"resourceType": "PlanDefinition", "id": "other", "status": "active"})
        answer = practice.ask("POST", path, {"resourceType": "Parameters"})
        assert answer.status == status, answer.body
        if where:
            assert json.parse_object(answer.body)["issue"][0]["expression"] == [where]


def test_who_has_more_than_can_be_looked_at_is_judged_by_the_newest(
    practice: Practice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("carethread.careteams.risk.gathering.MOST_FACTS", 30)
    for number in range(35):
        practice.tell(visit(f"ann-old-{number}", "ann", practice.ago(days=20), "fulfilled"))
    for days in (20, 10):
        practice.tell(visit(f"ann-{days}", "ann", practice.ago(days=days)), 5)
    practice.tell(need("ann-n", "ann"))
    assert set(practice.risks("ann")) == {"missed"}
    practice.pass_time(days=400)
    assert "missed" not in practice.risks("ann"), "a timer looks at them too"
    assert practice.store.glance(lambda session: session.timers.failing(10)) == []
