"""Answers: within their form, added up right, and hanging together with what the people live with."""

from __future__ import annotations

import re
from collections import defaultdict
from statistics import correlation, mean

from carethread.demo.fhir import Resource
from carethread.demo.questionnaires import FORMS, FREQUENCY, GAD7_TOTAL, INTAKE, PHQ9_TOTAL
from carethread.demo.responses import responses
from unit.demo.known import SEED, TODAY


def _answers(response: Resource) -> dict[str, Resource]:
    return {item["linkId"]: item["answer"][0] for item in response["item"]}


def test_every_answer_is_one_that_its_question_allows(of_type):
    forms = {f"{q['url']}|{q['version']}": q for q in of_type("Questionnaire")}
    assert len(forms) == len(FORMS)
    for response in of_type("QuestionnaireResponse"):
        items = {item["linkId"]: item for item in forms[response["questionnaire"]]["item"]}
        order = [item["linkId"] for item in response["item"]]
        assert order == [link for link in items if link in order]
        for link, answer in _answers(response).items():
            if "answerOption" in items[link]:
                assert answer["valueCoding"] in [option["valueCoding"] for option in items[link]["answerOption"]]
        assert {link for link, item in items.items() if item.get("required")} <= set(order)


def test_total_scores_are_the_sum_of_the_weights(of_type):
    weights = {
        option["valueCoding"]["code"]: option["extension"][0]["valueDecimal"]
        for form in of_type("Questionnaire")
        for item in form["item"]
        for option in item.get("answerOption", [])
        if "extension" in option
    }
    scores = [o for o in of_type("Observation") if "valueInteger" in o]
    observed = {score["derivedFrom"][0]["reference"]: score["valueInteger"] for score in scores}
    totals = 0
    for response in of_type("QuestionnaireResponse"):
        answers = _answers(response)
        for link in (f"/{PHQ9_TOTAL}", f"/{GAD7_TOTAL}"):
            if link in answers:
                total = answers.pop(link)["valueInteger"]
                codes = [answer["valueCoding"]["code"] for answer in answers.values()]
                assert total == sum(weights.get(code, 0) for code in codes)
                assert observed[f"QuestionnaireResponse/{response['id']}"] == total
                totals += 1
    assert totals > 100


def test_items_of_one_instrument_correlate(of_type):
    pairs = []
    frequency = [option.code for option in FREQUENCY]
    for response in of_type("QuestionnaireResponse"):
        answers = _answers(response)
        if "/44250-9" in answers:
            codes = [answers[link]["valueCoding"]["code"] for link in ("/44250-9", "/44255-8")]
            pairs.append([frequency.index(code) for code in codes])
    assert correlation(*zip(*pairs, strict=True)) > 0.4


def test_treatment_helps_most_people(of_type):
    scores = defaultdict(list)
    for response in of_type("QuestionnaireResponse"):
        if response["id"].startswith("demo-phq-9-"):
            scores[response["subject"]["reference"]].append(_answers(response)[f"/{PHQ9_TOTAL}"]["valueInteger"])
    twice = [pair for pair in scores.values() if len(pair) == 2]
    assert len(twice) > 30
    assert mean(first for first, _ in twice) > 1.2 * mean(second for _, second in twice)


def test_depression_shows_in_the_phq_9(of_type):
    depressed = {c["subject"]["reference"] for c in of_type("Condition") if c["id"].endswith("-depression")}
    first = [r for r in of_type("QuestionnaireResponse") if re.fullmatch(r"demo-phq-9-\d+-1", r["id"])]
    scores = defaultdict(list)
    for response in first:
        total = _answers(response)[f"/{PHQ9_TOTAL}"]["valueInteger"]
        scores[response["subject"]["reference"] in depressed].append(total)
    assert mean(scores[True]) > mean(scores[False]) + 2


def test_a_declined_question_is_left_out_and_said_so(of_type):
    declined = [o for o in of_type("Observation") if "dataAbsentReason" in o]
    assert declined
    by_id = {f"QuestionnaireResponse/{r['id']}": r for r in of_type("QuestionnaireResponse")}
    for observation in declined:
        response = by_id[observation["derivedFrom"][0]["reference"]]
        assert observation["dataAbsentReason"]["coding"][0]["code"] == "asked-declined"
        assert response["questionnaire"].startswith(INTAKE.url)
        assert len(response["item"]) < len(INTAKE.questions)


def test_needs_that_are_new_rest_on_an_observation_of_risk(of_type):
    observations = {f"Observation/{o['id']}": o for o in of_type("Observation")}
    new = [c for c in of_type("Condition") if "evidence" in c]
    for condition in new:
        observation = observations[condition["evidence"][0]["detail"][0]["reference"]]
        code = observation["valueCodeableConcept"]["coding"][0]["code"]
        assert code in {"LA19952-3", "LA33-6", "LA31994-9", "LA31995-6"}
        assert condition["verificationStatus"]["coding"][0]["code"] == "unconfirmed"


def test_few_needs_wait_for_somebody_to_look_at_them(practice):
    """Who has a Condition that was confirmed, and is there before the answer, has no Task to look at it."""
    places = {f"{r['resourceType']}/{r['id']}": n for n, r in enumerate(practice)}
    at_risk = {"LA19952-3", "LA33-6", "LA31994-9", "LA31995-6"}
    known, new = 0, 0
    for r in practice:
        codes = {each["code"] for each in r.get("valueCodeableConcept", {}).get("coding", ())}
        if r["resourceType"] == "Observation" and codes & at_risk:
            path = "Condition/" + r["id"].replace("demo-observation", "demo-condition")
            condition = practice[places[path]]
            confirmed = condition["verificationStatus"]["coding"][0]["code"] == "confirmed"
            known, new = known + confirmed, new + (not confirmed)
            assert confirmed is (places[path] < places[f"Observation/{r['id']}"])
    assert known > 50
    assert 2 < new < 15


def test_no_feedback_before_the_visit_is_over(of_type):
    visits = {a["id"].removeprefix("demo-appointment-"): a for a in of_type("Appointment")}
    feedback = [r for r in of_type("QuestionnaireResponse") if r["id"].startswith("demo-feedback-")]
    assert len(feedback) > 40
    for response in feedback:
        key = response["id"].removeprefix("demo-feedback-")
        ended = [a for name, a in visits.items() if name.removesuffix("-again") == key and a["status"] == "fulfilled"]
        assert ended
        assert ended[0]["end"][:10] < response["authored"][:10] <= TODAY.isoformat()


def test_nobody_answers_without_people():
    assert list(responses(SEED, TODAY, [], [])) == []
